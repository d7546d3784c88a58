"""The page's own parts, each alone in a real browser."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from support.browser import NARROW, WIDE, assert_accessible, assert_fits, quiet_page, serving, settle
from support.films import scene, write_film

gr = pytest.importorskip("gradio")
expect = pytest.importorskip("playwright.sync_api").expect
from fastapi import FastAPI  # noqa: E402
from fastapi.responses import Response, StreamingResponse  # noqa: E402
from fastapi.staticfiles import StaticFiles  # noqa: E402

from kinemacolor.web.comparison_video import write_comparison_video  # noqa: E402
from kinemacolor.web.page import parts  # noqa: E402
from support.waiting import until  # noqa: E402

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=alert(1)>.png"
SIZE = (180, 240)
EVENTS = {
    "compare_player": ("select",),
    "before_after": (),
    "shot_board": ("input", "select", "apply", "delete"),
    "point_view": ("select",),
    "paint_frame": ("submit",),
    "job_list": ("stop", "retry", "delete", "end"),
}


def a_job(number: int, state: str, **more: Any) -> dict[str, Any]:
    job = {
        "id": f"j{number}",
        "title": f"film {number}.mp4",
        "kind": "render",
        "step": "Colouring",
        "state": state,
        "place": None,
        "done": 120,
    }
    return {**job, "expected": 480, "seconds_left": None, "message": None, "result": [], **more}


def board(count: int = 6) -> dict[str, Any]:
    names = ["still.png", EVIL, "kodak.jpg"]
    shots = [
        {
            "number": number,
            "first": 35 * (number - 1),
            "last": 35 * number - 1,
            "time": f"0:{number:02}.0",
            "image": f"/files/color{number % 3}.png?{number}",
            "transition": None if number == 1 else "cut",
            "certainty": 0.87,
            "references": [{"name": names[number % 2], "score": 0.81}],
        }
        for number in range(1, count + 1)
    ]
    references = [
        {"name": name, "image": f"/files/color{at}.png", "frame": 120 if at else None, "partial": at == 1, "used": 3}
        for at, name in enumerate(names)
    ]
    return {"shots": shots, "references": references, "picked": None}


RESULT = [{"label": "Download", "url": "/files/proxy.mp4"}, {"label": EVIL, "url": "javascript:alert(1)"}]
VALUES: dict[str, Any] = {
    "compare_player": {
        **{"film": "/files/proxy.mp4", "width": 240, "height": 180, "rate": 24},
        **{"title": f"Film {EVIL}", "correctable": True},
    },
    "before_after": {
        "gray": "/files/gray.png",
        "color": "/files/color0.png",
        "confidence": "/files/sure.png",
        **{"width": 240, "height": 180},
        "alt": f"Frame 12 of {EVIL}",
    },
    "shot_board": board(),
    "point_view": {
        "frame": {"image": "/files/gray.png", "width": 240, "height": 180},
        "references": [{"name": EVIL, "image": "/files/color1.png"}, {"name": "b.png", "image": "/files/color2.png"}],
        "origin": None,
    },
    "paint_frame": {
        **{"project": "p1", "frame": 12, "image": "/files/color0.png", "width": 240, "height": 180},
        "references": [{"name": EVIL, "image": "/files/color1.png"}, {"name": "b.png", "image": "/files/red.png"}],
    },
    "job_list": {
        "events": None,
        "jobs": [
            a_job(1, "running", seconds_left=130.0, title=EVIL),
            a_job(2, "queued", place=1),
            a_job(3, "failed", message=f"no space is left for {EVIL}"),
            a_job(
                4,
                "done",
                result=[
                    {"label": "Download", "url": "/files/proxy.mp4"},
                    {"label": EVIL, "url": "javascript:alert(1)"},
                ],
            ),
        ],
    },
}


class Stream:
    """A stream of server-sent events that the tests write."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.listeners = 0

    async def messages(self) -> AsyncIterator[str]:
        self.listeners += 1
        try:
            sent = len(self.said)
            yield ": hello\n\n"
            while True:
                for text in self.said[sent:]:
                    yield f"data: {text}\n\n"
                sent = len(self.said)
                await asyncio.sleep(0.02)
        finally:
            self.listeners -= 1

    def say(self, *jobs: dict[str, Any]) -> None:
        self.said.append(json.dumps({"jobs": jobs}))


