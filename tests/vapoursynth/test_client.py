"""What a script gets for a clip, in any order, is what a render of the same film writes. Without VapourSynth."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinemacolor
import kinemacolor.vapoursynth
from kinemacolor._version import __version__
from kinemacolor.errors import InputError, KinemacolorError, ResourceError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.utils.processes import ProcessIdentity
from kinemacolor.vapoursynth.client import ClipFrame, PaintingClient
from support.films import luma_of, scene, write_film
from support.planes import read_planes
from support.plans import other_scene, save

FRAMES, CUT = 14, 8
OPTIONS = {"short_side": 64}
ORDER = [9, 3, 13, 4, 0, 12, 1, 2, 5, 11, 6, 7, 8, 10]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of two scenes in 10 bits, and pictures of both, two of them placed by their names."""
    place = tmp_path_factory.mktemp("clip")
    write_film(
        place / "film.mkv",
        FRAMES,
        codec="ffv1",
        pix_fmt="yuv420p10le",
        picture=lambda at: scene(at) if at < CUT else other_scene(at),
    )
    for name, picture in {"ref_000002": scene(2), "ref_000006": scene(6), "blocks": other_scene(10)}.items():
        (place / "refs").mkdir(exist_ok=True)
        save(place / "refs" / f"{name}.png", picture)
    (place / "late").mkdir()
    (place / "shots.csv").write_text(f"first\n0\n{CUT}\n")
    plan = kinemacolor.make_plan(
        place / "film.mkv", place / "refs", shot_list=place / "shots.csv", options=kinemacolor.RenderOptions(**OPTIONS)
    )
    plan.write(place / "film.plan.json")
    kinemacolor.render(plan, place / "film.color.mkv", encoding=kinemacolor.EncodingOptions(lossless=True), jobs=1)
    return place


@pytest.fixture(scope="module")
def wanted(folder: Path) -> list[bytes]:
    """The Cb and Cr planes of the render."""
    return [np.stack(planes[1:]).tobytes() for planes in read_planes(folder / "film.color.mkv")]


class FakeClip:
    """The frames of a film, as a script has them."""

    def __init__(self, film: Path, first_frames: Sequence[int] | None = None) -> None:
        self.luma, self.first_frames = luma_of(film), first_frames
        self.asked, self.broken = list[int](), set[int]()
        self.fault: BaseException = InputError("the disk is on fire")

    def read(self, frame: int) -> ClipFrame:
        self.asked.append(frame)
        if frame in self.broken:
            raise self.fault
        return ClipFrame(self.luma[frame], None if self.first_frames is None else frame in self.first_frames)

    @property
    def settings(self) -> dict[str, Any]:
        height, width = self.luma.shape[1:]
        clip = [width, height, 10, "420", 2, False, len(self.luma), [24, 1], [1, 1], 0]
        return {"clip": clip, "version": __version__, "options": OPTIONS}


Open = Callable[..., tuple[FakeClip, PaintingClient]]


@pytest.fixture
def open_clip(folder: Path) -> Iterator[Open]:
    clients = []

    def open_one(
        first_frames: Sequence[int] | None = None, *, python: str | None = None, **changes: Any
    ) -> tuple[FakeClip, PaintingClient]:
        clip = FakeClip(folder / "film.mkv", first_frames)
        settings = {name: value for name, value in {**clip.settings, **changes}.items() if value is not None}
        clients.append(PaintingClient(settings, clip.read, python=python))
        return clip, clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.mark.parametrize("python", [None, sys.executable], ids=["thread", "process"])
def test_frames_of_a_plan_in_any_order_are_those_of_its_render(
    folder: Path, wanted: list[bytes], open_clip: Open, python: str | None
) -> None:
    """With two keyframes in the first shot: passes forward and backward, and a frame asked for again."""
    clip, client = open_clip(plan=str(folder / "film.plan.json"), options=None, python=python)
    assert len(Plan.read(folder / "film.plan.json").shots) == 2
    for frame in [*ORDER, 9, 3]:
        assert client.paint(frame, clip.read)[0].tobytes() == wanted[frame], frame
    assert set(clip.asked) == set(range(FRAMES))


