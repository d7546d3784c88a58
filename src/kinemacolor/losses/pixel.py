"""Losses that compare ab pixel by pixel, or with their neighbours.

ab is ``B 2 h w`` and Lab ``B 3 h w``, in Lab units. A loss is one number, no less than 0, in float32 or wider.
Gradients flow to the result only.
"""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.losses.numerics import apply_penalty, subtract_same_shape, weighted_mean
from kinemacolor.losses.penalty import Penalty
from kinemacolor.nn.precision import promote_to_float32


def l1_loss(result: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean of |result - truth| over pixels and channels, in Lab units (Deep Exemplar, Eq. 14; Long-term, Eq. 8).

    ``weight`` is ``B 1 h w``, or ``B 1 1 1`` for whole pictures: Deep Exemplar counts only those whose
    reference is the frame itself.
    """
    return weighted_mean(subtract_same_shape(result, truth.detach()).abs(), weight)


def smooth_l1_loss(result: Tensor, truth: Tensor, weight: Tensor | None = None, *, beta: float = 1.0) -> Tensor:
    """Mean of d² / (2 beta) where d = |result - truth| < beta, of d - beta / 2 elsewhere (Huber 1964).

    Color2Embed, Eq. 8, has beta 1; its code passes ab / 110, so that the loss is quadratic over
    the whole gamut: ``smooth_l1_loss(result / 110, truth / 110)``. ``weight`` as in `l1_loss`.
    """
    differences = subtract_same_shape(result, truth.detach())
    return weighted_mean(
        F.smooth_l1_loss(differences, torch.zeros_like(differences), reduction="none", beta=beta), weight
    )


def psnr_loss(result: Tensor, truth: Tensor, weight: Tensor | None = None, *, noise: float = 1.0) -> Tensor:
    """Mean over pictures of 10 log₁₀(mean squared difference + ``noise``²), in dB: minus the PSNR, but for a constant.

    The gradient depends on the relative change of a picture's error, so that pictures whose reference explains
    nothing do not dominate the rest. An error far below ``noise``, in Lab units and at least 1, counts for little.
    ``weight`` ``B 1 1 1`` is for whole pictures. Raises ValueError for a noise below 1.
    """
    if noise < 1:
        raise ValueError(f"noise must be at least 1 Lab unit, not {noise}")
    squared = subtract_same_shape(result, truth.detach()).square().mean((1, 2, 3), keepdim=True)
    return weighted_mean(10 * (squared + noise**2).log10(), weight)


def smoothness_loss(
    result: Tensor, truth: Tensor, *, alpha: float = 10.0, centre: bool = True, penalty: Penalty = "l1"
) -> Tensor:
    """Smoothness loss: distance of ab in ``result`` from neighbours of the same colour in ``truth``, Lab ``B 3 h w``.

    Deep Exemplar, Eq. 11: the mean over pixels i and channels of |x(i) - Σ_j w_ij x(j)|, with j in the
    3×3 around i as far as it lies in the picture and, as in the published code, w_ij = softmax_j of
    -‖truth(i) - truth(j)‖² / ``alpha``, in squared Lab units. So neighbours that differ in the true frame may
    differ in the result. The published code counts the pixel itself and squares the difference (``l2``), to
    which the paper's weight of 5 belongs; the paper leaves the pixel out (``centre=False``) and prints no norm.
    """
    guide, ab = promote_to_float32(truth).detach(), promote_to_float32(result)
    # outside the picture the distance is infinite, and the weight 0
    distance = (_stack_neighbors(guide, torch.inf, centre) - guide[:, :, None]).square().sum(1, keepdim=True)
    weights = (-distance / alpha).softmax(2)
    return apply_penalty(ab - (weights * _stack_neighbors(ab, 0, centre)).sum(2), penalty).mean()


def _stack_neighbors(x: Tensor, fill_value: float, centre: bool) -> Tensor:
    """Stack the 3×3 around each pixel of ``B C h w``: ``B C 9 h w``, or 8 without the centre."""
    height, width = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1), value=fill_value)
    offsets = [offset for offset in product(range(3), range(3)) if centre or offset != (1, 1)]
    return torch.stack([padded[..., i : i + height, j : j + width] for i, j in offsets], 2)
