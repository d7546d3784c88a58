"""The built site in a real browser: whole, alone, in narrow windows too, and searched from the disk."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import NARROW, assert_fits, chromium, quiet_page, serving, settle

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for name in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    static = pytest.importorskip("starlette.staticfiles")
    with serving(static.StaticFiles(directory=site)) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize(
    "name", ["index.html", "films.html", "python/frame-by-frame.html", "command-line/colorize.html"]
)
@pytest.mark.parametrize("look", [{}, {"viewport": NARROW, "color_scheme": "dark"}], ids=["wide", "narrow, dark"])
def test_pages_are_whole_and_ask_nobody(browser: Any, address: str, name: str, look: dict[str, Any]) -> None:
    with quiet_page(browser, **look) as page:
        page.goto(f"{address}/{name}")
        settle(page)
        assert_fits(page)
        assert page.evaluate("[...document.images].every((picture) => picture.naturalWidth > 0)")


def test_search_works_from_the_disk(browser: Any, site: Path) -> None:
    with quiet_page(browser) as page:
        page.goto((site / "python" / "index.html").as_uri())
        page.click(".md-search__input")
        page.keyboard.type("snapshot_state")
        page.wait_for_selector(".md-search-result__link[href*='python/frame-by-frame.html']")
