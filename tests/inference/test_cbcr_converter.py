"""The quick way to Cb and Cr codes is held to the definition, `YCbCr.to_cbcr_codes`."""

import threading

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from kinemacolor.color import YCbCr, lightness_from_luma, rgb_to_lab
from kinemacolor.inference import cbcr_converter
from kinemacolor.inference.cbcr_converter import CbCrConverter, make_rgb
from kinemacolor.utils.arrays import Float32Array, UIntArray

BT709, BT601, BT2020 = (0.2126, 0.0722), (0.299, 0.114), (0.2627, 0.0593)
CODINGS = [
    YCbCr(*weights, depth, full_range)
    for weights, depth in [(BT709, 8), (BT601, 8), (BT709, 9), (BT709, 10), (BT2020, 10), (BT2020, 12)]
    for full_range in (False, True)
]
EXACT_CODINGS = [YCbCr(*BT709, depth, full_range) for depth in (14, 16) for full_range in (False, True)]


def to_dtype(codes: torch.Tensor, depth: int) -> UIntArray:
    """Whole numbers as a film's samples: 8 bits as uint8, more as uint16."""
    return codes.numpy().astype(np.uint8 if depth == 8 else np.uint16)


def convert(luma_codes: UIntArray, ab: Float32Array, source: YCbCr, target: YCbCr) -> UIntArray:
    """Codes of the converter for ab ``2 H W``."""

    def read_rows(rows: slice, result: Float32Array) -> None:
        result[:] = ab[:, rows]

    return CbCrConverter(source, target).convert(luma_codes, read_rows)


def define(luma_codes: UIntArray, ab: Float32Array, source: YCbCr, target: YCbCr) -> UIntArray:
    """Codes by the definition, over whole planes."""
    luma = source.to_luma(torch.from_numpy(luma_codes))
    return to_dtype(target.to_cbcr_codes(luma[None], torch.from_numpy(ab)), target.depth)


def assert_hardly_differs(one: UIntArray, other: UIntArray) -> None:
    assert one.dtype == other.dtype
    difference = np.abs(one.astype(int) - other)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("coding", CODINGS)
def test_every_luma_code_with_a_grid_of_ab_hardly_differs(coding: YCbCr) -> None:
    codes = torch.arange(2**coding.depth) if coding.depth == 8 else torch.linspace(0, 2**coding.depth - 1, 300).round()
    axis = np.concatenate([np.arange(-128, 129, 16), [0.25, -0.25, 1e-3]]).astype(np.float32)
    ab = np.stack(np.meshgrid(axis, axis)).reshape(2, 1, -1).repeat(len(codes), 1)
    luma_codes = to_dtype(codes, coding.depth)[:, None].repeat(ab.shape[2], 1)
    assert_hardly_differs(convert(luma_codes, ab, coding, coding), define(luma_codes, ab, coding, coding))


@pytest.mark.parametrize("coding", CODINGS)
def test_random_samples_hardly_differ(coding: YCbCr) -> None:
    random = np.random.default_rng(coding.depth)
    luma_codes = random.integers(0, 2**coding.depth, (401, 257)).astype(np.uint8 if coding.depth == 8 else np.uint16)
    ab = random.normal(0, 30, (2, 401, 257)).astype(np.float32)
    assert_hardly_differs(convert(luma_codes, ab, coding, coding), define(luma_codes, ab, coding, coding))


@pytest.mark.parametrize("coding", CODINGS)
def test_a_photograph_hardly_differs(coding: YCbCr) -> None:
    lab = rgb_to_lab(torch.from_numpy(astronaut()).permute(2, 0, 1).float() / 255)
    gray = torch.linspace(0, 1, 4096)
    luma = torch.from_numpy(np.interp(lab[0].numpy(), lightness_from_luma(gray).numpy(), gray.numpy()))
    luma_codes, ab = to_dtype(coding.to_luma_codes(luma), coding.depth), lab[1:].numpy()
    assert_hardly_differs(convert(luma_codes, ab, coding, coding), define(luma_codes, ab, coding, coding))


@pytest.mark.parametrize(
    ("source", "target"), [(YCbCr(*BT601, 8, True), YCbCr(*BT709, 10, False)), (YCbCr(*BT709, 16, False), CODINGS[0])]
)
def test_source_and_target_may_have_other_depths_matrices_and_ranges(source: YCbCr, target: YCbCr) -> None:
    random = np.random.default_rng(1)
    luma_codes = random.integers(0, 2**source.depth, (200, 300)).astype(np.uint8 if source.depth == 8 else np.uint16)
    ab = random.normal(0, 30, (2, 200, 300)).astype(np.float32)
    assert_hardly_differs(convert(luma_codes, ab, source, target), define(luma_codes, ab, source, target))


@pytest.mark.parametrize("coding", EXACT_CODINGS)
@pytest.mark.parametrize("size", [(333, 517), (2, 40000), (1, 1)])
def test_deep_codes_in_strips_are_exactly_those_of_whole_planes(coding: YCbCr, size: tuple[int, int]) -> None:
    random = np.random.default_rng(coding.depth)
    luma_codes = random.integers(0, 2**coding.depth, size).astype(np.uint16)
    ab = random.normal(0, 30, (2, *size)).astype(np.float32)
    assert np.array_equal(convert(luma_codes, ab, coding, coding), define(luma_codes, ab, coding, coding))


@pytest.mark.parametrize("size", [(333, 517), (2, 40000), (1, 1)])
def test_the_height_of_strips_changes_nothing(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    random = np.random.default_rng(5)
    luma_codes = random.integers(0, 256, size).astype(np.uint8)
    ab = random.normal(0, 30, (2, *size)).astype(np.float32)
    codes = convert(luma_codes, ab, CODINGS[0], CODINGS[0])
    for samples in (1, 5000, luma_codes.size):
        monkeypatch.setattr(cbcr_converter, "STRIP_SAMPLES", samples)
        assert np.array_equal(convert(luma_codes, ab, CODINGS[0], CODINGS[0]), codes)


def test_codes_beyond_their_depth_count_as_the_largest() -> None:
    coding, ab = YCbCr(*BT709, 10, False), np.full((2, 1, 2), 20, np.float32)
    codes = convert(np.array([[1023, 40000]], np.uint16), ab, coding, coding)
    assert np.array_equal(codes[:, 0, 0], codes[:, 0, 1])


def test_a_picture_in_strips_is_exactly_that_of_whole_planes() -> None:
    random = np.random.default_rng(7)
    luma_codes, cbcr_codes = (random.integers(0, 256, size).astype(np.uint8) for size in ((333, 517), (2, 333, 517)))
    whole = CODINGS[1].to_rgb(torch.from_numpy(luma_codes)[None], torch.from_numpy(cbcr_codes)) * 255
    assert np.array_equal(make_rgb(luma_codes, cbcr_codes, CODINGS[1]), whole.round().byte().permute(1, 2, 0).numpy())


def test_threads_may_share_a_converter() -> None:
    random = np.random.default_rng(6)
    coding, results = CODINGS[0], {}
    converter = CbCrConverter(coding, coding)
    inputs = [
        (random.integers(0, 256, (300, 400)).astype(np.uint8), random.normal(0, 30, (2, 300, 400)).astype(np.float32))
        for _ in range(4)
    ]

    def run(number: int) -> None:
        luma_codes, ab = inputs[number]
        results[number] = converter.convert(luma_codes, lambda rows, result: np.copyto(result, ab[:, rows]))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (luma_codes, ab) in enumerate(inputs):
        assert np.array_equal(results[number], convert(luma_codes, ab, coding, coding))
