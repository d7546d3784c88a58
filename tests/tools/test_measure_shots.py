"""The measure of shot detectors: what counts as found, detectors of other programs, and what is said without them."""

import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import measure_shots
import numpy as np
import pytest

from kinemacolor.errors import UsageError
from kinemacolor.shots.shot import Boundary


def make_scenes(*lengths: int) -> np.ndarray:
    """Gray frames of scenes that differ: noise of its own for each, smooth and of its own brightness."""
    scenes = []
    for seed, length in enumerate(lengths):
        knots = np.random.default_rng(seed).uniform(60 * (seed % 2), 90 + 160 * (seed % 2), (4, 6)).astype(np.float32)
        picture = cv2.resize(knots, measure_shots.SIZE[::-1]).clip(0, 255).astype(np.uint8)
        scenes.append(np.repeat(picture[None], length, 0))
    return np.concatenate(scenes)


def test_a_boundary_counts_once_and_within_two_frames_of_its_change() -> None:
    changes = [measure_shots.Change("cut", 30, 30), measure_shots.Change("dissolve", 50, 60)]
    boundaries = [Boundary(frame, "cut", 0, 1.0) for frame in (28, 31, 63)]
    tally, trouble = measure_shots.Tally({"cut": 0, "dissolve": 0}, {"cut": 0, "dissolve": 0}), []
    tally.count(boundaries, changes, trouble, "film 7")
    assert (tally.found, tally.false) == ({"cut": 1, "dissolve": 0}, 2)
    assert trouble[0] == "film 7: missed Change(kind='dissolve', first=50, end=60)"


@pytest.mark.parametrize("detector", measure_shots.PEERS)
def test_a_detector_of_pyscenedetect_sees_every_frame_as_gray_bgr(
    detector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Detector:
        def __init__(self, **options: bool) -> None:
            assert options in ({}, {"luma_only": True})

        def process_frame(self, now: SimpleNamespace, frame: np.ndarray) -> list[SimpleNamespace]:
            seen.append((now.frame_num, frame.shape))
            assert np.ptp(frame, axis=-1).max() == 0
            return [now] if now.frame_num == 3 else []

        def post_process(self, now: SimpleNamespace) -> list[SimpleNamespace]:
            return [SimpleNamespace(frame_num=now.frame_num - 4)]

    timecodes = lambda number, rate: SimpleNamespace(frame_num=number, rate=rate)  # noqa: E731
    module = SimpleNamespace(FrameTimecode=timecodes, **{measure_shots.PEERS[detector][0]: Detector})
    monkeypatch.setitem(sys.modules, "scenedetect", module)
    found = measure_shots.detect_by(detector, np.zeros((6, 20, 30), np.uint8))
    assert [one.frame for one in found] == [1, 3]
    assert seen == [(number, (20, 30, 3)) for number in range(6)]


def test_without_pyscenedetect_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scenedetect", None)
    with pytest.raises(UsageError, match="pip install scenedetect-headless"):
        measure_shots.detect_by("pyscenedetect-hash", np.zeros((2, 20, 30), np.uint8))


@pytest.mark.parametrize("detector", ["pyscenedetect-content", "pyscenedetect-hash", "pyscenedetect-histogram"])
def test_pyscenedetect_itself_finds_a_cut(detector: str) -> None:
    pytest.importorskip("scenedetect")
    assert [one.frame for one in measure_shots.detect_by(detector, make_scenes(40, 40))] == [40]


def test_detectors_are_measured_on_the_same_films(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, scene in zip("ab", (make_scenes(30), make_scenes(1, 30)[1:]), strict=True):
        (tmp_path / name).mkdir()
        for number, frame in enumerate(scene[:12]):
            cv2.imwrite(str(tmp_path / name / f"{number:05}.png"), frame)
    assert measure_shots.main([str(tmp_path), "--films", "1", "--show"]) == 0
    table, trouble = capsys.readouterr()
    cells = [cell.strip() for cell in table.splitlines()[2].split("|")[1:-1]]
    assert cells[0] == "luma"
    assert sum(int(cell.split("/")[1]) for cell in cells[1:4]) == measure_shots.SHOTS - 1
    assert all(line.startswith("luma, film 0: ") for line in filter(None, trouble.splitlines()))
