"""What a stopped render kept is checked before it is believed; damage is painted again, to the same bytes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save as save_state

from kinemacolor.errors import InputError, ResourceError
from kinemacolor.inference.engines.choice import Runtime
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.quantization import quantize_prediction
from kinemacolor.plan.document import Plan
from kinemacolor.rendering import cache, painting
from kinemacolor.rendering.cache import PassFolder, WorkFolder
from kinemacolor.rendering.passes import PAINTING_FORMAT
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.utils.threads import choose_painting_threads
from support.renders import append_segment, break_after_check
from support.small_renders import FRAMES, SEGMENT, Recall, render_small, short_segments, small_plan, stopped_render

__all__ = ["short_segments"]
pytestmark = pytest.mark.usefixtures("short_segments")

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "zeros": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "bit": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :],
    "not utf-8": lambda data: b"\xff\xfe" + data,
    "other": lambda data: b"100000",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return small_plan(tmp_path / "project")


@pytest.fixture
def whole(path: Path, tmp_path: Path) -> bytes:
    """The result of a render that nothing disturbed."""
    copy = shutil.copytree(path.parent, tmp_path / "undisturbed")
    render_small(copy / path.name)
    return (copy / "out.mkv").read_bytes()


def kept_files(path: Path) -> list[Path]:
    return sorted(file for file in path.with_name("film.plan.work").rglob("*") if file.is_file())


def change_lines(path: Path, change: Callable[[dict[str, object]], dict[str, object]]) -> None:
    """Change all lines of all journals."""
    for journal in path.with_name("film.plan.work").glob("passes/*/journal.jsonl"):
        rows = [change(dict(row)) for row in cache.iter_checked_lines(journal) if row]
        cache.write_checked_lines(journal, rows)


@pytest.mark.parametrize("damage", DAMAGES)
def test_any_damaged_file_is_painted_again_to_the_same_bytes(path: Path, whole: bytes, damage: str) -> None:
    stopped_render(path, 20)
    work, before = path.with_name("film.plan.work"), path.with_name("before")
    work.rename(before)
    path.with_name("out.partial.mkv").unlink()
    names = [file.relative_to(before) for file in before.rglob("*") if file.is_file() and file.name != "lock"]
    assert {one.suffix for one in names} >= {".mkv", ".safetensors", ".jsonl"}
    for name in names:
        shutil.copytree(before, work)
        (work / name).write_bytes(DAMAGES[damage]((work / name).read_bytes()))
        report = render_small(path, overwrite=True)
        assert path.with_name("out.mkv").read_bytes() == whole, name
        is_told = any("damaged: painted again" in warning for warning in report.warnings)
        last_state = name.name == f"{len(list((before / name).parent.glob('*.mkv'))):06d}.state.safetensors"
        if name.suffix == ".mkv" or last_state:
            assert is_told, name
        shutil.rmtree(work)


@pytest.mark.parametrize("kind", [".mkv", ".safetensors", ".jsonl", "everything"])
def test_all_of_a_kind_lost_is_painted_again(path: Path, whole: bytes, kind: str) -> None:
    stopped_render(path, 20)
    for file in kept_files(path):
        if kind in ("everything", file.suffix):
            file.unlink()
    render_small(path, overwrite=True)
    assert path.with_name("out.mkv").read_bytes() == whole


def test_a_finished_work_folder_with_holes_is_filled(path: Path, whole: bytes) -> None:
    assert render_small(path).painted > FRAMES
    for file in sorted(path.with_name("film.plan.work").glob("passes/*/*.mkv"))[::2]:
        file.write_bytes(b"damaged")
    report = render_small(path, "again.mkv")
    assert path.with_name("again.mkv").read_bytes() == whole
    assert 0 < report.painted < FRAMES
    assert any("stored pieces in" in warning for warning in report.warnings)
    assert render_small(path, "third.mkv").painted == 0


def test_a_segment_that_breaks_while_it_is_rendered_is_painted_again(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only up to that segment: those after it are read."""
    render_small(path)
    broken, painter = break_after_check(monkeypatch, "000001.mkv"), Recall()
    render_small(path, "again.mkv", painter)
    assert path.with_name("again.mkv").read_bytes() == whole
    assert 0 < painter.seen <= 2 * SEGMENT * len(broken)


