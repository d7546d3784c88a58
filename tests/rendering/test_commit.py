"""Every moment of the protocol has a way on: a run that is killed there goes on to the same bytes, or is done."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.options import DeliveryOptions, EncodingOptions, RenderOptions
from kinemacolor.plan import frame_encoder
from kinemacolor.plan.document import Plan
from kinemacolor.plan.similarity import FrameEmbedding
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.commit import COMMIT_FILE, PARTIALS_FILE, OutputClaim, find_own_partials
from kinemacolor.rendering.one_shot import REQUEST_NOTE, ColorizeRequest, ColorizeRun, run_request
from kinemacolor.rendering.output import OutputSpec, find_finished_render, make_output_spec
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.utils.checked_files import write_checked_json
from kinemacolor.utils.files import compute_file_sha256
from support.bags import find_bag_faults
from support.small_renders import LOSSLESS, Recall, render_small, short_segments, small_plan, stopped_render

__all__ = ["short_segments"]
pytestmark = pytest.mark.usefixtures("short_segments", "home")

WRITES = [(os, "fsync"), (shutil, "rmtree")]
WRITES += [(Path, name) for name in ("replace", "unlink", "mkdir", "rmdir", "touch", "write_text", "write_bytes")]
THREE = ("out.mkv", "layer.mkv", "sure.mkv")
MADE = ("out.mkv", "out.mkv.kinemacolor.json")


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(number: int) -> Iterator[list[int]]:
    """Let this many calls through that change something on disk; then the process can do nothing any more."""
    done = [0]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in WRITES:
            patch.setattr(owner, name, _counted(getattr(owner, name), done, number))
        yield done


def _counted(call: Callable[..., Any], done: list[int], number: int) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        done[0] += 1
        if done[0] > number:
            raise Killed
        return call(*given, **named)

    return counted


def rendered_three(path: Path) -> RenderReport:
    """As the command line does it."""
    one, two, three = map(path.with_name, THREE)
    spec = OutputSpec(one, LOSSLESS, two, three)
    work = path.with_name("film.plan.work")
    return find_finished_render(Plan.read(path), spec, work) or render_small(path, layer=two, confidence=three)


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder; of a record without the date, the one thing that differs between equal jobs."""
    files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    found = {name: file.read_bytes() for name, file in files.items() if ".work/" not in name}
    return {name: re.sub(rb'"made_utc": "[^"]*"', b"", content) for name, content in found.items()}


