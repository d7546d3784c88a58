"""Losses on features of VGG19: perceptual and contextual.

Both compare feature maps that `extract_vgg_features` makes once for each picture. Weights of layers are data:
the published ones are constants below. Gradients flow to the result only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.losses.networks import extract_maps
from kinemacolor.losses.numerics import apply_penalty, subtract_same_shape
from kinemacolor.losses.penalty import Penalty
from kinemacolor.nn.backbones import VGG19
from kinemacolor.nn.precision import no_autocast, promote_to_float32

Features = Mapping[str, Tensor]  # maps B C h w by the name of their tap


@dataclass(frozen=True)
class FeatureLayer:
    """A layer of VGG19 in a loss: its tap, its weight, and the side of the cells of its map that are averaged first."""

    tap: str
    weight: float = 1
    pool: int = 1

    def select_map(self, features: Features) -> Tensor:
        """Return the map ``B C h w`` of this layer, averaged. Raises ValueError where the VGG19 did not tap it."""
        if self.tap not in features:
            raise ValueError(f"the loss wants {self.tap}, this VGG19 gives {', '.join(features)}")
        x = promote_to_float32(features[self.tap])
        return F.avg_pool2d(x, self.pool) if self.pool > 1 else x


TOP_LAYER = (FeatureLayer("relu5_2"),)  # Deep Exemplar, Long-term and Color2Embed, as their papers say
ALL_LAYERS = (  # Color2Embed's code
    FeatureLayer("relu1_2", 1 / 32),
    FeatureLayer("relu2_2", 1 / 16),
    FeatureLayer("relu3_2", 1 / 8),
    FeatureLayer("relu4_2", 1 / 4),
    FeatureLayer("relu5_2"),
)
CONTEXTUAL_LAYERS = (
    FeatureLayer("relu3_2", 2, pool=2),
    FeatureLayer("relu4_2", 4),
    FeatureLayer("relu5_2", 8),
)  # Deep Exemplar's code


def extract_vgg_features(vgg: VGG19, lab: Tensor) -> dict[str, Tensor]:
    """Compute the maps of ``vgg`` by their taps; else as `extract_maps`."""
    return dict(zip(sorted(vgg.taps), extract_maps(vgg, lab), strict=True))


def perceptual_loss(
    result: Features, truth: Features, *, layers: Sequence[FeatureLayer] = TOP_LAYER, penalty: Penalty = "l2"
) -> Tensor:
    """Perceptual loss: Σ over layers of weight × mean penalty of the difference of features (Johnson et al. 2016).

    Deep Exemplar, Eq. 8, and Long-term, Eq. 9: relu5_2, squared. Color2Embed, Eq. 9: the same layer,
    ``penalty="l1"``; its code: `ALL_LAYERS`, l1, torchvision's VGG19. Means, as in the published
    codes, where the papers print sums.
    """
    differences = [
        (layer.weight, subtract_same_shape(layer.select_map(result), layer.select_map(truth).detach()))
        for layer in layers
    ]
    return torch.stack([weight * apply_penalty(x, penalty).mean() for weight, x in differences]).sum()


def contextual_loss(
    result: Features, reference: Features, *, layers: Sequence[FeatureLayer] = CONTEXTUAL_LAYERS, bandwidth: float = 0.1
) -> Tensor:
    """Contextual loss: whether every position of ``result`` has one counterpart in ``reference``, wherever that is.

    Deep Exemplar, Eq. 9-10 (after Mechrez et al. 2018, matched forward: parts of the reference may
    stay unused): Σ over layers of weight × -log(mean_i max_j A_ij), the mean over the batch, with
    A_ij = softmax_j((1 - d_ij / (min_k d_ik + 1e-5)) / bandwidth) and d the cosine distance of features
    less the mean of the reference's. The range is 0..Σ weight × log(positions of the reference). The two
    pictures may differ in size.
    """
    pairs = [(layer.weight, layer.select_map(result), layer.select_map(reference).detach()) for layer in layers]
    return torch.stack([weight * _contextual_layer_loss(x, y, bandwidth) for weight, x, y in pairs]).sum()


def _contextual_layer_loss(result: Tensor, reference: Tensor, bandwidth: float) -> Tensor:
    """Contextual loss of one layer's maps ``B C h w``, unweighted."""
    mean = reference.mean((2, 3), keepdim=True)
    query, keys = (F.normalize((x - mean).flatten(2), dim=1, eps=1e-6) for x in (result, reference))
    with no_autocast(query.device):
        distance = (1 - query.transpose(1, 2) @ keys).clamp_min(0)
    relative = distance / (distance.amin(2, keepdim=True) + 1e-5)
    affinity = ((1 - relative) / bandwidth).softmax(2)
    return -affinity.amax(2).mean(1).log().mean()