def test_confidence_is_that_of_a_render(folder: Path, tmp_path: Path, open_clip: Open) -> None:
    kinemacolor.render(
        folder / "film.plan.json",
        tmp_path / "color.mkv",
        confidence=tmp_path / "sure.mkv",
        encoding=kinemacolor.EncodingOptions(lossless=True),
        jobs=1,
    )
    clip, client = open_clip(plan=str(folder / "film.plan.json"), options=None)
    codes = luma_of(tmp_path / "sure.mkv")[5]
    _, sure = client.paint(5, clip.read, with_confidence=True)
    assert sure.dtype == np.uint8
    assert np.abs((codes / 4 - 16) / 219 * 255 - sure).max() < 1


@pytest.mark.parametrize(
    ("shots", "first_frames"),
    [([CUT], None), ("shots.csv", None), (None, [0, CUT]), (None, [CUT])],
    ids=["numbers", "list", "properties", "properties without the first"],
)
def test_a_clip_is_planned_as_its_film_is(
    folder: Path, wanted: list[bytes], open_clip: Open, shots: object, first_frames: list[int] | None
) -> None:
    """A folder of pictures, of which two lie at frames by their names, and shots told in several ways."""
    told = str(folder / shots) if isinstance(shots, str) else shots
    clip, client = open_clip(first_frames, references=[str(folder / "refs")], shots=told)
    for frame in (10, 4):
        assert client.paint(frame, clip.read)[0].tobytes() == wanted[frame]


def test_shots_that_nobody_tells_are_found(folder: Path, open_clip: Open, tmp_path: Path) -> None:
    references = [str(folder / "refs" / "blocks.png"), str(folder / "refs" / "ref_000002.png")]
    result = tmp_path / "result.mkv"
    options, encoding = kinemacolor.RenderOptions(**OPTIONS), kinemacolor.EncodingOptions(lossless=True)
    report = kinemacolor.colorize(folder / "film.mkv", references, result, options=options, encoding=encoding, jobs=1)
    assert report.shots == 2
    clip, client = open_clip(references=references)
    planes = list(read_planes(result))
    for frame in (12, 1):
        assert np.array_equal(client.paint(frame, clip.read)[0], planes[frame][1:])


def test_a_frame_that_failed_can_be_asked_for_again(folder: Path, wanted: list[bytes], open_clip: Open) -> None:
    """So can all others: what had been begun is not gone on with."""
    clip, client = open_clip(plan=str(folder / "film.plan.json"), options=None)
    client.paint(0, clip.read)
    clip.broken = {11}
    with pytest.raises(InputError, match="frame 11 of the clip: the disk is on fire"):
        client.paint(11, clip.read)
    clip.broken = set()
    for frame in (12, 11, 5):
        assert client.paint(frame, clip.read)[0].tobytes() == wanted[frame]


