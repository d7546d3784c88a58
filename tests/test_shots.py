"""Shots are found in gray film, whatever wears it, and lists of them are read and written."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.arrays import Bytes
from kinemacolor.errors import InputError, UsageError
from kinemacolor.shots.detect import Boundary, find_boundaries
from kinemacolor.shots.lists import Clock, Shot, read_shots, shots_between, write_shots

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


def worn(film: np.ndarray, *, grain: float = 10, flicker: float = 0.1, seed: int = 0) -> list[Bytes]:
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
    found = find_boundaries(worn(film))
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
    assert find_boundaries(worn(film, grain=6)) == []


def test_a_fade_is_one_boundary_in_its_middle() -> None:
    film = np.concatenate([faded(scene(6), 8), np.zeros((5, *SIZE)), faded(scene(7)[::-1], 8)[::-1]])
    (found,) = find_boundaries(worn(film, grain=3, flicker=0))
    assert found.transition == "fade"
    assert abs(found.frame - 26) <= 2
    assert 6 <= found.length <= 24


def test_black_leader_is_no_shot() -> None:
    dark = np.zeros((6, *SIZE))
    assert find_boundaries(worn(np.concatenate([dark, scene(8), dark]), grain=2, flicker=0)) == []


@pytest.mark.parametrize("length", [6, 12, 24])
def test_a_dissolve_is_one_boundary_in_its_middle(length: int) -> None:
    film = mixed(scene(9, 40, 0.5), scene(10, 40, 0.5), length)
    (found,) = find_boundaries(worn(film, grain=5, flicker=0.03))
    assert found.transition == "dissolve"
    assert abs(found.frame - (40 - length / 2)) <= 3


def test_a_film_of_nothing_and_of_one_frame_has_no_boundary() -> None:
    assert find_boundaries([]) == []
    assert find_boundaries(worn(scene(1, 1))) == []


def test_shots_lie_between_boundaries() -> None:
    boundaries = [Boundary(10, "cut", 0, 0.9), Boundary(37, "fade", 8, 1.0), Boundary(100, "cut", 0, 1.0)]
    assert shots_between(boundaries, 100) == (Shot(0, 10), Shot(10, 37, "cut", 0.9), Shot(37, 100, "fade"))
    assert [len(shot) for shot in shots_between([], 7)] == [7]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(171, 10)])
@pytest.mark.parametrize("origin", [0, 86400])
@pytest.mark.parametrize("suffix", [".csv", ".edl", ".otio"])
def test_lists_come_back_as_they_were_written(rate: Fraction, origin: int, suffix: str, tmp_path: Path) -> None:
    shots, path, clock = (
        (Shot(0, 10), Shot(10, 37, "cut"), Shot(37, 100, "fade")),
        tmp_path / f"a{suffix}",
        Clock(rate, origin),
    )
    if suffix == ".edl" and rate == Fraction(171, 10):
        with pytest.raises(UsageError, match=r"17\.1 frames a second"):
            write_shots(path, shots, clock, FILM)
        assert not path.exists()
        return
    write_shots(path, shots, clock, FILM)
    back = read_shots(path, 100, clock)
    assert [(shot.first, shot.end) for shot in back] == [(0, 10), (10, 37), (37, 100)]
    if suffix != ".edl":
        assert [shot.transition for shot in back] == [None, "cut", "fade"]


def test_a_list_by_hand_needs_first_frames_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("first\n0\n12\n")
    assert read_shots(path, 30, Clock(Fraction(25))) == (Shot(0, 12), Shot(12, 30))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "first,last\n0,9\n20,29\n", "frame 10 is followed by 20"),
        ("a.csv", "first\n5\n", "5 to 29"),
        ("a.csv", "start\n5\n", "column `first`"),
        ("a.csv", "first\nnine\n", "column `first`"),
        ("a.csv", "first\n", "holds no shot"),
        ("a.csv", "first\n0\n0\n", "do not cover"),
        ("a.edl", "nonsense", "holds no shot|cannot be read"),
        ("a.otio", "{}", "cannot be read"),
    ],
)
def test_a_list_that_cannot_be_is_told(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_shots(path, 30, Clock(Fraction(25)))


def test_another_kind_of_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"name it \*\.csv, \*\.edl, \*\.otio"):
        write_shots(tmp_path / "a.txt", (Shot(0, 3),), Clock(Fraction(25)), FILM)
    with pytest.raises(InputError, match="may not be read"):
        read_shots(tmp_path / "none.csv", 3, Clock(Fraction(25)))