@pytest.fixture(scope="module")
def stream() -> Stream:
    return Stream()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, stream: Stream) -> Iterator[str]:
    """A page for each part, with a box to give it another value; what it says goes to ``SAID``."""
    folder = tmp_path_factory.mktemp("files")
    make_pictures(folder)
    app = FastAPI()
    app.mount("/files", StaticFiles(directory=folder))
    app.get("/favicon.ico")(lambda: Response())
    app.get("/stream")(lambda: StreamingResponse(stream.messages(), media_type="text/event-stream"))
    for name, events in EVENTS.items():
        app = gr.mount_gradio_app(app, a_page(name, events), f"/{name}", theme=gr.themes.Base(), footer_links=[])
    with serving(app) as url:
        yield url


def make_pictures(folder: Path) -> None:
    film = write_film(folder / "film.mp4", 48, SIZE, sound=True)
    write_comparison_video(film, film, folder / "proxy.mp4")
    for index in range(3):
        cv2.imwrite(str(folder / f"color{index}.png"), scene(index * 9, SIZE)[..., ::-1])
    cv2.imwrite(str(folder / "gray.png"), cv2.cvtColor(scene(0, SIZE), cv2.COLOR_RGB2GRAY))
    cv2.imwrite(str(folder / "red.png"), np.full((90, 120, 3), (40, 30, 200), np.uint8))
    cv2.imwrite(str(folder / "sure.png"), np.tile(np.linspace(0, 255, SIZE[1]), (SIZE[0], 1)).astype(np.uint8))


def a_page(name: str, events: tuple[str, ...]) -> Any:
    with gr.Blocks(title=name, analytics_enabled=False) as blocks:
        gr.Markdown("# A part")
        part = getattr(parts, name)(VALUES[name])
        given = gr.Textbox(label="Value", elem_id="given")
        set_it = gr.Button("Set")
        set_it.click(lambda text: json.loads(text), given, part, api_name=False)
        for event in events:
            getattr(part, event)(listener(event), api_name=False, show_progress="hidden", trigger_mode="multiple")
    return blocks


SAID: list[Any] = []


def listener(name: str) -> Any:
    def hear(event: gr.EventData) -> None:
        SAID.append([name, event._data])

    return hear


def heard(count: int = 1) -> list[Any]:
    """What the part has said so far, after at least ``count`` events."""
    until(lambda: len(SAID) >= count)
    return SAID


def give(page: Any, value: Any) -> None:
    page.fill("#given textarea", json.dumps(value))
    page.click("text=Set")


def open_part(page: Any, address: str, name: str, **query: str) -> Any:
    SAID.clear()
    page.goto(f"{address}/{name}/?" + "&".join(f"{key}={value}" for key, value in query.items()))
    part = page.locator(f".{name}")
    part.locator("> *").first.wait_for(state="attached")
    return part


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", EVENTS)
def test_everyone_can_use_it_on_any_screen(browser: Any, address: str, name: str, theme: str) -> None:
    with quiet_page(browser) as page:
        part = open_part(page, address, name, __theme=theme)
        for screen in (WIDE, NARROW):
            page.set_viewport_size(screen)
            settle(page)
            assert_fits(page)
            assert_accessible(page, f".{name}")
            small = part.locator("button:visible, select:visible, input[type=checkbox]:visible, summary:visible")
            for box in (one.bounding_box() for one in small.all()):
                assert min(box["width"], box["height"]) >= 24
        expect(page.locator("img[src=x]")).to_have_count(0)


