"""The whole page, as somebody who restores a film sees it: a real browser, a real server, a real film."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from kinemacolor.errors import KinemacolorError
from kinemacolor.references.load import check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.reader import probe_film
from support.browser import assert_accessible, assert_fits, settle
from support.films import scene
from support.waiting import PATIENCE, until
from support.web_page import (
    SIZE,
    Program,
    Server,
    arrive,
    colourfulness,
    fetched,
    frame_of,
    picture_at,
    player_picture,
    visit,
    web_server,
    write_references,
    write_two_shots,
)

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with web_server(folder / "home") as running:
        yield running


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    """Two shots of eight frames."""
    return write_two_shots(folder / "two.mp4", 8)


@pytest.fixture(scope="module")
def long_film(folder: Path) -> Path:
    """Four shots: long enough to be stopped."""
    return write_two_shots(folder / "long.mp4", 24, repeats=2)


@pytest.fixture(scope="module")
def references(folder: Path) -> list[Path]:
    return write_references(folder)


@pytest.fixture(scope="module")
def owner(server: Server) -> Program:
    return Program(server, "owner")


@pytest.fixture(scope="module")
def rendered(owner: Program, film: Path, references: list[Path]) -> str:
    """A project of ``owner`` that is through all steps."""
    project = owner.begin(film, references, short_side=SIZE[0])
    owner.ask(project, "render")
    owner.ended(project, "render")
    return project


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """The page of somebody new."""
    with visit(browser, server.address) as opened:
        yield opened


@pytest.fixture
def rendered_page(browser: Any, server: Server, owner: Program, rendered: str) -> Iterator[Any]:
    with visit(browser, f"{server.address}?film={rendered}", cookies=owner.cookies) as opened:
        opened.locator("#downloads a").first.wait_for()
        yield opened


def give(page: Any, where: str, *files: Path) -> None:
    page.locator(f"#{where} .file-preview").wait_for(state="detached")
    page.set_input_files(f"#{where} input[type=file]", files)


def go_to(page: Any, step: str) -> None:
    page.locator("#steps").get_by_role("tab", name=step).click()


def render_job(page: Any, state: str) -> Any:
    return page.locator(f".job[data-state='{state}']").filter(has=page.get_by_text("colouring", exact=True))


class TestFourSteps:
    """From a film on somebody's disk to the film in colour."""

    def test_start_to_end(self, page: Any, owner: Program, film: Path, references: list[Path], tmp_path: Path) -> None:
        choose_film(page, film)
        choose_references(page, references)
        look(page)
        result = render(page, tmp_path)
        assert all(check.passed for check in verify_film(film, result))
        run_as_command(page, film, result, tmp_path)
        compare(page)


def choose_film(page: Any, film: Path) -> None:
    expect(page.locator("#to-shots")).to_be_disabled()
    give(page, "film-upload", film)
    card = page.locator("#film-card .card")
    card.wait_for()
    facts = card.inner_text()
    for fact in (film.name, "192 × 108", "24 frames a second", "16", "0:00.7"):
        assert fact in facts
    page.click("#to-shots")


def choose_references(page: Any, references: list[Path]) -> None:
    page.get_by_text("2 shots found. Give at least one colour picture.").wait_for()
    expect(page.locator(".shot img:visible")).to_have_count(2)
    expect(page.locator("#to-look")).to_be_disabled()
    give(page, "reference-upload", *references)
    page.locator("#to-look:enabled").wait_for()
    expect(page.locator(".shot").nth(0)).to_contain_text("meadow")
    expect(page.locator(".shot").nth(1)).to_contain_text("waves")
    frame = page.locator(".point_view:visible .field").first
    frame.locator("img").wait_for()
    box = frame.bounding_box()
    frame.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    page.get_by_text("comes from the marked place in meadow").wait_for()
    expect(page.locator(".point_view .ring:visible")).to_have_count(1)
    page.click("#to-look")


