"""Descriptors: what each cell of the 1/4 grid looks like and stands in, as a unit vector."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.backbones import EfficientNetLite0, normalize_channels
from kinemacolor.nn.layers import resize_bilinear
from kinemacolor.nn.pointwise import PointwiseConv2d, multiply_rows
from kinemacolor.nn.precision import promote_to_float32

DESCRIPTOR_WIDTH = 64  # channels
DILATIONS = (2, 4)  # cells between the taps of the convolutions that see what is around


class Descriptors(nn.Module):
    """A projection of all maps of the backbone, and its context by dilated depthwise convolutions.

    Untrained, the context adds nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(sum(EfficientNetLite0.widths), DESCRIPTOR_WIDTH, bias=False)
        self.context = nn.ModuleList(_Context(DESCRIPTOR_WIDTH, dilation) for dilation in DILATIONS)

    def forward(self, maps: Sequence[Tensor], grid: tuple[int, int], *, with_context: bool = True) -> Tensor:
        """Compute unit descriptors ``B h w C`` of the cells of ``grid`` from maps of `standardize_maps`."""
        x = normalize_channels(self._project(maps, grid))
        for block in self.context if with_context else ():
            x = block(x)
        return F.normalize(promote_to_float32(x).permute(0, 2, 3, 1), dim=-1)

    def _project(self, maps: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """Project the places of all maps, as unit vectors, and add them up on ``grid``: ``B C h w``.

        Coarse maps are projected and added before they are enlarged, which is the same and costs less.
        """
        sums: dict[tuple[int, int], Tensor] = {}
        for x, weight in zip(maps, torch.split(self.project.weight, list(EfficientNetLite0.widths), 1), strict=True):
            unit = normalize_channels(x)
            if unit.shape[-1] > grid[1]:
                unit = F.adaptive_avg_pool2d(unit, grid)
            part = multiply_rows(unit.permute(0, 2, 3, 1), weight).permute(0, 3, 1, 2)
            size = unit.shape[2], unit.shape[3]
            sums[size] = sums[size] + part if size in sums else part
        first, *others = (resize_bilinear(x, grid) for x in sums.values())
        return sum(others, first)


class _Context(nn.Module):
    """Residual block of a dilated depthwise 3×3 and a 1×1 convolution; the last is initialised to zero."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(
            width, width, 3, padding=dilation, dilation=dilation, groups=width, padding_mode="replicate"
        )
        self.mix = PointwiseConv2d(width, width)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.mix(F.silu(self.look(x)))
        return y
