"""Color2Embed (Zhao et al. 2021): one colour embedding for a whole reference modulates a U-Net.

There is no matching, so nothing says where a colour comes from. Frames are independent of
each other. Equation numbers are the paper's.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.color import lab_to_rgb
from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.nn.backbones import VGG19, vgg19_layer_indices
from kinemacolor.nn.layers import pad_to_multiple
from kinemacolor.nn.partial import fill_unpainted

UNKNOWN_CONFIDENCE = 0.5  # the published network predicts no confidence


@dataclass(frozen=True)
class Color2EmbedOptions:
    """Options of the network.

    ``short_side`` is that of frames and both sides of references, px: those of the pictures which it learned from.
    ``width`` scales all channels.
    """

    short_side: int = 256
    width: float = 1


@dataclass(frozen=True)
class Color2EmbedState(State):
    """The colour embedding z of the references, B C 1 1 (Eq. 1)."""

    embedding: Tensor


class Color2Embed(Colorizer):
    """The published network for frames of any size; several references give the mean of their embeddings.

    Unpainted parts of a reference are filled with the mean colour of its paint; references are weighed by how much
    of them is painted.
    """

    options_type = Color2EmbedOptions
    parts = MappingProxyType({"color2embed-encoder": "encoder", "color2embed-unet": "unet"})

    def __init__(self, options: Color2EmbedOptions | None = None) -> None:
        super().__init__()
        self.options = options or Color2EmbedOptions()
        self.spec = replace(MODEL_CATALOG["color2embed"].spec, short_side=self.options.short_side)
        self.encoder = ColorEncoder(self.options.width)
        self.unet = ColorUNet(self.options.width)

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> Color2EmbedState:
        batch, count = references.shape[:2]
        lightness, ab = references.flatten(0, 1).split_with_sizes([1, 2], 1)
        rgb = lab_to_rgb(torch.cat([lightness, fill_unpainted(ab, paint_mask, (1, 1))], 1))
        square = (self.options.short_side, self.options.short_side)
        if rgb.shape[-2:] != square:
            rgb = F.interpolate(rgb, square, mode="bilinear", antialias=True)
        embeddings = self.encoder(rgb).reshape(batch, count, -1, 1, 1)
        if paint_mask is None:
            return Color2EmbedState(embeddings.mean(1))
        weights = paint_mask.mean((1, 2, 3))[:, None, None, None]
        return Color2EmbedState((embeddings * weights).sum(1) / weights.sum())

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        assert isinstance(state, Color2EmbedState)
        batch, frames, _, height, width = lightness.shape
        padded = pad_to_multiple(lightness, 16).flatten(0, 1)
        embedding = state.embedding.repeat_interleave(frames, 0)
        ab: Tensor = 110 * self.unet((padded - 50) / 50, embedding)[..., :height, :width]
        return ModelOutput(
            ab.reshape(batch, frames, 2, height, width), torch.full_like(lightness, UNKNOWN_CONFIDENCE), state
        )


class ColorEncoder(nn.Module):
    """Encoder of a reference: sRGB B 3 s s to its colour embedding B 512 1 1 (Eq. 1)."""

    def __init__(self, width: float = 1) -> None:
        super().__init__()
        full, half = int(512 * width), int(256 * width)
        self.vgg = VGG19(("relu5_2",), variant="torchvision", width=width)
        self.convs = nn.Sequential()
        for kernel, stride, padding in ((4, 2, 2), (3, 1, 1)) * 2:
            self.convs.append(nn.Conv2d(full, full, kernel, stride, padding)).append(nn.LeakyReLU(0.2))
        self.dense = nn.Sequential(
            nn.Conv2d(full, half, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(half, half, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(half, full, 1),
        )

    def forward(self, rgb: Tensor) -> Tensor:
        (x,) = self.vgg(rgb)
        embedding: Tensor = self.dense(self.convs(x).mean((2, 3), keepdim=True))
        return embedding


class ColorUNet(nn.Module):
    """U-Net from (L - 50) / 50, B 1 h w, and an embedding to ab / 110, B 2 h w (Eq. 2-3); sides are multiples of 16."""

    def __init__(self, width: float = 1) -> None:
        super().__init__()
        sizes = [int(full * width) for full in (64, 128, 256, 512, 512)]
        self.inlet = nn.Sequential()
        for width_in in (1, sizes[0]):
            self.inlet.append(nn.Conv2d(width_in, sizes[0], 3, padding=1))
            self.inlet.append(nn.BatchNorm2d(sizes[0])).append(nn.LeakyReLU(0.1))
        self.down = nn.ModuleList(_DownBlock(a, b) for a, b in pairwise(sizes))
        self.up = nn.ModuleList()
        color, width_in = int(512 * width), sizes[-1]
        for skip, out, kernel in zip(sizes[-2::-1], (256, 128, 64, 64), (3, 3, 5, 5), strict=True):
            self.up.append(_UpBlock(width_in, skip, int(out * width), kernel, color))
            width_in = int(out * width)
        self.outlet = nn.Sequential(
            nn.Conv2d(width_in, width_in, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width_in, 2, 3, padding=1)
        )

    def forward(self, lightness: Tensor, embedding: Tensor) -> Tensor:
        x = self.inlet(lightness)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up in self.up:
            x = up(x, skips.pop(), embedding)
        return torch.tanh(self.outlet(x))


class _DownBlock(nn.Module):
    """Encoder block: half the size, then a residual block scaled to keep its variance."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.halve = nn.Conv2d(width_in, width_in, 4, 2, 1)
        self.bottle = nn.Conv2d(width_in, width, 1)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bottle(F.leaky_relu(self.halve(x), 0.1))
        y: Tensor = self.conv2(F.leaky_relu(self.norm(self.conv1(x)), 0.2))
        return (y + x) / math.sqrt(2)


