"""Meaning: the colours that the references show for things of the same kind, where such a thing can have them.

Matching finds the same place in a reference; this finds other places of the same kind (grass is green here). What a
thing is, a network trained on ImageNet tells; which colours such things have, a prior learned from photographs.
"""

import math
from typing import NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.kinema.keys import LAB_SCALE
from kinemacolor.nn.ab_bins import BIN_COUNT, bin_centres, merge_rare_bins, nearest_bin
from kinemacolor.nn.attention import attend
from kinemacolor.nn.backbones import EfficientNetLite0, normalize_channels
from kinemacolor.nn.layers import flatten_grid, resize_bilinear, std_from_moments
from kinemacolor.nn.partial import fill_unpainted, painted_cells
from kinemacolor.nn.pointwise import PointwiseConv2d
from kinemacolor.nn.precision import promote_to_float32

_, _, MIDDLE_WIDTH, *DEEP_WIDTHS = EfficientNetLite0.widths
COARSE_WIDTH, KIND_WIDTH = (
    sum(DEEP_WIDTHS),
    sum(EfficientNetLite0.deep_widths),
)  # channels of its coarse and of its deepest maps
CELL_SIZE = 8  # px, a side of a cell
SHRINK = (
    2  # of pictures before the backbone, which tells kinds apart as well at half the size, at a quarter of the cost
)
KEPT_CLASSES = 48  # of colours in the keys: half of all pictures have 16 or fewer, nine of ten 32
PRIOR_TEMPERATURE = 0.5  # sharpens the prior where its mean is taken as a colour: a plain mean is muted


class SemanticMemory(NamedTuple):
    """All references: keys B M C and values B M 3 (ab, a² + b²) of their cells, and the classes B K in the keys."""

    keys: Tensor
    values: Tensor
    classes: Tensor


class Prior(NamedTuple):
    """What a frame's cells of the 1/8 grid are likely to be, whatever the references show.

    ``logits`` B K h w of the classes of `nn.ab_bins`, and of each class ``plausibility`` B K h w: the logarithm of
    how much likelier it is here than anywhere. Its most typical ``colors`` B 2 h w in Lab units, and ``entropy``
    B 1 h w in nats.
    """

    logits: Tensor
    plausibility: Tensor
    colors: Tensor
    entropy: Tensor


class SemanticColors(NamedTuple):
    """The mean of ab, B 2 2h 2w, and for every cell of the 1/8 grid its standard deviation, B 1 h w, in Lab units."""

    colors: Tensor
    color_std: Tensor
    prior: Prior


class SemanticDescription(NamedTuple):
    """What is known of each cell of the 1/8 grid, B C h w each.

    Descriptors, L (of mean 0 and deviation 1 over the picture), and prior.
    """

    descriptors: Tensor
    lightness: Tensor
    prior: Prior