def test_a_value_can_come_later_and_go(page: Any, address: str) -> None:
    for name, value in VALUES.items():
        part = open_part(page, address, name)
        give(page, None)
        part.wait_for(state="hidden")
        give(page, value)
        part.wait_for(state="visible")


class TestPlayer:
    @pytest.fixture
    def player(self, page: Any, address: str) -> Any:
        player = open_part(page, address, "compare_player")
        until(lambda: saturation(page, 130, 240) > 0.2)
        return player

    def test_gray_left_of_the_divider_and_colour_right_of_it(self, page: Any, player: Any) -> None:
        divider = page.get_by_label("Divider between gray and colour")
        assert saturation(page, 0, 110) < 0.06 < 0.2 < saturation(page, 130, 240)
        divider.focus()
        for _ in range(20):
            page.keyboard.press("ArrowLeft")
        expect(divider).to_have_attribute("aria-valuetext", "30 % gray, 70 % colour")
        assert saturation(page, 0, 66) < 0.06 < 0.2 < saturation(page, 78, 110)
        box = player.locator("canvas").bounding_box()
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 20, steps=4)
        page.mouse.up()
        assert saturation(page, 0, 200) < 0.06
        expect(divider).to_have_attribute("aria-valuetext", "90 % gray, 10 % colour")

    def test_steps_show_exactly_the_frame_they_name(self, page: Any, player: Any) -> None:
        page.get_by_label("Divider between gray and colour").focus()
        page.keyboard.press("Home")  # all colour
        for _ in range(3):
            page.get_by_label("One frame forward").click()
        until(lambda: shown_frame(page) == nearest_scene(page) == 3)
        page.get_by_label("Time").focus()
        for _ in range(7):
            page.keyboard.press("ArrowRight")
        until(lambda: shown_frame(page) == nearest_scene(page) == 10)
        page.get_by_label("One frame back").click()
        until(lambda: shown_frame(page) == nearest_scene(page) == 9)
        page.click("text=Correct this frame")
        ((name, data),) = heard()
        assert (name, data["frame"]) == ("select", 9)
        assert data["seconds"] == pytest.approx(9 / 24, abs=0.01)
        page.get_by_label("Time").focus()
        page.keyboard.press("End")
        until(lambda: shown_frame(page) == nearest_scene(page) == 47)

    def test_it_plays_with_sound_at_the_speed_that_is_asked_for(self, page: Any, player: Any) -> None:
        video = "document.querySelector('.compare_player video')"
        page.get_by_label("Speed").select_option("0.5")
        page.get_by_label("Mute").click()
        expect(page.get_by_label("Mute")).to_have_attribute("aria-pressed", "true")
        page.get_by_label("Play", exact=True).click()
        page.get_by_label("Pause", exact=True).wait_for()
        page.wait_for_function(f"() => {video}.currentTime > 0.3")
        assert page.evaluate(f"[{video}.playbackRate, {video}.muted]") == [0.5, True]
        page.get_by_label("Pause", exact=True).click()
        page.get_by_label("Play", exact=True).wait_for()
        page.get_by_label("Divider between gray and colour").focus()
        page.keyboard.press("Home")
        until(lambda: nearest_scene(page) == shown_frame(page) >= 7)

    def test_full_screen_shows_picture_and_controls(self, page: Any, player: Any) -> None:
        page.get_by_label("Full screen").click()
        page.wait_for_function("() => document.fullscreenElement")
        settle(page)
        box = page.get_by_text("Correct this frame").bounding_box()
        assert box["y"] + box["height"] <= page.evaluate("innerHeight")
        assert_accessible(page, ".compare_player")
        page.get_by_label("Full screen").click()
        page.wait_for_function("() => !document.fullscreenElement")

    def test_a_film_that_cannot_be_played_is_said(self, browser: Any, address: str) -> None:
        with quiet_page(browser) as page:
            player = open_part(page, address, "compare_player")
            give(page, {**VALUES["compare_player"], "film": "/files/gray.png"})
            player.get_by_role("alert").wait_for()


