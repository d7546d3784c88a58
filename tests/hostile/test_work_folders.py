"""A stopped job whose folder was damaged meanwhile: the same bytes in the end, or a word of ours."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.laws import WHOLE, Ending, find_any_ending, find_strays, fingerprint, judge
from support.quick_jobs import FRAMES, SEGMENT_FRAMES, QuickJob, StoppedError, make_quick_job, stop_after
from support.quick_model import quick_model

LETTER = "keep me"
PIECES = ("journal.jsonl", ".mkv", ".safetensors", "plan.json")  # what is painted or planned, and can be again


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path, place: int | None = None) -> None:
    data = bytearray(path.read_bytes() or b" ")
    data[len(data) * 3 // 5 if place is None else place] ^= 0xFF
    path.write_bytes(bytes(data))


def _flip_first_value(path: Path) -> None:
    """Turn over a byte of the first number behind the header of a file of tensors: it stays well formed."""
    header = int.from_bytes(path.read_bytes()[:8], "little")
    _flip(path, 8 + header + 2 if path.suffix == ".safetensors" else 0)


def _end_in_zeros(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, size // 2)
    os.truncate(path, size)


def _become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _become_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(_root_of(path) / "precious" / "letter.txt")


def _root_of(path: Path) -> Path:
    return next(folder for folder in path.parents if (folder / "precious").is_dir())


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": _cut,
    "empty": lambda path: path.write_bytes(b""),
    "flip": _flip,
    "flip in front": _flip_first_value,
    "zeros": _end_in_zeros,
    "gone": Path.unlink,
    "folder": _become_folder,
    "link": _become_link,
    "foreign": lambda path: path.write_bytes(b"\xff\xfe\x00 no text \x80\n" * 4),
    "other JSON": lambda path: path.write_text('\n[1, 2]\n{"segment": 0}\n{"a": null}\n'),
    "huge": lambda path: path.write_text("9" * 5000),
}


@dataclass(frozen=True)
class Stopped:
    """A job that was stopped, kept aside as it was then, and the results of one that was not."""

    job: QuickJob
    kept: Path
    whole: dict[str, bytes]
    verb: str

    def bring_back(self) -> None:
        """Let the folder of the results be again as the stopped job left it."""
        shutil.rmtree(self.job.out)
        shutil.copytree(self.kept, self.job.out, symlinks=True)

    def go_on(self) -> Ending:
        """Do the job again."""
        return find_any_ending(getattr(self.job, self.verb))

    @property
    def files(self) -> list[Path]:
        """The files of its work folder."""
        return sorted(path for path in self.job.out.rglob("*") if path.is_file() and path.parent != self.job.out)


@pytest.fixture(scope="module", params=["render", "colorize"])
def stopped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "precious").mkdir()
    (folder / "precious" / "letter.txt").write_text(LETTER)
    with pytest.MonkeyPatch.context() as patch, quick_model(patch, segment_frames=SEGMENT_FRAMES) as model:
        job = make_quick_job(folder / "job")
        assert getattr(job, request.param)() == 0
        whole = job.results
        shutil.rmtree(job.out)
        job.out.mkdir()
        stop_after(model, FRAMES - SEGMENT_FRAMES)
        with pytest.raises(StoppedError):
            getattr(job, request.param)()
        assert not job.results
        shutil.copytree(job.out, folder / "kept", symlinks=True)
        yield Stopped(job, folder / "kept", whole, request.param)


def test_undamaged_it_goes_on(stopped: Stopped) -> None:
    stopped.bring_back()
    assert stopped.go_on()[::2] == (WHOLE, 0)
    assert stopped.job.results == stopped.whole
    assert find_strays(stopped.job.out) == []


def damages_of(path: Path, verb: str) -> list[str]:
    """The damages worth the time: text for what is text, and what is painted only where `render` keeps it."""
    if path.suffix in (".mkv", ".safetensors"):
        return ["cut", "flip", "flip in front", "zeros", "gone", "folder"] if verb == "render" else []
    return [damage for damage in DAMAGES if damage != "flip in front"]


def test_damaged_it_gives_the_same_bytes_or_a_word(stopped: Stopped) -> None:
    """Every file of the work folder, damaged in every way; what can be made again is made again."""
    precious = stopped.job.folder.parent / "precious"
    before = fingerprint(precious)
    stopped.bring_back()
    names = [path.relative_to(stopped.job.out) for path in stopped.files]
    assert len(names) >= 6
    faults = []
    for name, damage in [(one, damage) for one in names for damage in damages_of(one, stopped.verb)]:
        stopped.bring_back()
        DAMAGES[damage](stopped.job.out / name)
        ending = stopped.go_on()
        told = f"{ending.kind} {ending.message}" if ending.kind != WHOLE else ""
        if ending.kind == WHOLE and ending.value and name.name.endswith(PIECES):
            told = f"exit code {ending.value}"
        if ending.kind == WHOLE and not ending.value and stopped.job.results != stopped.whole:
            told = "other bytes"
        if ending.kind != WHOLE or ending.value:
            assert not stopped.job.results, f"{name} {damage}: a name without a whole file"
        if fingerprint(precious) != before:
            told = "a file outside was changed"
            (precious / "letter.txt").write_text(LETTER)
        if told:
            faults.append(f"{name.name} {damage}: {told}")
    judge(faults)


def test_a_note_cannot_have_other_folders_removed(stopped: Stopped) -> None:
    """What a work folder's small files name is looked at before it is taken away."""
    precious = stopped.job.folder.parent / "precious"
    before = fingerprint(precious)
    for note in [path.relative_to(stopped.job.out) for path in stopped.files if path.suffix == ".json"]:
        stopped.bring_back()
        path = stopped.job.out / note
        try:
            content = json.loads(path.read_text())
        except ValueError:
            continue
        if not isinstance(content, list):
            continue
        path.write_text(json.dumps([str(precious), *content]))
        stopped.go_on()
        now = fingerprint(precious) if precious.exists() else {}
        precious.mkdir(exist_ok=True)
        (precious / "letter.txt").write_text(LETTER)
        assert now == before


def test_a_moved_job_goes_on(stopped: Stopped) -> None:
    if stopped.verb == "colorize":
        pytest.skip("a plan is what can be moved with its film")
    stopped.bring_back()
    moved = QuickJob(stopped.job.folder.with_name("moved"))
    shutil.copytree(stopped.job.folder, moved.folder)
    ending = find_any_ending(moved.render)
    assert ending[::2] == (WHOLE, 0), ending
    assert moved.results == stopped.whole


def test_a_finished_job_says_so(stopped: Stopped) -> None:
    """The same command once more: it is done, and nothing is lost by asking."""
    shutil.rmtree(stopped.job.out)
    stopped.job.out.mkdir()
    assert stopped.go_on()[::2] == (WHOLE, 0)
    ending = stopped.go_on()
    assert stopped.job.results == stopped.whole
    assert ending.value == 0