def test_strangers_in_a_work_folder_hurt_nobody_and_stay(path: Path, whole: bytes) -> None:
    stopped_render(path, 8)
    work = path.with_name("film.plan.work")
    strange = [work / "passes" / ".DS_Store", work / "passes" / "notes", *(work.glob("passes/*/.."))][:2]
    for stranger in strange:
        stranger.write_text("mine")
    for folder in [one for one in (work / "passes").iterdir() if one.is_dir()]:
        (folder / "Thumbs.db").write_text("mine")
    (work / "threads").write_text("100000")  # of a version before
    outside = path.with_name("outside")
    outside.mkdir()
    (outside / "keep").write_text("mine")
    (work / "passes" / ("0" * 24)).symlink_to(outside)
    render_small(path, overwrite=True)
    assert path.with_name("out.mkv").read_bytes() == whole
    assert all(stranger.read_text() == "mine" for stranger in strange)
    assert (outside / "keep").exists()


def test_lines_of_wrong_types_do_not_count(tmp_path: Path) -> None:
    rows = [{}, {"segment": 0}, {"segment": "0", "frames": 3, "sha256": "a", "threads": 1, "state": None}]
    rows += [{"segment": 0, "frames": 3, "sha256": 5, "threads": 1, "state": None}]
    rows += [{"segment": 0, "frames": 3, "sha256": "a", "threads": threads, "state": None} for threads in (0, 100000)]
    cache.write_checked_lines(tmp_path / "journal.jsonl", rows)
    assert PassFolder(tmp_path, 6).segment_count == 0
    (tmp_path / "journal.jsonl").write_bytes(b"\xff\xff\n[]\n" + b"[" * 100_000 + b"\n1\n" + b"9" * 10_000)
    assert PassFolder(tmp_path, 6).segment_count == 0
    assert WorkFolder(tmp_path).torch_threads == choose_painting_threads()


@pytest.mark.parametrize("state", [{}, {"total": torch.zeros(2, 3)}, {"film.luma": torch.zeros(1, 1)}])
def test_a_state_of_another_model_is_not_taken(
    path: Path, whole: bytes, state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cache, "save", lambda tensors: save_state(state))
        stopped_render(path, 8)
    render_small(path, overwrite=True)
    assert path.with_name("out.mkv").read_bytes() == whole


