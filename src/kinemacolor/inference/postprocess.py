"""Post-processing: from predictions of a model at its working size to the Cb and Cr codes of the film."""

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
    """The prediction for one frame at the working size, upright: ab ``h w 2`` in Lab units, confidence ``h w`` 0..1.

    ``filled``, ``h w``, is the part 0..1 of the ab that no reference shows; None where the model does not fill.
    """

    ab: Float32Array
    confidence: Float32Array
    filled: Float32Array | None = None


@dataclass(frozen=True)
class ChromaPostprocessor:
    """Converts predictions to the film: a factor on ab, the film's geometry, an optional edge-aligning filter."""

    geometry: Geometry
    saturation: float
    edge_filter: EdgeFilter

    @classmethod
    def from_options(cls, geometry: Geometry, spec: ModelSpec, options: RenderOptions) -> "ChromaPostprocessor":
        """Combine options with the model's ``spec``, which has the values for options that are None."""
        saturation = spec.saturation if options.saturation is None else options.saturation
        return cls(geometry, saturation, options.edge_filter or spec.edge_filter)

    def with_saturation(self, prediction: ColorPrediction) -> ColorPrediction:
        """Scale the ab of a prediction by the saturation factor."""
        return prediction._replace(ab=prediction.ab * np.float32(self.saturation))

    def compute_cbcr_codes(
        self,
        luma_codes: UIntArray,
        prediction: ColorPrediction,
        size: tuple[int, int],
        source_coding: YCbCr,
        target_coding: YCbCr,
    ) -> UIntArray:
        """Compute the Cb and Cr codes of a frame in ``target_coding``, ``2 rows columns`` for ``size`` (rows, columns).

        ``luma_codes`` is the stored luma plane ``H W`` in ``source_coding``. The prediction is used as it is: call
        `with_saturation` before.
        """
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
    """Smooth ab ``H W 2`` between the edges of luma ``H W``, 0..1."""
    if edge_filter == "none":
        return ab
    if edge_filter == "fgs":  # guided by lightness in 8 bits, with the parameters of Deep Exemplar's script
        guide = (lightness_from_luma(luma) * 2.55).byte().contiguous().numpy()
        channels = [cv2.ximgproc.fastGlobalSmootherFilter(guide, plane, 500, 4) for plane in cv2.split(ab)]
        return np.stack(channels, -1)
    radius = max(4, min(luma.shape) // 54)
    aligned = cv2.ximgproc.guidedFilter(np.ascontiguousarray(luma.numpy()), ab, radius=radius, eps=1e-4)
    return aligned.astype(np.float32, copy=False)
