"""What losses share: float32 or wider throughout, means under weights, two ways to measure a difference."""

from typing import Literal

import torch
from torch import Tensor

from kinemacolor.nn.precision import promote_to_float32

Penalty = Literal["l1", "l2"]


def subtract_same_shape(one: Tensor, other: Tensor) -> Tensor:
    """One less the other, in float32 or wider. Raises ValueError where the shapes differ: nothing is expanded."""
    if one.shape != other.shape:
        raise ValueError(f"wanted two of one shape, got {tuple(one.shape)} and {tuple(other.shape)}")
    return promote_to_float32(one) - promote_to_float32(other)


def apply_penalty(x: Tensor, penalty: Penalty) -> Tensor:
    """Each number's size (l1) or square (l2)."""
    return x.abs() if penalty == "l1" else x.square()


def weighted_mean(x: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean of ``x``, each number counted ``weight`` times (any shape that expands to that of ``x``, no less than 0).

    A mask is a weight of 0 and 1, or false and true. 0 where all weights are 0.
    """
    if weight is None:
        return x.mean()
    counts = weight.detach().to(x).expand_as(x)
    return (counts * x).sum() / counts.sum().clamp_min(torch.finfo(x.dtype).tiny)
