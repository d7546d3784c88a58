"""Loss on colours that are paler than the truth."""

import torch.nn.functional as F
from torch import Tensor

from kinemacolor.losses.numerics import weighted_mean
from kinemacolor.nn.precision import promote_to_float32


def vividness_loss(result: Tensor, truth: Tensor, weight: Tensor | None = None, *, cell: int = 8) -> Tensor:
    """Mean over cells of max(0, C(truth) - C(result)), C the mean chroma √(a² + b²) of a cell, in Lab units.

    0 where no cell is paler than the truth, whatever its hue: more vivid costs nothing. Ours: where a colour is
    uncertain, losses on ab are least at its mean, which is paler than any colour that it may have; this one asks for
    as much colour without asking for which. ab is ``B 2 h w``; a cell has ``cell`` px a side, and less at the right and
    lower border. ``weight`` is ``B 1 1 1``. Gradients flow to the result only; a gray pixel has none.

    Raises ValueError for different shapes.
    """
    if result.shape != truth.shape:
        raise ValueError(f"wanted two of one shape, got {tuple(result.shape)} and {tuple(truth.shape)}")
    chroma, wanted = (F.avg_pool2d(_compute_chroma(ab), cell, ceil_mode=True) for ab in (result, truth.detach()))
    return weighted_mean(F.relu(wanted - chroma), weight)


def _compute_chroma(ab: Tensor) -> Tensor:
    """√(a² + b²), ``B 1 h w``; its gradient is 0 where it is 0."""
    squares = promote_to_float32(ab).square()
    return (squares[:, :1] + squares[:, 1:]).clamp_min(1e-12).sqrt()
