"""What a thing is tells something of its colour, wherever the reference shows one like it.

A match says where a place was; this says what else the references show of its kind (grass is green here).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.attention import match
from kinemacolor.nn.backbones import EfficientNetLite0, unit_channels
from kinemacolor.nn.layers import deviation, fit, positions
from kinemacolor.nn.partial import fill_in, speaking

_, _, MIDDLE, *DEEP = EfficientNetLite0.widths
SEEN = MIDDLE + sum(DEEP)
SCALE = 50.0  # Lab units that are 1 inside a network


class Kinds(NamedTuple):
    """All references: descriptors B M C and values B M 3 of their cells, and a global embedding B E."""

    keys: Tensor
    values: Tensor
    embedding: Tensor


class ByKind(NamedTuple):
    """For every cell of the 1/8 grid: mean chroma B 2 h w, and how far its parts lie from it, B 1 h w."""

    colors: Tensor
    spread: Tensor


class LookByKind(nn.Module):
    """Every cell of the 1/8 grid looks at those of all references, by descriptors that tell kinds apart.

    ``sharpness`` is the logarithm of what cosines are multiplied with before softmax. The answer is chroma
    itself, so that a loss on it teaches the descriptors without a way through other layers.
    """

    embedding = SEEN + 2

    def __init__(self, width: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.describe = nn.Sequential(nn.Conv2d(SEEN, hidden, 1), nn.SiLU(), nn.Conv2d(hidden, width, 1))
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def remember(self, maps: Sequence[Tensor], chroma: Tensor, batch: int, painted: Tensor | None = None) -> Kinds:
        """References for `forward`: `standardised` maps ``batch·R C h w`` and chroma ``batch·R 2 H W``, Lab units.

        Masks and colours as `over_gray` gives them. Cells that do not speak are left out, and have no
        part in the mean colour of the embedding; its mean features are those of the whole pictures.
        """
        seen = _seen(maps)
        grid = seen.shape[-2], seen.shape[-1]
        colors = F.adaptive_avg_pool2d(fill_in(chroma, painted, grid), grid)
        values = torch.cat([colors, colors.square().sum(1, keepdim=True)], 1)
        keys, values, tokens = (positions(x, batch) for x in (self._keys(seen), values, seen))
        cells = speaking(painted, grid)
        keys, values = keys[:, cells], values[:, cells]
        return Kinds(keys, values, torch.cat([tokens.mean(1), values[..., :2].mean(1) / SCALE], -1))

    def forward(self, maps: Sequence[Tensor], kinds: Kinds) -> ByKind:
        """The answer for frames with these `standardised` maps ``B C h w``, in Lab units."""
        keys = self._keys(_seen(maps))
        query = keys.flatten(2).transpose(1, 2) * self.sharpness.exp()
        (found,), _, _ = match(query, kinds.keys, kinds.values, temperatures=[1.0])
        flat = found.transpose(1, 2).reshape(len(keys), -1, *keys.shape[-2:])
        colors, power = flat.split_with_sizes([2, 1], 1)
        return ByKind(colors, deviation(power, colors.square().sum(1, keepdim=True)))

    def _keys(self, seen: Tensor) -> Tensor:
        return unit_channels(self.describe(seen))


def _seen(maps: Sequence[Tensor]) -> Tensor:
    """What kinds are told by: the deep maps on the 1/8 grid, ``B C h w``."""
    middle = maps[2]
    size = middle.shape[-2:]
    return torch.cat([middle, *(fit(x, size) for x in maps[3:])], 1)
