"""Home: the films there are, and how new ones come."""

import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from support.browser import NARROW, assert_fits, assert_in_sight
from support.page_user import drop, in_color, opened_film
from support.web_page import Program, Server, visit

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=document.body.remove()>"
RIGHT_TO_LEFT = "הסרט שלנו"
LONG = "a name that is far too long for any card, " * 3


def card(page: Any, title: str) -> Any:
    return page.get_by_role("listitem").filter(has=page.get_by_role("link", name=title, exact=True))


def choose_in_menu(page: Any, title: str, item: str) -> None:
    page.get_by_role("button", name=f"More for {title}", exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).locator("visible=true").click()


class TestFilms:
    def test_a_film_gets_another_name(self, browser: Any, server: Server, owner: Program, film: Path) -> None:
        project = owner.begin(film)
        with visit(browser, server) as page:
            choose_in_menu(page, "two.mp4", "Rename")
            page.get_by_role("textbox", name="Name").fill("The meadow, 1912")
            page.keyboard.press("Enter")
            card(page, "The meadow, 1912").wait_for()
            page.reload()
            card(page, "The meadow, 1912").get_by_role("link").click()
            page.get_by_role("heading", name="The meadow, 1912").wait_for()
            assert opened_film(page) == project
            page.go_back()
            card(page, "The meadow, 1912").wait_for()

    def test_a_film_is_removed_and_comes_back(self, browser: Any, server: Server, owner: Program, film: Path) -> None:
        project = owner.begin(film.rename(film.with_name("gone.mp4")))
        film.with_name("gone.mp4").rename(film)
        with visit(browser, server) as page:
            choose_in_menu(page, "gone.mp4", "Remove")
            expect(card(page, "gone.mp4")).to_have_count(0)
            page.get_by_role("button", name="Undo", exact=True).click()
            card(page, "gone.mp4").wait_for()
        assert owner.get(f"/projects/{project}")["title"] == "gone.mp4"

    def test_the_sample_is_one_click_away(self, browser: Any, server: Server) -> None:
        with visit(browser, server) as page:
            page.get_by_role("button", name="Try it with our sample").click()
            opened_film(page)
            in_color(page).wait_for()

    def test_names_are_words_and_nothing_else(self, browser: Any, server: Server, owner: Program, film: Path) -> None:
        owner.begin(film)
        titles = [EVIL, RIGHT_TO_LEFT, LONG]

        def rename(route: Any) -> None:
            answer = route.fetch()
            (first, *_) = answer.json()
            films = [{**first, "id": f"{number}", "title": title} for number, title in enumerate(titles)]
            route.fulfill(response=answer, body=json.dumps(films))

        with visit(browser, server) as page:
            page.route(re.compile("/api/projects$"), rename)
            page.reload()
            for size in (page.viewport_size, NARROW):
                page.set_viewport_size(size)
                for title in (EVIL, RIGHT_TO_LEFT, LONG.strip()):
                    card(page, title).wait_for()
                assert_fits(page)
                assert_in_sight(page)


class TestUploads:
    def test_files_that_are_neither_are_named(self, browser: Any, server: Server, tmp_path: Path) -> None:
        other = tmp_path / f"{EVIL}.txt"
        other.write_text("nothing to see")
        with visit(browser, server) as page:
            page.get_by_role("button", name="Choose files").wait_for()
            drop(page, other)
            page.get_by_text(f"neither film nor picture: {other.name}").wait_for()

    def test_a_film_that_is_none(self, browser: Any, server: Server, tmp_path: Path) -> None:
        wrong = tmp_path / "film.mp4"
        wrong.write_text("this is no film\n" * 50)
        with visit(browser, server, expected="400") as page:
            page.get_by_role("button", name="Choose files").wait_for()
            drop(page, wrong)
            page.get_by_role("alert").get_by_text("film.mp4").wait_for()
            page.get_by_role("button", name="Choose files").wait_for()

    def test_an_upload_goes_on_after_the_page_was_loaded_anew(
        self, browser: Any, server: Server, film: Path, tmp_path: Path
    ) -> None:
        large = tmp_path / "large.mp4"
        padding = 6 << 20
        large.write_bytes(film.read_bytes() + struct.pack(">I4s", padding + 8, b"free") + bytes(padding))
        with visit(browser, server) as page:
            page.get_by_role("button", name="Choose files").wait_for()
            pieces = re.compile(r"/api/uploads/[^/]+\?offset=[1-9]")
            page.route(pieces, lambda route: None)
            with page.expect_request(pieces) as begun:
                drop(page, large)
            page.reload()
            page.unroute(pieces)
            page.get_by_text(re.compile("large.mp4: .* are here")).wait_for()
            sent: list[str] = []
            page.on("request", lambda request: request.method == "PATCH" and sent.append(request.url))
            drop(page, large)
            opened_film(page)
            assert sent[0] == begun.value.url, "it goes on where it was"
