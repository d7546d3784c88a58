"""The window of a film: where it is, what can be taken back, what other tabs hear, and how much it bears."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.page_user import go_to_frame, in_color, shots, show_panel, shown_frame
from support.waiting import until
from support.web_page import SIZE, Program, Server, visit

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser


@pytest.fixture
def project(owner: Program, film: Path, references: list[Path]) -> str:
    """One to change."""
    return owner.begin(film, references, short_side=SIZE[0])


class TestAddress:
    def test_it_says_shot_frame_and_panel(self, browser: Any, server: Server, planned: str) -> None:
        with visit(browser, server, f"films/{planned}") as page:
            expect(shots(page)).to_have_count(2)
            shots(page).nth(1).click()
            page.wait_for_url(re.compile("shot=2"))
            show_panel(page, "Render")
            page.wait_for_url(re.compile("panel=render"))
            go_to_frame(page, 9)
            page.wait_for_url(re.compile("frame=9"))
            page.reload()
            until(lambda: shown_frame(page) == 9, "the frame, after the page was loaded anew")
            expect(page.get_by_role("tab", name="Render", exact=True).locator("visible=true")).to_have_attribute(
                "aria-selected", "true"
            )
            page.go_back()
            expect(page.get_by_role("tab", name="Look", exact=True).locator("visible=true")).to_have_attribute(
                "aria-selected", "true"
            )
            page.go_back()
            page.wait_for_url(re.compile("(shot=1|/films/[^?]*$)"))
            until(lambda: shown_frame(page) < 8, "the first shot")
            page.go_forward()
            until(lambda: shown_frame(page) >= 8, "the second shot")

    def test_a_film_that_is_not_there(self, browser: Any, server: Server) -> None:
        with visit(browser, server, "films/nothing", expected="404") as page:
            page.get_by_text("This film is not here").wait_for()
            page.get_by_role("link", name="Home").first.click()
            page.get_by_role("button", name="Choose files").wait_for()


class TestUndo:
    def test_what_changes_the_plan_can_be_taken_back(
        self, browser: Any, server: Server, owner: Program, project: str
    ) -> None:
        with visit(browser, server, f"films/{project}?frame=4") as page:
            expect(shots(page)).to_have_count(2)
            page.get_by_role("button", name="Split at this frame").click()
            expect(shots(page)).to_have_count(3)
            page.get_by_role("button", name="Undo: Shot 1 split").wait_for()
            page.keyboard.press("Control+z")
            expect(shots(page)).to_have_count(2)
            page.get_by_role("button", name="Redo: Shot 1 split").wait_for()
            page.keyboard.press("Control+Shift+z")
            expect(shots(page)).to_have_count(3)
            page.get_by_role("button", name="Merge with the next shot").click()
            expect(shots(page)).to_have_count(2)
            page.reload()
            expect(shots(page)).to_have_count(2)
            for count in (3, 2):
                page.get_by_role("button", name=re.compile("^Undo: ")).click()
                expect(shots(page)).to_have_count(count)
            give_meadow_to_the_second_shot(page)
            until(lambda: owner.chosen(project)[1] == {"meadow", "waves"}, "what was given")
            page.get_by_role("button", name=re.compile("^Undo: ")).click()
            until(lambda: owner.chosen(project)[1] == {"waves"}, "the pictures as they were")


def give_meadow_to_the_second_shot(page: Any) -> None:
    page.get_by_role("button", name=re.compile("^meadow")).drag_to(shots(page).nth(1))


class TestOtherTabs:
    def test_two_tabs_hear_of_each_other(self, browser: Any, server: Server, project: str) -> None:
        address = f"films/{project}?frame=4"
        with visit(browser, server, address) as one, visit(browser, server, address) as other:
            for page in (one, other):
                expect(shots(page)).to_have_count(2)
            one.get_by_role("button", name="Split at this frame").click()
            expect(shots(other)).to_have_count(3)
            other.get_by_role("button", name=re.compile("^Undo: ")).click()
            expect(shots(one)).to_have_count(2)


class TestManyShots:
    @pytest.fixture
    def page(self, browser: Any, server: Server, planned: str) -> Iterator[Any]:
        """The window of a film of 1,500 shots, as the server would tell it."""
        with visit(browser, server) as page:
            page.route(re.compile(r"/api/projects/[^/]+/shots$"), many_shots)
            page.goto(f"{server.address}films/{planned}")
            in_color(page).wait_for()
            yield page

    def test_only_what_is_seen_is_drawn(self, page: Any) -> None:
        count = shots(page).count()
        assert 4 < count < 60
        nodes = page.evaluate("probe.all().length")
        assert nodes < 3000
        page.get_by_role("listbox", name="Shots").evaluate("list => list.scrollTo(list.scrollWidth / 2, 0)")
        until(lambda: "750" in page.get_by_role("listbox", name="Shots").inner_text(), "the middle of the film")
        assert page.evaluate("probe.all().length") < nodes + 600


def many_shots(route: Any) -> None:
    answer = route.fetch()
    told = answer.json()
    first = told["shots"][0]
    shots = [{**first, "number": number + 1} for number in range(1500)]
    for number, shot in enumerate(shots[:-1]):
        shot |= {"first": 0, "last": 0, "middle": 0} if number else {}
    route.fulfill(response=answer, body=json.dumps({**told, "shots": shots}))
