"""The whole job once more, in Firefox."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import firefox
from support.page_user import drop_by_script, in_color, opened_film
from support.web_page import Server, fetched, visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("fastapi")
    with firefox() as opened:
        yield opened


def test_from_the_drop_to_the_result(browser: Any, server: Server, film: Path, references: list[Path]) -> None:
    with visit(browser, server) as page:
        page.get_by_role("button", name="Choose files").wait_for()
        drop_by_script(page, film, *references)
        opened_film(page)
        in_color(page).wait_for()
        page.get_by_role("button", name="Render film").click()
        page.get_by_role("button", name="Render the film").click()
        link = page.get_by_role("link", name="Download two.color.mp4", exact=True)
        link.wait_for()
        assert fetched(page, link.get_attribute("href"))[4:8] == b"ftyp"
