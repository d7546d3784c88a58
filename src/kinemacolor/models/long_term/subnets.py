"""The three subnets of the Long-term paper (Chen et al. 2023): correspondence, linkage and colorization.

Equation and figure numbers are the paper's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.long_term.cnn_transformer import CNNTransformer, MultiHeadAttention
from kinemacolor.nn.backbones import ResNet101, instance_norm
from kinemacolor.nn.layers import NormedConv2d, ResidualBlock, UpBlock, flatten_grid
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.nn.principal_start import (
    draw_rotation,
    find_projection,
    normalize_covariance,
    set_identities,
    set_pointwise,
    set_projections,
)
from kinemacolor.nn.unary_start import start_as_copy


@dataclass(frozen=True)
class LongTermOptions:
    """Numbers of the paper's section 4, and the choices that it leaves.

    ``block`` is N, the frames that the network takes together; Table 3 is fastest at 3 (training took 2).
    ``temperature`` is τ of Eq. 2, ``augmentation`` the weight α of the high-level feature in the
    augmented head. ``heads`` are those of the correspondence subnet, ``other_heads`` those of the other two.
    ``reference_in_colorization`` gives the colorization subnet the reference as one more picture of the block, our
    reading of Eq. 5; without it the subnet takes frames only. ``width`` scales all channels.
    """

    block: int = 3
    temperature: float = 0.01
    augmentation: float = 0.75
    layers: int = 3
    heads: int = 6
    other_heads: int = 4
    reference_in_colorization: bool = True
    width: float = 1


class LayerSizes(NamedTuple):
    """Channels of maps on the 1/8 grid, tokens, their inner layer, descriptors, the backbone, and maps at full size."""

    channels: int
    dim: int
    inner: int
    descriptor: int
    backbone: tuple[int, ...]
    whole: int

    @classmethod
    def from_width(cls, width: float, outer_width: float) -> "LayerSizes":
        """Return the published sizes times ``width``; those of the backbone and of whole maps times ``outer_width``."""
        channels, dim, inner, descriptor = (int(full * width) for full in (512, 384, 2048, 256))
        backbone = tuple(int(full * outer_width) for full in ResNet101.widths)
        return cls(channels, dim, inner, descriptor, backbone, int(64 * outer_width))


class CorrespondenceSubnet(nn.Module):
    """Network from backbone maps of references and frames to two descriptor maps each (3.2, Figure 3a)."""

    def __init__(self, options: LongTermOptions, sizes: LayerSizes) -> None:
        super().__init__()
        half, quarter, *high = sizes.backbone
        channels, side = sizes.channels, sizes.channels // 4
        self.augmentation = options.augmentation
        self.to_maps = nn.Conv2d(sum(high), channels, 1)
        self.to_tokens = nn.Linear(sum(high), sizes.dim)
        self.at_half = NormedConv2d(half, side, stride=2)
        self.at_quarter = NormedConv2d(quarter, side)
        self.parallel = CNNTransformer(channels, sizes.dim, sizes.inner, options.heads, options.layers)
        self.at_eighth = nn.Sequential(nn.Upsample(scale_factor=2), NormedConv2d(channels, 2 * side))
        self.residual = nn.Sequential(*(ResidualBlock(channels) for _ in range(3)))
        self.vanilla = nn.Conv2d(channels, sizes.descriptor, 1)
        self.augmented = nn.Conv2d(channels, sizes.descriptor, 1)
        self.reshape = nn.Conv2d(channels, sizes.descriptor, 1)

    def encode_pictures(self, maps: tuple[Tensor, ...], batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Encode pictures independently: R_high as maps and as tokens, and R_low."""
        half, quarter, *high = maps
        joined = torch.cat(high, 1)
        low = torch.cat([self.at_half(half), self.at_quarter(quarter)], 1)
        return self.to_maps(joined), self.to_tokens(flatten_grid(joined, batch)), low

    def forward(
        self, maps: list[Tensor], hidden: Tensor, position_encoding: Tensor, low: list[Tensor]
    ) -> tuple[list[list[Tensor]], Tensor]:
        """Compute for each head the descriptors of references and of frames, and the tokens ho_t."""
        maps, hidden = self.parallel(maps, hidden, position_encoding)
        vanilla, augmented = [], []
        for high, fine in zip(maps, low, strict=True):
            joined = self.residual(torch.cat([fine, self.at_eighth(high)], 1))
            vanilla.append(self.vanilla(joined))
            added = F.interpolate(self.reshape(high), scale_factor=2)
            augmented.append(self.augmented(joined) + self.augmentation * added)
        return [vanilla, augmented], hidden

    def start_from_covariances(self, covariances: Sequence[Tensor], generator: torch.Generator) -> None:
        """Begin as projections on the principal components of the maps; see `nn.principal_start`."""
        half, quarter, high = covariances
        set_projections([self.at_half], half, generator)
        set_projections([self.at_quarter], quarter, generator)
        matrix = find_projection(high, self.to_maps.out_channels, generator)
        set_pointwise(self.to_maps, matrix)
        self.parallel.start_as_identity()
        set_projections([self.at_eighth[1]], normalize_covariance(matrix @ high @ matrix.T), generator)
        set_identities(self.residual)
        rotation = draw_rotation(self.vanilla.in_channels, generator)[: self.vanilla.out_channels]
        for conv in (self.vanilla, self.augmented, self.reshape):
            set_pointwise(conv, rotation)


