"""From what a model painted at its working size to the chroma planes of the film."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import YCbCr, lightness_from_luma
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.options import EdgeFilter, RenderOptions
from kinemacolor.utils.arrays import Float32Array, UIntArray
from kinemacolor.video.geometry import Geometry, resize


class ColorPrediction(NamedTuple):
    """One frame at the working size, upright: ab ``h w 2`` and confidence ``h w``, 0..1."""

    ab: Float32Array
    confidence: Float32Array


@dataclass(frozen=True)
class ChromaPostprocessor:
    """How painted frames become the film's: their geometry, the gain on chroma, what aligns it with edges."""

    geometry: Geometry
    saturation: float
    edge_filter: EdgeFilter

    @classmethod
    def from_options(cls, geometry: Geometry, spec: ModelSpec, options: RenderOptions) -> "ChromaPostprocessor":
        """Where the options say nothing, as the model's published recipe has it."""
        saturation = spec.saturation if options.saturation is None else options.saturation
        return cls(geometry, saturation, options.edge_filter or spec.edge_filter)

    def with_saturation(self, prediction: ColorPrediction) -> ColorPrediction:
        """With the gain."""
        return ColorPrediction(prediction.ab * np.float32(self.saturation), prediction.confidence)

    def compute_cbcr_codes(
        self,
        luma_codes: UIntArray,
        prediction: ColorPrediction,
        size: tuple[int, int],
        source_coding: YCbCr,
        target_coding: YCbCr,
    ) -> UIntArray:
        """Cb and Cr codes of ``target``, ``2 *size``, for a stored luma plane ``H W`` of ``native``; no gain."""
        with torch.inference_mode():
            luma = source_coding.to_luma(torch.from_numpy(resize(luma_codes, size)))
            ab = self.geometry.upscale_field(prediction.ab, size)
            crop_window = self.geometry.get_crop_window(*size)
            ab[crop_window] = _apply_edge_filter(
                np.ascontiguousarray(ab[crop_window]), luma[crop_window], self.edge_filter
            )
            cbcr_codes = target_coding.to_cbcr_codes(luma[None], torch.from_numpy(ab).permute(2, 0, 1))
            return cbcr_codes.to(torch.uint8 if target_coding.depth == 8 else torch.uint16).numpy()


def _apply_edge_filter(ab: Float32Array, luma: Tensor, edge_filter: EdgeFilter) -> Float32Array:
    """Chroma ``H W 2`` smoothed inside the edges of ``gray``, ``H W`` 0..1."""
    if edge_filter == "none":
        return ab
    if edge_filter == "fgs":
        guide = (lightness_from_luma(luma) * 2.55).byte().contiguous().numpy()
        channels = [cv2.ximgproc.fastGlobalSmootherFilter(guide, plane, 500, 4) for plane in cv2.split(ab)]
        return np.stack(channels, -1)
    radius = max(4, min(luma.shape) // 54)
    aligned = cv2.ximgproc.guidedFilter(np.ascontiguousarray(luma.numpy()), ab, radius=radius, eps=1e-4)
    return aligned.astype(np.float32, copy=False)
