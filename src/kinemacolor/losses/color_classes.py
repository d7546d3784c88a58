"""Loss on how likely a network holds each colour, as a class."""

import torch.nn.functional as F
from torch import Tensor

from kinemacolor.losses.numerics import weighted_mean
from kinemacolor.nn.ab_bins import BIN_COUNT, bin_frequencies, nearest_bin
from kinemacolor.nn.precision import promote_to_float32


def bin_weights(like: Tensor) -> Tensor:
    """Return how much each bin of ab counts, ``K``: 1 / (p / 2 + 1 / 2K), p its share in photographs; 1 in the mean.

    Zhang et al. 2016, Eq. 4, with their λ of 1/2: else the many grays would teach gray.
    """
    shares = bin_frequencies(like)
    weights = 1 / (shares / 2 + 1 / (2 * BIN_COUNT))
    return weights / (shares * weights).sum()


def color_classes_loss(logits: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """Rebalanced cross entropy of the bins of ab, in nats (Zhang et al. 2016, Eq. 2): mean over cells of -w log p.

    ``logits`` are ``B K h w``, ``truth`` is ab ``B 2 H W``; p is the probability of the bin nearest to the mean of the
    true ab in the cell, w is that bin's `bin_weights`. ln 129 = 4.86, on average over photographs, where all bins are
    held equally likely. ``weight`` is ``B 1 1 1``. Gradients flow to the logits only. Raises ValueError where there
    is not one logit for each bin.
    """
    if logits.shape[1] != BIN_COUNT:
        raise ValueError(f"wanted logits of {BIN_COUNT} bins, got {tuple(logits.shape)}")
    exact = promote_to_float32(logits)
    cells = F.adaptive_avg_pool2d(promote_to_float32(truth.detach()), (exact.shape[2], exact.shape[3]))
    target = nearest_bin(cells)[:, None]
    surprise: Tensor = -exact.log_softmax(1).gather(1, target)
    return weighted_mean(bin_weights(exact)[target] * surprise, weight)
