import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from kinemacolor.metrics import Motion, colorfulness, optical_flow, psnr, visible_in_both, warp


def texture(shift: int = 0, size: int = 96) -> np.ndarray:
    """``H W`` gray with structure at several scales, moved to the right by ``shift`` px."""
    generator = np.random.default_rng(0)
    wide = generator.random((size // 4, size // 2)).repeat(4, 0).repeat(4, 1)[:, :]
    smooth = np.stack([np.convolve(row, np.ones(5) / 5, "same") for row in wide])
    return (smooth[:, size // 2 - shift : size // 2 - shift + size] * 255).astype(np.uint8)


def test_psnr_by_hand_and_against_scikit_image() -> None:
    truth = torch.zeros(3, 4, 4)
    assert psnr(truth + 0.1, truth) == pytest.approx(20)
    one, other = torch.rand(3, 16, 16), torch.rand(3, 16, 16)
    assert psnr(one, other) == pytest.approx(
        peak_signal_noise_ratio(one.numpy(), other.numpy(), data_range=1), abs=1e-4
    )
    assert psnr(truth, truth) == math.inf


def test_colorfulness_by_hand() -> None:
    assert colorfulness(torch.full((3, 8, 8), 0.5)) == 0
    halves = torch.zeros(3, 2, 2)
    halves[0, 0] = 1  # red above, black below: rg is 255 and 0, yb 127.5 and 0
    spread, mean = math.hypot(127.5, 63.75), math.hypot(127.5, 63.75)
    assert colorfulness(halves) == pytest.approx(spread + 0.3 * mean)


def test_flow_finds_a_shift_and_warp_undoes_it() -> None:
    first, second = texture(), texture(3)
    forward = optical_flow(first, second)
    assert np.median(forward[..., 0]) == pytest.approx(3, abs=0.3)
    assert np.median(forward[..., 1]) == pytest.approx(0, abs=0.3)
    back = warp(second.astype(np.float32)[..., None], forward)[..., 0]
    assert np.abs(back - first)[8:-8, 8:-8].mean() < 0.3 * np.abs(second.astype(float) - first)[8:-8, 8:-8].mean()


def test_what_disagrees_or_lies_at_a_motion_boundary_is_masked() -> None:
    still = np.zeros((20, 30, 2), np.float32)
    assert visible_in_both(still, still).all()
    lost = still.copy()
    lost[:, :10] = 5  # the backward flow leads where the forward flow does not come back from
    mask = visible_in_both(still, lost)
    assert not mask[:, :10].any()
    assert mask[:, 12:].all()


def test_chroma_that_moves_with_the_picture_does_not_change() -> None:
    first, second = texture(), texture(3)
    moving = [np.stack([t.astype(np.float32) / 8, -t.astype(np.float32) / 8], -1) for t in (first, second)]
    flickering = [moving[0], moving[1] + 4]
    motion = Motion.between(first, second)
    assert motion.seen.mean() > 0.5
    assert motion.chroma_change(*moving) < 2
    assert motion.chroma_change(*flickering) == pytest.approx(8, abs=2)
    blind = Motion(motion.backward, np.zeros_like(motion.seen))
    assert math.isnan(blind.chroma_change(*moving))