def killed_everywhere(folder: Path, run: Callable[[Path], object], made: tuple[str, ...], step: int = 1) -> int:
    """Kill ``run`` at every write; each time it is repeated until it is done. Gives how many moments there are."""
    clean = shutil.copytree(folder, folder.with_name("clean"))
    run(clean)
    expected = contents(clean)
    assert set(made) <= expected.keys()
    number = 0
    while True:
        at = shutil.copytree(folder, folder.with_name("at"))
        try:
            with killed_at(number):
                run(at)
        except Killed:
            pass
        else:
            return number
        run(at)
        found = contents(at)
        assert found.keys() == expected.keys(), number
        assert all(found[name] == expected[name] for name in made), number
        run(at)  # it is done, and says so
        shutil.rmtree(at)
        shutil.rmtree(os.environ["KINEMACOLOR_HOME"], ignore_errors=True)
        number += step


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_render_killed_at_any_write_goes_on(tmp_path: Path, step: int) -> None:
    folder = small_plan(tmp_path / "project", 12).parent
    made = *THREE, "out.mkv.kinemacolor.json"
    assert killed_everywhere(folder, lambda at: rendered_three(at / "film.plan.json"), made, step) > 40


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pictures are alike."""

    class Same:
        def encode_frame(self, gray: np.ndarray) -> FrameEmbedding:
            return FrameEmbedding(torch.ones(1, 1), torch.ones(1))

    monkeypatch.setattr(frame_encoder, "make_frame_encoder", lambda *given: Same())


def one_request(folder: Path, name: str = "out.mkv", **changes: Any) -> ColorizeRequest:
    given = {"options": RenderOptions(short_side=64), "encoding": LOSSLESS} | changes
    return ColorizeRequest(folder / "film.mkv", (ReferenceSpec(folder / "key.png"),), folder / name, **given)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_one_shot_killed_at_any_write_goes_on(tmp_path: Path, no_network: None, step: int) -> None:
    folder = small_plan(tmp_path / "project", 12).parent
    moments = killed_everywhere(folder, lambda at: run_request(one_request(at), Recall()), MADE, step)
    assert moments > 30
    found = sorted(file.suffix for file in (tmp_path / "clean").iterdir())
    assert found == [".json", ".json", ".mkv", ".mkv", ".png", ".png"]


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_one_shot_into_a_bag_killed_at_any_write_goes_on(tmp_path: Path, no_network: None, step: int) -> None:
    folder = small_plan(tmp_path / "project", 12).parent

    def run(at: Path) -> RenderReport:
        spec = make_output_spec(Path("out.mkv"), EncodingOptions(archive=True), DeliveryOptions(bag=at / "bag"))
        given = {"encoding": spec.encoding, "delivery": spec.delivery}
        return run_request(one_request(at, "bag/data/out.mkv", **given), Recall())

    assert killed_everywhere(folder, run, ("bag/data/out.mkv", "bag/bagit.txt"), step) > 50
    assert not find_bag_faults(tmp_path / "clean" / "bag")


@pytest.mark.parametrize("number", range(8))
def test_killed_in_the_commit_and_while_it_is_cleaned_up(tmp_path: Path, no_network: None, number: int) -> None:
    """Counted from the end, where it matters most."""
    folder = small_plan(tmp_path / "project", 4).parent
    with killed_at(10**9) as done:
        run_request(one_request(shutil.copytree(folder, tmp_path / "clean")), Recall())
    shutil.rmtree(os.environ["KINEMACOLOR_HOME"])
    with pytest.raises(Killed), killed_at(done[0] - 1 - number):
        run_request(one_request(folder), Recall())
    run_request(one_request(folder), Recall())
    assert contents(folder) == contents(tmp_path / "clean")
    assert not (folder / "out.mkv.work").exists()


def test_a_finished_job_says_so_and_any_other_is_refused(tmp_path: Path, no_network: None) -> None:
    folder = small_plan(tmp_path / "project", 4).parent
    made = run_request(one_request(folder), Recall())
    run = ColorizeRun(one_request(folder))
    assert run.finished
    assert (run.finished.result, run.finished.frames) == (made.result, 4)
    with pytest.raises(ValueError, match="nothing to write"):
        _ = run.output_setup
    with pytest.raises(UsageError, match="exists"):
        ColorizeRun(one_request(folder, options=RenderOptions(short_side=72)))
    assert ColorizeRun(one_request(folder, overwrite=True)).finished is None
    (folder / "out.mkv").write_bytes((folder / "out.mkv").read_bytes() + b"edited")
    with pytest.raises(UsageError, match="exists"):
        ColorizeRun(one_request(folder))


def test_a_finished_render_is_another_one_once_its_plan_or_pictures_change(tmp_path: Path) -> None:
    path = small_plan(tmp_path / "project", 4)
    made = rendered_three(path)
    assert rendered_three(path).seconds == made.seconds
    (path.with_name("still.png")).write_bytes((path.with_name("key.png")).read_bytes())
    with pytest.raises(UsageError, match="exists"):
        rendered_three(path)


def test_a_name_that_is_taken_while_it_is_rendered_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_plan(tmp_path / "project", 4)

    class Slow(Recall):
        def forward(self, *given, **named):  # type: ignore[no-untyped-def]
            path.with_name("out.mkv").write_text("mine")
            return super().forward(*given, **named)

    with pytest.raises(UsageError, match=r"out\.mkv exists now: the whole result lies at .*out\.partial\.mkv"):
        render_small(path, model=Slow())
    assert path.with_name("out.mkv").read_text() == "mine"
    path.with_name("out.mkv").unlink()
    spec = OutputSpec(path.with_name("out.mkv"), LOSSLESS)
    assert find_finished_render(Plan.read(path), spec, path.with_name("film.plan.work"))
    assert path.with_name("out.mkv").stat().st_size > 1000


def test_notes_say_nothing_of_other_files(tmp_path: Path) -> None:
    """Names in a work folder are not followed, whatever they are."""
    path = small_plan(tmp_path / "project", 4)
    work, mine = path.with_name("film.plan.work"), tmp_path / "mine"
    mine.mkdir()
    (mine / "keep").write_text("mine")
    work.mkdir()
    names = [str(mine), "../../mine", str(path), "../film.mkv", "a\0b", 5, None]
    for content in ({"partials": names}, {"partials": "x"}, {}):
        write_checked_json(work / PARTIALS_FILE, content)
        assert find_own_partials(OutputClaim("", (path.with_name("out.mkv"),), False, work)) == []
    (work / PARTIALS_FILE).write_text(json.dumps(names))
    record = {"request": "x", "results": [str(mine)], "report": {}}
    write_checked_json(work / COMMIT_FILE, record)
    render_small(path)
    assert (mine / "keep").read_text() == "mine"
    assert path.is_file()
    assert path.with_name("film.mkv").is_file()


def test_a_partial_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    path = small_plan(tmp_path / "project", 4)
    stopped_render(path, 2)
    path.with_name("out.partial.mkv").unlink(missing_ok=True)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    path.with_name("out.partial.mkv").symlink_to(precious)
    with pytest.raises(UsageError, match="is a link"):
        render_small(path)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("how", ["moved", "copied", "renamed"])
def test_a_project_that_moves_goes_on(tmp_path: Path, no_network: None, how: str) -> None:
    path = small_plan(tmp_path / "project", 12)
    stopped_render(path, 14)
    with pytest.raises(KeyboardInterrupt):
        run_request(one_request(path.parent, "one.mkv"), Recall(6))
    for note in path.parent.glob("*.work/**/*.json*"):
        assert str(tmp_path) not in note.read_text()
    there = tmp_path / ("elsewhere" if how != "renamed" else "project 2")
    (shutil.copytree if how == "copied" else shutil.move)(path.parent, there)
    model, again = Recall(), Recall()
    assert render_small(there / path.name, "out.mkv", model).painted < 12
    assert 0 < model.seen < 12
    assert run_request(one_request(there, "one.mkv"), again).frames == 12
    assert 0 < again.seen < 12


def test_folders_that_are_not_ours_stay(tmp_path: Path, no_network: None) -> None:
    folder = small_plan(tmp_path / "project", 4).parent
    work = folder / "out.mkv.work"
    work.mkdir()
    (work / "letters").write_text("mine")
    with pytest.raises(UsageError, match="needed and not ours"):
        ColorizeRun(one_request(folder))
    (work / "letters").rename(work / f".{'0' * 32}.new")  # a run was killed when it wrote its first note
    run_request(one_request(folder), Recall())
    assert not work.exists()


@pytest.mark.parametrize("damage", [b"", b"\xff", b"looking", b"[" * 50_000, b'{"request": 1}'])
def test_a_damaged_note_has_the_plan_made_again(tmp_path: Path, no_network: None, damage: bytes) -> None:
    folder = small_plan(tmp_path / "project", 12).parent
    with pytest.raises(KeyboardInterrupt):
        run_request(one_request(folder), Recall(8))
    for name in (REQUEST_NOTE, "plan.json"):
        (folder / "out.mkv.work" / name).write_bytes(damage)
        run = ColorizeRun(one_request(folder))
        assert run.make_plan(Recall()).film.frames == 12
    report = run.render(run.make_plan(Recall()), Recall())
    assert any("plan kept in" in warning for warning in report.warnings)
    assert report.painted < 12


def test_a_disk_that_refuses_at_any_write_is_told_and_keeps_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full, closed or out of descriptors: exit code 6, and the same again goes on."""
    folder = small_plan(tmp_path / "project", 4).parent
    clean = shutil.copytree(folder, tmp_path / "clean")
    render_small(clean / "film.plan.json")
    fsync, numbers = os.fsync, iter((28, 30, 24, 5) * 50)
    for number in range(100):
        calls = [0]

        def refuse(descriptor: int, calls: list[int] = calls, number: int = number) -> None:
            calls[0] += 1
            if calls[0] > number:
                raise OSError(next(numbers), "refused")
            fsync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            try:
                render_small(folder / "film.plan.json")
            except ResourceError:
                continue
        break
    assert 3 < number < 99
    assert (folder / "out.mkv").read_bytes() == (clean / "out.mkv").read_bytes()


