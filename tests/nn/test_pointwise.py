import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kinemacolor.nn.pointwise import MIN_ROWS, PointwiseConv2d, multiply_rows


@pytest.mark.parametrize("shape", [(3, 7, 5), (MIN_ROWS, 5), (2, 32, MIN_ROWS // 32, 5)])
def test_rows_are_multiplied_as_by_linear_and_so_are_their_gradients(shape: tuple[int, ...]) -> None:
    x, matrix, bias = (torch.randn(size, requires_grad=True) for size in (shape, (11, 5), (11,)))
    found, wanted = multiply_rows(x, matrix, bias), F.linear(x, matrix, bias)
    torch.testing.assert_close(found, wanted)
    slopes = torch.randn_like(wanted)
    for one, other in zip(
        torch.autograd.grad(found, (x, matrix, bias), slopes),
        torch.autograd.grad(wanted, (x, matrix, bias), slopes),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("size", [(3, 4), (32, 48)])
def test_a_pointwise_convolution_is_a_convolution(size: tuple[int, int]) -> None:
    layer, plain, x = PointwiseConv2d(5, 11), nn.Conv2d(5, 11, 1), torch.randn(2, 5, *size)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(layer(x.to(memory_format=torch.channels_last)), plain(x))
