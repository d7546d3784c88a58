"""Temporal loss: change of ab along the motion of the film."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.losses.numerics import apply_penalty, subtract_same_shape, weighted_mean
from kinemacolor.losses.penalty import Penalty
from kinemacolor.nn.precision import promote_to_float32


def warp_tensor_by_flow(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample ``B C h w`` at each pixel plus ``flow``, ``B 2 h w`` px (x, y), bilinear; the edge is repeated outside.

    Differentiable in both; the torch counterpart of `kinemacolor.metrics.motion.warp_array_by_flow`.
    """
    height, width = flow.shape[-2:]
    exact = promote_to_float32(flow)
    x = exact[:, 0] + torch.arange(width, device=flow.device, dtype=exact.dtype)
    y = exact[:, 1] + torch.arange(height, device=flow.device, dtype=exact.dtype)[:, None]
    # grid_sample without align_corners: -1 and 1 are the outer edges of the picture, pixel x has its centre at x + 0.5
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    source = promote_to_float32(picture)
    return F.grid_sample(source, grid.to(source), padding_mode="border", align_corners=False)


def temporal_loss(
    first: Tensor, second: Tensor, backward_flow: Tensor, visible: Tensor, *, penalty: Penalty = "l1"
) -> Tensor:
    """Mean change of ab ``B 2 h w`` from frame to frame along the motion, where both frames show the same.

    Deep Exemplar, Eq. 13, and Long-term, Eq. 10: the mean of |warp(first) - second| over channels and pixels,
    weighted by ``visible``, in Lab units; 0 if no pixel is visible. ``backward_flow`` ``B 2 h w`` px leads from
    each pixel of the second frame to its position in the first, ``visible`` ``B 1 h w`` 0..1 is the mask on
    the second frame (`kinemacolor.metrics.motion.Motion` has both). Gradients flow to both frames.
    Deep Exemplar's code squares (``l2``), looks forward instead, and divides by all pixels.
    """
    return weighted_mean(
        apply_penalty(subtract_same_shape(warp_tensor_by_flow(first, backward_flow), second), penalty), visible
    )