def look(page: Any) -> None:
    still = page.locator(".before_after:visible")
    color = still.locator("img.color")
    color.wait_for()
    divider = still.locator(".divider")
    move_divider(page, divider)
    before = color.get_attribute("src")
    page.locator("#look-saturation input[type=range]").focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "was => document.querySelector('.before_after .color').getAttribute('src') !== was", arg=before
    )
    until(lambda: ratio(page, before, color.get_attribute("src")) < 0.6, "less saturation")
    page.locator("#look-frame input[type=range]").focus()
    page.keyboard.press("End")
    still.get_by_role("img", name="Frame 15, in colour").wait_for()
    page.get_by_text("At 0:00.6").wait_for()
    page.keyboard.press("Home")
    page.click("#try")
    page.locator(".compare_player:visible canvas").wait_for()
    plays(page)
    page.click("#to-render")


def ratio(page: Any, before: str, after: str) -> float:
    return colourfulness(picture_at(page, after)) / colourfulness(picture_at(page, before))


def move_divider(page: Any, divider: Any) -> None:
    """By the keyboard to 40 %, by the mouse to 75 %."""
    divider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuetext", "40 % gray, 60 % colour")
    divider.scroll_into_view_if_needed()
    box = divider.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 4, steps=3)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuetext", "75 % gray, 25 % colour")


def plays(page: Any) -> None:
    player = page.locator(".compare_player:visible")
    now = player.locator(".now")
    until(lambda: now.inner_text().endswith("frame 0"), "the first frame")
    player.get_by_label("Speed").select_option("0.5")
    player.get_by_label("Play", exact=True).click()
    until(lambda: int(now.inner_text().split()[-1]) >= 4, "frames that move on")


def render(page: Any, tmp_path: Path) -> Path:
    """The film as it was downloaded."""
    page.evaluate(
        """() => { window.told = []; setInterval(() => {
        for (const one of document.querySelectorAll(".job")) window.told.push(one.dataset.state + ": " + one.innerText);
        }, 30); }"""
    )
    page.click("#render")
    link = page.locator("#downloads a").first
    link.wait_for()
    told = page.evaluate("window.told")
    assert any(text.startswith("running") and "of 16 frames" in text for text in told)
    with page.expect_download() as download:
        link.click()
    result = tmp_path / download.value.suggested_filename
    download.value.save_as(result)
    assert result.name == "two.color.mp4"
    return result


def run_as_command(page: Any, film: Path, result: Path, tmp_path: Path) -> None:
    """The same job in a terminal makes the same film."""
    page.get_by_role("button", name="The same as a command").click()
    page.wait_for_function("() => document.querySelector('#command textarea').value.startsWith('kinemacolor render')")
    command = shlex.split(page.locator("#command textarea").input_value())
    assert command[:2] == ["kinemacolor", "render"]
    again = tmp_path / "again.mp4"
    command[command.index("-o") + 1] = str(again)
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, timeout=PATIENCE)
    assert all(check.passed for check in verify_film(film, again))
    assert np.array_equal(frame_of(again, 3), frame_of(result, 3))


def compare(page: Any) -> None:
    plays(page)
    player = page.locator(".compare_player:visible")
    player.get_by_label("Pause", exact=True).or_(player.get_by_label("Play", exact=True)).first.wait_for()
    move_divider(page, player.locator(".divider"))
    picture = player_picture(page)
    edge = round(0.75 * picture.shape[1])
    assert colourfulness(picture[:, : edge - 8]) < 0.03 < colourfulness(picture[:, edge + 8 :])


class TestJobs:
    def test_a_render_is_cancelled_and_goes_on(
        self, browser: Any, server: Server, owner: Program, long_film: Path, references: list[Path]
    ) -> None:
        project = owner.begin(long_film, references, short_side=108)
        with visit(browser, f"{server.address}?film={project}", cookies=owner.cookies) as page:
            page.click("#to-look")
            page.click("#to-render")
            page.click("#render")
            working = render_job(page, "running").filter(has_text="long.mp4")
            until(lambda: painted(working) > 8, "some frames")
            page.get_by_role("button", name="Cancel long.mp4").click()
            render_job(page, "stopped").filter(has_text="long.mp4").wait_for()
            expect(page.locator("#downloads a")).to_have_count(0)
            page.get_by_role("button", name="Go on with long.mp4").click()
            page.locator("#downloads a").first.wait_for()
        assert owner.job(project, "render")["state"] == "done"

    def test_the_tab_may_close_and_the_server_die(
        self, browser: Any, folder: Path, long_film: Path, references: list[Path]
    ) -> None:
        home = folder / "mortal"
        with web_server(home) as server:
            owner = Program(server, "mortal")
            project = owner.begin(long_film, references, short_side=108)
            address = f"{server.address}?film={project}"
            with visit(browser, address, cookies=owner.cookies) as page:
                page.click("#to-look")
                page.click("#to-render")
                page.click("#render")
                render_job(page, "running").wait_for()
            with visit(browser, address, cookies=owner.cookies) as page:
                page.locator("#render").wait_for()
                working = render_job(page, "running")
                until(lambda: painted(working) > 8, "some frames")
            server.process.kill()
            server.process.wait()
        with web_server(home, "--port", server.port), visit(browser, address, cookies=owner.cookies) as page:
            page.locator("#downloads a").first.wait_for()
            render_job(page, "done").wait_for()


