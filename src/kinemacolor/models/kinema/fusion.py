"""From evidence to colour: a small network that weighs what was found, and fills in what was not."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.kinema.matching import COLORS, QUARTERS, SPLIT, Evidence, cells
from kinemacolor.models.kinema.semantic import SCALE, ByKind, LookByKind
from kinemacolor.nn.backbones import EfficientNetLite0
from kinemacolor.nn.layers import fit, pad_to_multiple

CELL = 4  # px, a side of a cell
STEEP = 3.0  # times the evidence's certainty is the logit with which an untrained network takes the match
REACH = 50.0  # Lab units that a correction stays below,
SLOPE = 0.4  # so that a small output adds 20 times itself
_, SHALLOW, MIDDLE, *DEEP = EfficientNetLite0.widths


class Fused(NamedTuple):
    """Colours B 8 h w of cells in Lab units, the logit B 1 h w of the confidence, and what part the match had."""

    colors: Tensor
    confidence: Tensor
    matched: Tensor


class Fusion(nn.Module):
    """A U-Net over the 1/4, 1/8 and 1/16 grid, with the features of the frame at each.

    It sees the frame's luma, the colours of every source and how alike they were, and what the
    references show by kind (`LookByKind`). For each cell it chooses between match and kind, and corrects
    the choice; how much it trusts the match, and its confidence, begin with the evidence's certainty.
    Untrained, it corrects nothing.
    """

    sources = 2 * (COLORS + QUARTERS) + 2 + 4 + 3

    def __init__(self, widths: Sequence[int] = (48, 72, 112)) -> None:
        super().__init__()
        high, middle, low = widths
        self.stem = nn.Conv2d(CELL**2 + self.sources, high, 3, padding=1)
        self.see = nn.ModuleList(
            nn.Conv2d(size, width, 1) for size, width in zip((SHALLOW, MIDDLE, sum(DEEP)), widths, strict=True)
        )
        self.down = nn.ModuleList([Residual(high), _residuals(middle), _residuals(low)])
        self.halve = nn.ModuleList([nn.Conv2d(high, middle, 2, 2), nn.Conv2d(middle, low, 2, 2)])
        self.embed = Embed(low)
        self.bottom = _residuals(low)
        self.widen = nn.ModuleList([nn.Conv2d(middle, high, 1), nn.Conv2d(low, middle, 1)])
        self.up = nn.ModuleList([_residuals(high), _residuals(middle)])
        self.answer = nn.Conv2d(high, COLORS + 2, 3, padding=1)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)  # type: ignore[arg-type]

    def forward(
        self, luma: Tensor, maps: Sequence[Tensor], evidence: Evidence, kind: ByKind, embedding: Tensor
    ) -> Fused:
        """``luma`` B 1 H W; ``maps``: `standardised` features of the frame; ``embedding`` B E of the references."""
        pixels = F.pixel_unshuffle(pad_to_multiple(luma, CELL) / SCALE - 1, CELL)
        x = torch.cat([pixels, _sources(luma, evidence, kind)], 1)
        x = self.stem(x) + self.see[0](maps[1])
        x = high = self.down[0](x)
        x = middle = self.down[1](self.halve[0](pad_to_multiple(x, 2)) + self.see[1](maps[2]))
        x = self.down[2](self.halve[1](pad_to_multiple(x, 2)) + self.see[2](torch.cat(list(maps[3:]), 1)))
        x = self.bottom(self.embed(x, embedding))
        x = self.up[1](_double(self.widen[1](x), middle) + middle)
        x = self.up[0](_double(self.widen[0](x), high) + high)
        correction, gate, confidence = self.answer(F.silu(x)).split([COLORS, 1, 1], 1)
        colors, certainty = (_channels_first(y) for y in (evidence.merged.colors, evidence.certainty))
        likely = fit(kind.colors, colors.shape[-2:]).repeat_interleave(QUARTERS, 1)
        matched = torch.sigmoid(gate + STEEP * certainty)
        chosen = torch.lerp(likely, colors, matched)
        return Fused(chosen + REACH * torch.tanh(SLOPE * correction), confidence + certainty, matched)


class Residual(nn.Module):
    """Two 3×3 convolutions whose sum with their input is the input, at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.second(F.silu(self.first(self.norm(x))))
        return y


class Embed(nn.Module):
    """Scales and shifts every channel by a global embedding of the references' colours, as Color2Embed's (3.1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(LookByKind.embedding, 2 * width)
        nn.init.zeros_(self.embed.weight)
        nn.init.zeros_(self.embed.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.embed(embedding)[..., None, None].chunk(2, 1)
        mixed: Tensor = x * (1 + scale) + shift
        return mixed


def spread(cells: Tensor, size: Sequence[int]) -> Tensor:
    """Colours of cells B 8 h w as chroma B 2 H W, bilinear."""
    return fit(F.pixel_shuffle(cells, SPLIT), size)


def _sources(luma: Tensor, evidence: Evidence, kind: ByKind) -> Tensor:
    """B C h w: of each source its colours, how it differs in luma, how alike and how scattered it was."""
    merged, reference, history, typical, _ = evidence
    own = cells(luma, merged.similarity.shape[1:3])
    before = torch.zeros_like(merged.similarity) if history is None else history.similarity
    scaled = [merged.colors, reference.colors, merged.luma - own, reference.luma - own, merged.spread, reference.spread]
    alike = [merged.similarity, reference.similarity, before, typical.expand_as(before)]
    cellwise = _channels_first(torch.cat([*(x / SCALE for x in scaled), *alike], -1))
    return torch.cat([cellwise, *(fit(x / SCALE, cellwise.shape[-2:]) for x in kind)], 1)


def _residuals(width: int) -> nn.Sequential:
    return nn.Sequential(Residual(width), Residual(width))


def _double(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0)[..., : like.shape[-2], : like.shape[-1]]


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)
