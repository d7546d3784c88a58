"""Networks that begin as projections on principal components keep what tells places apart."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.deep_exemplar import CorrespondenceNet
from kinemacolor.models.long_term.model import LongTerm
from kinemacolor.models.long_term.subnets import CorrespondenceSubnet, LayerSizes
from kinemacolor.nn.attention import center_and_normalize
from kinemacolor.nn.layers import flatten_grid
from kinemacolor.nn.principal_start import compute_covariance, find_projection, set_projections

WIDTH = 1 / 8


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw_maps(channels: int, size: tuple[int, int], seed: int) -> Tensor:
    """Maps ``1 C h w`` that eight hidden numbers of a place explain, as features of neighbouring places are alike."""
    hidden = F.interpolate(torch.randn(1, 8, 6, 8, generator=seeded(7)), size, mode="bilinear")
    mixing = torch.randn(channels, 8, 1, 1, generator=seeded(seed)) * torch.logspace(0, -1, 8)[:, None, None]
    return F.conv2d(hidden, mixing) + 0.02 * torch.randn(1, channels, *size, generator=seeded(seed + 1))


def cosines(maps: Tensor) -> Tensor:
    """Cosines of all places on a grid of 6 x 8 with each other."""
    rows = center_and_normalize(flatten_grid(F.adaptive_avg_pool2d(maps, (6, 8)), 1))[0]
    return rows @ rows.T


def agreement(one: Tensor, other: Tensor) -> float:
    """Correlation of the cosines of two maps."""
    return float(torch.corrcoef(torch.stack([cosines(one).flatten(), cosines(other).flatten()]).detach())[0, 1])


def test_a_projection_spreads_the_variance_evenly_and_keeps_cosines() -> None:
    maps = draw_maps(24, (24, 32), 1)
    projected = F.conv2d(maps, find_projection(compute_covariance(maps), 8, seeded(0)).float()[:, :, None, None])
    variances = projected.var((0, 2, 3))
    assert variances.mean() == pytest.approx(1, rel=0.05)
    assert variances.max() < 4 * variances.min()
    assert agreement(maps, projected) > 0.85


def test_a_branch_of_two_layers_is_one_projection() -> None:
    torch.manual_seed(0)
    net, maps = CorrespondenceNet(WIDTH), draw_maps(64, (24, 32), 3)
    before = agreement(maps, net.relu4(maps))
    set_projections(net.relu4, compute_covariance(maps), seeded(0))
    after = agreement(maps, net.relu4(maps))
    assert after > max(0.7, before)


def test_the_correspondence_net_of_deep_exemplar_begins_as_its_maps() -> None:
    torch.manual_seed(0)
    net = CorrespondenceNet(WIDTH)
    sizes = ((16, (48, 64)), (32, (24, 32)), (64, (12, 16)), (64, (6, 8)))
    maps = [draw_maps(channels, size, seed) for seed, (channels, size) in enumerate(sizes)]
    before = agreement(maps[3], net(maps))
    net.start_from_covariances([compute_covariance(x) for x in maps], seeded(0))
    descriptors = net(maps)
    assert agreement(maps[3], descriptors) > max(0.7, before + 0.2)
    assert torch.equal(net.theta(descriptors), descriptors)


def test_both_heads_of_long_term_begin_as_its_maps() -> None:
    torch.manual_seed(0)
    options = LongTerm.options_type(width=WIDTH, heads=2, other_heads=2)
    net = CorrespondenceSubnet(options, LayerSizes.from_width(WIDTH, WIDTH))
    sizes = ((32, (48, 64)), (64, (24, 32)), (128, (12, 16)), (128, (12, 16)))
    maps = [draw_maps(channels, size, seed) for seed, (channels, size) in enumerate(sizes)]
    net.start_from_covariances([compute_covariance(x) for x in (*maps[:2], torch.cat(maps[2:], 1))], seeded(0))
    high, tokens, low = net.encode_pictures(tuple(maps), 1)
    position = torch.zeros(tokens.shape[1:])
    heads, _ = net([high], tokens, position, [low])
    for (descriptors,) in heads:
        assert agreement(maps[2], descriptors) > 0.8
