"""Runs the published networks in the originals' order of work: the baseline of our timing, with equal results.

Weights and layers are the same. What the originals do and ours does not: they run the networks on the reference again
with every frame (or block), run VGG19 to its last layer, keep the whole correlation matrix and its softmax in memory,
and upsample feature maps before the convolution.
"""

from copy import deepcopy
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.color import lab_to_rgb
from kinemacolor.models.base import Colorizer
from kinemacolor.models.deep_exemplar import CELL_SIZE, DeepExemplar
from kinemacolor.models.long_term.model import LongTermState
from kinemacolor.nn.attention import center_and_normalize
from kinemacolor.nn.backbones import VGG19
from kinemacolor.nn.layers import UpConv2d, flatten_grid


class OriginalDeepExemplar:
    """Deep Exemplar frame by frame in the order of the published script, at its softmax temperature of 1e-10.

    ``reference``: Lab ``1 3 H W``.
    """

    def __init__(self, model: DeepExemplar, reference: Tensor) -> None:
        self.model, self.reference = model, reference
        self.vgg = VGG19((*model.vgg.taps, "relu5_4"), variant=model.vgg.variant, width=model.options.width)
        self.vgg.load_state_dict(model.vgg.state_dict(), strict=False)
        self.vgg.to(reference.dtype)
        self.colorization = _upsample_before_conv(model.colorization)
        self.reference_maps = self._extract_features(lab_to_rgb(reference))
        self.previous_lab = torch.zeros_like(reference)  # frames have the reference's size here

    def step(self, lightness: Tensor) -> Tensor:
        """Predict ab ``1 1 2 h w`` of the next frame, L* ``1 1 1 h w``, whose sides are multiples of 8."""
        net, frame = self.model.correspondence, lightness[:, 0]
        theta = net.theta(net(self._extract_features(frame.expand(-1, 3, -1, -1) / 100)))
        phi = net.phi(net(self.reference_maps))
        query, keys = (center_and_normalize(flatten_grid(x, 1)) for x in (theta, phi))
        matrix = query @ keys.transpose(1, 2)
        # Eq. 3-5 of the paper: cosines of all pairs of cells, softmax-weighted colours, the best cosine as similarity.
        similarity = matrix.amax(-1, keepdim=True)
        colors = (matrix / 1e-10).softmax(-1) @ flatten_grid(F.avg_pool2d(self.reference[:, 1:], CELL_SIZE), 1)
        warped = torch.cat([colors, similarity], -1).transpose(1, 2).reshape(1, 3, *theta.shape[-2:])
        ab: Tensor = self.colorization(
            torch.cat([frame - 50, F.interpolate(warped, scale_factor=CELL_SIZE), self.previous_lab], 1)
        )
        self.previous_lab = torch.cat([frame - 50, ab], 1)
        return ab[:, None]

    def _extract_features(self, rgb: Tensor) -> list[Tensor]:
        return [F.normalize(x, dim=1) for x in self.vgg(rgb)[:-1]]


class OriginalReferenceOrder:
    """Any model, with the networks run on the reference (Lab ``1 3 H W``) again for every block."""

    def __init__(self, model: Colorizer, reference: Tensor) -> None:
        self.model, self.reference = model, reference
        self.state = model.init_state(reference[:, None])

    def step(self, lightness: Tensor) -> Tensor:
        """Predict ab ``1 T 2 h w`` of the next block, L* ``1 T 1 h w``."""
        state = self.model.init_state(self.reference[:, None])
        if isinstance(state, LongTermState) and isinstance(self.state, LongTermState):
            state = replace(state, memory=self.state.memory)
        ab, _, self.state, _ = self.model(lightness, state)
        output: Tensor = ab
        return output


def make_original_order(model: Colorizer, reference: Tensor) -> "OriginalDeepExemplar | OriginalReferenceOrder":
    """Wrap a model so that it works in the original's order, with one reference, Lab ``1 3 H W``."""
    return (
        OriginalDeepExemplar(model, reference)
        if isinstance(model, DeepExemplar)
        else OriginalReferenceOrder(model, reference)
    )


def _upsample_before_conv(network: nn.Module) -> nn.Module:
    """Copy a network so that each `UpConv2d` becomes an upsampling and then a convolution, with the same weights."""
    copy = deepcopy(network)
    for name, layer in list(copy.named_modules()):
        if isinstance(layer, UpConv2d):
            conv = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1)
            conv.to(layer.weight.dtype).load_state_dict(layer.state_dict())
            copy.set_submodule(name, nn.Sequential(nn.Upsample(scale_factor=2), conv))
    return copy
