"""Relativistic average least-squares GAN losses, and a discriminator of two frames (Deep Exemplar, 3.3 and Table 4)."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from kinemacolor.nn.backbones import instance_norm
from kinemacolor.nn.layers import flatten_grid
from kinemacolor.nn.precision import no_autocast, promote_to_float32


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of the discriminator; ``real`` and ``fake`` are its scores, ``B`` each, of detached frames.

    Deep Exemplar, Eq. 12, with the sides exchanged (Jolicoeur-Martineau 2018):
    E[(D(real) - E D(fake) - 1)²] + E[(D(fake) - E D(real) + 1)²]. It is 2 for equal scores and 0 where
    every real score is 1 above every fake one. The published code takes half of it.
    """
    real, fake = promote_to_float32(real), promote_to_float32(fake)
    return (real - fake.mean() - 1).square().mean() + (fake - real.mean() + 1).square().mean()


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of the colorizer (Deep Exemplar, Eq. 12), 0 where fake scores are 1 above real ones; scores are ``B`` each.

    Gradients flow to ``fake`` only. Freeze the discriminator meanwhile: its weights need no gradients.
    """
    return discriminator_loss(fake, real.detach())


class SelfAttention(nn.Module):
    """Self-attention over positions: x + gamma · attention(x), gamma 0 at first (SAGAN, Zhang et al. 2018, 3).

    Input and output are ``B C h w``. 1×1 convolutions with spectral norm; softmax of unscaled products. Query and
    key have C channels as in Deep Exemplar's code, where SAGAN has C / 8.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (spectral_norm(nn.Conv2d(width, width, 1)) for _ in range(3))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (flatten_grid(layer(x), len(x))[:, None] for layer in (self.query, self.key, self.value))
        attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)[:, 0]
        result: Tensor = x + self.gamma * attended.transpose(1, 2).reshape(x.shape)
        return result


class VideoDiscriminator(nn.Module):
    """Discriminator of two consecutive frames: Lab ``B 2 3 h w`` to scores ``B``, unbounded, larger is more real.

    Deep Exemplar, Table 4, and its code: six 4×4 convolutions of stride 2, self-attention after the
    second, a 3×3 convolution to one channel, the average. Spectral norm (Miyato et al. 2018: the
    largest singular value of a kernel, as a matrix of its outputs, is 1) everywhere; instance
    normalisation after all but the first and the last; LeakyReLU 0.2. The frames are stacked as six
    channels in Lab units, unscaled. The code's last kernel, 3×6, fits 216×384 only; the paper's 3×3
    with a border of zeros fits any size. ``width`` scales the channels.

    Computed in float32, also under autocast. Raises ValueError for frames that six halvings leave
    with a single position or none (under 64 px a side, or under 128 on both): nothing could be normalised.
    """

    widths = (64, 64, 128, 256, 512, 1024)

    def __init__(self, *, width: float = 1) -> None:
        super().__init__()
        widths = [6, *(int(full * width) for full in self.widths)]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4, 2, 1)) for before, after in pairwise(widths)
        )
        self.attention = SelfAttention(widths[2])
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        if (height // 64) * (width // 64) < 2:
            raise ValueError(f"wanted frames of at least 64×128 px, got {height}×{width}")
        with no_autocast(frames.device):
            return self._score_frames(promote_to_float32(frames).flatten(1, 2))

    def _score_frames(self, x: Tensor) -> Tensor:
        """Scores ``B`` of stacked frames ``B 6 h w``."""
        first, second, *others = self.convs
        x = F.leaky_relu(first(x), 0.2)
        x = self.attention(F.leaky_relu(instance_norm(second(x)), 0.2))
        for conv in others:
            x = F.leaky_relu(instance_norm(conv(x)), 0.2)
        score: Tensor = self.last(x).mean((1, 2, 3))
        return score
