"""A network that begins as a copy of its guide gives the guide's colours, in spite of its normalisations."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.deep_exemplar import ColorizationNet
from kinemacolor.models.long_term.small import LongTermSmall


def draw_guide() -> Tensor:
    """Guides ``2 7 h w``: ab of patches of 8 px in channels 1 and 2; those of the second are the same everywhere."""
    generator = torch.Generator().manual_seed(0)
    guide = torch.randn(2, 7, 64, 96, generator=generator)
    patches = 60 * (torch.rand(1, 2, 8, 12, generator=generator) - 0.5)
    guide[0, 1:3] = F.interpolate(patches, scale_factor=8)[0]
    guide[1, 1:3] = torch.tensor([25.0, -12.0])[:, None, None]
    return guide


def test_the_colorization_net_hands_on_the_colors_of_its_guide() -> None:
    torch.manual_seed(0)
    network, guide = ColorizationNet(7), draw_guide()
    with torch.no_grad():
        random_ab = network(guide)
        network.start_as_copy()
        ab = network(guide)
    wanted = guide[:, 1:3]
    size = wanted.abs().mean((1, 2, 3))
    assert ((ab - wanted).abs().mean((1, 2, 3)) < 0.35 * size).all()
    assert ((random_ab - wanted).abs().mean((1, 2, 3)) > 0.9 * size).all()


def test_what_is_not_the_copy_learns() -> None:
    network, guide = ColorizationNet(7, width=1 / 4), draw_guide()
    network.start_as_copy()
    network(guide).square().mean().backward()
    slopes = network.rise[2].up.weight.grad
    assert slopes is not None
    assert (slopes != 0).any()


def test_deeper_maps_move_the_colours_in_proportion() -> None:
    torch.manual_seed(0)
    network, guide = ColorizationNet(7), draw_guide()[:1]
    network.start_as_copy()
    up = network.rise[2].up
    change, found = torch.randn(up.weight.shape) / 500, []
    change[:96] = 0  # twelve levels of ±a and ±b, two maps each
    with torch.no_grad():
        for scale in (0, 1, -2):
            up.weight.copy_(scale * change)
            found.append(torch.atanh(network(guide) / 128))
    first, second = found[1] - found[0], found[2] - found[0]
    assert first.abs().mean() > 1e-3
    torch.testing.assert_close(second, -2 * first, atol=0.2 * float(first.abs().mean()), rtol=0.1)


@pytest.mark.parametrize("width", [0.5, 1 / 8])
def test_narrow_networks_code_fewer_levels(width: float) -> None:
    torch.manual_seed(0)
    subnet = LongTermSmall(LongTermSmall.options_type(width=width, heads=2, other_heads=2)).colorization
    subnet.start_as_copy()
    guide = draw_guide()[:1].roll(-1, 1)  # its ab are channels 0 and 1
    with torch.no_grad():
        whole, *_ = subnet.encode_guides(guide)
        up = subnet.rise[2]
        counted = up(torch.zeros(1, up.up.in_channels, 32, 48), whole)
        ab = torch.tanh(subnet.ab(counted)) * 128
    agreement = F.cosine_similarity(ab.flatten(), guide[:, :2].flatten(), dim=0)
    assert agreement > 0.85