def pixels(page: Any) -> np.ndarray:
    data = page.evaluate("document.querySelector('.compare_player canvas').toDataURL()")
    coded = np.frombuffer(base64.b64decode(data.partition(",")[2]), np.uint8)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def saturation(page: Any, first: int, end: int) -> float:
    part = pixels(page)[:, first:end]
    return float((part.max(-1) - part.min(-1)).mean() / 255)


def nearest_scene(page: Any) -> int:
    shown = pixels(page)
    return int(np.argmin([np.abs(shown - scene(index, SIZE)).mean() for index in range(48)]))


def shown_frame(page: Any) -> int:
    """The frame that the player says it shows; -1 while it still looks for it."""
    text = page.evaluate(
        "document.querySelector('.compare_player video').seeking ? '-1' : document.querySelector('.now').textContent"
    )
    return int(text.split()[-1])


class TestShots:
    @pytest.fixture
    def shots(self, page: Any, address: str) -> Any:
        return open_part(page, address, "shot_board")

    def test_a_reference_is_dragged_onto_a_shot(self, page: Any, shots: Any) -> None:
        shots.locator(".reference").nth(2).drag_to(shots.locator(".shot").nth(1))
        ((name, data),) = heard()
        assert (name, data) == ("input", {"shot": 2, "references": ["still.png", "kodak.jpg"]})
        expect(shots.locator(".shot").nth(1).locator(".given li")).to_have_count(2)
        expect(shots.locator(".reference").nth(2)).to_contain_text("used in 1 shot")

    def test_without_a_mouse(self, page: Any, shots: Any) -> None:
        card = shots.locator(".shot").nth(0)
        card.locator("summary").focus()
        page.keyboard.press("Enter")
        box = card.get_by_label("kodak.jpg", exact=True)
        box.wait_for()
        only = card.get_by_label(EVIL, exact=True)
        expect(only).to_be_checked()
        expect(only).to_be_disabled()  # the last one stays
        box.focus()
        page.keyboard.press("Space")
        assert heard() == [["input", {"shot": 1, "references": [EVIL, "kodak.jpg"]}]]
        expect(page.locator(":focus")).to_have_value("kodak.jpg")
        assert_accessible(page, ".shot_board")
        card.get_by_label(f"Take {EVIL} from shot 1").focus()
        page.keyboard.press("Enter")
        assert heard(2)[1] == ["input", {"shot": 1, "references": ["kodak.jpg"]}]
        expect(card.get_by_label("Take kodak.jpg from shot 1")).to_be_disabled()
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"

    def test_one_for_all_and_for_those_that_are_chosen(self, page: Any, shots: Any) -> None:
        page.get_by_label("Give kodak.jpg to all shots").click()
        assert heard() == [["apply", {"reference": "kodak.jpg", "shots": "all"}]]
        page.get_by_label("Choose shot 2").click()
        page.get_by_label("Choose shot 4").click(modifiers=["Shift"])
        shots.get_by_text("3 shots chosen").wait_for()
        page.get_by_label(f"Give {EVIL} to the chosen shots").click()
        assert heard(2)[1] == ["apply", {"reference": EVIL, "shots": [2, 3, 4]}]
        shots.locator(".reference").nth(0).drag_to(shots.locator(".shot").nth(2))
        assert heard(3)[2] == ["apply", {"reference": "still.png", "shots": [2, 3, 4]}]
        page.get_by_text("Choose none").click()
        expect(page.get_by_label("Choose shot 3")).not_to_be_checked()

    def test_look_and_remove(self, page: Any, shots: Any) -> None:
        page.get_by_label("Look at shot 3").click()
        page.get_by_label("Remove still.png").click()
        assert sorted(heard(2)) == [["delete", {"reference": "still.png"}], ["select", {"shot": 3}]]

    def test_what_the_page_answers_counts(self, page: Any, shots: Any) -> None:
        shots.locator(".reference").nth(2).drag_to(shots.locator(".shot").nth(1))
        heard()
        give(page, {**board(), "picked": 4})
        shots.locator(".shot[aria-current=true]").wait_for()
        expect(shots.locator(".shot").nth(1).locator(".given li")).to_have_count(1)
        expect(shots.locator(".shot[aria-current=true]")).to_contain_text("Shot 4")
        strip = shots.locator(".references").bounding_box()
        assert shots.locator(".shot[aria-current=true]").bounding_box()["y"] >= strip["y"] + strip["height"] - 1

    def test_the_references_stay_in_sight(self, page: Any, shots: Any) -> None:
        give(page, board(40))
        shots.locator(".shot").nth(39).wait_for()
        shots.locator(".shot").nth(39).scroll_into_view_if_needed()
        assert shots.locator(".reference").nth(0).bounding_box()["y"] >= 0
        assert page.evaluate("scrollY") > 500

    def test_of_1500_shots_only_what_changes_is_touched_and_what_is_in_sight_is_loaded(
        self, page: Any, shots: Any
    ) -> None:
        many = board(1500)
        give(page, many)
        page.wait_for_function("() => document.querySelectorAll('.shot').length === 1500")
        settle(page)
        page.evaluate(
            """() => { window.touched = new Set(); new MutationObserver(changes => { for (const { target } of changes)
            touched.add((target.parentElement ?? target).closest(".shot")?.querySelector(".title").textContent); })
            .observe(document.querySelector(".shots"), {
            subtree: true, childList: true, attributes: true, characterData: true }); }"""
        )
        many["shots"][6]["references"].append({"name": "kodak.jpg", "score": 0.5})
        give(page, many)
        shots.locator(".shot").nth(6).locator(".given li").nth(1).wait_for()
        assert page.evaluate("[...touched]") == ["Shot 7"]
        loaded = "[...document.querySelectorAll('.look img')].filter(i => i.complete && i.src).length"
        until(lambda: page.evaluate(loaded))
        assert page.evaluate(loaded) < 1000


