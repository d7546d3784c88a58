"""Detail of the colours: waves of a known size, whole, weaker, displaced, and beside larger ones."""

import math

import numpy as np
import pytest

from kinemacolor.metrics.detail import compute_band_energies, compute_detail

SIZE = (216, 384)


def wave(period: float, size: tuple[int, int] = SIZE, moved: float = 0) -> np.ndarray:
    """ab ``H W 2`` with a wave along the rows, of amplitude 10 in a and -20 in b; ``period`` and ``moved`` in px."""
    columns = np.cos(2 * np.pi * (np.arange(size[1]) + 0.5 + moved) / period)
    row = np.stack([10 * columns, -20 * columns], -1).astype(np.float32)
    return np.ascontiguousarray(np.broadcast_to(row, (*size, 2)))


def detail(result: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    found = compute_detail([compute_band_energies(result - truth)], [compute_band_energies(truth)])
    return found["detail_25_9"], found["detail_9_3"]


LARGE, SMALL = wave(32), wave(8)


def test_energies_are_those_of_the_filters() -> None:
    def response(period: float, width: float) -> float:
        return math.exp(-2 * (math.pi * width / math.sqrt(12) / period) ** 2)

    for period in (16, 32, 96):
        found = compute_band_energies(wave(period))
        for energy, (coarsest, finest) in zip(found, ((25, 9), (9, 3)), strict=True):
            amplitude = response(period, finest) - response(period, coarsest)
            assert energy == pytest.approx((10**2 + 20**2) / 2 * amplitude**2, rel=0.002)
    assert compute_band_energies(LARGE).argmax() == 0
    assert compute_band_energies(SMALL).argmax() == 1


def test_all_of_it_none_half_and_in_the_wrong_place() -> None:
    truth = LARGE + SMALL
    assert detail(truth, truth) == (1, 1)
    assert detail(np.zeros_like(truth), truth) == (0, 0)
    assert detail(truth / 2, truth) == pytest.approx((0.75, 0.75))
    assert detail(-truth, truth) == pytest.approx((-3, -3))
    assert detail(wave(32, moved=16), LARGE)[0] == pytest.approx(-3, abs=0.1)  # half a period
    assert detail(wave(32, moved=8), LARGE)[0] == pytest.approx(-1, abs=0.1)  # a quarter: not correlated


def test_each_size_has_its_band_and_a_cast_has_none() -> None:
    truth = LARGE + SMALL
    coarse, fine = detail(LARGE, truth)  # the small waves are lost
    assert coarse > 0.9
    assert fine < 0.05
    assert detail(truth + np.float32(25), truth) == pytest.approx((1, 1))
    assert np.isnan(detail(truth, np.full_like(truth, 30))).all()


def test_sizes_count_in_pictures_of_one_size() -> None:
    twice = wave(64, (432, 768)) + wave(16, (432, 768))
    lost = wave(64, (432, 768))
    assert detail(lost, twice) == pytest.approx(detail(LARGE, LARGE + SMALL), abs=0.02)


def test_frames_count_by_their_detail() -> None:
    strong, weak = compute_band_energies(LARGE), compute_band_energies(LARGE / 10)
    found = compute_detail([strong * 0, weak], [strong, weak])  # the weak frame's detail is lost
    assert found["detail_25_9"] == pytest.approx(1 - 0.01 / 1.01)
