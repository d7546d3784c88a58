"""Semantic colours: the mean ab that the references show for things of the same kind, wherever they are.

Matching finds the same place in a reference; this finds other places of the same kind (grass is green here).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.attention import match_keys
from kinemacolor.nn.backbones import EfficientNetLite0, normalize_channels
from kinemacolor.nn.layers import flatten_grid, resize_bilinear, std_from_moments
from kinemacolor.nn.partial import fill_unpainted, painted_cells

_, _, MIDDLE_WIDTH, *DEEP_WIDTHS = EfficientNetLite0.widths
FEATURE_WIDTH = MIDDLE_WIDTH + sum(DEEP_WIDTHS)
LAB_SCALE = 50.0  # Lab units that are 1 inside a network


class SemanticMemory(NamedTuple):
    """All references: descriptors B M C and values B M 3 (ab, a² + b²) of their cells, and a global embedding B E."""

    keys: Tensor
    values: Tensor
    embedding: Tensor


class SemanticColors(NamedTuple):
    """For every cell of the 1/8 grid the mean of ab, B 2 h w, and its standard deviation, B 1 h w, in Lab units."""

    colors: Tensor
    color_std: Tensor


class SemanticAttention(nn.Module):
    """Attention from every cell of the 1/8 grid to those of all references, by descriptors of their kind.

    ``sharpness`` is the logarithm of the factor on cosines before softmax. The output is ab
    itself, so that a loss on it trains the descriptors directly, not through other layers.
    """

    embedding_width = FEATURE_WIDTH + 2

    def __init__(self, width: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.describe = nn.Sequential(nn.Conv2d(FEATURE_WIDTH, hidden, 1), nn.SiLU(), nn.Conv2d(hidden, width, 1))
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def encode_references(
        self, maps: Sequence[Tensor], ab: Tensor, batch: int, paint_mask: Tensor | None = None
    ) -> SemanticMemory:
        """Encode references for `forward` from standardised maps ``batch·R C h w`` and ab ``batch·R 2 H W``.

        Masks and ab are as `premultiply_references` gives them. Only `painted_cells` become keys and count in the
        mean colour of the embedding; its mean features are those of the whole pictures.
        """
        features = _concat_deep_maps(maps)
        grid = features.shape[-2], features.shape[-1]
        colors = F.adaptive_avg_pool2d(fill_unpainted(ab, paint_mask, grid), grid)
        values = torch.cat([colors, colors.square().sum(1, keepdim=True)], 1)
        keys, values, tokens = (flatten_grid(x, batch) for x in (self._compute_keys(features), values, features))
        cells = painted_cells(paint_mask, grid)
        keys, values = keys[:, cells], values[:, cells]
        return SemanticMemory(keys, values, torch.cat([tokens.mean(1), values[..., :2].mean(1) / LAB_SCALE], -1))

    def forward(self, maps: Sequence[Tensor], memory: SemanticMemory) -> SemanticColors:
        """Compute semantic colours, in Lab units, for the frames, ``B·T C h w``, of B clips, by standardised maps."""
        keys = self._compute_keys(_concat_deep_maps(maps))
        query = flatten_grid(keys, len(memory.keys)) * self.sharpness.exp()
        values = match_keys(query, memory.keys, memory.values, temperature=1.0).values
        maps_of_values = values.reshape(len(keys), *keys.shape[-2:], -1).permute(0, 3, 1, 2)
        colors, mean_of_squares = maps_of_values.split_with_sizes([2, 1], 1)
        return SemanticColors(colors, std_from_moments(mean_of_squares, colors.square().sum(1, keepdim=True)))

    def _compute_keys(self, features: Tensor) -> Tensor:
        """Unit descriptors ``B C h w`` of the features of `_concat_deep_maps`."""
        return normalize_channels(self.describe(features))


def _concat_deep_maps(maps: Sequence[Tensor]) -> Tensor:
    """Join the deep maps, which show the kind of a thing, on the 1/8 grid: ``B C h w``."""
    middle = maps[2]
    size = middle.shape[-2:]
    return torch.cat([middle, *(resize_bilinear(x, size) for x in maps[3:])], 1)
