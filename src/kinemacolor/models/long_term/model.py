"""Exemplar-based Video Colorization with Long-term Spatiotemporal Dependency (Chen et al. 2023).

Frames are coloured in blocks; a store of tokens links each block to those before it. There is no
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
from kinemacolor.models.base import Colorizer, ModelSpec, State, Step
from kinemacolor.models.long_term.cnn_transformer import Attention, CNNTransformer, as_map, position_code, split_tokens
from kinemacolor.nn.attention import centred_unit, take, warp
from kinemacolor.nn.backbones import ResNet101, instance_norm
from kinemacolor.nn.layers import NormedConv2d, ResidualBlock, Rise, covering, pad_to_multiple, places, positions
from kinemacolor.nn.partial import fill_in, speaking
from kinemacolor.nn.precision import widen

GRID = 4  # a cell of the matching is GRID x GRID pixels
TILE = 648  # rows of the correlation matrix that stand in memory at a time


@dataclass(frozen=True)
class LongTermOptions:
    """Numbers of the paper's section 4, and the choices that it leaves.

    ``block`` is N, the frames seen together; Table 3 is fastest at 3 (training took 2).
    ``temperature`` is τ of Eq. 2, ``augmentation`` the weight α of the high-level feature in the
    augmented head. ``reference_in_colorization`` lets the colorization subnet see the reference as
    one more picture of the block, our reading of Eq. 5; without it the subnet sees frames only.
    ``width`` scales all channels.
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
    """What does not change of R references, and the store of the linkage subnet.

    ``high`` B R 512 h/8 w/8, ``tokens`` B N 384 and ``low`` B R 256 h/4 w/4 enter the correspondence
    subnet, ``cells`` B M are the numbers of those of its cells that speak, ``colors`` B M 2 their chroma,
    ``places`` B M 3 where they lie (`layers.places`), ``encoded`` B R 512 h/8 w/8 enters the colorization subnet.
    ``store`` B S 384 is i of Eq. 7, with S = 0 before the first block: it has as many tokens as the first block and
    never grows.
    """

    high: Tensor
    tokens: Tensor
    low: Tensor
    colors: Tensor
    cells: Tensor
    places: Tensor
    encoded: Tensor
    store: Tensor


