"""Painting on a frame, in a browser, over a server of made-up answers: what is done is what the server is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
from kinemacolor.web.corrections import decode_strokes
from support.browser import NARROW, WIDE, assert_accessible, assert_fits, chromium, quiet_page, settle
from support.paint_bench import REGION, RIGHT, SIZE, Bench, decode_layer, make_frame, paint_bench
from support.waiting import until

pytestmark = pytest.mark.browser
STATE = "film.painting.state"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def bench() -> Iterator[Bench]:
    with paint_bench() as opened:
        yield opened


@contextmanager
def painter(browser: Any, bench: Bench, is_quiet: bool = True, **options: Any) -> Iterator[Any]:
    """The page when frame 60 can be painted on."""
    with (quiet_page if is_quiet else refusing_page)(browser, **options) as page:
        page.goto(f"{bench.address}/?frame=60")
        wait_for(page, f"globalThis.film?.painting?.layer && {STATE}.base")
        settle(page)
        yield page


def wait_for(page: Any, truth: str) -> None:
    """Wait until an expression is true in the page; Playwright's own way needs what the page's policy forbids."""
    until(lambda: page.evaluate(f"Boolean({truth})"), truth)


@contextmanager
def refusing_page(browser: Any, **options: Any) -> Iterator[Any]:
    """A page that may ask for what it does not get: a browser complains of that by itself."""
    context = browser.new_context(**{"viewport": WIDE, **options})
    yield context.new_page()
    context.close()


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the frame (0..1) is on the screen."""
    box = page.locator("kc-painter .frame").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Any, *points: tuple[float, float]) -> None:
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, *point), steps=6)
    page.mouse.up()


def set_up(page: Any, **state: Any) -> None:
    page.evaluate("state => film.painting.set(state)", state)


def operations(page: Any) -> Any:
    return page.evaluate(f"{STATE}.history.states[{STATE}.history.at]")


def painted(page: Any) -> np.ndarray:
    """What is painted on the screen, ``H W 4``."""
    return decode_layer(page.locator("kc-painter canvas.paint").evaluate("canvas => canvas.toDataURL()"))


def keep(page: Any, bench: Bench) -> Any:
    page.get_by_role("button", name="Keep", exact=True).click()
    return until(lambda: bench.bodies("60/strokes"), "strokes")[-1]


