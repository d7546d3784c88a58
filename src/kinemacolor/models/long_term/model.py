"""Exemplar-based Video Colorization with Long-term Spatiotemporal Dependency (Chen et al. 2023).

Frames are coloured in blocks; a memory of tokens links each block to those before it. There is no
official release: where the paper is silent the choices are ours, and docs/models.md lists them.
Equation and figure numbers are the paper's.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.color import lab_to_rgb
from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.models.long_term.cnn_transformer import (
    CNNTransformer,
    MultiHeadAttention,
    sine_position_encoding,
    split_tokens,
    tokens_to_maps,
)
from kinemacolor.nn.attention import center_and_normalize, gather_rows, match_keys
from kinemacolor.nn.backbones import ResNet101, instance_norm
from kinemacolor.nn.layers import (
    NormedConv2d,
    ResidualBlock,
    UpBlock,
    flatten_grid,
    grid_coordinates,
    pad_to_multiple,
    padding_ratio,
)
from kinemacolor.nn.partial import fill_unpainted, painted_cells
from kinemacolor.nn.precision import promote_to_float32

CELL_SIZE = 4  # px, a side of a cell of the matching


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


@dataclass(frozen=True)
class LongTermState(State):
    """Encoded references, R of them, which stay the same, and the memory of the linkage subnet.

    ``high`` B R 512 h/8 w/8, ``tokens`` B N 384 and ``low`` B R 256 h/4 w/4 enter the correspondence
    subnet. ``cell_indices`` B M are the indices of the cells that give colour, ``colors`` B M 2 their ab,
    ``coordinates`` B M 3 where they lie (`grid_coordinates`). ``encoded_references`` B R 512 h/8 w/8 enters
    the colorization subnet. ``memory`` B S 384 is i of Eq. 7, with S = 0 before the first block: as many tokens as the
    first block has; it never grows.
    """

    high: Tensor
    tokens: Tensor
    low: Tensor
    colors: Tensor
    cell_indices: Tensor
    coordinates: Tensor
    encoded_references: Tensor
    memory: Tensor


class LongTerm(Colorizer):
    """The published network for frames of any size; each of several references is a picture of the block."""

    options_type = LongTermOptions
    parts = MappingProxyType(
        {
            "resnet101": "backbone",
            "long-term-correspondence": "correspondence",
            "long-term-linkage": "linkage",
            "long-term-colorization": "colorization",
        }
    )

    def __init__(self, options: LongTermOptions | None = None) -> None:
        super().__init__()
        self.options = options or LongTermOptions()
        self.spec = replace(MODEL_CATALOG["long-term"].spec, block_size=self.options.block)
        sizes = LayerSizes.from_width(self.options.width)
        self.backbone = ResNet101(width=self.options.width)
        self.correspondence = CorrespondenceSubnet(self.options, sizes)
        self.linkage = LinkageSubnet(sizes.dim, self.options.other_heads)
        self.colorization = ColorizationSubnet(self.options, sizes)

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> LongTermState:
        """Encode references: unpainted pixels are gray and unknown, descriptors centred on cells that give colour."""
        batch, count = references.shape[:2]
        pictures = pad_to_multiple(references, 8).flatten(0, 1)
        paint_mask = paint_mask if paint_mask is None else pad_to_multiple(paint_mask, 8)
        high, tokens, low = self.correspondence.encode_pictures(self.backbone(lab_to_rgb(pictures)), batch)
        known = torch.ones_like(pictures[:, :1]) if paint_mask is None else paint_mask.repeat(batch, 1, 1, 1)
        guide = torch.cat([pictures[:, 1:], known, pictures[:, 1:], known, pictures[:, :1] - 50], 1)
        encoded = self.colorization.encode_guides(guide)[-1]
        high, low, encoded = (x.reshape(batch, count, *x.shape[1:]) for x in (high, low, encoded))
        grid = low.shape[-2:]
        colors = flatten_grid(F.avg_pool2d(fill_unpainted(pictures[:, 1:], paint_mask, grid), CELL_SIZE), batch)
        cell_indices = torch.arange(colors.shape[1], device=colors.device)[painted_cells(paint_mask, grid)]
        coordinates = (
            grid_coordinates(count, grid, padding_ratio(pictures, references))
            .to(colors)[cell_indices]
            .expand(batch, -1, -1)
        )
        cell_indices, colors = cell_indices.expand(batch, -1), colors[:, cell_indices]
        return LongTermState(high, tokens, low, colors, cell_indices, coordinates, encoded, tokens[:, :0])

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        assert isinstance(state, LongTermState)
        height, width = lightness.shape[-2:]
        outputs = []
        for block in torch.split(pad_to_multiple(lightness, 8), self.spec.block_size, 1):
            output, state = self._colorize_block(block, state)
            outputs.append(output[..., :height, :width])
        parts = torch.cat(outputs, 1).tensor_split([2, 4, 5, 7, 8], 2)
        ab, warped, similarity, augmented, augmented_similarity, origin = parts
        confidence = torch.maximum(similarity, augmented_similarity).clamp(0, 1)
        aux = {
            "warped": warped,
            "similarity": similarity,
            "augmented": augmented,
            "augmented_similarity": augmented_similarity,
        }
        aux["origin"] = origin
        return ModelOutput(ab, confidence, state, aux if with_aux else {})

    def _colorize_block(self, lightness: Tensor, state: LongTermState) -> tuple[Tensor, LongTermState]:
        """Colour a block of frames B n 1 h w: ab, guides of both heads, origin of the surer, B n 11 h w (Eq. 4-7)."""
        batch, frames = lightness.shape[:2]
        flat_lightness = lightness.flatten(0, 1)
        high, tokens, low = self.correspondence.encode_pictures(
            self.backbone(flat_lightness.expand(-1, 3, -1, -1) / 100), batch
        )
        maps = [state.high.flatten(0, 1), high]
        hidden = self.linkage.read_memory(torch.cat([state.tokens, tokens], 1), state.memory)
        position_encoding = self._encode_positions(maps, batch)
        descriptors, hidden = self.correspondence(maps, hidden, position_encoding, [state.low.flatten(0, 1), low])
        vanilla, augmented = (self._warp_references(keys, query, state) for keys, query in descriptors)
        guides = torch.cat([vanilla[:, :3], augmented[:, :3]], 1)
        origin = torch.where(vanilla[:, 2:3] >= augmented[:, 2:3], vanilla[:, 3:], augmented[:, 3:])
        ab = self._predict_ab(torch.cat([guides, flat_lightness - 50], 1), hidden, position_encoding, maps, state)
        output = torch.cat([ab, guides, origin], 1)
        state = replace(state, memory=self.linkage.update_memory(state.memory, hidden))
        return output.reshape(batch, frames, *output.shape[1:]), state

    def _warp_references(self, references: Tensor, frames: Tensor, state: LongTermState) -> Tensor:
        """Warp references with one head of the non-local operation: ab, similarity, origin, B·n 6 h w (Eq. 1-3)."""
        batch = state.colors.shape[0]
        reference_descriptors = flatten_grid(references, batch)[:, state.cell_indices[0]]
        query, keys = center_and_normalize(flatten_grid(frames, batch)), center_and_normalize(reference_descriptors)
        colors, similarity, best = match_keys(query, keys, state.colors, temperature=self.options.temperature)
        found = tokens_to_maps(
            torch.cat([colors, similarity[..., None], gather_rows(state.coordinates, best)], -1), frames
        )
        return F.interpolate(found, scale_factor=CELL_SIZE)

    def _predict_ab(
        self, guides: Tensor, hidden: Tensor, position_encoding: Tensor, maps: list[Tensor], state: LongTermState
    ) -> Tensor:
        """Predict ab B·n 2 h w from guides of both heads, tokens, and the encoded references (Eq. 5)."""
        *skips, encoded = self.colorization.encode_guides(guides)
        inputs = [state.encoded_references.flatten(0, 1), encoded]
        if not self.options.reference_in_colorization:
            _, hidden = split_tokens(hidden, maps)
            position_encoding, inputs = position_encoding[-hidden.shape[1] :], [encoded]
        ab: Tensor = self.colorization(inputs, hidden, position_encoding, skips)
        return ab

    def _encode_positions(self, maps: list[Tensor], batch: int) -> Tensor:
        """Encode the positions of the block's tokens: references come first, all at the same time."""
        references, frames = (group.shape[0] // batch for group in maps)
        times = (torch.arange(frames, device=maps[0].device) + 2) / (self.spec.block_size + 1)
        reference_times = times.new_full((references,), 1 / (self.spec.block_size + 1))
        dim = self.linkage.dim
        return torch.cat(
            [
                sine_position_encoding(t, m.shape[-2], m.shape[-1], dim)
                for t, m in zip((reference_times, times), maps, strict=True)
            ]
        )


class LayerSizes(NamedTuple):
    """Channels of maps on the 1/8 grid, tokens, the Transformer's inner layer, descriptors, and the backbone."""

    channels: int
    dim: int
    inner: int
    descriptor: int
    backbone: tuple[int, ...]

    @classmethod
    def from_width(cls, width: float) -> "LayerSizes":
        """Return the published sizes times ``width``."""
        channels, dim, inner, descriptor = (int(full * width) for full in (512, 384, 2048, 256))
        return cls(channels, dim, inner, descriptor, tuple(int(full * width) for full in ResNet101.widths))


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
        channels, (small, middle, large) = sizes.channels, (sizes.channels // n for n in (8, 4, 2))
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


def _make_conv_block(width_in: int, width: int, stride: int, convs: int) -> nn.Sequential:
    """Make a row of 3×3 convolutions, the first with the stride, each with a ReLU."""
    block = nn.Sequential()
    for index in range(convs):
        first = index == 0
        block.append(nn.Conv2d(width_in if first else width, width, 3, stride if first else 1, 1)).append(nn.ReLU())
    return block
