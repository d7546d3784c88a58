"""Backbones trained on ImageNet: feature pyramids of a picture, and descriptors made of them.

A backbone takes ``B 3 h w`` sRGB 0..1 (gray: three equal channels) and gives a tuple of maps.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.pointwise import multiply_rows

VGGVariant = Literal["caffe", "torchvision", "normalised"]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB 0..1, as torchvision has them
CAFFE_MEAN = (0.40760392, 0.45795686, 0.48501961)  # of BGR 0..1


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: output size is ceil(input / stride)."""

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve with other weights of the same shape."""
        if self.kernel_size == (1, 1):  # a matrix product: with channels last nothing is copied
            return multiply_rows(x.permute(0, 2, 3, 1), weight[:, :, 0, 0], bias).permute(0, 3, 1, 2)
        pads = [
            max((-(-size // step) - 1) * step + kernel - size, 0)
            for size, step, kernel in zip(x.shape[:-3:-1], self.stride[::-1], self.kernel_size[::-1], strict=True)
        ]
        # Of an odd number one more is at the end: zeros before the kernel do it without a copy of the maps.
        weight = F.pad(weight, (pads[0] % 2, 0, pads[1] % 2, 0)) if pads[0] % 2 or pads[1] % 2 else weight
        left, top = ((pad + 1) // 2 for pad in pads)
        return F.conv2d(x, weight, bias, self.stride, (top, left), groups=self.groups)


def convolve_and_normalize(conv: SameConv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Convolve without a bias, then normalise; with the means that ``norm`` keeps both are one convolution."""
    if norm.training:
        normed: Tensor = norm(conv(x))
        return normed
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return conv.convolve(x, conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale)


