"""The viewer alone: that each frame is itself, that it plays what is there, and that nobody is shut out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import NARROW, assert_accessible, assert_fits, quiet_page
from support.viewer_stage import FRAMES, SHOTS, Film, staged, write_pictures
from support.waiting import until

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser

# The numbers that the pictures tell which can be seen: of the frame itself, and of the stream.
SEEN = """() => [viewer.picture.renderRoot.querySelector("div.color:not([hidden]) img"),
    viewer.picture.renderRoot.querySelector("canvas.color:not([hidden])")].map(node => {
        if (!node) return null;
        const canvas = new OffscreenCanvas(160, 96), pen = canvas.getContext("2d", { willReadFrequently: true });
        pen.drawImage(node, 0, 0, 160, 96);
        const isSet = bit => pen.getImageData(bit * 16 + 8, 8, 1, 1).data[1] > 127;
        return [0, 1, 2, 3, 4].reduce((sum, bit) => sum + isSet(bit) * 2 ** bit, 0); })"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("viewer")
    write_pictures(made)
    return made


@pytest.fixture
def film(folder: Path) -> Film:
    return Film(folder)


@pytest.fixture
def page(browser: Any, film: Film, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The viewer; parametrize it with options of the browser."""
    with staged(film) as address, quiet_page(browser, **getattr(request, "param", {})) as opened:
        yield arrive(opened, address)


def arrive(page: Any, address: str) -> Any:
    page.goto(address)
    until(lambda: page.evaluate("() => 'store' in window"), "the viewer")
    return page


def number(page: Any) -> int:
    """As it is told."""
    return int(page.get_by_role("slider", name="Frame of the film").get_attribute("aria-valuenow"))


def at_rest(page: Any, frame: int) -> None:
    """Wait until a frame is there, and is itself."""
    until(lambda: (number(page), page.evaluate(SEEN)) == (frame, [frame, None]), f"frame {frame}")
    assert page.evaluate("() => store.state.frame") == frame


def test_each_frame_is_itself(page: Any) -> None:
    at_rest(page, 0)
    middles = [(first + last) // 2 for first, last in SHOTS]
    for key, frame in [
        *(("ArrowRight", 1), (".", 2), (",", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10)),
        *(
            ("ArrowUp", middles[0]),
            ("ArrowDown", middles[1]),
            ("End", FRAMES - 1),
            ("ArrowRight", FRAMES - 1),
            ("Home", 0),
        ),
    ]:
        page.keyboard.press(key)
        at_rest(page, frame)
    field = page.get_by_label("Go to a frame")
    for text, frame in (("7", 7), ("+3", 10), ("0:01", 12)):
        field.fill(text)
        field.press("Enter")
        at_rest(page, frame)


def test_steps_that_follow_fast_end_at_the_last(page: Any) -> None:
    at_rest(page, 0)
    for _ in range(13):
        page.keyboard.press("ArrowRight")
    at_rest(page, 13)


def test_it_stops_at_the_frame_that_it_tells(page: Any) -> None:
    at_rest(page, 0)
    page.keyboard.press("Space")
    until(lambda: number(page) > 2, "playing")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    at_rest(page, number(page))
    page.keyboard.press("End")
    at_rest(page, FRAMES - 1)
    page.keyboard.press("Space")  # from the end: once more from the beginning
    until(lambda: 0 < number(page) < FRAMES - 1, "playing from the beginning")
    until(lambda: not page.evaluate("() => viewer.playback.isPlaying"), "the end")
    at_rest(page, FRAMES - 1)


def test_where_nothing_is_rendered_three_seconds_are_offered(browser: Any, film: Film) -> None:
    film.rendered = False
    with staged(film) as address, quiet_page(browser) as opened:
        page = arrive(opened, address)
        at_rest(page, 0)
        page.keyboard.press("Space")
        page.get_by_role("button", name="Colour 3 seconds from here").click()
        until(lambda: film.asked, "the task")
        assert film.asked == [{"kind": "try", "frame": 0, "seconds": 3}]
        job = {
            "id": "j",
            "project": "f",
            "kind": "try",
            "state": "running",
            "step": "Colouring",
            "done": 3,
            "expected": 24,
        }
        page.evaluate("job => store.set({ jobs: [job] })", job)
        page.get_by_text("Colouring 3 of 24").wait_for()
        assert_accessible(page)
        film.clip_from = 0
        page.evaluate("job => store.set({ jobs: [job] })", {**job, "state": "done"})
        until(lambda: number(page) > 0, "the clip plays by itself")


def test_what_is_tried_is_seen_at_once_and_then_exact(page: Any, film: Film) -> None:
    at_rest(page, 0)
    filter_of = "() => viewer.picture.renderRoot.querySelector('div.color').style.filter"
    page.evaluate("() => store.set({ trial: { saturation: 1.5 } })")
    until(lambda: page.evaluate(filter_of) == "saturate(1.5)" or film.asked, "the trial")
    asked = ["saturation=1.5&of=color-0.png"]
    until(lambda: film.asked == asked and page.evaluate(filter_of) == "", "the exact picture")


def test_zoom_keeps_what_is_below_the_pointer(page: Any) -> None:
    at_rest(page, 0)
    box = page.locator("kc-stage").bounding_box()
    x, y = box["width"] * 0.3, box["height"] * 0.6
    below = """([x, y]) => { const { view, picture } = viewer.stage;
        return [(x - view.x) / (picture.width * view.scale), (y - view.y) / (picture.height * view.scale)]; }"""
    before = page.evaluate(below, [x, y])
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.wheel(0, -500)
    until(lambda: not page.evaluate("() => viewer.stage.view.isFit"), "the zoom")
    assert page.evaluate(below, [x, y]) == pytest.approx(before, abs=0.01)
    page.mouse.dblclick(box["x"] + x, box["y"] + y)
    until(lambda: page.evaluate("() => viewer.stage.view.isFit"), "the whole picture")


def test_the_divider_by_pointer_and_keys(page: Any) -> None:
    at_rest(page, 0)
    divider = page.get_by_role("slider", name="Divider between gray and colour")
    divider.press("Shift+ArrowRight")
    expect(divider).to_have_attribute("aria-valuetext", "60 % gray, 40 % colour")
    box = divider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(0, box["y"] + 20, steps=3)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "0")
    assert number(page) == 0


def test_what_fails_is_told_and_can_be_tried_again(browser: Any, film: Film) -> None:
    film.broken = "/frames/0/look"
    with staged(film) as address, browser.new_page() as page:
        arrive(page, address)
        page.get_by_text("The film is damaged there.").wait_for()
        film.broken = None
        page.get_by_role("button", name="Try again").click()
        at_rest(page, 0)


def test_before_the_plan_the_first_look(browser: Any, film: Film) -> None:
    film.planned = film.rendered = False
    with staged(film) as address, quiet_page(browser) as opened:
        page = arrive(opened, address)
        at_rest(page, 3)
        page.get_by_text("A first look").wait_for()
        page.keyboard.press("ArrowRight")
        until(lambda: number(page) == 4 and page.evaluate(SEEN) == [None, None], "the next frame, in gray")


@pytest.mark.parametrize("page", [{}, {"viewport": NARROW, "has_touch": True}], indirect=True, ids=["wide", "narrow"])
def test_nobody_is_shut_out(page: Any) -> None:
    at_rest(page, 0)
    for theme in ("dark", "light"):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        for mode in ("divider", "doubt"):
            page.evaluate("mode => store.set({ mode, withReference: mode === 'doubt' })", mode)
            page.evaluate("() => viewer.updateComplete")
            assert_accessible(page)
            assert_fits(page)
