"""Metrics on features of trained networks; `kinemacolor.weights.metric_networks.load_metric` loads their weights."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.metrics.backbones import VGG16, AlexNet, EfficientNetLite0Classifier, InceptionV3
from kinemacolor.utils.arrays import Float64Array


class LPIPS(nn.Module):
    """Learned perceptual distance, version 0.1 (Zhang et al. 2018, Eq. 1), with AlexNet or VGG16; 0 is identical.

    ``forward`` takes result and truth, ``B 3 H W`` sRGB 0..1 of at least 64 px a side, and gives ``B``.
    """

    def __init__(self, backbone: Literal["alex", "vgg"]) -> None:
        super().__init__()
        self.backbone = AlexNet() if backbone == "alex" else VGG16()
        widths = AlexNet.widths if backbone == "alex" else [stage[-1] for stage in VGG16.widths]
        self.linear = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for width in widths)

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        distance = result.new_zeros(len(result))
        pairs = zip(self.backbone(result), self.backbone(truth), strict=True)
        for linear, (one, other) in zip(self.linear, pairs, strict=True):
            change = F.normalize(one, dim=1, eps=1e-10) - F.normalize(other, dim=1, eps=1e-10)
            distance = distance + linear(change.square()).mean((1, 2, 3))
        return distance


class InceptionFeatures(nn.Module):
    """Features that FID compares (Heusel et al. 2017): sRGB 0..1 ``B 3 H W`` to ``B 2048``.

    As in pytorch-fid, pictures are stretched to 299×299, bilinear and without a low-pass filter, whatever their
    aspect ratio.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = InceptionV3()

    def forward(self, rgb: Tensor) -> Tensor:
        features: Tensor = self.network(F.interpolate(rgb, (299, 299), mode="bilinear", align_corners=False))
        return features


@dataclass(frozen=True)
class FeatureStatistics:
    """Number, mean ``D`` and scatter ``D D`` of feature vectors; those of two sets add up (Chan et al. 1979)."""

    count: int
    mean: Float64Array
    scatter: Float64Array

    @classmethod
    def from_features(cls, features: Tensor) -> Self:
        """Compute the statistics of feature vectors ``N D``, N at least 1."""
        rows = features.detach().cpu().double().numpy()
        mean = rows.mean(0)
        return cls(len(rows), mean, (rows - mean).T @ (rows - mean))

    def __add__(self, other: "FeatureStatistics") -> "FeatureStatistics":
        # the scatter of a union also has that of the two means, weighted by n1 n2 / (n1 + n2)
        count, mean_difference = self.count + other.count, other.mean - self.mean
        scatter = (
            self.scatter
            + other.scatter
            + np.outer(mean_difference, mean_difference) * (self.count * other.count / count)
        )
        return FeatureStatistics(count, self.mean + mean_difference * (other.count / count), scatter)

    @property
    def covariance(self) -> Float64Array:
        """Covariance ``D D``, unbiased as in pytorch-fid. Raises ValueError for fewer than two vectors."""
        if self.count < 2:
            raise ValueError(f"a covariance wants two vectors, got {self.count}")
        return self.scatter / (self.count - 1)


def compute_frechet_distance(mean1: Float64Array, cov1: Float64Array, mean2: Float64Array, cov2: Float64Array) -> float:
    """Compute the squared Fréchet distance of two Gaussians, means ``D``, covariances ``D D`` (Dowson and Landau 1982).

    The trace of (C1 C2)^½ equals that of (C1^½ C2 C1^½)^½, which is symmetric and real, also where there
    are fewer pictures than dimensions; values that rounding leaves below zero are set to zero.
    """
    values, vectors = np.linalg.eigh(cov1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ cov2 @ root).clip(0)).sum()
    mean_difference = mean1 - mean2
    return max(0.0, float(mean_difference @ mean_difference + np.trace(cov1) + np.trace(cov2) - 2 * shared))


def compute_fid(result: FeatureStatistics, truth: FeatureStatistics) -> float:
    """Compute FID of two sets of `InceptionFeatures`; sets of unequal size, or below some 2048, are biased upwards."""
    return compute_frechet_distance(result.mean, result.covariance, truth.mean, truth.covariance)


class ClassifierAgreement(nn.Module):
    """Whether a classifier predicts the same class for a coloured frame as for the true one.

    The classifier is EfficientNet-Lite0, ImageNet. Films have no labels: the class of the true colour frame
    takes their place, so that this is an agreement and no accuracy. ``forward`` takes result and truth,
    ``B 3 H W`` sRGB 0..1, and gives ``B 2`` of 0 and 1: whether that class is the result's first
    choice, and whether it is among its first five. Pictures are scaled to a short side of 224 px.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite0Classifier()

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        true_class = self._predict_logits(truth).argmax(1, keepdim=True)
        hits = self._predict_logits(result).topk(5).indices == true_class
        return torch.stack([hits[:, 0], hits.any(1)], 1).float()

    def _predict_logits(self, rgb: Tensor) -> Tensor:
        """Logits ``B 1000`` of pictures scaled to a short side of 224 px."""
        scale = 224 / min(rgb.shape[-2:])
        size = [round(side * scale) for side in rgb.shape[-2:]]
        small = F.interpolate(rgb, size, mode="bilinear", align_corners=False, antialias=True)
        return self.network.predict_logits(small)
