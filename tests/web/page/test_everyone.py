"""The page is for everybody: by keyboard, by touch, in any light. It asks no other hosts, and tells none of others."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.browser import NARROW, WIDE, assert_accessible, assert_fits, assert_in_sight, settle, tab_to, walk
from support.page_user import drop, in_color, opened_film, shots, show_panel
from support.web_page import Server, arrive, visit, web_server

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser
SCREENS = [WIDE, {"width": 1024, "height": 768}, NARROW]
PANELS = ["Look", "Correct", "Render", "Report"]


def check_screens(page: Any) -> None:
    """What is shown, on a desk, on a small one and in a hand."""
    for screen in SCREENS:
        page.set_viewport_size(screen)
        settle(page)
        assert_fits(page)
        assert_in_sight(page)
        assert_accessible(page)
    page.set_viewport_size(WIDE)


def make_light(page: Any) -> None:
    page.get_by_role("button", name="Light window").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


@pytest.fixture(params=["dark", "light"])
def film_page(request: pytest.FixtureRequest, browser: Any, server: Server, rendered: str) -> Iterator[Any]:
    with visit(browser, server, f"films/{rendered}") as page:
        if request.param == "light":
            make_light(page)
        in_color(page).wait_for()
        yield page


class TestAccess:
    @pytest.mark.parametrize("theme", ["dark", "light"])
    def test_home(self, browser: Any, server: Server, rendered: str, theme: str) -> None:
        with visit(browser, server) as page:
            if theme == "light":
                make_light(page)
            page.get_by_role("link", name="two.mp4").first.wait_for()
            check_screens(page)
            page.get_by_role("button", name="More for two.mp4").first.click()
            page.get_by_role("menuitem", name="Rename").locator("visible=true").click()
            page.get_by_role("textbox", name="Name").wait_for()
            check_screens(page)

    def test_film(self, film_page: Any) -> None:
        for panel in PANELS:
            show_panel(film_page, panel)
            check_screens(film_page)
        film_page.get_by_role("button", name="All jobs").click()
        check_screens(film_page)
        film_page.keyboard.press("Escape")
        film_page.keyboard.press("?")
        film_page.get_by_role("dialog").get_by_text("Undo").first.wait_for()
        check_screens(film_page)
        film_page.keyboard.press("Escape")
        expect(film_page.get_by_role("dialog").locator("visible=true")).to_have_count(0)


class TestKeyboard:
    def test_home(self, browser: Any, server: Server, rendered: str) -> None:
        with visit(browser, server) as page:
            page.get_by_role("link", name="two.mp4").first.wait_for()
            reached = walk(page)
            for wanted in ("Choose files", "Try it with our sample", "two.mp4", "More for two.mp4", "All jobs", "Keys"):
                assert any(wanted in one for one in reached), (wanted, reached)
            tab_to(page, "two.mp4")
            page.keyboard.press("Enter")
            assert opened_film(page)

    def test_film(self, browser: Any, server: Server, rendered: str) -> None:
        everywhere = ["Home", "rename", "Undo", "Add pictures", "meadow", "Frame of the film", "Shots", "All jobs"]
        wanted = {
            "Look": ["Divider between gray and colour", "Strength", "Render film"],
            "Correct": ["The frame, to paint on", "Brush", "Brick"],
            "Render": ["Render the film", "two.color.mp4"],
            "Report": ["Look at shot"],
        }
        with visit(browser, server, f"films/{rendered}") as page:
            in_color(page).wait_for()
            for panel, names in wanted.items():
                show_panel(page, panel)
                page.get_by_label(names[0]).or_(page.get_by_role("button", name=names[0])).first.wait_for()
                settle(page)
                reached = walk(page)
                missing = [name for name in everywhere + names if not any(name in one for one in reached)]
                assert not missing, (panel, missing, reached)


class TestOtherHosts:
    def test_no_page_may_ask_other_hosts(self, browser: Any, server: Server) -> None:
        context = browser.new_context()
        context.request.get(server.opened)
        page = context.new_page()
        arrived: list[str] = []
        context.route("https://**", lambda route: (arrived.append(route.request.url), route.abort()))
        arrive(page, server.address)
        refused = page.evaluate(
            """() => new Promise(done => {
            document.addEventListener("securitypolicyviolation", one => done([one.effectiveDirective, one.blockedURI]));
            fetch("https://example.org/").catch(() => setTimeout(() => done(null), 3000)); })"""
        )
        policy = page.context.request.get(server.address).headers["content-security-policy"]
        context.close()
        assert refused == ["connect-src", "https://example.org/"]
        assert not arrived
        assert "unsafe" not in policy


class TestUsers:
    def test_nobody_sees_the_films_of_others(self, browser: Any, folder: Path, film: Path) -> None:
        with web_server(folder / "shared", "--auth", "ann:one", "--auth", "bob:two") as server:
            assert httpx2.get(server.address).status_code == 401
            with visit(browser, server, http_credentials=name("ann", "one")) as page:
                page.get_by_role("button", name="Choose files").wait_for()
                drop(page, film)
                address = f"films/{opened_film(page)}"
                expect(shots(page)).to_have_count(2)
            with visit(browser, server, http_credentials=name("bob", "two")) as page:
                page.get_by_role("button", name="Choose files").wait_for()
                expect(page.get_by_role("link", name="two.mp4")).to_have_count(0)
                answer = page.context.request.get(f"{server.address}api/projects/{address[6:]}")
                assert answer.status == 404


def name(user: str, password: str) -> dict[str, str]:
    return {"username": user, "password": password}


def test_who_has_no_token_is_asked_for_it(browser: Any, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.address)
    page.get_by_label(re.compile("token", re.IGNORECASE)).fill(server.token)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Choose files").wait_for()
    assert "token" not in page.url
    context.close()
