"""The whole job, as somebody who restores a film sees it: a real browser, a real server, a real film."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kinemacolor.verification.verify import verify_film
from support.browser import settle
from support.page_user import drop, go_to_frame, in_color, opened_film, queue, shots, stroke
from support.waiting import PATIENCE, until
from support.web_page import (
    SIZE,
    Program,
    Server,
    colourfulness,
    frame_of,
    picture_at,
    visit,
    web_server,
    write_two_shots,
)

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def long_film(folder: Path) -> Path:
    """Four shots: long enough to be stopped."""
    return write_two_shots(folder / "long.mp4", 24, repeats=2)


def downloaded(page: Any, link: Any, folder: Path) -> Path:
    with page.expect_download() as download:
        link.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def result_link(page: Any, name: str) -> Any:
    return page.get_by_role("region", name="Results").get_by_role("link", name=f"Download {name}", exact=True)


class TestWholeJob:
    """From a film on somebody's disk to the film in colour."""

    def test_three_clicks_after_the_drop(
        self, browser: Any, folder: Path, film: Path, references: list[Path], tmp_path: Path
    ) -> None:
        with web_server(folder / "new") as server, visit(browser, server) as page:
            page.get_by_text("Drop a film and its pictures here").wait_for()
            check_first_view(page)
            page.evaluate("addEventListener('click', () => (window.clicks = (window.clicks ?? 0) + 1), true)")
            drop(page, film, *references)
            project = opened_film(page)
            in_color(page).wait_for()
            assert colourfulness(picture_at(page, in_color(page).get_attribute("src"))) > 0.03
            expect(shots(page)).to_have_count(2)
            page.get_by_role("button", name="Render film").click()
            page.get_by_role("button", name="Render the film").click()
            link = result_link(page, "two.color.mp4")
            link.wait_for()
            result = downloaded(page, link, tmp_path)
            assert page.evaluate("window.clicks") <= 3
            assert all(check.passed for check in verify_film(film, result))
            owner = Program(server)
            assert owner.chosen(project) == [{"meadow"}, {"waves"}]
            run_as_command(page, film, result, tmp_path)


def check_first_view(page: Any) -> None:
    """It is quick to load also over a slow line."""
    settle(page)
    sizes = page.evaluate(
        """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
        .map((one) => one.encodedBodySize)"""
    )
    assert len(sizes) + 1 <= 15, "and one that tells what changes, which does not end"
    assert sum(sizes) <= 150_000


def run_as_command(page: Any, film: Path, result: Path, tmp_path: Path) -> None:
    """The same job in a terminal makes the same film."""
    page.get_by_text("More", exact=True).locator("visible=true").click()
    page.get_by_role("button", name="The same as a command line").click()
    field = page.get_by_label("The same as a command line")
    expect(field).to_have_value(re.compile("^kinemacolor render"))
    command = shlex.split(field.input_value())
    again = tmp_path / "again.mp4"
    command[command.index("-o") + 1] = str(again)
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, timeout=PATIENCE)
    assert all(check.passed for check in verify_film(film, again))
    assert np.array_equal(frame_of(again, 3), frame_of(result, 3))


class TestJobs:
    def test_a_render_is_stopped_and_goes_on(
        self, browser: Any, server: Server, owner: Program, long_film: Path, references: list[Path]
    ) -> None:
        project = owner.begin(long_film, references, short_side=SIZE[0])
        with visit(browser, server, f"films/{project}?panel=render") as page:
            page.get_by_role("button", name="Render the film").click()
            until(lambda: done_frames(page) > 8, "some frames")
            queue(page).get_by_role("button", name="Stop", exact=True).click()
            kept = page.get_by_text(re.compile(r"\d+ of 96"))
            page.get_by_role("button", name="Resume", exact=True).wait_for()
            kept.locator("visible=true").first.wait_for()
            expect(result_link(page, "long.color.mp4")).to_have_count(0)
            page.get_by_role("button", name="Resume", exact=True).click()
            result_link(page, "long.color.mp4").wait_for()
        owner.ended(project, "render")

    def test_the_tab_may_close_and_the_server_die(
        self, browser: Any, folder: Path, long_film: Path, references: list[Path]
    ) -> None:
        home = folder / "mortal"
        with web_server(home) as server:
            project = Program(server).begin(long_film, references, short_side=SIZE[0])
            address = f"films/{project}?panel=render"
            with visit(browser, server, address) as page:
                page.get_by_role("button", name="Render the film").click()
                until(lambda: done_frames(page) > 0, "a frame")
            with visit(browser, server, address) as page:
                until(lambda: done_frames(page) > 8, "some frames")
            server.process.kill()
            server.process.wait()
        with web_server(home, "--port", server.port) as again, visit(browser, again, address) as page:
            result_link(page, "long.color.mp4").wait_for()


def done_frames(page: Any) -> int:
    """Frames that the queue says it has coloured."""
    found = re.search(r"Colouring (\d+) of", queue(page).inner_text())
    return int(found[1]) if found else 0


class TestCorrect:
    def test_strokes_are_seen_on_other_frames_and_lead_the_shot(
        self, browser: Any, server: Server, owner: Program, film: Path, references: list[Path]
    ) -> None:
        project = owner.begin(film, references, short_side=SIZE[0])
        with visit(browser, server, f"films/{project}?panel=correct") as page:
            go_to_frame(page, 10)
            page.get_by_role("button", name="Brick", exact=True).click()
            stroke(page, [(0.2, 0.3), (0.8, 0.3), (0.8, 0.7), (0.2, 0.7)])
            spread = page.get_by_role("list", name="How the strokes spread")
            pictures = spread.get_by_role("img", name="after")
            until(lambda: pictures.count() >= 3, "the spread")
            assert owner.chosen(project) == [{"meadow"}, {"waves"}]
            others = spread.get_by_role("listitem").filter(has_not_text="here")
            before, pictures = (others.get_by_role("img", name=name) for name in ("before", "after"))
            for one, other in zip(before.all(), pictures.all(), strict=True):
                change = picture_at(page, one.get_attribute("src")) - picture_at(page, other.get_attribute("src"))
                assert np.abs(change).mean() > 0.5
            page.get_by_role("button", name="Keep", exact=True).click()
            until(lambda: len(owner.chosen(project)[1]) == 2, "the painted frame among the shot's pictures")
            assert "ref_000010" in owner.chosen(project)[1]
            assert "ref_000010" not in owner.chosen(project)[0]
            page.get_by_role("button", name=re.compile("^Undo: ")).click()
            until(lambda: owner.chosen(project)[1] == {"waves"}, "the plan as it was")


class TestPhotograph:
    def test_from_the_drop_to_the_picture(
        self, browser: Any, server: Server, references: list[Path], tmp_path: Path
    ) -> None:
        photograph = tmp_path / "old.png"
        cv2.imwrite(str(photograph), cv2.imread(str(references[0]))[::3, ::3].mean(-1).astype(np.uint8))
        with visit(browser, server) as page:
            page.get_by_role("button", name="Choose files").wait_for()
            drop(page, photograph, references[0])
            opened_film(page)
            in_color(page).wait_for()
            page.get_by_role("button", name="Save picture").click()
            page.get_by_role("button", name="Render the picture").click()
            link = page.get_by_role("region", name="Results").get_by_role("link", name="Download old").first
            link.wait_for()
            picture = cv2.imread(str(downloaded(page, link, tmp_path)))
        assert picture.shape == (180, 320, 3)
        assert colourfulness(picture.astype(int)) > 0.05
