"""Edge filters against OpenCV's recorded answers (tests/golden/README.md), and against their equations."""

import numpy as np
import pytest

from golden.fill import answers
from kinemacolor.inference.edge_filters import fit_to_edges, smooth_between_edges


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in answers("edge_filters").items()}


def test_the_fast_global_smoother_gives_what_opencv_gives(golden: dict[str, np.ndarray]) -> None:
    found = smooth_between_edges(golden["ab"], golden["guide"], strength=500, sigma=4)
    assert found.dtype == np.float32
    assert np.abs(found[::2, ::2] - golden["fgs"]).max() < 5e-3
    assert np.abs(found - golden["ab"]).mean() > 1


def test_the_guided_filter_gives_what_opencv_gives(golden: dict[str, np.ndarray]) -> None:
    luma = golden["guide"].astype(np.float32) / 255
    found = fit_to_edges(golden["ab"], luma, radius=4, epsilon=1e-4)
    assert found.dtype == np.float32
    assert np.abs(found[::2, ::2] - golden["guided"]).max() < 5e-3
    assert np.abs(found - golden["ab"]).mean() > 0.5


def test_one_line_solves_the_equations_of_the_paper() -> None:
    """Min et al. 2014, Eq. 4 to 6: in one dimension each iteration is (I + lambda A) u = f, A the graph's Laplacian."""
    generator = np.random.default_rng(0)
    guide = generator.integers(0, 256, (1, 12), np.uint8)
    ab = generator.normal(0, 30, (1, 12, 2)).astype(np.float32)
    ties = np.exp(-np.abs(np.diff(guide[0].astype(float))) / 40)
    laplacian = np.zeros((12, 12))
    for index, tie in enumerate(ties):
        laplacian[index : index + 2, index : index + 2] += tie * np.array([[1, -1], [-1, 1]])
    wanted = ab[0].astype(float)
    for strength in (500, 125, 31.25):
        wanted = np.linalg.solve(np.eye(12) + strength * laplacian, wanted)
    for one, other in ((ab, guide), (ab.transpose(1, 0, 2), guide.T)):
        found = smooth_between_edges(one, other, strength=500, sigma=40).reshape(12, 2)
        assert np.abs(found - wanted).max() < 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 3)])
def test_the_smallest_pictures_are_filtered(size: tuple[int, int]) -> None:
    ab = np.full((*size, 2), 20, np.float32)
    assert np.allclose(smooth_between_edges(ab, np.zeros(size, np.uint8), 500, 4), 20, atol=1e-3)
    assert np.allclose(fit_to_edges(ab, np.zeros(size, np.float32), 4, 1e-4), 20, atol=1e-3)


def test_colours_stay_on_their_side_of_an_edge() -> None:
    guide = np.repeat(np.where(np.arange(64) < 32, 60, 200).astype(np.uint8)[None], 48, 0)
    ab = np.where(np.arange(64) < 36, 30, -30).astype(np.float32)[None, :, None].repeat(48, 0).repeat(2, 2)
    for found in (
        smooth_between_edges(ab, guide, 500, 4),
        fit_to_edges(ab, guide.astype(np.float32) / 255, 8, 1e-4),
    ):
        step = found[:, 31] - found[:, 32]
        assert step.min() > 20  # the border was 4 px beside the edge
        assert np.abs(found[:, 35] - found[:, 36]).max() < 15