def test_a_stroke_is_sent_as_it_was_shown(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        set_up(page, size=24, hardness=0.3, color="#a8574a")
        drag(page, (0.2, 0.5), (0.45, 0.5))
        shown = painted(page)
        sent = keep(page, bench)
    layer = decode_strokes(sent["layer"], SIZE)
    assert sent["painted_on"] is None
    assert set(np.unique(layer[..., 3])) == {0, 255}
    assert (layer[..., 3] == shown[..., 3]).all()
    assert layer[60, 60, 3] == 255
    assert layer[10, 60, 3] == 0
    luma = shown[..., :3] @ (0.2126, 0.7152, 0.0722)  # light and shade stay
    frame = make_frame() @ (0.2126, 0.7152, 0.0722)
    assert np.abs(luma - frame)[shown[..., 3] > 0].max() < 2
    assert shown[60, 60, 0] > shown[60, 60, 2] + 20  # reddish


def test_all_other_colours_can_be_right_too(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        page.get_by_label("All other colours").check()
        assert keep(page, bench)["painted_on"] == "frame-60.jpg"


def test_the_spread_is_shown_without_being_asked_for(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        page.get_by_text("Nothing is rendered yet").first.wait_for()
        sent = bench.bodies("60/spread")
        assert [one["frames"] for one in sent] == [[40, 50, 70, 79]]
        page.get_by_role("button", name="frame 79").click()
        wait_for(page, f"{STATE}.frame === 79")


def test_an_answer_that_is_outdated_is_not_shown(browser: Any, bench: Bench) -> None:
    bench.may_answer.clear()
    with painter(browser, bench) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        until(lambda: bench.bodies("60/spread"), "the first question")
        drag(page, (0.2, 0.8), (0.4, 0.8))
        until(lambda: len(bench.bodies("60/spread")) == 2, "the second question")
        assert page.evaluate(f"{STATE}.spread.status") == "working"
        bench.may_answer.set()
        wait_for(page, f"{STATE}.spread.status === 'shown'")
    first, second = (decode_layer(body["layer"])[..., 3] for body in bench.bodies("60/spread"))
    assert (second > 0).sum() > (first > 0).sum()


def test_steps_are_taken_back_and_done_again_by_keys(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        once = painted(page)
        drag(page, (0.2, 0.8), (0.4, 0.8))
        twice = painted(page)
        page.keyboard.press("z")
        assert (painted(page) == once).all()
        page.keyboard.press("Control+z")
        assert not painted(page)[..., 3].any()
        page.keyboard.press("Control+z")  # nothing is left to take back, of the film neither
        page.keyboard.press("Shift+Z")
        page.keyboard.press("Control+y")
        assert (painted(page) == twice).all()
        page.get_by_role("button", name="Discard").click()
        assert operations(page) == []
        page.keyboard.press("z")
        assert len(operations(page)) == 2
    assert not bench.bodies("undo")


def test_strokes_outlive_a_reload_and_another_frame(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        before = painted(page)
        page.reload()
        wait_for(page, f"globalThis.film?.painting && {STATE}.history.at === 1")
        settle(page)
        assert (painted(page) == before).all()
        page.evaluate("film.actions.showFrame(70)")
        wait_for(page, f"{STATE}.frame === 70 && {STATE}.base")
        settle(page)
        assert not painted(page)[..., 3].any()
        page.get_by_role("button", name="frame 60", exact=True).click()
        wait_for(page, f"{STATE}.frame === 60 && {STATE}.base")
        settle(page)
        assert (painted(page) == before).all()
        page.keyboard.press("z")
        assert not painted(page)[..., 3].any()


def test_what_is_kept_can_be_taken_back_and_strokes_are_there_again(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        before = painted(page)
        keep(page, bench)
        wait_for(page, f"{STATE}.history.states.length === 1")
        assert not painted(page)[..., 3].any()
        page.get_by_role("button", name="Undo").click()
        until(lambda: bench.bodies("undo"), "undo")
        wait_for(page, f"{STATE}.history.at === 1")
        settle(page)
        assert (painted(page) == before).all()


def test_what_was_refused_is_still_there(browser: Any, bench: Bench) -> None:
    with painter(browser, bench, is_quiet=False) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        bench.refusal = "too little is painted"
        with page.expect_response(lambda answer: answer.url.endswith("/strokes")):
            page.get_by_role("button", name="Keep", exact=True).click()
        page.get_by_text("too little is painted").first.wait_for()
        assert len(operations(page)) == 1


def test_kept_and_rendered_at_once_then_on_to_the_next_place(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        drag(page, (0.2, 0.5), (0.4, 0.5))
        page.get_by_role("button", name="Keep and render").first.click()
        until(lambda: bench.bodies("jobs"), "a render")
        assert bench.bodies("jobs") == [{"kind": "render"}]
        page.get_by_role("button", name="Next: shot 4, unsure at the left").click()
        wait_for(page, f"{STATE}.frame === 100")


def test_areas_along_edges_are_painted_added_taken_away_and_recoloured(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        page.keyboard.press("w")
        drag(page, (0.05, 0.5), (0.25, 0.5))  # three squares
        wait_for(page, f"{STATE}.selection.size === 3")
        assert (painted(page)[..., 3] > 0).sum() == 3 * REGION**2
        page.keyboard.down("Shift")
        drag(page, (0.35, 0.5), (0.36, 0.5))
        page.keyboard.up("Shift")
        wait_for(page, f"{STATE}.selection.size === 4")
        page.keyboard.down("Alt")
        drag(page, (0.05, 0.5), (0.06, 0.5))
        page.keyboard.up("Alt")
        wait_for(page, f"{STATE}.selection.size === 3")
        reddish = painted(page)
        page.get_by_role("button", name="Navy").click()
        bluish = painted(page)
        assert (bluish[..., 3] == reddish[..., 3]).all()
        assert bluish[60, 50, 2] > reddish[60, 50, 2] + 20
        assert len(operations(page)) == 1
        page.keyboard.press("Escape")
        assert page.evaluate(f"{STATE}.selection.size") == 0


def test_a_fill_stops_at_the_edge(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        page.keyboard.press("f")
        page.mouse.click(*place(page, 0.2, 0.2))
        filled = painted(page)[..., 3] > 0
        assert filled[:, : SIZE[1] // 2 - 2].all()
        assert not filled[:, SIZE[1] // 2 + 2 :].any()


def test_an_eraser_takes_away_what_was_painted(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        set_up(page, size=20)
        drag(page, (0.2, 0.5), (0.6, 0.5))
        page.keyboard.press("e")
        set_up(page, size=50, hardness=1)
        drag(page, (0.1, 0.5), (0.7, 0.5))
        assert not painted(page)[..., 3].any()


def test_colours_are_picked_from_frame_strokes_and_references(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        page.keyboard.press("i")
        page.mouse.click(*place(page, 0.9, 0.5))
        assert page.evaluate(f"{STATE}.color") == "#" + bytes(make_frame()[60, 180]).hex()
        assert page.evaluate(f"{STATE}.tool") == "brush"
        page.keyboard.press("x")
        assert page.evaluate(f"{STATE}.color") == "#b08a6e"
        page.get_by_role("button", name="two.png").click()
        source = page.get_by_role("application", name="two.png")
        source.click(position={"x": 20, "y": 20})
        assert page.evaluate(f"{STATE}.color") == "#c82828"
        source.focus()
        for _ in range(25):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.evaluate(f"{STATE}.color") == "#2828c8"
        drag(page, (0.2, 0.2), (0.3, 0.2))
        page.keyboard.down("Alt")
        page.mouse.click(*place(page, 0.25, 0.2))
        page.keyboard.up("Alt")
        assert page.evaluate(f"{STATE}.color") == "#" + bytes(painted(page)[24, 50, :3]).hex()


def test_the_keyboard_alone_paints(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        page.locator("kc-painter .frame").focus()
        set_up(page, size=20, hardness=1)
        page.keyboard.press("Space")
        assert painted(page)[60, 100, 3]
        for _ in range(3):
            page.keyboard.press("ArrowUp")
        page.keyboard.down("Shift")
        for _ in range(4):
            page.keyboard.press("ArrowLeft")
        page.keyboard.up("Shift")
        assert painted(page)[30, 65, 3]
        assert len(operations(page)) == 2
        page.keyboard.press("]")
        page.keyboard.press("{")
        page.keyboard.press("4")
        state = page.evaluate(f"({{ size: {STATE}.size, hardness: {STATE}.hardness, strength: {STATE}.strength }})")
        assert state == {"size": 24, "hardness": 0.9, "strength": 0.4}
        page.keyboard.press("w")
        page.keyboard.press("Enter")
        wait_for(page, f"{STATE}.selection.size === 1")
        assert "area" in page.locator("kc-painter [role=status]").inner_text()


def test_shift_draws_a_straight_line(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        set_up(page, size=10)
        page.mouse.click(*place(page, 0.1, 0.2))
        page.keyboard.down("Shift")
        page.mouse.click(*place(page, 0.9, 0.8))
        page.keyboard.up("Shift")
        assert painted(page)[60, 100, 3]


def test_one_finger_paints_two_do_not(browser: Any, bench: Bench) -> None:
    with painter(browser, bench, viewport=NARROW, has_touch=True, is_mobile=True) as page:
        touch = page.context.new_cdp_session(page)

        def send(kind: str, *points: tuple[float, float]) -> None:
            at = [dict(zip("xy", place(page, *point), strict=True), id=index) for index, point in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        send("touchStart", (0.2, 0.5))
        send("touchMove", (0.5, 0.5))
        send("touchEnd")
        assert len(operations(page)) == 1
        before = painted(page)
        send("touchStart", (0.2, 0.2))
        send("touchMove", (0.3, 0.2))
        send("touchStart", (0.3, 0.2), (0.6, 0.6))
        send("touchMove", (0.2, 0.1), (0.7, 0.7))
        send("touchEnd")
        assert len(operations(page)) == 1
        assert (painted(page) == before).all()
        assert_fits(page)


def test_why_a_frame_cannot_be_painted_on_is_said(browser: Any, bench: Bench) -> None:
    with painter(browser, bench, is_quiet=False) as page:
        bench.refusal = "give the film a picture first"
        page.evaluate("film.actions.showFrame(61)")
        page.locator("kc-painter .word").get_by_text(bench.refusal).wait_for()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nobody_is_shut_out(browser: Any, bench: Bench, scheme: str) -> None:
    with painter(browser, bench) as page:
        page.evaluate("scheme => { document.documentElement.dataset.theme = scheme }", scheme)
        drag(page, (0.2, 0.5), (0.4, 0.5))
        page.get_by_role("button", name="two.png").click()
        page.get_by_role("button", name="Give a picture instead").wait_for()
        page.get_by_text("Nothing is rendered yet").first.wait_for()
        settle(page)
        assert_accessible(page)


def test_grays_of_the_frame_are_what_the_tests_say() -> None:
    assert abs(float(make_frame()[60, 150] @ (0.2126, 0.7152, 0.0722)) - RIGHT) < 3


def test_where_a_frame_is_unsure_is_said_and_shown(browser: Any, bench: Bench) -> None:
    with painter(browser, bench) as page:
        page.get_by_text("Unsure at the left").wait_for()
        doubt = page.locator("kc-painter .doubt")
        assert not doubt.is_visible()
        page.get_by_role("button", name="Show", exact=True).click()
        doubt.wait_for()
        read_mask = "element => element.style.maskImage"
        until(lambda: "data:" in doubt.evaluate(read_mask), "the doubt")
        shown = decode_layer(doubt.evaluate(read_mask).removesuffix('")'))[..., 3]
        assert shown[:, :14].min() > 100
        assert not shown[:, 16:].any()
        page.keyboard.press("n")
        wait_for(page, f"{STATE}.frame === 100")
        page.get_by_text("2 of 2 that want a look").or_(page.get_by_text("1 of 2 that want a look")).wait_for()


def test_what_was_kept_before_is_seen(browser: Any, bench: Bench) -> None:
    bench.has_strokes = True
    with painter(browser, bench) as page:
        page.keyboard.press("i")
        page.mouse.click(*place(page, 0.05, 0.05))
        picked = page.evaluate(f"{STATE}.color")
        page.keyboard.press("i")
        page.mouse.click(*place(page, 0.05, 0.9))
        assert page.evaluate(f"{STATE}.color") == "#" + bytes(make_frame()[108, 10]).hex()
        red, _, blue = bytes.fromhex(picked[1:])
        assert red > blue + 40
