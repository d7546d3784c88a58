import math

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from kinemacolor.metrics.confidence import compute_ause, compute_confidence_correlation
from kinemacolor.metrics.motion import (
    Motion,
    compute_cdc,
    compute_color_histogram,
    compute_optical_flow,
    find_visible_pixels,
    warp_array_by_flow,
)
from kinemacolor.metrics.picture import (
    compute_ab_error,
    compute_ciede2000,
    compute_colorfulness,
    compute_faded_share,
    compute_mean_chroma,
    compute_psnr,
    compute_psnr_uint8_wraparound,
    compute_ssim,
)


def texture(shift: int = 0, size: int = 96) -> np.ndarray:
    """``H W`` gray with structure at several scales, moved to the right by ``shift`` px."""
    generator = np.random.default_rng(0)
    wide = generator.random((size // 4, size // 2)).repeat(4, 0).repeat(4, 1)[:, :]
    smooth = np.stack([np.convolve(row, np.ones(5) / 5, "same") for row in wide])
    return (smooth[:, size // 2 - shift : size // 2 - shift + size] * 255).astype(np.uint8)


def test_psnr_by_hand_and_against_scikit_image() -> None:
    truth = torch.zeros(3, 4, 4)
    assert compute_psnr(truth + 0.1, truth) == pytest.approx(20)
    one, other = torch.rand(3, 16, 16), torch.rand(3, 16, 16)
    assert compute_psnr(one, other) == pytest.approx(
        peak_signal_noise_ratio(one.numpy(), other.numpy(), data_range=1), abs=1e-4
    )
    assert compute_psnr(truth, truth) == math.inf


def test_the_faulty_psnr_lies_above_the_true_one() -> None:
    truth = np.full((2, 2, 3), 100, np.uint8)
    result = truth.copy()
    result[0, 0] = 117  # 17² = 289 wraps to 33; of four pixels one is wrong
    assert compute_psnr_uint8_wraparound(result, truth) == pytest.approx(10 * math.log10(255**2 / (33 / 4)))
    true = compute_psnr(torch.from_numpy(result).float() / 255, torch.from_numpy(truth).float() / 255)
    assert true == pytest.approx(10 * math.log10(255**2 / (289 / 4)), abs=1e-4)
    assert compute_psnr_uint8_wraparound(truth, result) == compute_psnr_uint8_wraparound(
        result, truth
    )  # -17 is 239, 239² ends in 33
    assert compute_psnr_uint8_wraparound(truth + np.uint8(16), truth) == math.inf  # 16² = 256 wraps to 0
    assert compute_psnr_uint8_wraparound(truth + np.uint8(15), truth) == pytest.approx(20 * math.log10(17))
    with pytest.raises(ValueError, match="uint8"):
        compute_psnr_uint8_wraparound(result.astype(np.float32), truth)


@pytest.mark.parametrize("size", [(11, 11), (37, 52)])
def test_ssim_is_that_of_scikit_image(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    truth = torch.rand(3, *size)
    result = (truth + 0.2 * torch.randn(3, *size)).clamp(0, 1)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    known = structural_similarity(result.numpy(), truth.numpy(), channel_axis=0, data_range=1, **window)
    assert compute_ssim(result, truth) == pytest.approx(known, abs=1e-6)
    assert compute_ssim(truth, truth) == pytest.approx(1)
    with pytest.raises(ValueError, match="11×11"):
        compute_ssim(truth[..., :10], result[..., :10])


def test_ab_error_by_hand() -> None:
    truth = torch.zeros(2, 1, 2)
    result = torch.tensor([[[3.0, 0.0]], [[4.0, 1.0]]])  # 5 and 1 away
    assert compute_ab_error(result, truth) == 3


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [  # Sharma, Wu and Dalal 2005, Table 1: pairs 1, 7, 9, 13, 16, 17, 25, 31
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ],
)
def test_ciede2000_gives_the_published_pairs(one: tuple[float], other: tuple[float], difference: float) -> None:
    first, second = (torch.tensor(lab, dtype=torch.float64)[:, None, None] for lab in (one, other))
    assert compute_ciede2000(first, second) == pytest.approx(difference, abs=1e-4)
    assert compute_ciede2000(second, first) == pytest.approx(difference, abs=1e-4)


def test_ciede2000_is_that_of_scikit_image() -> None:
    torch.manual_seed(0)
    spread, middle = torch.tensor([50.0, 90, 90])[:, None, None], torch.tensor([50.0, 0, 0])[:, None, None]
    one, other = (middle + spread * (2 * torch.rand(3, 60, 50, dtype=torch.float64) - 1) for _ in range(2))
    one[1:, :5] = other[1:, 3:8] = 0  # grays
    known = deltaE_ciede2000(one.permute(1, 2, 0).numpy(), other.permute(1, 2, 0).numpy())
    assert compute_ciede2000(one, other) == pytest.approx(known.mean(), abs=1e-9)
    assert compute_ciede2000(one, one) == 0


def test_colorfulness_by_hand() -> None:
    assert compute_colorfulness(torch.full((3, 8, 8), 0.5)) == 0
    halves = torch.zeros(3, 2, 2)
    halves[0, 0] = 1  # red above, black below: rg is 255 and 0, yb 127.5 and 0
    spread, mean = math.hypot(127.5, 63.75), math.hypot(127.5, 63.75)
    assert compute_colorfulness(halves) == pytest.approx(spread + 0.3 * mean)


def test_flow_finds_a_shift_and_warp_undoes_it() -> None:
    first, second = texture(), texture(3)
    forward = compute_optical_flow(first, second)
    assert np.median(forward[..., 0]) == pytest.approx(3, abs=0.3)
    assert np.median(forward[..., 1]) == pytest.approx(0, abs=0.3)
    back = warp_array_by_flow(second.astype(np.float32)[..., None], forward)[..., 0]
    assert np.abs(back - first)[8:-8, 8:-8].mean() < 0.3 * np.abs(second.astype(float) - first)[8:-8, 8:-8].mean()


def test_what_disagrees_or_lies_at_a_motion_boundary_is_masked() -> None:
    still = np.zeros((20, 30, 2), np.float32)
    assert find_visible_pixels(still, still).all()
    lost = still.copy()
    lost[:, :10] = 5  # the backward flow leads where the forward flow does not come back from
    mask = find_visible_pixels(still, lost)
    assert not mask[:, :10].any()
    assert mask[:, 12:].all()


def test_chroma_that_moves_with_the_picture_does_not_change() -> None:
    first, second = texture(), texture(3)
    moving = [np.stack([t.astype(np.float32) / 8, -t.astype(np.float32) / 8], -1) for t in (first, second)]
    flickering = [moving[0], moving[1] + 4]
    motion = Motion.from_frames(first, second)
    assert motion.visible.mean() > 0.5
    assert motion.mean_ab_change(*moving) < 2
    assert motion.mean_ab_change(*flickering) == pytest.approx(8, abs=2)
    blind = Motion(motion.backward_flow, np.zeros_like(motion.visible))
    assert math.isnan(blind.mean_ab_change(*moving))


def test_warp_error_by_hand() -> None:
    still = np.zeros((4, 6, 2), np.float32)
    seen = np.ones((4, 6), bool)
    seen[:, 3:] = False
    first, second = np.zeros((2, 4, 6, 3), np.float32)
    second[:, 3:] = 1  # not seen in both
    second[0, 0] = (0.3, 0, 0)  # one of twelve pixels, one of three channels: 0.09 / 36
    assert Motion(still, seen).warp_error(first, second) == pytest.approx(1000 * 0.09 / 36)
    assert math.isnan(Motion(still, np.zeros_like(seen)).warp_error(first, second))


def test_warp_error_follows_the_motion() -> None:
    first, second = texture(), texture(3)
    motion = Motion.from_frames(first, second)
    moving = [np.stack([t.astype(np.float32) / 255] * 3, -1) for t in (first, second)]
    assert motion.warp_error(*moving) < 5
    assert motion.warp_error(moving[0], moving[1] + 0.1) == pytest.approx(10, abs=4)
    resting = Motion(np.zeros_like(motion.backward_flow), motion.visible)
    assert resting.warp_error(*moving) > 5 * motion.warp_error(*moving)


def test_colour_distributions_by_hand() -> None:
    black, half, white = (np.zeros((2, 2, 3), np.uint8) for _ in range(3))
    half[0], white[:] = 255, 255
    shares = compute_color_histogram(half)
    assert shares.shape == (3, 256)
    assert (shares[:, 0] == 0.5).all()
    assert (shares[:, 255] == 0.5).all()

    def cdc(*frames: np.ndarray) -> float:
        return compute_cdc([compute_color_histogram(frame) for frame in frames])

    assert cdc(half, half, half, half, half) == 0
    assert cdc(black, white) == pytest.approx(math.log(2))  # nothing in common
    # (1, 0) and (½, ½) have the middle (¾, ¼)
    between = (math.log(4 / 3) + math.log(2 / 3) / 2 + math.log(2) / 2) / 2
    assert cdc(black, half) == pytest.approx(between)
    # 1 apart: JS(b, w), JS(w, b), JS(b, b), JS(b, b); 2 apart: JS(b, b), JS(w, b), JS(b, b); 4 apart: JS(b, b)
    assert cdc(black, white, black, black, black) == pytest.approx(math.log(2) * (2 / 4 + 1 / 3 + 0) / 3)
    red = black.copy()
    red[..., 0] = 255
    assert cdc(black, red) == pytest.approx(math.log(2) / 3)
    assert math.isnan(cdc(black))


def test_correlation_by_hand() -> None:
    error = np.array([[0.0, 1], [2, 3]], np.float32)
    assert compute_confidence_correlation(1 - error / 3, error) == pytest.approx(1)
    assert compute_confidence_correlation(error, error) == pytest.approx(-1)
    confidence = np.array([[0.9, 0.2], [0.4, 0.1]], np.float32)
    assert compute_confidence_correlation(confidence, error) == pytest.approx(
        -np.corrcoef(confidence.ravel(), error.ravel())[0, 1]
    )
    assert math.isnan(compute_confidence_correlation(np.ones_like(error), error))


def test_ause_by_hand() -> None:
    error = np.array([[0.0, 1], [2, 3]], np.float32)
    assert compute_ause(-error, error, steps=4) == pytest.approx(0)
    # constant confidence keeps the mean 1.5; the oracle has 1.5, 1, ½, 0
    gaps = np.array([0, 0.5, 1, 1.5])
    assert compute_ause(np.ones_like(error), error, steps=4) == pytest.approx(
        (gaps[:-1] + gaps[1:]).sum() / 2 / 4 / 1.5
    )
    # confidence that is the wrong way round keeps 1.5, 2, 2.5, 3
    gaps = np.array([0, 1, 2, 3])
    assert compute_ause(error, error, steps=4) == pytest.approx((gaps[:-1] + gaps[1:]).sum() / 2 / 4 / 1.5)
    assert math.isnan(compute_ause(error, np.zeros_like(error)))
    generator = np.random.default_rng(0)
    many = generator.random(5000).astype(np.float32)
    told = [compute_ause(noise * generator.random(5000).astype(np.float32) - many, many) for noise in (0.1, 1, 10)]
    assert told == sorted(told)


def test_chroma_and_what_faded_by_hand() -> None:
    truth = torch.tensor([[[30.0, 0.0, 16.0, 16.0, 14.0]], [[40.0, 0.0, 0.0, 0.0, 0.0]]])
    assert compute_mean_chroma(truth) == pytest.approx((50 + 16 + 16 + 14) / 5)
    result = torch.zeros_like(truth)
    result[1, 0, 2] = 5.1
    assert compute_faded_share(result, truth) == pytest.approx(2 / 5)
    assert compute_faded_share(truth, truth) == 0