class SemanticAttention(nn.Module):
    """Attention from every cell of the 1/8 grid to those of all references, by what they show and how light it is.

    The product of a cell with one of a reference is the sum of two cosines (of descriptors of the backbone's coarse
    maps and of its deepest), less a squared difference in lightness, plus how plausible the colour of the one is for
    the other: only colours of the references come out, and of these such as a thing of this kind can have.

    ``backbone`` is always frozen. ``scales``: logarithms of the factors of cosines, lightness and plausibility.
    """

    def __init__(self, coarse_width: int = 48, kind_width: int = 64, prior_width: int = 192) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0(deep=True).requires_grad_(False)
        self.coarse = PointwiseConv2d(COARSE_WIDTH, coarse_width)
        self.kind = PointwiseConv2d(KIND_WIDTH, kind_width)
        self.scales = nn.Parameter(torch.tensor(np.log(np.array([10.0, 0.3, 1.0], np.float32))))
        self.see = nn.ModuleList(
            PointwiseConv2d(width, prior_width) for width in (COARSE_WIDTH + KIND_WIDTH, MIDDLE_WIDTH, 2)
        )
        self.classify = nn.Sequential(
            nn.SiLU(), PointwiseConv2d(prior_width, prior_width), nn.SiLU(), PointwiseConv2d(prior_width, BIN_COUNT)
        )

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all but the backbone, whose statistics are those of ImageNet."""
        super().train(mode)
        self.backbone.eval()
        return self

    def encode_references(
        self, lightness: Tensor, ab: Tensor, batch: int, paint_mask: Tensor | None = None
    ) -> SemanticMemory:
        """Encode references for `attend` from L ``batch·R 1 H W`` and ab ``batch·R 2 H W``.

        Masks and ab are as `premultiply_references` gives them. Only `painted_cells` become keys.
        """
        described = self.describe(lightness)
        grid = described.lightness.shape[-2], described.lightness.shape[-1]
        colors = F.adaptive_avg_pool2d(fill_unpainted(ab, paint_mask, grid), grid)
        values = torch.cat([colors, colors.square().sum(1, keepdim=True)], 1)
        light = described.lightness
        keys = torch.cat([described.descriptors, light, light.square(), torch.ones_like(light)], 1)
        cells = painted_cells(paint_mask, grid)
        keys, values, numbers = (flatten_grid(x, batch)[:, cells] for x in (keys, values, nearest_bin(colors)[:, None]))
        classes, places = merge_rare_bins(numbers[..., 0], KEPT_CLASSES)
        return SemanticMemory(torch.cat([keys, F.one_hot(places, KEPT_CLASSES).to(keys)], -1), values, classes)

    def forward(self, lightness: Tensor, memory: SemanticMemory) -> SemanticColors:
        """Compute semantic colours for B pictures by their L ``B 1 H W``, each with its references."""
        described = self.describe(lightness)
        prior = described.prior
        colors, color_std = self.attend(described.descriptors, described.lightness, prior.plausibility, memory)
        return SemanticColors(colors, color_std, prior)

    def attend(
        self, descriptors: Tensor, lightness: Tensor, plausibility: Tensor, memory: SemanticMemory
    ) -> tuple[Tensor, Tensor]:
        """Compute colours and deviation of `SemanticColors` for B pictures, each with its references.

        By descriptors and lightness of `SemanticDescription`, and the plausibility of its prior.
        """
        sharpness, light_scale, prior_scale = self.scales.exp().unbind()
        plausible = plausibility.detach().permute(0, 2, 3, 1)
        classes = memory.classes[:, None, None].expand(-1, *plausible.shape[1:3], -1)
        query = torch.cat(
            [
                sharpness * descriptors,
                2 * light_scale * lightness,
                -light_scale.expand_as(lightness),
                -light_scale * lightness.square(),
                prior_scale * plausible.gather(3, classes).permute(0, 3, 1, 2),
            ],
            1,
        )
        found = attend(flatten_grid(query, len(query)), memory.keys, memory.values)
        maps = found.reshape(len(query), *lightness.shape[-2:], -1).permute(0, 3, 1, 2)
        colors, mean_of_squares = maps.split_with_sizes([2, 1], 1)
        color_std = std_from_moments(mean_of_squares, colors.square().sum(1, keepdim=True))
        return F.interpolate(colors, scale_factor=2.0, mode="bilinear"), color_std

    def describe(self, lightness: Tensor) -> SemanticDescription:
        """Describe the cells of pictures by their L ``B 1 8h 8w``."""
        light = F.avg_pool2d(lightness, CELL_SIZE)
        small = F.avg_pool2d(lightness, SHRINK).expand(-1, 3, -1, -1) / 100
        _, _, middle, *maps = self.backbone(small)
        middle, coarse, kind = (_scale_channels(x) for x in (middle, torch.cat(maps[:2], 1), torch.cat(maps[2:], 1)))
        descriptors = [self.coarse(coarse), self.kind(kind)]
        deviation, mean = torch.std_mean(light, (2, 3), keepdim=True)
        relative = (light - mean) / deviation.clamp_min(1)
        deep = torch.cat([coarse, resize_bilinear(kind, coarse.shape[-2:])], 1)
        seen = [deep, middle, torch.cat([light / LAB_SCALE - 1, relative], 1)]
        grid = light.shape[-2:]
        hidden = sum(resize_bilinear(see(x), grid) for see, x in zip(self.see, seen, strict=True))
        return SemanticDescription(
            torch.cat([resize_bilinear(normalize_channels(promote_to_float32(x)), grid) for x in descriptors], 1),
            relative,
            _make_prior(promote_to_float32(self.classify(hidden))),
        )


def lookup_plausibility(plausibility: Tensor, ab: Tensor) -> Tensor:
    """Look up how plausible ab ``B 2 h w`` of the prior's grid is: ``B 1 h w``, see `Prior`; no gradient to ab."""
    return plausibility.gather(1, nearest_bin(ab)[:, None])


def make_flat_prior(prior: Prior) -> Prior:
    """Make the prior that knows nothing: all classes are as likely as anywhere."""
    return _make_prior(torch.zeros_like(prior.logits))


def _scale_channels(x: Tensor) -> Tensor:
    """Scale maps to a mean square of 1 over their channels."""
    scaled: Tensor = normalize_channels(promote_to_float32(x)) * x.shape[1] ** 0.5
    return scaled


def _make_prior(logits: Tensor) -> Prior:
    """Derive what is used of logits B K h w, of which rebalanced classes were the targets (`color_classes_loss`)."""
    log_shares = logits.log_softmax(1)
    shares = log_shares.exp()
    plausibility = log_shares + math.log(BIN_COUNT)  # training weighed rare classes up: frequencies are taken out
    typical = (log_shares / PRIOR_TEMPERATURE).softmax(1)
    colors = torch.einsum("bkhw,kc->bchw", typical, bin_centres(logits))
    return Prior(logits, plausibility.clamp_min(-8), colors, -(shares * log_shares).sum(1, keepdim=True))
