"""Descriptors: what each cell of the 1/4 grid looks like and stands in, as a unit vector."""

import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.backbones import EfficientNetLite0
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

    def forward(self, features: Tensor) -> Tensor:
        """Compute unit descriptors ``B h w C`` from those of `extract_gray_features`."""
        x = F.normalize(self.project(features), dim=-1).permute(0, 3, 1, 2)
        for block in self.context:
            x = block(x)
        return F.normalize(promote_to_float32(x).permute(0, 2, 3, 1), dim=-1)


class _Context(nn.Module):
    """Residual block of a dilated depthwise 3×3 and a 1×1 convolution; the last is initialised to zero."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(
            width, width, 3, padding=dilation, dilation=dilation, groups=width, padding_mode="replicate"
        )
        self.mix = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.mix(F.silu(self.look(x)))
        return y
