"""Feature pyramids of a picture, from backbones trained on ImageNet.

A backbone takes ``B 3 h w`` sRGB 0..1 (gray: three equal channels) and gives a tuple of maps.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: output size is ceil(input / stride)."""

    def forward(self, x: Tensor) -> Tensor:
        pads = [
            max((-(-size // step) - 1) * step + kernel - size, 0)
            for size, step, kernel in zip(x.shape[:-3:-1], self.stride[::-1], self.kernel_size[::-1], strict=True)
        ]
        left, top = (pad // 2 for pad in pads)
        return super().forward(F.pad(x, [left, pads[0] - left, top, pads[1] - top]))


class _MobileBlock(nn.Module):
    """Inverted residual: 1×1 expansion, depthwise convolution, 1×1 projection; names of the checkpoint."""

    def __init__(self, width_in: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width_in * expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(width_in, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, eps=1e-3)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = nn.BatchNorm2d(inner, eps=1e-3)
        self._project_conv = nn.Conv2d(inner, width, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(width, eps=1e-3)
        self.expands = expansion > 1
        self.residual = stride == 1 and width_in == width

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        result: Tensor = x + y if self.residual else y
        return result


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 (Tan and Le 2019; Lite: Google 2020) as far as its block 10.

    Gives the outputs of blocks 0, 2, 4, 7, 10: 16, 24, 40, 80, 112 channels at 1/2, 1/4, 1/8,
    1/16, 1/16 of the picture. Dropped blocks need no weights: the classifier is not here.
    """

    taps = (0, 2, 4, 7, 10)
    widths = (16, 24, 40, 80, 112)
    # (blocks, width, kernel, stride of the first, expansion)
    _stages = ((1, 16, 3, 1, 1), (2, 24, 3, 2, 6), (2, 40, 5, 2, 6), (3, 80, 3, 2, 6), (3, 112, 5, 1, 6))

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        self._blocks = nn.ModuleList()
        width_in = 32
        for count, width, kernel, stride, expansion in self._stages:
            for index in range(count):
                self._blocks.append(_MobileBlock(width_in, width, kernel, stride if index == 0 else 1, expansion))
                width_in = width

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        x = F.relu6(self._bn0(self._conv_stem((255 * rgb - 127) / 128)))
        maps = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in self.taps:
                maps.append(x)
        return tuple(maps)