class LongTerm(Colorizer):
    """The published network for frames of any size; several references are pictures of the block alike."""

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
        self.spec = ModelSpec("long-term", short_side=216, block=self.options.block)
        sizes = Sizes.scaled(self.options.width)
        self.backbone = ResNet101(width=self.options.width)
        self.correspondence = CorrespondenceSubnet(self.options, sizes)
        self.linkage = LinkageSubnet(sizes.dim, self.options.other_heads)
        self.colorization = ColorizationSubnet(self.options, sizes)

    def _remember(self, references: Tensor, painted: Tensor | None, *, in_shot: bool) -> LongTermState:
        """The networks see what is not painted as gray and unknown; the match is centred on the cells that speak."""
        batch, count = references.shape[:2]
        pictures = pad_to_multiple(references, 8).flatten(0, 1)
        painted = painted if painted is None else pad_to_multiple(painted, 8)
        high, tokens, low = self.correspondence.enter(self.backbone(lab_to_rgb(pictures)), batch)
        known = torch.ones_like(pictures[:, :1]) if painted is None else painted.repeat(batch, 1, 1, 1)
        guide = torch.cat([pictures[:, 1:], known, pictures[:, 1:], known, pictures[:, :1] - 50], 1)
        encoded = self.colorization.encode(guide)[-1]
        high, low, encoded = (x.reshape(batch, count, *x.shape[1:]) for x in (high, low, encoded))
        grid = low.shape[-2:]
        colors = positions(F.avg_pool2d(fill_in(pictures[:, 1:], painted, grid), GRID), batch)
        cells = torch.arange(colors.shape[1], device=colors.device)[speaking(painted, grid)]
        where = places(count, grid, covering(pictures, references)).to(colors)[cells].expand(batch, -1, -1)
        cells, colors = cells.expand(batch, -1), colors[:, cells]
        return LongTermState(high, tokens, low, colors, cells, where, encoded, tokens[:, :0])

    def forward(self, luma: Tensor, state: State) -> Step:
        assert isinstance(state, LongTermState)
        height, width = luma.shape[-2:]
        answers = []
        for block in torch.split(pad_to_multiple(luma, 8), self.spec.block, 1):
            answer, state = self._colorize(block, state)
            answers.append(answer[..., :height, :width])
        parts = torch.cat(answers, 1).tensor_split([2, 4, 5, 7, 8], 2)
        chroma, warped, similarity, augmented, similarity2, origin = parts
        confidence = torch.maximum(similarity, similarity2).clamp(0, 1)
        aux = {"warped": warped, "similarity": similarity, "augmented": augmented, "augmented_similarity": similarity2}
        aux["origin"] = origin
        return Step(chroma, confidence, state, aux)

    def _colorize(self, luma: Tensor, state: LongTermState) -> tuple[Tensor, LongTermState]:
        """A block of frames B n 1 h w: chroma, guides of both heads, origin by the surer, B n 11 h w (Eq. 4-7)."""
        batch, frames = luma.shape[:2]
        gray = luma.flatten(0, 1)
        high, tokens, low = self.correspondence.enter(self.backbone(gray.expand(-1, 3, -1, -1) / 100), batch)
        maps = [state.high.flatten(0, 1), high]
        hidden = self.linkage.query(torch.cat([state.tokens, tokens], 1), state.store)
        code = self._code(maps, batch)
        described, hidden = self.correspondence(maps, hidden, code, [state.low.flatten(0, 1), low])
        vanilla, augmented = (self._warp(keys, query, state) for keys, query in described)
        guides = torch.cat([vanilla[:, :3], augmented[:, :3]], 1)
        origin = torch.where(vanilla[:, 2:3] >= augmented[:, 2:3], vanilla[:, 3:], augmented[:, 3:])
        chroma = self._paint(torch.cat([guides, gray - 50], 1), hidden, code, maps, state)
        answer = torch.cat([chroma, guides, origin], 1)
        state = replace(state, store=self.linkage.store(state.store, hidden))
        return answer.reshape(batch, frames, *answer.shape[1:]), state

    def _warp(self, references: Tensor, frames: Tensor, state: LongTermState) -> Tensor:
        """One head of the non-local operation: warped ab, similarity and origin, B·n 6 h w (Eq. 1-3)."""
        batch = state.colors.shape[0]
        offered = positions(references, batch)[:, state.cells[0]]
        query, keys = centred_unit(positions(frames, batch)), centred_unit(offered)
        temperature = self.options.temperature
        colors, similarity, best = warp(query, keys, state.colors, temperature=temperature, rows=TILE)
        found = as_map(torch.cat([colors, similarity[..., None], take(state.places, best)], -1), frames)
        return F.interpolate(found, scale_factor=GRID)

    def _paint(self, guides: Tensor, hidden: Tensor, code: Tensor, maps: list[Tensor], state: LongTermState) -> Tensor:
        *skips, encoded = self.colorization.encode(guides)
        seen = [state.encoded.flatten(0, 1), encoded]
        if not self.options.reference_in_colorization:
            _, hidden = split_tokens(hidden, maps)
            code, seen = code[-hidden.shape[1] :], [encoded]
        chroma: Tensor = self.colorization(seen, hidden, code, skips)
        return chroma

    def _code(self, maps: list[Tensor], batch: int) -> Tensor:
        """Position code of the block's tokens: references stand at its beginning, all at one time."""
        references, frames = (group.shape[0] // batch for group in maps)
        times = (torch.arange(frames, device=maps[0].device) + 2) / (self.spec.block + 1)
        now = times.new_full((references,), 1 / (self.spec.block + 1))
        dim = self.linkage.dim
        return torch.cat(
            [position_code(t, m.shape[-2], m.shape[-1], dim) for t, m in zip((now, times), maps, strict=True)]
        )


class Sizes(NamedTuple):
    """Channels: maps on the 1/8 grid, tokens, a layer inside the Transformer, descriptors, and the backbone's."""

    channels: int
    dim: int
    inner: int
    descriptor: int
    backbone: tuple[int, ...]

    @classmethod
    def scaled(cls, width: float) -> "Sizes":
        """The published sizes times ``width``."""
        channels, dim, inner, descriptor = (int(full * width) for full in (512, 384, 2048, 256))
        return cls(channels, dim, inner, descriptor, tuple(int(full * width) for full in ResNet101.widths))


class CorrespondenceSubnet(nn.Module):
    """Backbone maps of references and frames become two descriptor maps each (3.2, Figure 3a)."""

    def __init__(self, options: LongTermOptions, sizes: Sizes) -> None:
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

    def enter(self, maps: tuple[Tensor, ...], batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """R_high as maps and as tokens, and R_low: what one picture alone decides."""
        half, quarter, *high = maps
        joined = torch.cat(high, 1)
        low = torch.cat([self.at_half(half), self.at_quarter(quarter)], 1)
        return self.to_maps(joined), self.to_tokens(positions(joined, batch)), low

    def forward(
        self, maps: list[Tensor], hidden: Tensor, code: Tensor, low: list[Tensor]
    ) -> tuple[list[list[Tensor]], Tensor]:
        """For each head the descriptors of references and of frames, and ho_t."""
        maps, hidden = self.parallel(maps, hidden, code)
        vanilla, augmented = [], []
        for high, fine in zip(maps, low, strict=True):
            described = self.residual(torch.cat([fine, self.at_eighth(high)], 1))
            vanilla.append(self.vanilla(described))
            added = F.interpolate(self.reshape(high), scale_factor=2)
            augmented.append(self.augmented(described) + self.augmentation * added)
        return [vanilla, augmented], hidden


class LinkageSubnet(nn.Module):
    """Tokens of earlier blocks, asked by likeness and kept up to date (Eq. 6-7).

    Attention looks at normalised tokens, so that a store which has summed a whole film speaks no
    louder than that of one block.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.dim = dim
        self.norms = nn.ModuleDict({name: nn.LayerNorm(dim) for name in ("asked", "stored", "kept", "new")})
        self.reading, self.writing = Attention(dim, heads), Attention(dim, heads)
        self.dense = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    def query(self, high: Tensor, store: Tensor) -> Tensor:
        """hi_t of Eq. 6: R_high B N C, and what the store B S C holds that is like it."""
        if store.shape[1] == 0:
            return high
        stored = self.norms["stored"](store)
        found = high + self.reading(self.norms["asked"](high), stored, stored)
        result: Tensor = found + self.dense(found)
        return result

    def store(self, store: Tensor, hidden: Tensor) -> Tensor:
        """i_t of Eq. 7: the store B S C, and what ho_t, B N C, adds to it; never summed in half precision."""
        if store.shape[1] == 0:
            return widen(hidden)
        new = self.norms["new"](hidden)
        return widen(store) + widen(self.writing(self.norms["kept"](store), new, new))


class ColorizationSubnet(nn.Module):
    """Guides B 7 h w (ab and similarity of both heads, L - 50) become ab (Eq. 5)."""

    def __init__(self, options: LongTermOptions, sizes: Sizes) -> None:
        super().__init__()
        channels, (small, middle, large) = sizes.channels, (sizes.channels // n for n in (8, 4, 2))
        self.down = nn.ModuleList([_block(7, small, 1, 2), _block(small, middle, 2, 2), _block(middle, large, 2, 3)])
        self.enter = _block(large, channels, 2, 1)
        self.parallel = CNNTransformer(
            channels, sizes.dim, sizes.inner, options.other_heads, options.layers, tokens_out=False
        )
        self.rise = nn.ModuleList(
            [
                Rise(channels, large, large, [nn.ReLU(), nn.ReLU()]),
                Rise(large, middle, middle, [nn.ReLU()]),
                Rise(middle, small, small, [nn.LeakyReLU(0.2)]),
            ]
        )
        self.ab = nn.Conv2d(small, 2, 1)

    def encode(self, guides: Tensor) -> list[Tensor]:
        """The encoder's maps at 1, 1/2, 1/4 and 1/8."""
        maps = []
        for block in (*self.down, self.enter):
            guides = instance_norm(block(guides))
            maps.append(guides)
        return maps

    def forward(self, encoded: list[Tensor], hidden: Tensor, code: Tensor, skips: list[Tensor]) -> Tensor:
        """Chroma of the last group of ``encoded``, whose finer maps are ``skips``."""
        maps, _ = self.parallel(encoded, hidden, code)
        x, (whole, half, quarter) = maps[-1], skips
        x = instance_norm(self.rise[0](x, quarter))
        x = instance_norm(self.rise[1](x, half))
        return torch.tanh(self.ab(self.rise[2](x, whole))) * 128


def _block(width_in: int, width: int, stride: int, convs: int) -> nn.Sequential:
    """3×3 convolutions, the first with the stride, each with a ReLU."""
    block = nn.Sequential()
    for index in range(convs):
        first = index == 0
        block.append(nn.Conv2d(width_in if first else width, width, 3, stride if first else 1, 1)).append(nn.ReLU())
    return block
