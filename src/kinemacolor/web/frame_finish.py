"""Brings predictions to a frame as somebody looks at it: a rendered one, or one of the frame alone."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinemacolor.color import YCbCr
from kinemacolor.inference.attribution import FrameTrace
from kinemacolor.inference.cbcr_converter import make_rgb
from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.options import RenderOptions, ShotRenderOptions
from kinemacolor.rendering.blend import iter_frame_predictions, open_stored
from kinemacolor.rendering.cache import WorkFolder
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.reader import probe_film
from kinemacolor.web.frame_passes import PlannedFrames, Stamp, stamp_file, with_finish


class ColoredFrame(NamedTuple):
    """A frame as sRGB ``H W 3`` uint8, and its confidence ``H W``, 0..1."""

    rgb: UInt8Array
    confidence: Float32Array

    @property
    def doubt(self) -> float:
        """1 less the mean confidence."""
        return 1 - float(self.confidence.mean())


def make_postprocessor(size: tuple[int, int], spec: ModelSpec, options: RenderOptions) -> ChromaPostprocessor:
    """Make the post-processing for pictures of ``size`` (rows, columns)."""
    geometry = Geometry.from_frame_size(*size, options.short_side or spec.short_side, crop=options.crop)
    return ChromaPostprocessor.from_options(geometry, spec, options)


def find_gray_coding(film: Path) -> YCbCr:
    """Find how players take the result of a film, by its matrix, for gray pictures: 8 bits, full range.

    A gray picture holds the film's luma codes in that coding. Raises InputError where the film cannot be read.
    """
    return _find_gray_coding(film, stamp_file(film))


@lru_cache(maxsize=64)
def _find_gray_coding(film: Path, stamp: Stamp) -> YCbCr:
    red, blue = probe_film(film, "skip").colors.luma_weights
    return YCbCr(red, blue, 8, full_range=True)


def finish_frame(
    gray: UInt8Array, prediction: ColorPrediction, postprocessor: ChromaPostprocessor, coding: YCbCr
) -> ColoredFrame:
    """Colour a gray frame ``H W`` by a prediction at working size; its saturation is applied already.

    ``coding``: as `find_gray_coding` finds it.
    """
    size = gray.shape[0], gray.shape[1]
    codes = postprocessor.compute_cbcr_codes(gray, prediction, size, coding, coding)
    confidence = postprocessor.geometry.upscale_field(prediction.confidence, size)
    return ColoredFrame(make_rgb(gray, codes, coding), np.clip(confidence, 0, 1))


def finish_trace(
    gray: UInt8Array, trace: FrameTrace, spec: ModelSpec, options: RenderOptions, coding: YCbCr
) -> ColoredFrame:
    """Colour a gray frame ``H W`` by what was predicted of it; ``coding`` as of `finish_frame`."""
    postprocessor = make_postprocessor((gray.shape[0], gray.shape[1]), spec, options)
    return finish_frame(gray, postprocessor.with_saturation(trace.prediction), postprocessor, coding)


def read_rendered_prediction(
    planned: PlannedFrames, work: Path, frame: int, spec: ModelSpec, changes: ShotRenderOptions
) -> ColorPrediction:
    """Read the prediction of a frame from a work folder that has it, saturation applied.

    What ``changes`` has of saturation counts instead of the plan's. Raises InputError for damaged files.
    """
    folder = WorkFolder(work)
    number = planned.find_shot(frame)
    around = planned.shot_passes[max(0, number - 1) : number + 2]  # whose dissolves may reach into it
    postprocessors = [
        make_postprocessor((64, 64), spec, with_finish(one.weighted_passes[0].source.options, changes))
        for one in around
    ]  # of which only the saturation counts here

    def open_segment(one: InferencePass, segment: int) -> Iterator[ColorPrediction]:
        return open_stored(folder)(one, segment)

    found = iter_frame_predictions(around, postprocessors, open_segment, first_frame=frame)
    return next(found).colors
