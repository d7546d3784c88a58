"""Bins of ab: colours as classes, for networks that say how likely each colour is."""

import torch
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


def bin_centres(like: Tensor) -> Tensor:
    """Return the centres of the bins, ``K 2`` in Lab units, with the dtype and on the device of ``like``."""
    return get_constant(BIN_CENTRES, like)


@torch.no_grad()
def nearest_bin(ab: Tensor) -> Tensor:
    """Return the number of the nearest bin of each ab ``B 2 h w``, ``B h w``; beyond all bins the outermost.

    It takes ``K`` numbers for each place: meant for cells, not for pixels.
    """
    exact = promote_to_float32(ab)
    a, b = (x[:, None, None] for x in bin_centres(exact).unbind(-1))
  
    nearness = a * exact[:, :1] + b * exact[:, 1:] - (a.square() + b.square()) / 2
    return nearness.argmax(1)