def test_a_record_becomes_final_with_its_film(tmp_path: Path) -> None:
    """The report of a version before goes with its result; a file of a person's that has its name stays."""
    path = small_plan(tmp_path / "project", 4)
    report, record = path.with_name("out.mkv.json"), path.with_name("out.mkv.kinemacolor.json")
    report.write_text('{"mine": 1}')
    render_small(path)
    assert report.read_text() == '{"mine": 1}'
    assert json.loads(record.read_text())["results"][0]["sha256"] == compute_file_sha256(path.with_name("out.mkv"))
    report.write_text('{"source": "", "result": "", "mean_confidence": 1, "filled_by_shot": []}')
    record.write_text("old")
    render_small(path, overwrite=True)
    assert not report.exists()
    assert json.loads(record.read_text())["results"][0]["name"] == "out.mkv"
    assert not list(path.parent.glob("*partial*"))


def test_a_record_is_not_written_over_and_not_needed(tmp_path: Path, no_network: None) -> None:
    folder = small_plan(tmp_path / "project", 4).parent
    record = folder / "out.mkv.kinemacolor.json"
    record.write_text("mine")
    with pytest.raises(UsageError, match=r"kinemacolor\.json exists"):
        run_request(one_request(folder), Recall())
    record.unlink()
    run_request(one_request(folder), Recall())
    made = record.read_bytes()
    record.unlink()
    assert ColorizeRun(one_request(folder)).finished
    assert record.read_bytes() == made
    record.write_text("edited")
    assert ColorizeRun(one_request(folder)).finished
    assert record.read_text() == "edited"
    (folder / "out.mkv").unlink()
    with pytest.raises(UsageError, match=r"json exists, left of an earlier out\.mkv: move or delete it, name another"):
        ColorizeRun(one_request(folder))
    assert run_request(one_request(folder, overwrite=True), Recall()).frames == 4
    assert record.read_bytes() != b"edited"