class _InvertedResidual(nn.Module):
    """Inverted residual: 1×1 expansion, depthwise convolution, 1×1 projection; names are the checkpoint's."""

    def __init__(self, width_in: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width_in * expansion
        if expansion > 1:
            self._expand_conv = SameConv2d(width_in, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, eps=1e-3)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = nn.BatchNorm2d(inner, eps=1e-3)
        self._project_conv = SameConv2d(inner, width, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(width, eps=1e-3)
        self.expands = expansion > 1
        self.residual = stride == 1 and width_in == width

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(convolve_and_normalize(self._expand_conv, self._bn0, x), inplace=True) if self.expands else x
        y = F.relu6(convolve_and_normalize(self._depthwise_conv, self._bn1, y), inplace=True)
        y = convolve_and_normalize(self._project_conv, self._bn2, y)
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 (Tan and Le 2019; Lite: Google 2020) up to its block 10, or 15 where it is ``deep``.

    Gives the outputs of blocks 0, 2, 4, 7, 10: 16, 24, 40, 80, 112 channels at 1/2, 1/4, 1/8,
    1/16, 1/16 of the picture; the deep one also those of 14 and 15, 192 and 320 channels at 1/32, which tell kinds of
    things apart best. Later blocks and the classifier are left out and need no weights.
    """

    widths = (16, 24, 40, 80, 112)
    deep_widths = (192, 320)
    taps = (0, 2, 4, 7, 10)
    deep_taps = (14, 15)
    # (blocks, width, kernel, stride of the first, expansion)
    _stages = ((1, 16, 3, 1, 1), (2, 24, 3, 2, 6), (2, 40, 5, 2, 6), (3, 80, 3, 2, 6), (3, 112, 5, 1, 6))
    _deep_stages = ((4, 192, 5, 2, 6), (1, 320, 3, 1, 6))

    def __init__(self, *, deep: bool = False) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        self._blocks = nn.ModuleList()
        width_in = 32
        for count, width, kernel, stride, expansion in (*self._stages, *(self._deep_stages if deep else ())):
            for index in range(count):
                self._blocks.append(_InvertedResidual(width_in, width, kernel, stride if index == 0 else 1, expansion))
                width_in = width

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        rgb = rgb.contiguous(memory_format=torch.channels_last)  # a fifth faster
        x = F.relu6(convolve_and_normalize(self._conv_stem, self._bn0, (255 * rgb - 127) / 128), inplace=True)
        maps = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in (*self.taps, *self.deep_taps):
                maps.append(x)
        return tuple(maps)


def instance_norm(x: Tensor) -> Tensor:
    """Normalise every channel of every picture ``B C h w`` to mean 0 and variance 1, in channels-first memory.

    That layout is fastest. Maps are flattened because PyTorch 2.13 gives a wrong gradient for a batch of one where
    the gradient comes with channels last.
    """
    return F.instance_norm(x.contiguous().flatten(2)).reshape(x.shape)


def standardize_maps(maps: Sequence[Tensor]) -> list[Tensor]:
    """Bring each channel of maps to mean 0 and variance 1 over the picture: no channel and no brightness dominates.

    Groups of one channel each: this keeps channels last, and is then four times as fast as `instance_norm`.
    """
    return [F.group_norm(x, x.shape[1]) for x in maps]


def normalize_channels(x: Tensor) -> Tensor:
    """Scale ``B C h w`` to length 1 along C (0 stays 0); on a CPU four times as fast as a norm along a strided axis."""
    return x * x.square().sum(1, keepdim=True).clamp_min(1e-24).rsqrt()


def build_descriptors(maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Join maps from `standardize_maps`, with equal weight, to unit descriptors ``B h w C`` on a grid of ``size``."""
    parts = []
    for x in maps:
        unit = normalize_channels(x)
        if unit.shape[-1] > size[1]:
            unit = F.adaptive_avg_pool2d(unit, size)
        parts.append(
            F.interpolate(unit, size, mode="bilinear", align_corners=False) if unit.shape[-2:] != size else unit
        )
    return normalize_channels(torch.cat(parts, 1)).permute(0, 2, 3, 1).contiguous()


def extract_gray_features(backbone: nn.Module, lightness: Tensor) -> tuple[list[Tensor], Tensor]:
    """Compute the standardised maps of gray pictures ``B 1 h w``, L 0..100, and their descriptors on the 1/4 grid.

    See `extract_gray_maps` and `build_descriptors`; the grid is rounded up.
    """
    maps = extract_gray_maps(backbone, lightness)
    height, width = (-(-size // 4) for size in lightness.shape[-2:])
    return maps, build_descriptors(maps, (height, width))


def extract_gray_maps(backbone: nn.Module, lightness: Tensor) -> list[Tensor]:
    """Compute the maps of gray pictures ``B 1 h w``, L 0..100, by `standardize_maps`."""
    return standardize_maps(backbone(lightness.expand(-1, 3, -1, -1) / 100))


class VGG19(nn.Module):
    """VGG19 (Simonyan and Zisserman 2014) up to its last tap, with Caffe's layer names.

    Gives the outputs named by ``taps``, in network order, such as ``("relu2_2", "relu5_2")``. The
    variant says where the weights come from: ``caffe`` takes BGR 0..255 less the mean colour,
    ``torchvision`` RGB standardised; ``normalised`` (Gatys et al. 2016) is Caffe's with every
    channel's mean activation scaled to 1, and reflects at borders where the others pad with zeros.
    ``width`` scales the channels.
    """

    widths = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)

    def __init__(self, taps: tuple[str, ...], *, variant: VGGVariant = "caffe", width: float = 1) -> None:
        super().__init__()
        self.taps, self.variant = taps, variant
        border: Literal["zeros", "reflect"] = "reflect" if variant == "normalised" else "zeros"
        width_in = 3
        for stage, widths in enumerate(self.widths, 1):
            for layer, full in enumerate(widths, 1):
                if f"relu{stage}_{layer}" <= taps[-1]:
                    width_out = int(full * width)
                    conv = nn.Conv2d(width_in, width_out, 3, padding=1, padding_mode=border)
                    self.add_module(f"conv{stage}_{layer}", conv)
                    width_in = width_out

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        x, maps, stage = self._standardize_input(rgb).contiguous(memory_format=torch.channels_last), [], "1"
        for name, conv in self.named_children():
            if name[4] != stage:
                x, stage = F.max_pool2d(x, 2), name[4]
            x = F.relu(conv(x), inplace=True)
            if name.replace("conv", "relu") in self.taps:
                maps.append(x)
        return tuple(maps)

    def _standardize_input(self, rgb: Tensor) -> Tensor:
        """Scale sRGB 0..1 as the weights of this variant expect it."""
        if self.variant == "torchvision":
            return standardize_for_imagenet(rgb)
        return standardize_for_caffe(rgb)


def to_torchvision_input(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Let the weights of a VGG19 that takes Caffe's input take torchvision's: the first layer undoes the difference.

    Exact but at the borders, where other colours are repeated or taken as 0.
    """
    kernel = 255 * weights["conv1_1.weight"].flip(1)  # of RGB 0..1 less Caffe's mean
    mean, std, caffe_mean = (torch.tensor(x) for x in (IMAGENET_MEAN, IMAGENET_STD, CAFFE_MEAN[::-1]))
    moved = (kernel * (mean - caffe_mean)[:, None, None]).sum((1, 2, 3))
    first = {"conv1_1.weight": kernel * std[:, None, None], "conv1_1.bias": weights["conv1_1.bias"] + moved}
    return {**weights, **first}


def standardize_for_caffe(rgb: Tensor) -> Tensor:
    """Turn sRGB 0..1 ``B 3 h w`` into BGR 0..255 less the mean colour of ImageNet, for Caffe's networks."""
    return (rgb.flip(-3) - get_constant(CAFFE_MEAN, rgb)[:, None, None]) * 255


def standardize_for_imagenet(rgb: Tensor) -> Tensor:
    """Subtract ImageNet's mean from sRGB 0..1 ``B 3 h w`` and divide by its deviation, for torchvision's networks."""
    mean, std = get_constant(IMAGENET_MEAN, rgb), get_constant(IMAGENET_STD, rgb)
    return (rgb - mean[:, None, None]) / std[:, None, None]


class ResNet101(nn.Module):
    """ResNet-101 (He et al. 2016) for matching (Long-term, 3.2): no first max-pool, nothing after layer3.18.

    Gives the outputs of layer1.1, layer2.2, layer3.2 and layer3.18: 256, 512, 1024, 1024 channels
    at 1/2, 1/4, 1/8, 1/8 of the picture. Names are torchvision's; batch statistics are frozen.
    ``width`` scales the channels.
    """

    taps: tuple[str, ...] = ("layer1.1", "layer2.2", "layer3.2", "layer3.18")
    widths = (256, 512, 1024, 1024)
    _stages = ((3, 64, 1), (4, 128, 2), (19, 256, 2))  # blocks, inner width, stride of the first
    _strides_at_once = False

    def __init__(self, *, width: float = 1) -> None:
        super().__init__()
        width_in = int(64 * width)
        self.conv1 = nn.Conv2d(3, width_in, 7, 2, 3, bias=False)
        self.bn1 = _FrozenBatchNorm2d(width_in)
        for number, (count, inner, stride) in enumerate(self._stages, 1):
            stage = nn.Sequential()
            for index in range(count):
                block = _Bottleneck(
                    width_in, int(inner * width), stride if index == 0 else 1, strides_at_once=self._strides_at_once
                )
                stage.append(block)
                width_in = 4 * int(inner * width)
            self.add_module(f"layer{number}", stage)

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        x = F.relu(self.bn1(self.conv1(self._standardize_input(rgb))))
        maps = []
        for number in range(1, len(self._stages) + 1):
            stage = self.get_submodule(f"layer{number}")
            for name, block in stage.named_children():
                x = block(x)
                if f"layer{number}.{name}" in self.taps:
                    maps.append(x)
        return tuple(maps)

    def _standardize_input(self, rgb: Tensor) -> Tensor:
        """Leave sRGB 0..1 as it is: the paper's code does not standardise it."""
        return rgb


class ResNet50(ResNet101):
    """ResNet-50 with Caffe's weights, cut as `ResNet101` is: layer1.1, layer2.2, layer3.2 and layer3.5, its last.

    It takes BGR 0..255 less the mean colour, and its blocks halve maps in their first convolution.
    """

    taps = ("layer1.1", "layer2.2", "layer3.2", "layer3.5")
    _stages = ((3, 64, 1), (4, 128, 2), (6, 256, 2))
    _strides_at_once = True

    def _standardize_input(self, rgb: Tensor) -> Tensor:
        """Scale sRGB 0..1 as Caffe does."""
        return standardize_for_caffe(rgb)


class _Bottleneck(nn.Module):
    """Bottleneck block of ResNet: 1×1, 3×3 and 1×1 convolutions around a shortcut; names are torchvision's.

    ``stride`` is that of the 3×3 convolution, or, where it ``strides_at_once``, of the first one.
    """

    def __init__(self, width_in: int, inner: int, stride: int, *, strides_at_once: bool) -> None:
        super().__init__()
        first, second = (stride, 1) if strides_at_once else (1, stride)
        self.conv1 = nn.Conv2d(width_in, inner, 1, first, bias=False)
        self.bn1 = _FrozenBatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, second, 1, bias=False)
        self.bn2 = _FrozenBatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 4 * inner, 1, bias=False)
        self.bn3 = _FrozenBatchNorm2d(4 * inner)
        self.downsample = nn.Sequential()
        if stride > 1 or width_in != 4 * inner:
            self.downsample.append(nn.Conv2d(width_in, 4 * inner, 1, stride, bias=False))
            self.downsample.append(_FrozenBatchNorm2d(4 * inner))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class _FrozenBatchNorm2d(nn.Module):
    """Batch normalisation with fixed statistics and scale, also while the rest of the network is trained."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        return torch.addcmul((self.bias - self.running_mean * scale)[:, None, None], x, scale[:, None, None])


def vgg19_layer_indices() -> dict[str, int]:
    """Map the layers of `VGG19`, such as ``conv1_1``, to their indices in torchvision's ``features``."""
    indices, index = {}, 0
    for stage, widths in enumerate(VGG19.widths, 1):
        for layer in range(1, len(widths) + 1):
            indices[f"conv{stage}_{layer}"] = index
            index += 2
        index += 1
    return indices