def test_the_number_of_threads_is_kept_with_the_work(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_render(path, 8)
    work, before, painted = (
        WorkFolder(path.with_name("film.plan.work")),
        torch.get_num_threads(),
        choose_painting_threads(),
    )
    monkeypatch.setattr(cache, "choose_painting_threads", lambda: painted + 1)  # as on another machine
    assert work.torch_threads == painted
    with work.pin_torch_threads():
        assert torch.get_num_threads() == painted
    assert torch.get_num_threads() == before


def test_what_is_forgotten_decides_no_number_of_threads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_render(path, 8)
    change_lines(path, lambda row: row | {"engine": "openvino", "threads": 3})
    used = list[int]()
    forward = Recall.forward
    monkeypatch.setattr(
        Recall, "forward", lambda *given, **more: used.append(torch.get_num_threads()) or forward(*given, **more)
    )
    told = render_small(path, engine="torch", overwrite=True).warnings
    assert any("painted again with torch" in warning for warning in told)
    assert set(used) == {choose_painting_threads()}


def test_what_a_device_painted_that_is_gone_is_painted_again(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    stopped_render(path, 8)
    work = WorkFolder(path.with_name("film.plan.work"))
    assert work.find_runtimes() == [Runtime("torch", "cpu")]
    change_lines(path, lambda row: row | {"device": "cuda"})
    report = render_small(path, overwrite=True)
    told = f"what torch on cuda painted in {work.folder} is painted again with torch on cpu"
    assert told in report.warnings
    assert report.settings["device"] == "cpu"
    assert work.find_runtimes() == [Runtime("torch", "cpu")]
    assert path.with_name("out.mkv").read_bytes() == whole


def test_a_stopped_run_goes_on_with_its_device_unless_another_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_render(path, 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # as on another machine
    plan, work = Plan.read(path), path.with_name("film.plan.work")
    auto, named, numbered = (RenderPlan(plan, Recall(), work, device=one) for one in ("auto", "cuda", "cuda:1"))
    assert (auto.device, auto.work.runtime) == ("cpu", Runtime("torch", "cpu"))
    assert (numbered.device, numbered.work.runtime) == ("cuda:1", named.work.runtime)
    assert "what torch on cpu painted" in str(named.work.claim_runtime())
    assert not named.frames_painted


def test_what_a_version_painted_that_named_no_device_goes_on(path: Path, whole: bytes) -> None:
    stopped_render(path, 8)
    change_lines(path, lambda row: {name: value for name, value in row.items() if name != "device"})
    report = render_small(path, overwrite=True)
    assert report.painted < RenderPlan(Plan.read(path), Recall(), path.with_name("empty")).frames_to_paint
    assert not any("painted again" in warning for warning in report.warnings)
    assert path.with_name("out.mkv").read_bytes() == whole
    found = WorkFolder(path.with_name("film.plan.work")).find_runtimes()
    assert found == [Runtime("torch", "cpu"), Runtime("torch")]


def test_what_another_version_painted_is_told(path: Path) -> None:
    stopped_render(path, 8)
    work = path.with_name("film.plan.work")
    for text, told in ((str(PAINTING_FORMAT - 1), 1), ("\0\0", 0)):
        (work / "format").write_text(text)
        warnings = render_small(path, overwrite=True).warnings
        assert sum("another version" in warning for warning in warnings) == told


def test_descriptors_that_run_out_lose_nothing(path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be opened now is not taken for damaged."""
    stopped_render(path, 20)
    kept = {file: file.read_bytes() for file in kept_files(path) if "passes" in file.parts}
    with monkeypatch.context() as patch:

        def refuse(file: Path) -> bytes:
            raise OSError(24, "Too many open files")

        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(ResourceError, match="too many open files"):
            PassFolder(next(iter(kept)).parent, FRAMES).remove_damage()
    assert {file: file.read_bytes() for file in kept} == kept


def test_a_report_of_damaged_work_says_what_to_do(path: Path) -> None:
    render_small(path)
    plan = Plan.read(path)
    job = RenderPlan(plan, Recall(), path.with_name("film.plan.work"))
    one = job.passes[0]
    folder = job.work.pass_folder(one.digest, len(one))
    next(folder.folder.glob("*.mkv")).write_bytes(b"x")
    with pytest.raises(InputError, match="missing or damaged: render again"):
        folder.read_segment(0)


def test_only_two_states_are_kept(path: Path) -> None:
    for _ in range(4):
        stopped_render(path, 5, overwrite=True)
        for folder in path.with_name("film.plan.work").glob("passes/*"):
            assert len(list(folder.glob("*.safetensors"))) <= 2
    assert painting.SEGMENT_FRAMES == 3


def test_a_repair_leaves_the_states_that_another_process_has_stored_since(tmp_path: Path) -> None:
    shape = (4, 6)
    one = ColorPrediction(np.zeros((*shape, 2), np.float32), np.ones(shape, np.float32))
    here, painting_on = PassFolder(tmp_path, 12), PassFolder(tmp_path, 12)
    append_segment(here, [one] * 2, {"total": torch.tensor([0.0])})
    painting_on.reload_journal()
    for number in range(1, 5):
        append_segment(painting_on, [one] * 2, {"total": torch.tensor([float(number)])})
    here.forget_segment(0)
    here.store_segment(0, [quantize_prediction(one)] * 2, {"total": torch.tensor([0.0])})
    here.reload_journal()
    assert [start.segments for start in here.iter_starts(5)][:2] == [5, 4]


def test_what_is_needed_to_go_on_travels(tmp_path: Path) -> None:
    """As workers of a cluster without a shared disk have it."""
    shape = (4, 6)
    one = ColorPrediction(np.zeros((*shape, 2), np.float32), np.ones(shape, np.float32))
    here, there = PassFolder(tmp_path / "here", 6), PassFolder(tmp_path / "there", 6)
    assert here.export_files(-1) == {}
    for number in (1.0, 2.0):
        append_segment(here, [one] * 2, {"total": torch.tensor([number])})
    there.import_files(here.export_files(1))
    (start,) = there.iter_starts(2)
    assert (start.segments, float(start.state["total"])) == (2, 2.0)
    there.store_segment(2, [quantize_prediction(one)] * 2, {"total": torch.tensor([3.0])})
    here.import_files(there.export_files(2))
    assert here.is_complete
    assert [len(here.read_segment(number)) for number in range(3)] == [2, 2, 2]
    assert not list(here.folder.glob("*.safetensors"))
    assert here.remove_damage() == 0
