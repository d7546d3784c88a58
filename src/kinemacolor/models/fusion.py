"""From evidence to colour: a small network that weighs what was found, and fills in what was not."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.features import EfficientNetLite0
from kinemacolor.models.evidence import COLORS, SPLIT, Evidence
from kinemacolor.models.layers import fit, pad_to_multiple

CELL = 4  # px, a side of a cell
SCALE = 50.0  # Lab units that are 1 inside
STEEP = 3.0  # times the evidence's certainty is the logit with which an untrained network takes the match
REACH = 20.0  # Lab units that an output of 1 adds
_, SHALLOW, MIDDLE, *DEEP = EfficientNetLite0.widths
TOKEN = sum(DEEP) + 2  # features and mean ab of a reference at one place


class Fused(NamedTuple):
    """Colours B 8 h w of cells in Lab units, and the logit B 1 h w of the confidence."""

    colors: Tensor
    confidence: Tensor


class Fusion(nn.Module):
    """A U-Net over the 1/4, 1/8 and 1/16 grid, with the features of the frame at each.

    It sees the frame's luma, the colours of every source and how alike they were; at 1/16 it looks at
    the references by kind (`LookByKind`). For each cell it chooses between the match and the broad
    average, and corrects the choice; how much it trusts the match, and its confidence, begin with the
    evidence's certainty. Untrained, it corrects nothing.
    """

    sources = 3 * COLORS + 4

    def __init__(self, widths: Sequence[int] = (48, 72, 112)) -> None:
        super().__init__()
        high, middle, low = widths
        self.stem = nn.Conv2d(CELL**2 + self.sources, high, 3, padding=1)
        self.see = nn.ModuleList(
            nn.Conv2d(size, width, 1) for size, width in zip((SHALLOW, MIDDLE, sum(DEEP)), widths, strict=True)
        )
        self.down = nn.ModuleList([Residual(high), _residuals(middle), _residuals(low)])
        self.halve = nn.ModuleList([nn.Conv2d(high, middle, 2, 2), nn.Conv2d(middle, low, 2, 2)])
        self.look = LookByKind(low)
        self.bottom = _residuals(low)
        self.widen = nn.ModuleList([nn.Conv2d(middle, high, 1), nn.Conv2d(low, middle, 1)])
        self.up = nn.ModuleList([_residuals(high), _residuals(middle)])
        self.answer = nn.Conv2d(high, COLORS + 2, 3, padding=1)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)  # type: ignore[arg-type]

    def forward(self, luma: Tensor, maps: Sequence[Tensor], evidence: Evidence, tokens: Tensor) -> Fused:
        """``luma`` B 1 H W; ``maps``: `standardised` features of the frame; ``tokens`` B M C of the references."""
        x = torch.cat([F.pixel_unshuffle(pad_to_multiple(luma, CELL) / SCALE - 1, CELL), _sources(evidence)], 1)
        x = self.stem(x) + self.see[0](maps[1])
        x = high = self.down[0](x)
        x = middle = self.down[1](self.halve[0](pad_to_multiple(x, 2)) + self.see[1](maps[2]))
        x = self.down[2](self.halve[1](pad_to_multiple(x, 2)) + self.see[2](torch.cat(list(maps[3:]), 1)))
        x = self.bottom(self.look(x, tokens))
        x = self.up[1](_double(self.widen[1](x), middle) + middle)
        x = self.up[0](_double(self.widen[0](x), high) + high)
        correction, gate, confidence = self.answer(F.silu(x)).split([COLORS, 1, 1], 1)
        found = evidence.merged.colors, evidence.fallback, evidence.certainty
        colors, fallback, certainty = (_channels_first(y) for y in found)
        chosen = torch.lerp(fallback, colors, torch.sigmoid(gate + STEEP * certainty))
        return Fused(chosen + REACH * correction, confidence + certainty)


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


class LookByKind(nn.Module):
    """Positions of the frame look at those of all references: attention in four heads, and their mean.

    Attention is for what a reference shows elsewhere or otherwise (grass is green here); the mean
    scales and shifts every channel: a global embedding of the references' colours, as Color2Embed's (3.1).
    """

    heads, width = 4, 64

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.query = nn.Conv2d(width, self.width, 1)
        self.key = nn.Linear(TOKEN - 2, self.width)
        self.value = nn.Linear(TOKEN, width)
        self.answer = nn.Conv2d(width, width, 1)
        self.embed = nn.Linear(TOKEN, 2 * width)
        nn.init.zeros_(self.embed.weight)
        nn.init.zeros_(self.embed.bias)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        query = self._heads(self.query(self.norm(x)).flatten(2).transpose(1, 2))
        key, value = self._heads(self.key(tokens[..., :-2])), self._heads(self.value(tokens))
        seen = F.scaled_dot_product_attention(query, key, value)
        seen = seen.transpose(2, 3).reshape(x.shape)
        scale, shift = self.embed(tokens.mean(1))[..., None, None].chunk(2, 1)
        mixed: Tensor = (x + self.answer(seen)) * (1 + scale) + shift
        return mixed

    def _heads(self, x: Tensor) -> Tensor:
        """B N C as B heads N C/heads."""
        return torch.stack(x.chunk(self.heads, -1), 1)


def tokens_of(maps: Sequence[Tensor], chroma: Tensor) -> Tensor:
    """What `LookByKind` sees of pictures: ``B N C``, from `standardised` features and chroma ``B 2 H W``."""
    deep = torch.cat(list(maps[3:]), 1)
    colors = F.adaptive_avg_pool2d(chroma, (deep.shape[-2], deep.shape[-1])) / SCALE
    return torch.cat([deep, colors], 1).flatten(2).transpose(1, 2)


def spread(cells: Tensor, size: Sequence[int]) -> Tensor:
    """Colours of cells B 8 h w as chroma B 2 H W, bilinear."""
    return fit(F.pixel_shuffle(cells, SPLIT), size)


def _sources(evidence: Evidence) -> Tensor:
    """B C h w."""
    merged, reference, history, fallback, typical, _ = evidence
    before = torch.zeros_like(merged.similarity) if history is None else history.similarity
    colors = [x / SCALE for x in (merged.colors, reference.colors, fallback)]
    alike = [merged.similarity, reference.similarity, before, typical.expand_as(before)]
    return _channels_first(torch.cat([*colors, *alike], -1))


def _residuals(width: int) -> nn.Sequential:
    return nn.Sequential(Residual(width), Residual(width))


def _double(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0)[..., : like.shape[-2], : like.shape[-1]]


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)
