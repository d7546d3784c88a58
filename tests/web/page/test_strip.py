"""Shots and their pictures: by keys, by a finger, and by what is dropped on them."""

import re
from pathlib import Path
from typing import Any

import pytest

from support.browser import assert_accessible, settle
from support.page_user import in_color, shots
from support.waiting import until
from support.web_page import SIZE, Program, Server, visit

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser
BOTH = {"meadow", "waves"}
REST_MS = 600  # longer than a finger has to rest


@pytest.fixture
def project(owner: Program, film: Path, references: list[Path]) -> str:
    """One to change."""
    return owner.begin(film, references, short_side=SIZE[0])


def crisp(owner: Program, project: str) -> list[bool]:
    """Which shots have crisp edges of colours of their own."""
    told = owner.get(f"/projects/{project}/shots")["shots"]
    return [shot["options"]["edge_filter"] == "fgs" for shot in told]


def open_strip(page: Any) -> None:
    in_color(page).wait_for()
    expect(shots(page)).to_have_count(2)
    settle(page)


class TestKeys:
    def test_a_shot_gets_its_pictures_by_keys_alone(
        self, browser: Any, server: Server, owner: Program, project: str
    ) -> None:
        with visit(browser, server, f"films/{project}") as page:
            open_strip(page)
            page.get_by_role("listbox", name="Shots").focus()
            for key in ("Home", "Space", "Shift+ArrowRight"):
                page.keyboard.press(key)
            expect(page.get_by_text("2 chosen", exact=True)).to_be_visible()
            page.get_by_role("listbox", name="Shots").evaluate("list => list.blur()")
            page.keyboard.press("Escape")
            expect(page.get_by_text("2 chosen", exact=True)).to_have_count(0)
            page.get_by_role("listbox", name="Shots").press("Enter")
            expect(shots(page).nth(1)).to_have_attribute("aria-current", "true")
            page.keyboard.press("p")
            meadow = page.get_by_role("dialog").get_by_role("checkbox", name="meadow.jpg")
            meadow.focus()
            assert_accessible(page)
            page.keyboard.press("Space")
            page.get_by_role("button", name="Use these").press("Enter")
            until(lambda: owner.chosen(project)[1] == BOTH, "what was ticked")

    def test_the_look_of_chosen_shots_never_becomes_that_of_the_film(
        self, browser: Any, server: Server, owner: Program, project: str
    ) -> None:
        with visit(browser, server, f"films/{project}") as page:
            open_strip(page)
            shots(page).nth(0).click()
            shots(page).nth(1).click(modifiers=["Control"])
            page.get_by_role("button", name="2 shots", exact=True).click()
            page.get_by_role("button", name="Choose none").click()
            page.get_by_role("button", name="Crisp").click()
            until(lambda: crisp(owner, project) == [True, False], "the look of the shot", 30)

    def test_a_cut_is_moved_by_one_frame(self, browser: Any, server: Server, owner: Program, project: str) -> None:
        with visit(browser, server, f"films/{project}?frame=9") as page:
            open_strip(page)
            first = owner.plan(project)["shots"][1]["first"]
            page.keyboard.press(">")
            until(lambda: owner.plan(project)["shots"][1]["first"] == first + 1, "the cut, a frame later")
            page.get_by_text(f"Shot 2 begins at frame {first + 1}").wait_for()
            page.keyboard.press("<")
            until(lambda: owner.plan(project)["shots"][1]["first"] == first, "the cut, where it was")


def test_a_finger_drags_a_picture_onto_a_shot(browser: Any, server: Server, owner: Program, project: str) -> None:
    with visit(browser, server, f"films/{project}", has_touch=True) as page:
        open_strip(page)
        start = page.get_by_role("button", name="meadow.jpg").first.bounding_box()
        end = shots(page).nth(1).bounding_box()
        x, y = start["x"] + 30, start["y"] + 20
        right, down = end["x"] + 30 - x, end["y"] + 30 - y
        session = page.context.new_cdp_session(page)

        def touch(kind: str, part: float | None) -> None:
            points = [] if part is None else [{"x": x + part * right, "y": y + part * down}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 0)
        page.wait_for_timeout(REST_MS)
        for step in range(1, 9):
            touch("touchMove", step / 8)
        touch("touchEnd", None)
        until(lambda: owner.chosen(project)[1] == BOTH, "the picture on the shot")


def test_a_file_falls_on_a_shot(
    browser: Any, server: Server, owner: Program, project: str, tmp_path: Path, references: list[Path]
) -> None:
    copy = tmp_path / "third.jpg"
    copy.write_bytes(references[0].read_bytes())
    with visit(browser, server, f"films/{project}") as page:
        open_strip(page)
        box = shots(page).nth(1).bounding_box()
        session = page.context.new_cdp_session(page)
        held = {"items": [], "files": [str(copy)], "dragOperationsMask": 1}
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("dragEnter", "dragOver"):
            session.send("Input.dispatchDragEvent", {"type": kind, "data": held, **place})
        expect(shots(page).nth(1)).to_have_class(re.compile(r"\btarget\b"))  # a busy browser may not have seen it yet
        session.send("Input.dispatchDragEvent", {"type": "drop", "data": held, **place})
        until(lambda: "third" in owner.chosen(project)[1], "the picture of the shot")