class TestPoints:
    def test_a_click_asks_and_the_answer_is_shown_and_said(self, page: Any, address: str) -> None:
        points = open_part(page, address, "point_view")
        frame = points.get_by_role("application")
        box = frame.bounding_box()
        frame.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.75})
        ((name, data),) = heard()
        assert name == "select"
        assert (data["x"], data["y"]) == pytest.approx((0.25, 0.75), abs=0.01)
        origin = {**data, "reference": 1, "rx": 0.5, "ry": 0.1, "text": "From b.png, quite sure"}
        give(page, {**VALUES["point_view"], "origin": origin})
        points.get_by_role("status").get_by_text("From b.png, quite sure").wait_for()
        image, ring = points.locator(".found img").bounding_box(), points.locator(".found .ring").bounding_box()
        assert ring["x"] + ring["width"] / 2 == pytest.approx(image["x"] + image["width"] / 2, abs=1)
        assert ring["y"] + ring["height"] / 2 == pytest.approx(image["y"] + image["height"] * 0.1, abs=1)
        expect(points.locator(".ring:visible")).to_have_count(1)
        assert_accessible(page, ".point_view")

    def test_keys_move_the_cross_and_ask(self, page: Any, address: str) -> None:
        points = open_part(page, address, "point_view")
        points.get_by_role("application").focus()
        for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowUp", "Enter"):
            page.keyboard.press(key)
        ((_, data),) = heard()
        assert (data["x"], data["y"]) == pytest.approx((0.46, 0.4))