@pytest.mark.parametrize("fault", [MemoryError("no"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("python", [None, sys.executable], ids=["thread", "process"])
def test_a_frame_that_failed_by_no_fault_of_a_users_can_be_asked_for_again(
    folder: Path, wanted: list[bytes], open_clip: Open, python: str | None, fault: BaseException
) -> None:
    """Each request gets its own answer, though a frame that was wanted never came."""
    clip, client = open_clip(plan=str(folder / "film.plan.json"), options=None, python=python)
    clip.broken, clip.fault = {11}, fault
    for _ in range(2):
        with pytest.raises(type(fault)):
            client.paint(11, clip.read)
    clip.broken = set()
    for frame in (12, 11, 5):
        assert client.paint(frame, clip.read)[0].tobytes() == wanted[frame]


def test_no_frame_gets_the_answer_that_another_one_left_behind(
    folder: Path, open_clip: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a script waits for what paints."""
    clip, client = open_clip(plan=str(folder / "film.plan.json"), options=None)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(client._channel, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.paint(0, clip.read)
    with pytest.raises(ResourceError, match="in the middle of an answer"):
        client.paint(1, clip.read)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"references": ["none.png"]}, "none.png does not exist"),
        ({"references": []}, "no reference"),
        ({"references": ["refs"], "options": {"size": 3}}, "unexpected keyword argument 'size'"),
        ({"references": ["refs"], "options": {"short_side": 3}}, "short_side is 3"),
        ({"references": ["refs"], "options": {"short_side": 64.5}}, "short_side is 64.5: give a whole number from 64"),
        ({"references": ["refs"], "model": "nonsense"}, "nonsense"),
        ({"references": ["refs"], "device": "toaster"}, "toaster"),
        ({"references": ["refs"], "engine": "steam"}, "steam"),
        ({"references": ["refs"], "version": "0.0.1"}, "the script has kinemacolor 0.0.1"),
        (
            {"plan": "film.plan.json", "clip": [96, 72, 10, "420", 2, False, 5, [24, 1], [1, 1], 0]},
            "14 frames, the clip",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_words(
    folder: Path, open_clip: Open, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(KinemacolorError, match=words):  # noqa: PT012  where it is told depends on what it is
        clip, client = open_clip(**changes)
        client.paint(0, clip.read)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"references": ["refs"], "shots": [0, 99]}, "a shot begins at frame 99, the clip has the frames 0 to 13"),
        ({"references": ["refs/blocks.png@99"]}, "placed at frame 99"),
        ({"references": ["late"]}, "ref_000099.png is placed at frame 99, the film has 14"),
        ({"references": ["refs"], "shots": "none.csv"}, "none.csv"),
    ],
)
def test_numbers_that_the_clip_has_not_are_told_before_a_frame_is_asked_for(
    folder: Path, open_clip: Open, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(folder)
    save(folder / "late" / "ref_000099.png", scene(2))
    with pytest.raises(KinemacolorError, match=words):
        open_clip(**changes)


def test_a_frame_of_another_size_is_refused(folder: Path, open_clip: Open) -> None:
    clip, client = open_clip(references=[str(folder / "refs")], shots=[0])
    clip.luma = clip.luma[:, :40]
    with pytest.raises(InputError, match="another size or format than the first"):
        client.paint(0, clip.read)


def test_a_worker_that_ends_is_told_of_and_none_is_left(
    folder: Path, open_clip: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed one had on disk stays there; one that is closed leaves nothing."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    clip, client = open_clip(references=[str(folder / "refs")], shots=[0], python=sys.executable)
    process = client._process
    assert process
    identity = ProcessIdentity.of(process.pid)
    process.kill()
    with pytest.raises(ResourceError, match=r"what paints ended \(signal 9\)"):
        client.paint(0, clip.read)
    client.close()
    assert process.returncode == -9
    assert not identity.is_running()
    left = sorted(tmp_path.iterdir())
    _, other = open_clip(references=[str(folder / "refs")], python=sys.executable)
    assert other._process
    other.close()
    assert other._process.returncode == 0
    assert sorted(tmp_path.iterdir()) == left


def test_a_mistake_of_ours_is_told_to_all_who_ask(
    folder: Path, open_clip: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that what paints has ended, which is what comes of it."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr("kinemacolor.vapoursynth.server.make_clip_plan", fail)
    clip, client = open_clip(references=[str(folder / "refs")], shots=[0])
    for frame in (0, 1):
        with pytest.raises(KinemacolorError, match="ZeroDivisionError: a mistake"):
            client.paint(frame, clip.read)


def test_no_python_is_told(open_clip: Open) -> None:
    with pytest.raises(UsageError, match="/none/python cannot be started"):
        open_clip(references=[], python="/none/python")


def test_a_script_needs_neither_torch_nor_opencv() -> None:
    """So a worker's environment may be another one than that of VapourSynth."""
    code = (
        "import sys, kinemacolor.vapoursynth.client\n"
        "heavy = {'torch', 'cv2', 'av', 'pydantic', 'PIL', 'typer'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("here", "words"), [((3, 11, 7), "needs Python 3.12 or newer"), ((3, 12, 0), "pip install")])
def test_a_python_without_vapoursynth_is_told_how_it_gets_there(
    monkeypatch: pytest.MonkeyPatch, here: tuple[int, ...], words: str
) -> None:
    monkeypatch.setitem(sys.modules, "vapoursynth", None)
    monkeypatch.delitem(sys.modules, "kinemacolor.vapoursynth.filter", raising=False)
    monkeypatch.setattr(sys, "version_info", here)
    with pytest.raises(ModuleNotFoundError, match=f"VapourSynth is not installed: .*{words}"):
        _ = kinemacolor.vapoursynth.colorize
    assert words in kinemacolor.vapoursynth.describe_install()