def painted(working: Any) -> int:
    """Frames that a job says it has coloured."""
    found = re.search(r"Colouring · (\d+) of", working.inner_text()) if working.count() else None
    return int(found[1]) if found else 0


class TestWrongFiles:
    def test_a_film_that_is_none(self, page: Any, film: Path, tmp_path: Path) -> None:
        for name, content in (("film.mp4", "this is no film\n" * 50), ("nothing.mp4", "")):
            wrong = tmp_path / name
            wrong.write_text(content)
            give(page, "film-upload", wrong)
            page.get_by_text(words_of(lambda wrong=wrong: probe_film(wrong), tmp_path)).wait_for()
        give(page, "film-upload", film)
        page.locator("#film-card .card").wait_for()

    def test_a_reference_without_colour(
        self, browser: Any, server: Server, owner: Program, film: Path, references: list[Path], tmp_path: Path
    ) -> None:
        gray = tmp_path / "gray.png"
        cv2.imwrite(str(gray), scene(0, SIZE).mean(-1).astype(np.uint8))
        project = owner.begin(film)
        with visit(browser, f"{server.address}?film={project}", cookies=owner.cookies) as page:
            page.get_by_text("2 shots found").wait_for()
            give(page, "reference-upload", gray)
            page.get_by_text(words_of(lambda: check_reference_specs((ReferenceSpec(gray),)), tmp_path)).wait_for()
            give(page, "reference-upload", references[0])
            page.locator("#to-look:enabled").wait_for()


def words_of(call: Callable[[], object], folder: Path) -> str:
    """What the command line says when this fails, up to where lines may break."""
    with pytest.raises(KinemacolorError) as failure:
        call()
    return str(failure.value).replace(f"{folder}/", "").split("(")[0].strip()[:60]


class TestCorrect:
    def test_a_painted_frame_leads_its_shot(
        self, browser: Any, server: Server, folder: Path, film: Path, references: list[Path], tmp_path: Path
    ) -> None:
        owner = Program(server, "painter")
        project = owner.begin(film, references)
        owner.ask(project, "render")
        owner.ended(project, "render")
        with visit(browser, f"{server.address}?film={project}", cookies=owner.cookies) as page:
            page.locator("#downloads a").first.wait_for()
            before = middle(downloaded(page, tmp_path / "before.mp4"), 10)
            player = page.locator(".compare_player:visible")
            until(lambda: player.locator(".now").inner_text().endswith("frame 0"), "the first frame")
            for _ in range(10):
                player.get_by_label("One frame forward").click()
            until(lambda: player.locator(".now").inner_text().endswith("frame 10"), "frame 10")
            player.get_by_role("button", name="Correct this frame").click()
            paint(page)
            until(lambda: len(done_renders(owner, project)) == 2, "the second render")
            after = middle(downloaded(page, tmp_path / "after.mp4"), 10)
            assert np.mean(correction(folder)[..., 3] > 0) < 0.2
            page.locator("#painter .stage").wait_for(state="hidden")
            page.get_by_role("button", name="Paint on it").click()
            paint(page, whole=True)
            until(lambda: len(done_renders(owner, project)) == 3, "the third render")
            assert correction(folder).shape == (*SIZE, 3)
        brown = hue(np.array([0xB0, 0x8A, 0x6E]))
        assert np.linalg.norm(hue(after) - brown) < 0.5 * np.linalg.norm(hue(before) - brown)
        assert owner.plan(project)["references"]["ref_000010"]["frame"] == 10
        first, second = owner.chosen(project)
        assert "ref_000010" not in first
        assert "ref_000010" in second

    def test_a_picture_of_the_frame_is_taken_as_well(
        self, rendered_page: Any, owner: Program, rendered: str, tmp_path: Path
    ) -> None:
        picture = tmp_path / "mine.png"
        blue = np.full((*SIZE, 3), (200, 90, 60), np.uint8)  # BGR
        cv2.imwrite(str(picture), blue)
        page = rendered_page
        page.get_by_role("button", name="Correct a frame").click()
        field = page.locator("#correct-frame input")
        field.wait_for()
        settle(page)  # Gradio writes a field's first value some ms after it is there
        field.fill("2")
        field.press("Tab")
        give(page, "correct-upload", picture)
        page.locator("#correct-upload .file-preview").wait_for()
        expect(field).to_have_value("2")
        before = middle(downloaded(page, tmp_path / "before.mp4"), 2)
        page.click("#correct-save")
        until(lambda: len(done_renders(owner, rendered)) == 2, "the second render")
        after = middle(downloaded(page, tmp_path / "after.mp4"), 2)
        assert hue(after)[2] - hue(before)[2] > 0.05
        assert "ref_000002" in owner.chosen(rendered)[0]