class TestPainting:
    @pytest.fixture
    def painter(self, page: Any, address: str) -> Any:
        painter = open_part(page, address, "paint_frame")
        settle(page)
        return painter

    def test_a_stroke_has_the_colour_and_leaves_light_and_shade(self, page: Any, painter: Any) -> None:
        before = picture_of(painter.locator(".stage img"))
        painter.get_by_label("Violet").click()
        draw(page, painter, (0.4, 0.5), (0.6, 0.5))
        page.mouse.move(2, 2)
        settle(page)
        after = picture_of(painter.locator(".stage img"))
        rows, columns = after.shape[:2]
        middle = np.s_[rows // 2 - 3 : rows // 2 + 3, int(0.44 * columns) : int(0.56 * columns)]
        old, new = before[middle], after[middle]
        assert np.abs((new - old) @ LUMA).mean() < 4
        assert np.abs(new - old).mean() > 15
        assert np.array_equal(after[: rows // 3], before[: rows // 3])

    def test_what_is_painted_is_sent_as_a_layer(self, page: Any, painter: Any) -> None:
        take = painter.get_by_role("button", name="Take this, and render again")
        expect(take).to_be_disabled()
        painter.get_by_label("Leaf").click()
        draw(page, painter, (0.2, 0.5), (0.4, 0.5))
        painter.get_by_label("Navy").click()
        draw(page, painter, (0.7, 0.5), (0.8, 0.5))
        painter.get_by_role("button", name="Eraser").click()
        draw(page, painter, (0.3, 0.3), (0.3, 0.7))
        painter.get_by_label("All other colours of this frame are right, too").check()
        take.click()
        ((name, data),) = heard()
        assert (name, data["project"], data["frame"], data["whole"]) == ("submit", "p1", 12, True)
        layer = layer_of(data)
        assert layer.shape == (180, 240, 4)
        assert layer[90, 55].tolist() == [0x5F, 0x7A, 0x3A, 255]
        assert layer[90, 180].tolist() == [0x2F, 0x3F, 0x6F, 255]
        assert layer[90, 72, 3] == layer[20, 20, 3] == 0
        assert 0.005 < (layer[..., 3] > 0).mean() < 0.1

    def test_strokes_are_taken_back(self, page: Any, painter: Any) -> None:
        for row in (0.3, 0.6):
            draw(page, painter, (0.2, row), (0.4, row))
        painter.get_by_text("2 strokes").wait_for()
        painter.get_by_role("button", name="Undo").click()
        painter.get_by_role("button", name="Take this, and render again").click()
        layer = layer_of(heard()[0][1])
        assert layer[54, 72, 3] == 255
        assert layer[108, 72, 3] == 0
        give(page, {**VALUES["paint_frame"], "refused": 1})
        painter.get_by_text("1 stroke").wait_for()
        painter.locator(".stage").press("Control+z")
        painter.get_by_text("Paint with the colour").wait_for()
        expect(painter.get_by_role("button", name="Take this, and render again")).to_be_disabled()

    def test_what_was_sent_waits_for_its_answer(self, page: Any, painter: Any) -> None:
        take = painter.get_by_role("button", name="Take this, and render again")
        draw(page, painter, (0.2, 0.5), (0.4, 0.5))
        take.click()
        painter.get_by_text("Sending…").wait_for()
        draw(page, painter, (0.2, 0.8), (0.4, 0.8))
        expect(take).to_be_disabled()
        give(page, {**VALUES["paint_frame"], "refused": 1})
        painter.get_by_text("1 stroke").wait_for()
        take.click()
        assert heard(2)[0] == heard(2)[1]

    def test_a_stroke_ends_when_it_is_taken_from_under_the_pointer(self, page: Any, painter: Any) -> None:
        box = painter.locator(".stage").bounding_box()
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        painter.locator(".stage").press("Control+z")
        page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=3)
        page.mouse.up()
        expect(painter.get_by_role("button", name="Take this, and render again")).to_be_disabled()
        assert page.evaluate(PAINTED) == 0

    def test_what_is_erased_again_is_not_paint(self, page: Any, painter: Any) -> None:
        draw(page, painter, (0.3, 0.5), (0.4, 0.5))
        painter.get_by_role("button", name="Eraser").click()
        painter.get_by_label("Brush size").fill("60")
        draw(page, painter, (0.3, 0.5), (0.4, 0.5))
        painter.get_by_text("2 strokes").wait_for()
        expect(painter.get_by_role("button", name="Take this, and render again")).to_be_disabled()

    def test_a_large_frame_is_moved_by_hand_and_by_keys(self, page: Any, painter: Any) -> None:
        painter.get_by_label("Show").select_option("4")
        painter.get_by_role("button", name="Move").click()
        sheet = painter.locator(".sheet")
        before = sheet.evaluate("one => [one.scrollLeft, one.scrollTop]")
        box = sheet.bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 300)
        page.mouse.down()
        page.mouse.move(box["x"] + 100, box["y"] + 200, steps=5)
        page.mouse.up()
        after = sheet.evaluate("one => [one.scrollLeft, one.scrollTop]")
        assert after[0] > before[0] + 100
        assert after[1] > before[1] + 50
        assert page.evaluate(PAINTED) == 0
        painter.locator(".stage").focus()
        for _ in range(30):
            page.keyboard.press("ArrowLeft")
        assert sheet.evaluate("one => one.scrollLeft") < after[0]

    def test_colours_are_taken_from_frame_and_references(self, page: Any, painter: Any) -> None:
        color = painter.get_by_label("Colour", exact=True)
        painter.locator(".sources img").nth(1).click()
        expect(color).to_have_value("#c81e28")
        painter.get_by_role("button", name="Colour picker").click()
        box = painter.locator(".stage").bounding_box()
        painter.locator(".stage").click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.75})
        code = color.input_value()
        picked = [int(code[at : at + 2], 16) for at in (1, 3, 5)]
        assert picked == pytest.approx(scene(0, SIZE)[135, 60].tolist(), abs=12)
        expect(painter.get_by_role("button", name="Brush")).to_have_attribute("aria-pressed", "true")
        painter.locator(".sources .field").nth(1).press("Enter")
        expect(color).to_have_value("#c81e28")

    def test_by_the_keyboard_alone(self, page: Any, painter: Any) -> None:
        painter.locator(".stage").focus()
        page.keyboard.press("Space")
        for _ in range(5):
            page.keyboard.press("ArrowUp")
        page.keyboard.press("Shift+ArrowRight")
        painter.get_by_text("2 strokes").wait_for()
        assert_accessible(page, ".paint_frame")
        painter.get_by_role("button", name="Take this, and render again").press("Enter")
        layer = layer_of(heard()[0][1])
        assert layer[90, 120, 3] == layer[70, 122, 3] == 255
        assert layer[80, 120, 3] == 0

    def test_another_frame_begins_anew_and_the_same_does_not(self, page: Any, painter: Any) -> None:
        draw(page, painter, (0.2, 0.5), (0.4, 0.5))
        give(page, {**VALUES["paint_frame"], "references": []})
        painter.locator(".sources img").first.wait_for(state="detached")
        expect(painter.get_by_text("1 stroke")).to_be_visible()
        give(page, {**VALUES["paint_frame"], "frame": 13})
        painter.get_by_text("Paint with the colour").wait_for()


