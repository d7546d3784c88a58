"""Fusion: a small network that weighs matched, semantic and typical colours for each cell, and corrects the result."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.kinema.keys import (
    CELL_SIZE,
    CELL_SPLIT,
    COLOR_CHANNELS,
    LAB_SCALE,
    QUARTERS,
    pool_cell_quarters,
)
from kinemacolor.models.kinema.matching import MatchEvidence, MatchResult
from kinemacolor.models.kinema.semantic import SemanticColors, lookup_plausibility
from kinemacolor.nn.ab_bins import BIN_COUNT
from kinemacolor.nn.backbones import EfficientNetLite0
from kinemacolor.nn.layers import pad_to_multiple, resize_bilinear, to_channels_last
from kinemacolor.nn.pointwise import PointwiseConv2d

CERTAINTY_SLOPE = 3.0  # times the certainty of the match is the logit of its weight in an untrained network
FILL_OFFSET = -3.0  # logit of typical colours beside semantic ones in an untrained network
MAX_CORRECTION = 12.0  # Lab units, the bound of a correction
CORRECTION_GAIN = 20.0  # a small output adds this times itself, in Lab units
_, SHALLOW_WIDTH, MIDDLE_WIDTH, *DEEP_WIDTHS = EfficientNetLite0.widths


class FusionInput(NamedTuple):
    """What is known of frames before fusion, rows of a batch.

    Of the frame: ``lightness`` B 1 4h 4w, L 0..100, and its standardised features at 1/4, 1/8 and 1/16. Of each cell,
    what `MatchEvidence` has, but for the coordinates of matches. ``semantic`` colours B 2 h w; and on the 1/8 grid
    their deviation, and the fields of `Prior` but for its logits.
    """

    lightness: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor
    values: Tensor
    reference_values: Tensor
    similarity: Tensor
    reference_similarity: Tensor
    history_similarity: Tensor
    median_similarity: Tensor
    certainty: Tensor
    semantic: Tensor
    semantic_std: Tensor
    plausibility: Tensor
    typical: Tensor
    entropy: Tensor

    @classmethod
    def collect(
        cls, lightness: Tensor, maps: Sequence[Tensor], evidence: MatchEvidence, semantic: SemanticColors
    ) -> Self:
        """Pick what fusion sees; ``maps``: the features at 1/4, 1/8 and 1/16."""
        quarter, eighth, sixteenth = maps
        prior = semantic.prior
        return cls(
            lightness,
            quarter,
            eighth,
            sixteenth,
            evidence.merged.values,
            evidence.reference.values,
            evidence.merged.similarity,
            evidence.reference.similarity,
            evidence.history_similarity,
            evidence.median_similarity,
            evidence.certainty,
            semantic.colors,
            semantic.color_std,
            prior.plausibility,
            prior.colors,
            prior.entropy,
        )

    @property
    def merged(self) -> MatchResult:
        """`MatchEvidence.merged`, without coordinates."""
        return MatchResult(self.values, self.similarity, self.values[..., :0])

    @property
    def reference(self) -> MatchResult:
        """`MatchEvidence.reference`, without coordinates."""
        return MatchResult(self.reference_values, self.reference_similarity, self.values[..., :0])


class FusedColors(NamedTuple):
    """Colours of cells, B 8 h w (ab of their quarters, Lab units).

    Also the logits of the confidence of their quarters, B 4 h w, and the weights 0..1 of the match and of typical
    colours in them, B 1 h w each.
    """

    colors: Tensor
    confidence_logit: Tensor
    match_weight: Tensor
    fill_weight: Tensor


class FusionAnswer(NamedTuple):
    """What the network says of each cell, before its sources are mixed.

    ``matched_colors``, ``semantic_colors`` and ``typical_colors`` B 8 h w, ``logits`` B 3 h w those of their weights,
    ``correction`` B 8 h w in Lab units, ``confidence_logit`` B 4 h w.
    """

    matched_colors: Tensor
    semantic_colors: Tensor
    typical_colors: Tensor
    logits: Tensor
    correction: Tensor
    confidence_logit: Tensor

    def mix(self, *, fill: bool) -> FusedColors:
        """Mix the sources; only with ``fill`` do typical colours take part."""
        logits = self.logits if fill else self.logits[:, :2]
        weights = logits.softmax(1)
        mixed = (torch.stack(self[: weights.shape[1]], 1) * weights[:, :, None]).sum(1)
        fill_weight = weights[:, 2:] if fill else torch.zeros_like(weights[:, :1])
        return FusedColors(mixed + self.correction, self.confidence_logit, weights[:, :1], fill_weight)


class Fusion(nn.Module):
    """A U-Net over the 1/4, 1/8 and 1/16 grid, with the features of the frame at each.

    Its input is the frame's lightness, colours and similarity of every source of the match, the semantic
    colours of `SemanticAttention`, and how plausible both are. For each cell it weighs matched and semantic colours,
    and those that the prior finds typical, and corrects their mixture. The logits of the
    weight of the match and of the confidence are offsets to the certainty of the match.
    Untrained, it corrects nothing and all offsets are 0.
    """

    source_channels = 2 * (COLOR_CHANNELS + QUARTERS) + 2 + 4 + 3 + 5

    def __init__(self, widths: Sequence[int] = (48, 72, 112)) -> None:
        super().__init__()
        high, middle, low = widths
        self.stem = nn.Conv2d(CELL_SIZE**2 + self.source_channels, high, 3, padding=1)
        self.see = nn.ModuleList(
            PointwiseConv2d(size, width)
            for size, width in zip((SHALLOW_WIDTH, MIDDLE_WIDTH, sum(DEEP_WIDTHS)), widths, strict=True)
        )
        self.down = nn.ModuleList([ZeroInitResidual(high), _make_residual_pair(middle), _make_residual_pair(low)])
        self.halve = nn.ModuleList([nn.Conv2d(high, middle, 2, 2), nn.Conv2d(middle, low, 2, 2)])
        self.bottom = _make_residual_pair(low)
        self.widen = nn.ModuleList([PointwiseConv2d(middle, high), PointwiseConv2d(low, middle)])
        self.up = nn.ModuleList([_make_residual_pair(high), _make_residual_pair(middle)])
        self.answer = nn.Conv2d(high, COLOR_CHANNELS + 2 + QUARTERS, 3, padding=1)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)  # type: ignore[arg-type]

    def forward(self, seen: FusionInput) -> FusionAnswer:
        """Judge the sources of frames."""
        pixels = F.pixel_unshuffle(seen.lightness / LAB_SCALE - 1, CELL_SIZE)
        stacked = to_channels_last(torch.cat([pixels, _stack_sources(seen)], 1))
        x = self.stem(stacked) + self.see[0](seen.quarter)
        x = high = self.down[0](x)
        x = middle = self.down[1](self.halve[0](pad_to_multiple(x, 2)) + self.see[1](seen.eighth))
        x = self.down[2](self.halve[1](pad_to_multiple(x, 2)) + self.see[2](seen.sixteenth))
        x = self.up[1](_upsample_like(self.widen[1](self.bottom(x)), middle) + middle)
        x = self.up[0](_upsample_like(self.widen[0](x), high) + high)
        correction, gate, confidence, filling = self.answer(F.silu(x)).split([COLOR_CHANNELS, 1, QUARTERS, 1], 1)
        matched, certainty = (_to_channels_first(y) for y in (seen.merged.colors, seen.certainty))
        return FusionAnswer(
            matched,
            _spread_to_quarters(seen.semantic, matched),
            _spread_to_quarters(seen.typical, matched),
            torch.cat([gate + CERTAINTY_SLOPE * certainty, torch.zeros_like(gate), filling + FILL_OFFSET], 1),
            MAX_CORRECTION * torch.tanh(CORRECTION_GAIN / MAX_CORRECTION * correction),
            confidence + certainty,
        )


class ZeroInitResidual(nn.Module):
    """Residual block of two 3×3 convolutions, the second initialised to zero: at first it is the identity."""

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


def cells_to_ab(cell_colors: Tensor, size: Sequence[int]) -> Tensor:
    """Enlarge colours of cells B 8 h w to ab B 2 H W, bilinear; what lies beyond ``size`` is cut off."""
    quarters = F.pixel_shuffle(cell_colors, CELL_SPLIT)
    return F.interpolate(quarters, scale_factor=2.0, mode="bilinear")[..., : size[0], : size[1]]


def cells_to_confidence(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Enlarge logits of quarters of cells B 4 h w to the confidence 0..1, B 1 H W, as `cells_to_ab` does colours."""
    quarters = F.pixel_shuffle(torch.sigmoid(logits), CELL_SPLIT)
    return F.interpolate(quarters, scale_factor=2.0, mode="bilinear")[..., : size[0], : size[1]]