class _UpBlock(nn.Module):
    """Decoder block: twice the size, every fourth channel of the encoder's map, then modulation (Figure 3)."""

    def __init__(self, width_in: int, width_skip: int, width: int, kernel: int, color: int) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(width_in, width, 1)
        self.conv1 = nn.Conv2d(width_in + -(-width_skip // 4), width, 1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.modulated = ModulatedConv2d(width, kernel, color)

    def forward(self, x: Tensor, skip: Tensor, embedding: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        y = F.leaky_relu(self.conv1(torch.cat([x, skip[:, ::4]], 1)), 0.2)
        y = self.modulated(F.leaky_relu(self.conv2(y), 0.2), embedding)
        result: Tensor = y + self.shortcut(x)
        return result


class ModulatedConv2d(nn.Module):
    """Convolution whose kernel is scaled by an embedding along its input channels, then normalised (Eq. 4-7)."""

    def __init__(self, width: int, kernel: int, color: int) -> None:
        super().__init__()
        self.modulation = nn.Conv2d(color, width, 1)
        self.weight = nn.Parameter(torch.randn(1, width, width, kernel, kernel))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        batch, width, height, columns = x.shape
        kernel = self.weight.shape[-1]
        scale = self.modulation(embedding)[:, None] / math.sqrt(width * kernel**2)
        weight = self.weight * scale.reshape(batch, 1, width, 1, 1)
        weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        # one kernel for each row of the batch: rows become groups of a single convolution
        y = F.conv2d(x.reshape(1, -1, height, columns), weight.flatten(0, 1), padding=kernel // 2, groups=batch)
        return y.reshape(batch, width, height, columns)


def official_encoder_names() -> dict[str, str]:
    """Map modules of `ColorEncoder` to their names in the published ``colorEncoder``."""
    names = {f"vgg.{name}": f"vgg.vgg_feature.{index}" for name, index in vgg19_layer_indices().items()}
    names |= {f"convs.{index}": f"feature2vector.{index}" for index in (0, 2, 4, 6)}
    return names | {f"dense.{index}": f"feature2vector.{index + 9}" for index in (0, 2, 4)}


def official_unet_names() -> dict[str, str]:
    """Map modules of `ColorUNet` to their names in the published ``colorUNet``."""
    names = {f"inlet.{index}": f"inc.double_conv.{index}" for index in (0, 1, 3, 4)}
    for index in range(4):
        names[f"down.{index}.halve"] = f"down{index + 1}.main.0"
        names[f"down.{index}.bottle"] = f"down{index + 1}.main.2.bottle_conv"
        for ours, position in (("conv1", 0), ("norm", 1), ("conv2", 3)):
            names[f"down.{index}.{ours}"] = f"down{index + 1}.main.2.double_conv.{position}"
        for ours, theirs in (("shortcut", "conv_s"), ("conv1", "conv_cat.0"), ("conv2", "conv_cat.2")):
            names[f"up.{index}.{ours}"] = f"up{index + 1}.{theirs}"
        names[f"up.{index}.modulated"] = f"up{index + 1}.SDFT"
        names[f"up.{index}.modulated.modulation"] = f"up{index + 1}.SDFT.modulation"
    return names | {f"outlet.{index}": f"outc.{index}" for index in (0, 2)}
