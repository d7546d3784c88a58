"""Bins of ab: colours as classes, for networks that say how likely each colour is."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.precision import promote_to_float32

BIN_STEP = 10  # Lab units between neighbouring centres, as Zhang et al. 2016, 2.1
# All points of the grid at most 63 units from gray: beyond lie only the deepest reds, greens and blues of a display.
BIN_CENTRES = tuple(
    (float(a), float(b))
    for a in range(-60, 61, BIN_STEP)
    for b in range(-60, 61, BIN_STEP)
    if a * a + b * b <= 40 * BIN_STEP**2
)
BIN_COUNT = len(BIN_CENTRES)
# How often each bin is the nearest, in 100,000 cells: a row for each a, from green to red; b from blue to yellow.
# Counted once on the 5,558 photographs that kinema learns from (mean ab of 27 × 48 cells each), smoothed by a Gaussian
# with a deviation of 5 units as Zhang et al. do; no bin is empty.
_BIN_COUNT_ROWS = """
    1 1 1 1 1
    1 1 2 2 2 4 11
    1 2 10 17 10 12 26 66 127
    1 2 14 39 55 52 93 195 314 327 345
    1 2 23 84 184 279 433 719 1000 988 586 270 163
    2 24 143 431 969 2043 4295 4029 2671 1406 534 200 141
    19 120 465 1120 2454 7316 18169 11528 4723 1731 583 217 171
    73 199 340 490 805 1820 4411 4740 3263 1627 632 244 179
    139 113 115 114 142 245 560 1083 1137 826 457 233 182
    80 36 23 31 56 129 303 417 362 290 266
    33 14 12 22 49 106 217 288 330
    16 8 11 23 43 145 413
    12 11 15 28 76
"""
_BIN_COUNTS = tuple(int(count) for count in _BIN_COUNT_ROWS.split())
BIN_FREQUENCIES = tuple(count / sum(_BIN_COUNTS) for count in _BIN_COUNTS)


def bin_centres(like: Tensor) -> Tensor:
    """Return the centres of the bins, ``K 2`` in Lab units, with the dtype and on the device of ``like``."""
    return get_constant(BIN_CENTRES, like)


def bin_frequencies(like: Tensor) -> Tensor:
    """Return the share of photographs' cells that each bin has, ``K``; they sum to 1."""
    return get_constant(BIN_FREQUENCIES, like)


@torch.no_grad()
def nearest_bin(ab: Tensor) -> Tensor:
    """Return the number of the nearest bin of each ab ``B 2 h w``, ``B h w``; beyond all bins the outermost.

    It takes ``K`` numbers for each place: meant for cells, not for pixels.
    """
    exact = promote_to_float32(ab)
    a, b = (x[:, None, None] for x in bin_centres(exact).unbind(-1))
    # The nearest centre has the largest c·x - c²/2. No matrix product: a GPU may round its factors (TF32).
    nearness = a * exact[:, :1] + b * exact[:, 1:] - (a.square() + b.square()) / 2
    return nearness.argmax(1)


@torch.no_grad()
def merge_rare_bins(numbers: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Keep the ``count`` most frequent bins of each row of ``numbers`` ``B M``, and put the others to the nearest kept.

    Gives the kept bins ``B count``, and for each number its place among them, ``B M``.
    """
    kept = F.one_hot(numbers, BIN_COUNT).sum(1).topk(count).indices
    centres = bin_centres(numbers.new_empty(0, dtype=torch.float32))
    distances = (centres[:, None] - centres).square().sum(-1)  # exact: whole numbers
    nearest = distances[:, kept].argmin(2).T  # B K
    return kept, nearest.gather(1, numbers)
