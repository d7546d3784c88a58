"""From what a model painted at its working size to the chroma planes of the film."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import YCbCr, lightness_from_luma
from kinemacolor.models.base import ModelSpec
from kinemacolor.options import EdgeFilter, SessionOptions
from kinemacolor.utils.arrays import Float32Array, UIntArray
from kinemacolor.video.geometry import Geometry, resize


class Painted(NamedTuple):
    """One frame at the working size, upright: ab ``h w 2`` and confidence ``h w``, 0..1."""

    chroma: Float32Array
    confidence: Float32Array


@dataclass(frozen=True)
class Finish:
    """How painted frames become the film's: their geometry, the gain on chroma, what aligns it with edges."""

    geometry: Geometry
    saturation: float
    edge_filter: EdgeFilter

    @classmethod
    def of(cls, geometry: Geometry, spec: ModelSpec, options: SessionOptions) -> "Finish":
        """Where the options say nothing, as the model's published recipe has it."""
        gain = spec.saturation if options.saturation is None else options.saturation
        return cls(geometry, gain, options.edge_filter or spec.edge_filter)

    def gained(self, painted: Painted) -> Painted:
        """With the gain."""
        return Painted(painted.chroma * np.float32(self.saturation), painted.confidence)

    def chroma_planes(
        self, luma: UIntArray, painted: Painted, size: tuple[int, int], native: YCbCr, target: YCbCr
    ) -> UIntArray:
        """Cb and Cr codes of ``target``, ``2 *size``, for a stored luma plane ``H W`` of ``native``; no gain."""
        with torch.inference_mode():
            gray = native.to_luma(torch.from_numpy(resize(luma, size)))
            chroma = self.geometry.upscale_field(painted.chroma, size)
            seen = self.geometry.get_crop_window(*size)
            chroma[seen] = _align(np.ascontiguousarray(chroma[seen]), gray[seen], self.edge_filter)
            codes = target.to_cbcr_codes(gray[None], torch.from_numpy(chroma).permute(2, 0, 1))
            return codes.to(torch.uint8 if target.depth == 8 else torch.uint16).numpy()


def _align(chroma: Float32Array, gray: Tensor, edge_filter: EdgeFilter) -> Float32Array:
    """Chroma ``H W 2`` smoothed inside the edges of ``gray``, ``H W`` 0..1."""
    if edge_filter == "none":
        return chroma
    if edge_filter == "fgs":
        guide = (lightness_from_luma(gray) * 2.55).byte().contiguous().numpy()
        channels = [cv2.ximgproc.fastGlobalSmootherFilter(guide, plane, 500, 4) for plane in cv2.split(chroma)]
        return np.stack(channels, -1)
    radius = max(4, min(gray.shape) // 54)
    aligned = cv2.ximgproc.guidedFilter(np.ascontiguousarray(gray.numpy()), chroma, radius=radius, eps=1e-4)
    return aligned.astype(np.float32, copy=False)
