"""From a prediction to the planes of a film: sizes, crops, filters, orientations, devices."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kinemacolor.color import YCbCr
from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction, compute_on_device
from kinemacolor.options import EdgeFilter
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.geometry import Geometry, resize
from kinemacolor.video.orientation import UPRIGHT, Orientation

CODING = YCbCr(0.2126, 0.0722, 8, full_range=False)
DEEP_CODING = replace(CODING, depth=16)
HEIGHT, WIDTH = 181, 323
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")


def make_frame(coding: YCbCr = CODING, height: int = HEIGHT, width: int = WIDTH) -> UIntArray:
    """Slopes and noise, as stored."""
    slope = np.linspace(0, 0.8, height)[:, None] + np.random.default_rng(0).random((height, width)) / 5
    return (slope * (2**coding.depth - 1)).astype(np.uint8 if coding.depth == 8 else np.uint16)


def make_prediction(geometry: Geometry) -> ColorPrediction:
    rows, columns = geometry.working_size
    y, x = np.mgrid[0:rows, 0:columns]
    ab = np.stack([60 * np.sin(x / 9), 60 * np.cos(y / 7)], -1).astype(np.float32)
    return ColorPrediction(ab, np.ones((rows, columns), np.float32))


def define(frame: UIntArray, one: ChromaPostprocessor, size: tuple[int, int], coding: YCbCr) -> UIntArray:
    """What `compute_cbcr_codes` gives, over whole planes and by the definition; without a filter."""
    luma = coding.to_luma(torch.from_numpy(resize(frame, size)))
    ab = one.geometry.upscale_field(make_prediction(one.geometry).ab, size)
    codes = coding.to_cbcr_codes(luma[None], torch.from_numpy(ab).permute(2, 0, 1))
    return codes.numpy().astype(frame.dtype)


SIZES = [(HEIGHT, WIDTH), (91, 162), (91, 323), (181, 162), (20, 36), (400, 30)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("orientation", [UPRIGHT, Orientation(1), Orientation(2, True)])
@pytest.mark.parametrize("crop", [False, True])
def test_any_size_and_part_hardly_differs_from_the_definition(
    size: tuple[int, int], orientation: Orientation, crop: bool
) -> None:
    geometry = Geometry.from_frame_size(HEIGHT, WIDTH, 48, orientation=orientation, crop=crop)
    one = ChromaPostprocessor(geometry, 1, "none")
    codes = one.compute_cbcr_codes(make_frame(), make_prediction(geometry), size, CODING, CODING)
    difference = np.abs(codes.astype(int) - define(make_frame(), one, size, CODING))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop", [False, True])
def test_deep_codes_are_exactly_those_of_the_definition(size: tuple[int, int], crop: bool) -> None:
    geometry = Geometry.from_frame_size(HEIGHT, WIDTH, 48, crop=crop)
    one = ChromaPostprocessor(geometry, 1, "none")
    frame = make_frame(DEEP_CODING)
    codes = one.compute_cbcr_codes(frame, make_prediction(geometry), size, DEEP_CODING, DEEP_CODING)
    assert np.array_equal(codes, define(frame, one, size, DEEP_CODING))


@pytest.mark.parametrize("edge_filter", ["fgs", "guided"])
def test_filters_change_colours_inside_of_the_crop_only(edge_filter: EdgeFilter) -> None:
    geometry = Geometry.from_frame_size(HEIGHT, WIDTH, 48, crop=True)
    plain = ChromaPostprocessor(geometry, 1, "none")
    size, prediction, frame = (HEIGHT, WIDTH), make_prediction(geometry), make_frame()
    before = plain.compute_cbcr_codes(frame, prediction, size, CODING, CODING)
    after = replace(plain, edge_filter=edge_filter).compute_cbcr_codes(frame, prediction, size, CODING, CODING)
    inside = np.zeros(size, bool)
    inside[geometry.get_crop_window(*size)] = True
    assert (before != after)[:, inside].mean() > 0.1
    assert np.array_equal(before[:, ~inside], after[:, ~inside])


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NEEDS_CUDA])])
@pytest.mark.parametrize("coding", [CODING, replace(CODING, depth=10)])
def test_what_a_device_computes_hardly_differs(device: str, coding: YCbCr) -> None:
    geometry = Geometry.from_frame_size(HEIGHT, WIDTH, 48)
    prediction, frame = make_prediction(geometry), make_frame(coding)
    there = compute_on_device(frame, prediction.ab, coding, coding, torch.device(device))
    here = ChromaPostprocessor(geometry, 1, "none").compute_cbcr_codes(frame, prediction, frame.shape, coding, coding)
    assert there.dtype == here.dtype
    difference = np.abs(there.astype(int) - here)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