def done_renders(owner: Program, project: str) -> list[Any]:
    jobs = owner.get(f"/jobs?project={project}")["jobs"]
    return [one for one in jobs if one["kind"] == "render" and one["state"] == "done"]


def downloaded(page: Any, path: Path) -> Path:
    address = page.locator("#downloads a").first.get_attribute("href")
    path.write_bytes(fetched(page, address))
    return path


def middle(film: Path, number: int) -> np.ndarray:
    """The mean colour of the middle of a frame, RGB."""
    rows, columns = SIZE[0] // 2, SIZE[1] // 2
    return frame_of(film, number)[rows - 6 : rows + 6, columns - 10 : columns + 10].mean((0, 1))


def hue(color: np.ndarray) -> np.ndarray:
    """A colour without its light: parts of red, green and blue."""
    return color / color.sum()


def paint(page: Any, *, whole: bool = False) -> None:
    """A stroke over the middle of the frame, with the brush and colour that are chosen at first; it is taken."""
    stage = page.locator("#painter .stage")
    stage.wait_for()
    settle(page)
    box = stage.bounding_box()
    start, end = ({"x": part * box["width"], "y": box["height"] / 2} for part in (0.45, 0.55))
    stage.hover(position=start)  # wherever it has moved meanwhile
    page.mouse.down()
    stage.hover(position=end)
    page.mouse.up()
    page.get_by_text("1 stroke").wait_for()
    page.get_by_label("All other colours of this frame are right, too").set_checked(whole)
    page.get_by_role("button", name="Take this, and render again").click()


def correction(folder: Path) -> np.ndarray:
    """What is kept of a correction of frame 10."""
    (file,) = folder.glob("home/users/*/*/references/ref_000010.png")
    return cv2.imread(str(file), cv2.IMREAD_UNCHANGED)


class TestBoard:
    """A board shows a choice at once, and what the server made of it a moment later: each part waits for that."""

    def test_references_are_given_by_keys_and_by_hand(
        self, browser: Any, server: Server, owner: Program, film: Path, references: list[Path], tmp_path: Path
    ) -> None:
        project = owner.begin(film, references)
        assert owner.chosen(project) == [{"meadow"}, {"waves"}]
        with visit(browser, f"{server.address}?film={project}", cookies=owner.cookies) as page:
            hurried = ("Give waves to all shots", "Take meadow from shot 1")
            page.get_by_label(hurried[0]).wait_for()
            page.evaluate("all => all.forEach(one => document.querySelector(`[aria-label='${one}']`).click())", hurried)
            until(lambda: owner.chosen(project) == [{"waves"}, {"waves"}], "all that was chosen in a hurry")
            give_third(page, tmp_path)
            page.locator("summary[aria-label='Choose pictures for shot 1']").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector(".shot details[open] input[value='meadow']")
            page.keyboard.press("Tab")
            expect(page.locator(":focus")).to_have_value("meadow")
            page.keyboard.press("Space")
            until(lambda: owner.chosen(project)[0] == {"meadow", "waves"}, "the choice by keys")
            page.locator(".reference", has_text="meadow").drag_to(page.locator(".shot").nth(1))
            until(lambda: owner.chosen(project)[1] == {"meadow", "waves"}, "the choice by hand")
            page.get_by_label("Take waves from shot 2").click()
            until(lambda: owner.chosen(project)[1] == {"meadow"}, "the one that was taken")
            press_until_gone(page.get_by_label("Remove third"))
        assert owner.chosen(project) == [{"meadow", "waves"}, {"meadow"}]


