"""Operations that losses share: differences and penalties in float32 or wider, weighted means, means of squares."""

import torch
from torch import Tensor

from kinemacolor.losses.penalty import Penalty
from kinemacolor.nn.precision import no_autocast, promote_to_float32


def subtract_same_shape(one: Tensor, other: Tensor) -> Tensor:
    """Subtract ``other`` from ``one`` in float32 or wider. Raises ValueError for different shapes: nothing expands."""
    if one.shape != other.shape:
        raise ValueError(f"wanted two of one shape, got {tuple(one.shape)} and {tuple(other.shape)}")
    return promote_to_float32(one) - promote_to_float32(other)


def apply_penalty(x: Tensor, penalty: Penalty) -> Tensor:
    """Take the absolute value (l1) or the square (l2) of each number."""
    return x.abs() if penalty == "l1" else x.square()


def weighted_mean(x: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute the mean of ``x`` under ``weight``, no less than 0, of any shape that expands to that of ``x``.

    A mask is a weight of 0 and 1, or false and true. The mean is 0 where all weights are 0.
    """
    if weight is None:
        return x.mean()
    counts = weight.detach().to(x).expand_as(x)
    return (counts * x).sum() / counts.sum().clamp_min(torch.finfo(x.dtype).tiny)


def box_mean(x: Tensor, side: int) -> Tensor:
    """Compute the mean of ``B C h w`` over the square of ``side`` px around each pixel, where it lies in the picture.

    Raises ValueError for an even side: it has no middle.
    """
    if side % 2 == 0:
        raise ValueError(f"wanted a square with an odd side, got {side} px")
    # Two products: on a CPU a third of the time of pooling, and a GPU is made for them.
    rows, columns = (_make_band_matrix(size, side // 2, x) for size in x.shape[-2:])
    with no_autocast(x.device):
        return rows @ (x @ columns.T)


def _make_band_matrix(size: int, radius: int, like: Tensor) -> Tensor:
    """``size size`` whose rows take the mean of the numbers at most ``radius`` places away."""
    band = torch.ones(size, size, dtype=like.dtype, device=like.device).tril(radius).triu(-radius)
    return band / band.sum(1, keepdim=True)