PAINTED = """(() => { const canvas = document.querySelector(".paint_frame canvas");
return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.reduce((a, b) => a + b); })()"""
LUMA = np.array([0.11, 0.59, 0.3])  # of BGR, as the browser reckons it


def draw(page: Any, painter: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A stroke between two points of the frame."""
    box = painter.locator(".stage").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=5)
    page.mouse.up()


def layer_of(data: dict[str, Any]) -> np.ndarray:
    """What was painted, RGBA."""
    coded = np.frombuffer(base64.b64decode(data["layer"].partition(",")[2]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


class TestStills:
    def test_the_divider_uncovers_the_colour(self, page: Any, address: str) -> None:
        still = open_part(page, address, "before_after")
        page.get_by_label("Divider between gray and colour").focus()
        page.keyboard.press("ArrowRight")
        assert "51%" in page.evaluate("getComputedStyle(document.querySelector('.before_after .color')).clipPath")
        width, height = (still.locator(".stage").bounding_box()[side] for side in ("width", "height"))
        assert width / height == pytest.approx(4 / 3, abs=0.01)

    def test_it_shows_where_it_is_unsure(self, page: Any, address: str) -> None:
        still = open_part(page, address, "before_after")
        stage = still.locator(".stage")
        settle(page)
        before = picture_of(stage)
        page.get_by_label("Show where it is unsure").check()
        settle(page)
        change = np.abs(picture_of(stage) - before).mean((0, 2))
        assert change[: len(change) // 8].mean() > 40  # unsure on the left
        assert change[-len(change) // 8 :].mean() < 8
        still.get_by_text("nothing in the pictures explains this place").wait_for()
        give(page, {**VALUES["before_after"], "confidence": None})
        page.get_by_label("Show where it is unsure").wait_for(state="hidden")
        expect(still.get_by_text("nothing in the pictures")).to_be_hidden()


def picture_of(locator: Any) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(locator.screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(int)


class TestJobs:
    def test_buttons_say_what_to_do(self, page: Any, address: str) -> None:
        open_part(page, address, "job_list")
        page.get_by_label("Cancel film 2.mp4").click()
        page.get_by_label("Go on with film 3.mp4").click()
        page.get_by_label("Remove film 4.mp4").click()
        assert sorted(heard(3)) == [["delete", {"id": "j4"}], ["retry", {"id": "j3"}], ["stop", {"id": "j2"}]]
        expect(page.get_by_role("link", name="Download")).to_have_attribute("href", "/files/proxy.mp4")
        expect(page.locator("a[href^=javascript]")).to_have_count(0)

    def test_it_follows_the_stream_and_keeps_the_focus(self, page: Any, address: str, stream: Stream) -> None:
        jobs = open_part(page, address, "job_list")
        give(page, {"events": "/stream", "jobs": [a_job(1, "running"), a_job(2, "queued", place=1)]})
        until(lambda: stream.listeners == 1)
        page.get_by_label("Cancel film 2.mp4").focus()
        stream.say(a_job(1, "running", done=240, seconds_left=4000.0), a_job(2, "queued", place=1))
        jobs.get_by_text("Colouring · 240 of 480 frames · about 67 minutes left").wait_for()
        assert jobs.locator("progress").first.evaluate("p => p.position") == 0.5
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Cancel film 2.mp4"
        stream.say(
            a_job(1, "done", done=480, result=[{"label": "Get it", "url": "/files/proxy.mp4"}]), a_job(2, "running")
        )
        assert heard() == [["end", {"id": "j1", "state": "done"}]]
        jobs.get_by_role("link", name="Get it").wait_for()
        jobs.get_by_role("status").get_by_text("film 2.mp4, colouring: running").wait_for(state="attached")
        stream.say(a_job(2, "done", kind="plan"))
        jobs.get_by_text("nothing waits").wait_for()
        assert heard(2)[1:] == [["end", {"id": "j2", "state": "done"}]], "it left nothing to take away"
        give(page, {"events": None, "jobs": []})
        jobs.get_by_text("nothing waits").wait_for()
        until(lambda: stream.listeners == 0)

    def test_the_stream_ends_with_the_part(self, page: Any, address: str, stream: Stream) -> None:
        open_part(page, address, "job_list")
        give(page, {"events": "/stream", "jobs": []})
        until(lambda: stream.listeners == 1)
        page.evaluate("document.querySelector('.job_list').parentElement.remove()")
        until(lambda: stream.listeners == 0)