class LinkageSubnet(nn.Module):
    """Memory of tokens of earlier blocks, read and updated by attention (Eq. 6-7).

    Attention takes normalised tokens, so that a memory which has summed a whole film weighs no more
    than that of one block.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.dim = dim
        self.norms = nn.ModuleDict({name: nn.LayerNorm(dim) for name in ("asked", "stored", "kept", "new")})
        self.reading, self.writing = MultiHeadAttention(dim, heads), MultiHeadAttention(dim, heads)
        self.dense = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    def read_memory(self, high: Tensor, memory: Tensor) -> Tensor:
        """Compute hi_t of Eq. 6: R_high B N C plus what the memory B S C holds similar to it."""
        if memory.shape[1] == 0:
            return high
        normed_memory = self.norms["stored"](memory)
        attended = high + self.reading(self.norms["asked"](high), normed_memory, normed_memory)
        result: Tensor = attended + self.dense(attended)
        return result

    def update_memory(self, memory: Tensor, hidden: Tensor) -> Tensor:
        """Compute i_t of Eq. 7: the memory B S C plus what ho_t, B N C, adds to it; never summed in half precision."""
        if memory.shape[1] == 0:
            return promote_to_float32(hidden)
        new = self.norms["new"](hidden)
        return promote_to_float32(memory) + promote_to_float32(self.writing(self.norms["kept"](memory), new, new))


class ColorizationSubnet(nn.Module):
    """Network from guides B 7 h w (ab and similarity of both heads, L - 50) to ab B 2 h w (Eq. 5)."""

    def __init__(self, options: LongTermOptions, sizes: LayerSizes) -> None:
        super().__init__()
        channels, small, (middle, large) = sizes.channels, sizes.whole, (sizes.channels // n for n in (4, 2))
        self.down = nn.ModuleList(
            [
                _make_conv_block(7, small, 1, 2),
                _make_conv_block(small, middle, 2, 2),
                _make_conv_block(middle, large, 2, 3),
            ]
        )
        self.enter = _make_conv_block(large, channels, 2, 1)
        self.parallel = CNNTransformer(
            channels, sizes.dim, sizes.inner, options.other_heads, options.layers, tokens_out=False
        )
        self.rise = nn.ModuleList(
            [
                UpBlock(channels, large, large, [nn.ReLU(), nn.ReLU()]),
                UpBlock(large, middle, middle, [nn.ReLU()]),
                UpBlock(middle, small, small, [nn.LeakyReLU(0.2)]),
            ]
        )
        self.ab = nn.Conv2d(small, 2, 1)

    def encode_guides(self, guides: Tensor) -> list[Tensor]:
        """Compute the encoder's maps at 1, 1/2, 1/4 and 1/8 of the size."""
        maps = []
        for block in (*self.down, self.enter):
            guides = instance_norm(block(guides))
            maps.append(guides)
        return maps

    def forward(self, encoded: list[Tensor], hidden: Tensor, position_encoding: Tensor, skips: list[Tensor]) -> Tensor:
        """Predict ab of the last group of ``encoded``, whose finer maps are ``skips``."""
        maps, _ = self.parallel(encoded, hidden, position_encoding)
        x, (whole, half, quarter) = maps[-1], skips
        x = instance_norm(self.rise[0](x, quarter))
        x = instance_norm(self.rise[1](x, half))
        return torch.tanh(self.ab(self.rise[2](x, whole))) * 128

    def start_as_copy(self) -> None:
        """Begin by handing on the ab of the vanilla head; see `nn.unary_start`."""
        encoder, decoder = self.down[0], self.rise[2]
        assert isinstance(encoder, nn.Sequential)
        assert isinstance(decoder, UpBlock)
        start_as_copy(encoder, decoder, self.ab, channels=(0, 1))


def _make_conv_block(width_in: int, width: int, stride: int, convs: int) -> nn.Sequential:
    """Make a row of 3×3 convolutions, the first with the stride, each with a ReLU."""
    block = nn.Sequential()
    for index in range(convs):
        first = index == 0
        block.append(nn.Conv2d(width_in if first else width, width, 3, stride if first else 1, 1)).append(nn.ReLU())
    return block
