"""Loss on features of the ImageNet backbone that ships with the package: how alike two pictures look."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.losses.networks import extract_maps
from kinemacolor.losses.numerics import subtract_same_shape, weighted_mean
from kinemacolor.nn.backbones import EfficientNetLite0
from kinemacolor.nn.precision import promote_to_float32


def extract_backbone_maps(backbone: EfficientNetLite0, lab: Tensor) -> dict[int, Tensor]:
    """Compute the maps of ``backbone`` by the number of their block; else as `extract_maps`."""
    return dict(zip(backbone.taps, extract_maps(backbone, lab), strict=True))


def deep_features_loss(
    result: Mapping[int, Tensor],
    truth: Mapping[int, Tensor],
    weight: Tensor | None = None,
    *,
    blocks: Sequence[int] = (0, 2, 4, 7),
) -> Tensor:
    """Mean over ``blocks`` and places of ‖x / ‖x‖ - y / ‖y‖‖², x and y the features of a place over all channels.

    LPIPS (Zhang et al. 2018, Eq. 1) with one weight for all channels, on EfficientNet-Lite0: 0..4. Maps are
    ``B C h w`` by their block, see `extract_backbone_maps`; ``weight`` is ``B 1 1 1``. Gradients flow to the
    result only.
    """
    distances = []
    for block in blocks:
        x, y = (F.normalize(promote_to_float32(maps[block]), eps=1e-6) for maps in (result, truth))
        squares = subtract_same_shape(x, y.detach()).square().sum(1, keepdim=True)
        distances.append(weighted_mean(squares, weight))
    return torch.stack(distances).mean()