def press_until_gone(button: Any) -> None:
    """Press as a person does, once more where nothing comes of it.

    Gradio loses a press that arrives while it closes the stream of the one before.
    """
    for _ in range(5):
        button.click()
        with suppress(AssertionError):
            return expect(button).to_have_count(0, timeout=60_000)
    raise AssertionError("five presses came to nothing")


def give_third(page: Any, folder: Path) -> None:
    """One more reference, until the board has it from the new plan."""
    third = folder / "third.png"
    cv2.imwrite(str(third), scene(5, SIZE)[..., ::-1])
    give(page, "reference-upload", third)
    page.locator(".reference", has_text="third").wait_for()


class TestOtherTabs:
    def test_a_photograph(self, page: Any, references: list[Path], tmp_path: Path) -> None:
        photograph = tmp_path / "old.png"
        cv2.imwrite(str(photograph), cv2.imread(str(references[0]))[::3, ::3].mean(-1).astype(np.uint8))
        page.get_by_role("tab", name="Photograph").click()
        page.click("#photograph-run")
        page.get_by_text("Give a photograph, and at least one picture in colour.").wait_for()
        give(page, "photograph", photograph)
        give(page, "photograph-references", references[0])
        for where in ("photograph", "photograph-references"):
            page.locator(f"#{where} .file-preview").wait_for()
        page.click("#photograph-run")
        link = page.locator("#photograph-downloads a").first
        link.wait_for()
        picture = picture_at(page, link.get_attribute("href"))
        assert picture.shape == (180, 320, 3)
        assert colourfulness(picture) > 0.05
        page.locator(".before_after:visible img.color").wait_for()

    def test_the_report(self, page: Any, rendered_page: Any) -> None:
        page.get_by_role("tab", name="Report").click()
        page.get_by_text("The report appears here when the film is rendered.").wait_for()
        rendered_page.get_by_role("tab", name="Report").click()
        report = rendered_page.frame_locator("iframe.report")
        report.get_by_role("heading", name="two.mp4").wait_for()
        assert report.locator("img").count() > 0
        assert report.locator("img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


class TestUsers:
    def test_nobody_sees_the_films_of_others(self, page: Any, server: Server, rendered: str) -> None:
        arrive(page, f"{server.address}?film={rendered}")
        page.get_by_text("Nothing is chosen yet.").wait_for()
        expect(page.locator("#queue .job")).to_have_count(0)
        page.locator("#film-mine input").click()
        expect(page.get_by_role("option")).to_have_count(0)
        answer = page.context.request.get(f"{server.address}api/projects/{rendered}")
        assert answer.status == 404

    def test_names_and_shared_films(self, browser: Any, folder: Path, film: Path) -> None:
        with web_server(folder / "shared", "--shared", "--auth", "ann:one", "--auth", "bob:two") as server:
            assert httpx.get(server.address).status_code == 401
            assert httpx.get(server.address, auth=("ann", "two")).status_code == 401
            with visit(browser, server.address, http_credentials=name("ann", "one")) as page:
                give(page, "film-upload", film)
                page.locator("#film-card .card").wait_for()
                page.wait_for_function("() => location.search.includes('film=')")
                address = page.url
            with visit(browser, address, http_credentials=name("bob", "two")) as page:
                page.locator("#steps").get_by_role("tab", name="Film").click()
                page.locator("#film-card .card").get_by_text("two.mp4").wait_for()


def name(user: str, password: str) -> dict[str, str]:
    return {"username": user, "password": password}


class TestEveryone:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_each_step_and_tab_on_any_screen(
        self, browser: Any, server: Server, owner: Program, rendered: str, theme: str
    ) -> None:
        address = f"{server.address}?film={rendered}&__theme={theme}"
        with visit(browser, address, cookies=owner.cookies) as page:
            page.locator("#downloads a").first.wait_for()
            for accordion in ("Correct a frame", "The same as a command"):
                page.get_by_role("button", name=accordion).click()
            check_screens(page)
            for step in ("Look", "Shots", "Film"):
                go_to(page, step)
                check_screens(page)
            for tab in ("Photograph", "Report"):
                page.get_by_role("tab", name=tab).click()
                check_screens(page)

    def test_the_keyboard_reaches_everything(self, rendered_page: Any) -> None:
        page = rendered_page
        reached = walk(page)
        for wanted in (
            "Render the film",
            "Divider between gray and colour",
            "Correct this frame",
            "Play",
            "two.color.mp4",
        ):
            assert any(wanted in one for one in reached), (wanted, reached)
        press(page, "Back")
        page.locator(".before_after:visible").wait_for()
        reached = walk(page)
        for wanted in ("Divider between gray and colour", "Saturation", "Model", "Try 3 seconds", "Next: render"):
            assert any(wanted in one for one in reached), (wanted, reached)
        press(page, "Back")
        page.locator(".shot_board:visible").wait_for()
        reached = walk(page)
        for wanted in ("upload", "Choose pictures for shot 2", "Give meadow to all shots", "The frame", "Next: look"):
            assert any(wanted in one for one in reached), (wanted, reached)
        press(page, "Back")
        page.locator("#film-card:visible").wait_for()
        with page.expect_file_chooser():
            press(page, "Click to upload", "Enter")
        press(page, "Next: shots")
        page.locator(".shot_board:visible").wait_for()

    def test_a_step_does_not_wait_for_the_queue(self, rendered_page: Any) -> None:
        page = rendered_page
        held: list[Any] = []

        def hold(route: Any) -> None:
            held.append(route)

        page.route("**/queue/join*", hold)
        for shown in (".before_after", ".shot_board", "#film-card"):
            page.get_by_role("button", name="Back", exact=True).locator("visible=true").click()
            page.locator(f"{shown}:visible").wait_for()
        assert held
        for route in held:
            route.continue_()


def check_screens(page: Any) -> None:
    """A screen, wide and narrow."""
    for screen in (DESK, PHONE):
        page.set_viewport_size(screen)
        settle(page)
        assert_fits(page)
        assert nameless(page) == []
        assert_accessible(page)


def nameless(page: Any) -> Any:
    """Controls that a screen reader could not name."""
    return page.locator(":is(input, select, textarea, button):enabled:visible").evaluate_all(
        """all => all.filter(one => !(one.labels?.length || one.ariaLabel || one.title || one.innerText?.trim()
        || one.getAttribute("aria-labelledby"))).map(one => one.outerHTML.slice(0, 160))"""
    )


FOCUSED = """() => { const one = document.activeElement; if (one === document.body) return null;
const labels = [...(one.labels ?? [])].map(label => label.innerText);
return [one.ariaLabel, one.innerText, ...labels].filter(Boolean).join(" / "); }"""


def walk(page: Any) -> list[str]:
    """What Tab reaches from the top, as it is named."""
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.mouse.click(2, 2)
    reached: list[str] = []
    for _ in range(120):
        page.keyboard.press("Tab")
        now = page.evaluate(FOCUSED)
        if now is None:
            break
        reached.append(now)
    return reached


def press(page: Any, wanted: str, key: str = "Space") -> None:
    """Tab from the top to a control, and press it."""
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.mouse.click(2, 2)
    for _ in range(120):
        page.keyboard.press("Tab")
        if wanted in (page.evaluate(FOCUSED) or ""):
            page.keyboard.press(key)
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def test_no_page_may_ask_other_hosts(browser: Any, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    arrived: list[str] = []
    context.route("https://**", lambda route: (arrived.append(route.request.url), route.abort()))
    arrive(page, server.address)
    refused = page.evaluate(
        """() => new Promise(done => {
        document.addEventListener("securitypolicyviolation", one => done([one.effectiveDirective, one.blockedURI]));
        fetch("https://example.org/").catch(() => setTimeout(() => done(null), 3000)); })"""
    )
    context.close()
    assert refused == ["connect-src", "https://example.org/"]
    assert not arrived
