"""Layers of the published networks."""

import pytest
import torch
import torch.nn.functional as F

from kinemacolor.nn.layers import UpConv2d, flatten_grid, pad_to_multiple, resize_bilinear, to_channels_last


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 6)])
def test_up_convolution_is_enlargement_then_convolution(size: tuple[int, int]) -> None:
    up, x = UpConv2d(5, 7), torch.randn(2, 5, *size, requires_grad=True)
    plain = F.conv2d(F.interpolate(x, scale_factor=2), up.weight, up.bias, padding=1)
    torch.testing.assert_close(up(x), plain)
    (slope,) = torch.autograd.grad(up(x).square().sum(), x, retain_graph=True)
    (wanted,) = torch.autograd.grad(plain.square().sum(), x)
    torch.testing.assert_close(slope, wanted, atol=1e-4, rtol=1e-4)


def test_padding_repeats_the_last_row_and_column() -> None:
    x = torch.randn(2, 3, 1, 9, 15)
    padded = pad_to_multiple(x, 8)
    assert padded.shape == (2, 3, 1, 16, 16)
    assert torch.equal(padded[..., :9, :15], x)
    assert torch.equal(padded[..., 15, :15], x[..., 8, :])
    assert torch.equal(padded[..., :9, 15], x[..., :, 14])
    assert pad_to_multiple(padded, 8) is padded


def test_positions_join_the_pictures_of_a_row() -> None:
    x = torch.arange(2 * 3 * 4 * 2 * 2).reshape(6, 4, 2, 2)  # two rows of three pictures
    listed = flatten_grid(x, 2)
    assert listed.shape == (2, 12, 4)
    assert torch.equal(listed[1, 5], x[4, :, 0, 1])


def test_fit_leaves_the_right_size_alone() -> None:
    x = torch.randn(1, 2, 4, 6)
    assert resize_bilinear(x, (4, 6)) is x
    assert resize_bilinear(x, (8, 12)).shape == (1, 2, 8, 12)


def test_padding_keeps_channels_last() -> None:
    """Also for a batch of one: a fifth of the time of `kinema`'s fusion hangs on it."""
    padded = pad_to_multiple(to_channels_last(torch.rand(1, 3, 5, 7)), 2)
    assert padded.shape == (1, 3, 6, 8)
    assert F.conv2d(padded, torch.rand(4, 3, 2, 2)).is_contiguous(memory_format=torch.channels_last)
