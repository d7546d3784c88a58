"""Losses that train a model's confidence on its own errors."""

from typing import Literal

import torch
from torch import Tensor

from kinemacolor.losses.numerics import box_mean, subtract_same_shape, weighted_mean
from kinemacolor.nn.precision import promote_to_float32


def soft_correctness(result: Tensor, truth: Tensor, *, tolerance: float = 10.0, region: int = 0) -> Tensor:
    """Probability 0..1, ``B 1 h w``, that ab ``B 2 h w`` is accepted for the true ab ``B 2 h w``; without gradient.

    exp(-‖result - truth‖₂ / ``tolerance``): the share of viewers who accept the colour if the error that
    they accept is exponentially distributed with a mean of ``tolerance`` Lab units. 1 without an
    error, 0.37 at the tolerance, and no threshold between right and wrong. With a ``region`` the error
    is its mean over the square of so many px, an odd number, around each pixel: of the place, not of its noise.
    """
    error: Tensor = torch.linalg.vector_norm(subtract_same_shape(result, truth).detach(), dim=1, keepdim=True)
    return (-(box_mean(error, region) if region else error) / tolerance).exp()


def hard_correctness(result: Tensor, truth: Tensor, *, tolerance: float = 10.0, region: int = 0) -> Tensor:
    """Share 0..1, ``B 1 h w``, of a place where ab ``B 2 h w`` is within ``tolerance`` Lab units of the truth.

    A place is the square of ``region`` px, an odd number, around each pixel, or the pixel itself. Without gradient.
    """
    error = torch.linalg.vector_norm(subtract_same_shape(result, truth).detach(), dim=1, keepdim=True)
    right = (error <= tolerance).to(error)
    return box_mean(right, region) if region else right


def confidence_loss(
    confidence: Tensor,
    result: Tensor,
    truth: Tensor,
    weight: Tensor | None = None,
    *,
    tolerance: float = 10.0,
    region: int = 0,
    form: Literal["soft", "hard"] = "soft",
) -> Tensor:
    """Mean divergence, in nats, of ``confidence`` 0..1, ``B 1 h w``, from the correctness q of the model's own ab.

    q is `soft_correctness` or `hard_correctness`.

    KL(q ‖ c) = q log(q / c) + (1 - q) log((1 - q) / (1 - c)): the binary cross entropy less its least
    value. 0 where c = q. Where the same input leads to different errors it is least at the mean
    of q (a proper score, Gneiting and Raftery 2007): confidence becomes a calibrated probability.
    Through a sigmoid the gradient is about c - q, however confident the network was.

    A thousandth of q and of c is replaced by the probability 0.5. That moves no minimum, and a
    confidence of exactly 0 or 1 costs less than 8 and has a gradient of less than 2000. Gradients
    flow to the confidence only: ab is not trained by it. Raises ValueError for another shape.
    """
    correctness = soft_correctness if form == "soft" else hard_correctness
    target = correctness(result, truth, tolerance=tolerance, region=region)
    if confidence.shape != target.shape:
        raise ValueError(f"wanted a confidence {tuple(target.shape)}, got {tuple(confidence.shape)}")
    q, c = (0.0005 + 0.999 * x for x in (target, promote_to_float32(confidence)))
    return weighted_mean(q * (q / c).log() + (1 - q) * ((1 - q) / (1 - c)).log(), weight)


def confidence_correlation_loss(confidence: Tensor, result: Tensor, truth: Tensor) -> Tensor:
    """Mean over pictures of 1 less the correlation of ``confidence``, ``B 1 h w``, with minus the ab error, 0..2.

    `confidence_loss` is mostly about which pictures are right; this one is about which places of a picture are, as
    `metrics.confidence.compute_confidence_correlation` measures it. It asks for no scale: it stands beside a loss that
    does. ab is ``B 2 h w``; gradients flow to the confidence only. A picture without an error counts as 1.
    """
    error = torch.linalg.vector_norm(subtract_same_shape(result, truth).detach(), dim=1)
    sure, wrong = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (promote_to_float32(confidence), error))
    norms = torch.linalg.vector_norm(sure, dim=1) * torch.linalg.vector_norm(wrong, dim=1)
    correlation: Tensor = -(sure * wrong).sum(1) / norms.clamp_min(1e-6)
    return 1 - correlation.mean()
