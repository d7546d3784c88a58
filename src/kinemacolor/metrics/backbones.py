"""Networks whose features metrics compare: AlexNet, VGG16, InceptionV3, EfficientNet-Lite0 with its classifier.

They take ``B 3 H W`` sRGB 0..1. Their modules are in the order of the published files.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.backbones import VGG19, EfficientNetLite0, standardize_for_imagenet

ConvSpec = tuple[int, int | tuple[int, int], int]  # channels, kernel, stride
BranchSpec = Sequence["ConvSpec | nn.Module"]


class AlexNet(nn.Module):
    """AlexNet's convolutions (Krizhevsky 2014, "One weird trick"), torchvision's. Gives the five maps after ReLU."""

    widths = (64, 192, 384, 256, 256)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 11, 4, 2)
        self.conv2 = nn.Conv2d(64, 192, 5, padding=2)
        self.conv3 = nn.Conv2d(192, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 256, 3, padding=1)
        self.conv5 = nn.Conv2d(256, 256, 3, padding=1)

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        x, maps = standardize_for_imagenet(rgb), []
        for name, conv in self.named_children():
            if name in ("conv2", "conv3"):
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(conv(x))
            maps.append(x)
        return tuple(maps)


class VGG16(VGG19):
    """VGG16 (Simonyan and Zisserman 2014), torchvision's. Gives the last map of its five stages, after ReLU."""

    widths = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"), variant="torchvision")


class InceptionV3(nn.Module):
    """InceptionV3 (Szegedy et al. 2016) as Heusel et al. 2017 use it for FID: TensorFlow's weights of December 2015.

    Gives ``B 2048``, the mean of the last map. Two deviations of that network from its paper matter: means at
    borders leave out the padding, and the last block takes a maximum instead of a mean.
    """

    def __init__(self) -> None:
        super().__init__()
        stem = [_Convolution(3, 32, 3, 2), _Convolution(32, 32, 3), _Convolution(32, 64, 3, same=True)]
        late = [_Convolution(64, 80, 1), _Convolution(80, 192, 3)]
        self.stem = nn.Sequential(*stem, nn.MaxPool2d(3, 2), *late, nn.MaxPool2d(3, 2))
        blocks = [*(_make_block_35x35(width_in, width) for width_in, width in ((192, 32), (256, 64), (288, 64)))]
        blocks += [_Mixed(288, [(384, 3, 2)], [(64, 1, 1), (96, 3, 1), (96, 3, 2)], [nn.MaxPool2d(3, 2)])]
        blocks += [_make_block_17x17(width) for width in (128, 160, 160, 192)]
        narrowing: BranchSpec = [(192, 1, 1), (192, (1, 7), 1), (192, (7, 1), 1), (192, 3, 2)]
        blocks += [_Mixed(768, [(192, 1, 1), (320, 3, 2)], narrowing, [nn.MaxPool2d(3, 2)])]
        blocks += [_make_block_8x8(1280, _make_border_free_mean()), _make_block_8x8(2048, nn.MaxPool2d(3, 1, 1))]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, rgb: Tensor) -> Tensor:
        maps: Tensor = self.blocks(self.stem(2 * rgb - 1))
        return maps.mean((2, 3))


class _Convolution(nn.Module):
    """Convolution, batch normalisation without a scale, ReLU; ``same`` pads so that the size stays."""

    def __init__(
        self, width_in: int, width: int, kernel: int | tuple[int, int], stride: int = 1, *, same: bool = False
    ) -> None:
        super().__init__()
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.stride, self.padding = stride, (high // 2, wide // 2) if same else (0, 0)
        self.weight = nn.Parameter(torch.empty(width, width_in, high, wide))
        nn.init.kaiming_normal_(self.weight)
        self.beta = nn.Parameter(torch.zeros(width))
        self.mean, self.var = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        scale = (self.var + 1e-3).rsqrt()
        weight, bias = self.weight * scale[:, None, None, None], self.beta - self.mean * scale
        return F.relu(F.conv2d(x, weight, bias, self.stride, self.padding))


class _Mixed(nn.Module):
    """Parallel branches whose channels are joined. A branch is a row of convolutions and modules."""

    def __init__(self, width_in: int, *branches: BranchSpec) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for branch in branches:
            row, width = nn.Sequential(), width_in
            for layer in branch:
                if isinstance(layer, nn.Module):
                    row.append(layer)
                else:
                    row.append(_Convolution(width, *layer, same=layer[2] == 1))
                    width = layer[0]
            self.branches.append(row)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def _make_block_35x35(width_in: int, pooled: int) -> _Mixed:
    """Make a block on the grid of 35×35 cells."""
    twice: BranchSpec = [(64, 1, 1), (96, 3, 1), (96, 3, 1)]
    return _Mixed(width_in, [(64, 1, 1)], [(48, 1, 1), (64, 5, 1)], twice, [_make_border_free_mean(), (pooled, 1, 1)])


def _make_block_17x17(inner: int) -> _Mixed:
    """Make a block on the grid of 17×17 cells."""
    across: BranchSpec = [(inner, 1, 1), (inner, (1, 7), 1), (192, (7, 1), 1)]
    twice: BranchSpec = [(inner, 1, 1), (inner, (7, 1), 1), (inner, (1, 7), 1), (inner, (7, 1), 1), (192, (1, 7), 1)]
    return _Mixed(768, [(192, 1, 1)], across, twice, [_make_border_free_mean(), (192, 1, 1)])


def _make_block_8x8(width_in: int, pool: nn.Module) -> _Mixed:
    """Make a block on the grid of 8×8 cells."""
    fork = [_Mixed(384, [(384, (1, 3), 1)], [(384, (3, 1), 1)]) for _ in range(2)]
    once: BranchSpec = [(384, 1, 1), fork[0]]
    twice: BranchSpec = [(448, 1, 1), (384, 3, 1), fork[1]]
    return _Mixed(width_in, [(320, 1, 1)], once, twice, [pool, (192, 1, 1)])


def _make_border_free_mean() -> nn.Module:
    """Make a 3×3 mean that leaves out the padding."""
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False)


class EfficientNetLite0Classifier(EfficientNetLite0):
    """The deep EfficientNet-Lite0 with its classifier, `predict_logits`; names are the checkpoint's."""

    def __init__(self) -> None:
        super().__init__(deep=True)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def predict_logits(self, rgb: Tensor) -> Tensor:
        """Compute logits ``B 1000`` of ImageNet's classes."""
        x = F.relu6(self._bn1(self._conv_head(self(rgb)[-1])))
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits
