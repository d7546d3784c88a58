"""Fusion: a small network that weighs matched and semantic colours for each cell, and corrects the result."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.kinema.matching import CELL_SPLIT, COLOR_CHANNELS, QUARTERS, MatchEvidence, pool_cell_quarters
from kinemacolor.models.kinema.semantic import LAB_SCALE, SemanticAttention, SemanticColors
from kinemacolor.nn.backbones import EfficientNetLite0
from kinemacolor.nn.layers import pad_to_multiple, resize_bilinear

CELL_SIZE = 4  # px, a side of a cell
CERTAINTY_SLOPE = 3.0  # times the certainty of the match is the logit of its weight in an untrained network
MAX_CORRECTION = 50.0  # Lab units, the bound of a correction
CORRECTION_SLOPE = 0.4  # a small output adds MAX_CORRECTION · CORRECTION_SLOPE = 20 times itself, in Lab units
_, SHALLOW_WIDTH, MIDDLE_WIDTH, *DEEP_WIDTHS = EfficientNetLite0.widths


class FusedColors(NamedTuple):
    """Colours of cells, B 8 h w (ab of their quarters, Lab units).

    Also the logit of the confidence and the weight 0..1 of the match in the colours, B 1 h w each.
    """

    colors: Tensor
    confidence_logit: Tensor
    match_weight: Tensor


class Fusion(nn.Module):
    """A U-Net over the 1/4, 1/8 and 1/16 grid, with the features of the frame at each.

    Its input is the frame's lightness, colours and similarity of every source of the match, and the semantic
    colours of `SemanticAttention`. For each cell it mixes matched and semantic colours and corrects the mixture. The
    logits of the weight of the match and of the confidence are offsets to the certainty of the match.
    Untrained, it corrects nothing and all offsets are 0.
    """

    source_channels = 2 * (COLOR_CHANNELS + QUARTERS) + 2 + 4 + 3

    def __init__(self, widths: Sequence[int] = (48, 72, 112)) -> None:
        super().__init__()
        high, middle, low = widths
        self.stem = nn.Conv2d(CELL_SIZE**2 + self.source_channels, high, 3, padding=1)
        self.see = nn.ModuleList(
            nn.Conv2d(size, width, 1)
            for size, width in zip((SHALLOW_WIDTH, MIDDLE_WIDTH, sum(DEEP_WIDTHS)), widths, strict=True)
        )
        self.down = nn.ModuleList([ZeroInitResidual(high), _make_residual_pair(middle), _make_residual_pair(low)])
        self.halve = nn.ModuleList([nn.Conv2d(high, middle, 2, 2), nn.Conv2d(middle, low, 2, 2)])
        self.embed = FeatureModulation(low)
        self.bottom = _make_residual_pair(low)
        self.widen = nn.ModuleList([nn.Conv2d(middle, high, 1), nn.Conv2d(low, middle, 1)])
        self.up = nn.ModuleList([_make_residual_pair(high), _make_residual_pair(middle)])
        self.answer = nn.Conv2d(high, COLOR_CHANNELS + 2, 3, padding=1)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)  # type: ignore[arg-type]

    def forward(
        self,
        lightness: Tensor,
        maps: Sequence[Tensor],
        evidence: MatchEvidence,
        semantic: SemanticColors,
        embedding: Tensor,
    ) -> FusedColors:
        """Fuse the colours of frames.

        ``lightness`` B 1 H W, L 0..100; ``maps``: standardised features of the frame; ``embedding`` B E of the
        references.
        """
        pixels = F.pixel_unshuffle(pad_to_multiple(lightness, CELL_SIZE) / LAB_SCALE - 1, CELL_SIZE)
        x = torch.cat([pixels, _stack_sources(lightness, evidence, semantic)], 1)
        x = self.stem(x) + self.see[0](maps[1])
        x = high = self.down[0](x)
        x = middle = self.down[1](self.halve[0](pad_to_multiple(x, 2)) + self.see[1](maps[2]))
        x = self.down[2](self.halve[1](pad_to_multiple(x, 2)) + self.see[2](torch.cat(list(maps[3:]), 1)))
        x = self.bottom(self.embed(x, embedding))
        x = self.up[1](_upsample_like(self.widen[1](x), middle) + middle)
        x = self.up[0](_upsample_like(self.widen[0](x), high) + high)
        correction, gate, confidence_logit = self.answer(F.silu(x)).split([COLOR_CHANNELS, 1, 1], 1)
        colors, certainty = (_to_channels_first(y) for y in (evidence.merged.colors, evidence.certainty))
        semantic_colors = resize_bilinear(semantic.colors, colors.shape[-2:]).repeat_interleave(QUARTERS, 1)
        match_weight = torch.sigmoid(gate + CERTAINTY_SLOPE * certainty)
        mixed = torch.lerp(semantic_colors, colors, match_weight)
        return FusedColors(
            mixed + MAX_CORRECTION * torch.tanh(CORRECTION_SLOPE * correction),
            confidence_logit + certainty,
            match_weight,
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


class FeatureModulation(nn.Module):
    """Scale and shift of every channel by a global embedding of the references, as in Color2Embed (3.1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(SemanticAttention.embedding_width, 2 * width)
        nn.init.zeros_(self.embed.weight)
        nn.init.zeros_(self.embed.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.embed(embedding)[..., None, None].chunk(2, 1)
        modulated: Tensor = x * (1 + scale) + shift
        return modulated


def cells_to_ab(cell_colors: Tensor, size: Sequence[int]) -> Tensor:
    """Resize colours of cells B 8 h w to ab B 2 H W, bilinear."""
    return resize_bilinear(F.pixel_shuffle(cell_colors, CELL_SPLIT), size)


def _stack_sources(lightness: Tensor, evidence: MatchEvidence, semantic: SemanticColors) -> Tensor:
    """Stack the inputs, B C h w: colours, difference in lightness, similarity and deviation of each source."""
    merged, reference, history_similarity, median_similarity, _ = evidence
    own_lightness = pool_cell_quarters(lightness, merged.similarity.shape[1:3])
    scaled = [
        merged.colors,
        reference.colors,
        merged.lightness_quarters - own_lightness,
        reference.lightness_quarters - own_lightness,
        merged.color_std,
        reference.color_std,
    ]
    similarities = [
        merged.similarity,
        reference.similarity,
        history_similarity,
        median_similarity.expand_as(history_similarity),
    ]
    cellwise = _to_channels_first(torch.cat([*(x / LAB_SCALE for x in scaled), *similarities], -1))
    return torch.cat([cellwise, *(resize_bilinear(x / LAB_SCALE, cellwise.shape[-2:]) for x in semantic)], 1)


def _make_residual_pair(width: int) -> nn.Sequential:
    """Make two `ZeroInitResidual` blocks in a row."""
    return nn.Sequential(ZeroInitResidual(width), ZeroInitResidual(width))


def _upsample_like(x: Tensor, like: Tensor) -> Tensor:
    """Double the size, nearest neighbour, and crop to that of ``like``, which was padded to even sides before."""
    return F.interpolate(x, scale_factor=2.0)[..., : like.shape[-2], : like.shape[-1]]


def _to_channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)