def _stack_sources(seen: FusionInput) -> Tensor:
    """Stack the inputs, B C h w: colours, difference in lightness, similarity and deviation of each source."""
    own_lightness = pool_cell_quarters(seen.lightness, seen.similarity.shape[1:3])
    matches = seen.merged, seen.reference
    scaled = [
        *(match.colors for match in matches),
        *(match.lightness_quarters - own_lightness for match in matches),
        *(match.color_std for match in matches),
    ]
    similarities = [
        seen.similarity,
        seen.reference_similarity,
        seen.history_similarity,
        seen.median_similarity.expand_as(seen.history_similarity),
    ]
    cellwise = _to_channels_first(torch.cat([*(x / LAB_SCALE for x in scaled), *similarities], -1))
    eighths = torch.cat([seen.semantic_std / LAB_SCALE, _doubt_colors(seen)], 1)
    return torch.cat([cellwise, seen.semantic / LAB_SCALE, resize_bilinear(eighths, cellwise.shape[-2:])], 1)


def _doubt_colors(seen: FusionInput) -> Tensor:
    """What the prior says, B 5 h w on its grid: typical colours, entropy, and how plausible both sources are."""
    ceiling = math.log(BIN_COUNT)
    matched = seen.merged.colors.unflatten(-1, (2, QUARTERS)).mean(-1)
    pooled = [F.avg_pool2d(ab, 2) for ab in (_to_channels_first(matched), seen.semantic)]
    plausible = [lookup_plausibility(seen.plausibility, ab) / ceiling for ab in pooled]
    return torch.cat([seen.typical / LAB_SCALE, seen.entropy / ceiling, *plausible], 1)


def _spread_to_quarters(ab: Tensor, like: Tensor) -> Tensor:
    """Colours ``B 2 h' w'`` for each quarter of the cells ``like``, B 8 h w."""
    return resize_bilinear(ab, like.shape[-2:]).repeat_interleave(QUARTERS, 1)


def _make_residual_pair(width: int) -> nn.Sequential:
    """Make two `ZeroInitResidual` blocks in a row."""
    return nn.Sequential(ZeroInitResidual(width), ZeroInitResidual(width))


def _upsample_like(x: Tensor, like: Tensor) -> Tensor:
    """Double the size, nearest neighbour, and crop to that of ``like``, which was padded to even sides before."""
    return F.interpolate(x, scale_factor=2.0)[..., : like.shape[-2], : like.shape[-1]]


def _to_channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)
