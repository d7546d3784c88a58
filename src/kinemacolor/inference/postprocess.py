"""Post-processing: from predictions of a model at its working size to the Cb and Cr codes of the film."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kinemacolor.color import YCbCr, lightness_from_luma
from kinemacolor.inference.cbcr_converter import get_cbcr_converter
from kinemacolor.inference.edge_filters import fit_to_edges, smooth_between_edges
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.options import EdgeFilter, RenderOptions
from kinemacolor.utils.arrays import Float32Array, UIntArray
from kinemacolor.video.geometry import Geometry, UpscaledField, is_reduced, resize

CPU = torch.device("cpu")
_MIN_WEIGHT = 0.02  # added to confidences, so that the weights are not all 0 where every run is unsure


class ColorPrediction(NamedTuple):
    """The prediction for one frame at the working size, upright: ab ``h w 2`` in Lab units, confidence ``h w`` 0..1.

    ``filled``, ``h w``, is the part 0..1 of the ab that no reference shows; None where the model does not fill.
    """

    ab: Float32Array
    confidence: Float32Array
    filled: Float32Array | None = None


def blend_predictions(parts: Sequence[tuple[float, ColorPrediction]]) -> ColorPrediction:
    """Average predictions, each pixel by weight and confidence. All are scaled to the size of the first.

    The weights of ``parts`` need not sum to 1. Confidence and filled part of the result are the same average of theirs.
    """
    if len(parts) == 1:
        return parts[0][1]
    size = parts[0][1].confidence.shape
    weights = np.array([weight for weight, _ in parts], np.float32) / sum(weight for weight, _ in parts)
    confidences: Float32Array = np.stack([resize(prediction.confidence, (size[0], size[1])) for _, prediction in parts])
    ab = np.stack([resize(prediction.ab, (size[0], size[1])) for _, prediction in parts])
    counts = weights[:, None, None] * (confidences + np.float32(_MIN_WEIGHT))
    shares = counts / counts.sum(0)
    known = [resize(one.filled, (size[0], size[1])) for _, one in parts if one.filled is not None]
    filled = (shares * np.stack(known)).sum(0) if len(known) == len(parts) else None
    return ColorPrediction((shares[..., None] * ab).sum(0), (shares * confidences).sum(0), filled)


@dataclass(frozen=True)
class ChromaPostprocessor:
    """Converts predictions to the film: a factor on ab, the film's geometry, an optional edge-aligning filter.

    On a CUDA ``device`` it computes there, unless a filter or a crop asks for whole planes on the CPU.
    """

    geometry: Geometry
    saturation: float
    edge_filter: EdgeFilter
    device: torch.device = CPU

    @classmethod
    def from_options(
        cls, geometry: Geometry, spec: ModelSpec, options: RenderOptions, device: torch.device = CPU
    ) -> "ChromaPostprocessor":
        """Combine options with the model's ``spec``, which has the values for options that are None."""
        saturation = spec.saturation if options.saturation is None else options.saturation
        return cls(geometry, saturation, options.edge_filter or spec.edge_filter, device)

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
        codes, field = resize(luma_codes, size), self.geometry.orientation.undo(prediction.ab)
        is_plain = self.edge_filter == "none" and self.geometry.crop_fraction == (1, 1) and not is_reduced(field, size)
        if is_plain and self.device.type == "cuda":
            return compute_on_device(codes, field, source_coding, target_coding, self.device)
        converter = get_cbcr_converter(source_coding, target_coding)
        if is_plain and not converter.is_exact:
            return converter.convert(codes, UpscaledField(field, size).read_rows)
        whole = self._upscale_ab(prediction.ab, codes, source_coding)

        def read_rows(rows: slice, result: Float32Array) -> None:
            result[:] = np.moveaxis(whole[rows], -1, 0)

        return converter.convert(codes, read_rows)

    def _upscale_ab(self, ab: Float32Array, luma_codes: UIntArray, coding: YCbCr) -> Float32Array:
        """Scale ab ``h w 2`` up to the size of luma codes ``H W``, along their edges where that is chosen."""
        whole = self.geometry.upscale_field(ab, luma_codes.shape)
        if self.edge_filter != "none":
            window = self.geometry.get_crop_window(*luma_codes.shape)
            luma = coding.to_luma(torch.from_numpy(luma_codes))[window]
            whole[window] = _apply_edge_filter(np.ascontiguousarray(whole[window]), luma, self.edge_filter)
        return whole


@torch.inference_mode()
def compute_on_device(
    luma_codes: UIntArray, ab: Float32Array, source_coding: YCbCr, target_coding: YCbCr, device: torch.device
) -> UIntArray:
    """Compute Cb and Cr codes ``2 H W`` from luma codes ``H W`` and ab ``h w 2`` on a device: only codes come back."""
    luma = source_coding.to_luma(torch.from_numpy(luma_codes).to(device))
    small = torch.from_numpy(ab).to(device).permute(2, 0, 1)
    whole = functional.interpolate(small[None], luma.shape, mode="bilinear")[0]
    codes = target_coding.to_cbcr_codes(luma[None], whole)
    return codes.to(torch.uint8 if target_coding.depth == 8 else torch.uint16).cpu().numpy()


def _apply_edge_filter(ab: Float32Array, luma: Tensor, edge_filter: EdgeFilter) -> Float32Array:
    """Smooth ab ``H W 2`` between the edges of luma ``H W``, 0..1."""
    if edge_filter == "fgs":  # guided by lightness in 8 bits, with the parameters of Deep Exemplar's script
        guide = (lightness_from_luma(luma) * 2.55).byte().numpy()
        return smooth_between_edges(ab, guide, strength=500, sigma=4)
    return fit_to_edges(ab, np.ascontiguousarray(luma.numpy()), radius=max(4, min(luma.shape) // 54), epsilon=1e-4)
