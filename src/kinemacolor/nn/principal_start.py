"""Layers that begin as projections on principal components, so that an untrained network already matches.

After Krähenbühl et al. 2016 (Data-dependent Initializations of Convolutional Neural Networks): the weights come from
the covariance of what the layers will see. Instance normalisation would give all components the same variance and so
make noise of the smallest ones; a random rotation behind them spreads the variance evenly first, and keeps all cosines.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from kinemacolor.nn.layers import NormedConv2d, ResidualBlock

SPECTRUM_POWER = 0.25  # of the eigenvalues, as the scale of components: 0.5 keeps their variance, 0 makes it equal


@runtime_checkable
class PrincipalStart(Protocol):
    """A network that can begin as projections of the maps of its backbone."""

    def start_from_covariances(self, covariances: Sequence[Tensor], generator: torch.Generator) -> None:
        """Set the weights, given the covariance of each map that the network takes."""


@runtime_checkable
class HasMatchingMaps(Protocol):
    """A model with such a network."""

    def compute_matching_maps(self, rgb: Tensor) -> list[Tensor]:
        """Compute the maps of sRGB pictures ``B 3 h w`` that the network takes."""


def compute_covariance(maps: Tensor) -> Tensor:
    """Compute the covariance C C of maps ``B C h w`` over positions, each picture less its own mean, as float64."""
    rows = maps.flatten(2).float()
    rows = rows - rows.mean(2, keepdim=True)
    covariance: Tensor = (rows @ rows.transpose(1, 2)).mean(0) / rows.shape[2]
    return covariance.double()


def find_projection(covariance: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Make a matrix ``count C`` to the first ``count`` principal components, rotated at random.

    All its outputs have about the same variance, 1 in the mean.
    """
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:count].clamp_min(1e-12), vectors.flip(1)[:, :count]
    scales = (values / values[0]) ** SPECTRUM_POWER
    scales = scales * (count / scales.square().sum()).sqrt()
    projection: Tensor = (vectors * scales / values.sqrt()).T
    return draw_rotation(count, generator) @ projection


def set_projections(branch: Iterable[nn.Module], covariance: Tensor, generator: torch.Generator) -> Tensor:
    """Let the layers of a branch begin as projections of maps with this covariance; give the covariance behind it."""
    for layer in (module for module in branch if isinstance(module, NormedConv2d)):
        matrix = find_projection(covariance, layer.conv.out_channels, generator)
        set_pointwise(layer.conv, matrix)
        with torch.no_grad():
            layer.prelu.weight.fill_(1)  # without a bend
        covariance = normalize_covariance(matrix @ covariance @ matrix.T)
    return covariance


def normalize_covariance(covariance: Tensor) -> Tensor:
    """Return the covariance of the same maps behind an instance normalisation."""
    deviations = covariance.diagonal().sqrt()
    return covariance / deviations / deviations[:, None]


def draw_rotation(size: int, generator: torch.Generator) -> Tensor:
    """Draw a random orthogonal matrix, float64."""
    rotation: Tensor = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]
    return rotation


@torch.no_grad()
def set_pointwise(conv: nn.Module, matrix: Tensor, bias: float = 0.0) -> None:
    """Let a convolution multiply each pixel by ``matrix``, out in, and add ``bias``: only the middle tap is not 0."""
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    conv.weight.zero_()
    conv.weight[..., conv.kernel_size[0] // 2, conv.kernel_size[1] // 2] = matrix.to(conv.weight)
    conv.bias.fill_(bias)


@torch.no_grad()
def set_identities(blocks: Iterable[nn.Module]) -> None:
    """Let residual blocks begin as multiples of the identity: their normalisation forbids branches of zeros."""
    for block in blocks:
        assert isinstance(block, ResidualBlock)
        for conv in (block.conv1, block.conv2):
            set_pointwise(conv, torch.eye(conv.out_channels))
        block.prelu.weight.fill_(1)
