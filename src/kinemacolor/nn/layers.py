"""Layers and small tensor operations that several models share."""

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.backbones import instance_norm


class NormedConv2d(nn.Module):
    """3×3 convolution that reflects at the borders, instance normalisation, PReLU with one slope."""

    def __init__(self, width_in: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width, 3, stride, 1, padding_mode="reflect")
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(instance_norm(self.conv(x)), self.prelu.weight)


class ResidualBlock(nn.Module):
    """Two reflecting 3×3 convolutions with instance normalisation; one PReLU, used twice (Deep Exemplar, 3.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = F.prelu(instance_norm(self.conv1(x)), self.prelu.weight)
        return F.prelu(x + instance_norm(self.conv2(y)), self.prelu.weight)


class UpConv2d(nn.Conv2d):
    """Nearest-neighbour enlargement by 2, then a 3×3 convolution with a border of zeros, in one step.

    Each output depends on only 2 × 2 different inputs, so the kernel splits into four kernels of 2 × 2,
    one for each quarter of a pixel: the same sums with 4/9 of the products.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__(width_in, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        quarters = torch.cat([self._quarter_kernel(row, column) for row, column in product((0, 1), (0, 1))])
        assert self.bias is not None
        y = F.conv2d(to_channels_last(x), quarters, self.bias.repeat(4), padding=1).permute(0, 2, 3, 1)
        y = y.reshape(batch, height + 1, width + 1, 2, 2, -1)
        enlarged = y.new_empty(batch, height, 2, width, 2, self.out_channels)
        for i, j in product((0, 1), (0, 1)):
            enlarged[:, :, i, :, j] = y[:, i : i + height, j : j + width, i, j]
        return enlarged.reshape(batch, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)

    def _quarter_kernel(self, row: int, column: int) -> Tensor:
        """Kernel ``out in 2 2`` for the quarter ``row column`` of a pixel."""
        # An upper quarter takes its three kernel rows from the input rows i - 1, i, i, a lower one from i, i, i + 1;
        # rows of the kernel that meet the same input row are summed. Columns likewise.
        first, middle, last = self.weight.unbind(2)
        pair = torch.stack([first, middle + last] if row == 0 else [first + middle, last], 2)
        first, middle, last = pair.unbind(3)
        return torch.stack([first, middle + last] if column == 0 else [first + middle, last], 3)


class UpBlock(nn.Module):
    """Decoder block: `UpConv2d`, plus a convolution of the encoder's map, then a convolution for each activation."""

    def __init__(self, width_in: int, width_skip: int, width: int, activations: list[nn.Module]) -> None:
        super().__init__()
        self.up = UpConv2d(width_in, width)
        self.short = nn.Conv2d(width_skip, width, 3, padding=1)
        self.convs = nn.Sequential()
        for activation in activations:
            self.convs.append(nn.Conv2d(width, width, 3, padding=1)).append(activation)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.convs(self.up(x).add_(self.short(to_channels_last(skip))).relu_())
        return y


def to_channels_last(x: Tensor) -> Tensor:
    """Lay maps out with the channels of a pixel side by side in memory, where large convolutions are fastest."""
    return x.contiguous(memory_format=torch.channels_last)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pad ``... h w`` by repeating its last row and column until both sizes are multiples of ``multiple``."""
    height, width = x.shape[-2:]
    border = (0, -width % multiple, 0, -height % multiple)
    if not any(border):
        return x
    padded = F.pad(x.flatten(0, -4), border, mode="replicate")
    if x.ndim == 4:
        return padded  # reshaped to its own shape it would forget, with a batch of one, that its channels are last
    return padded.reshape(*x.shape[:-2], *padded.shape[-2:])


def resize_bilinear(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize ``B C h w`` to ``size``, rows and columns, bilinear."""
    if x.shape[-2:] == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def padding_ratio(padded: Tensor, picture: Tensor) -> tuple[float, float]:
    """Height and width of a padded picture over those of the picture itself, ``... h w`` each."""
    return padded.shape[-2] / picture.shape[-2], padded.shape[-1] / picture.shape[-1]


def flatten_grid(x: Tensor, batch: int) -> Tensor:
    """Flatten maps ``batch·R C h w`` to one list of cells for each row of the batch, ``batch R·h·w C``."""
    return x.permute(0, 2, 3, 1).reshape(batch, -1, x.shape[1])


def grid_coordinates(count: int, grid: Sequence[int], padding_ratios: Sequence[float] = (1.0, 1.0)) -> Tensor:
    """Coordinates of the cells of ``count`` pictures, in the order of `flatten_grid`: ``R·h·w 3``.

    They are the number of the picture, and row and column of the middle of the cell, 0..1 of the picture. For padded
    pictures ``padding_ratios`` (see `padding_ratio`) say how many times the grid covers their height and width.
    """
    row, column = (
        ((torch.arange(n) + 0.5) / n * ratio).clamp_max(1) for n, ratio in zip(grid, padding_ratios, strict=True)
    )
    coordinates = torch.meshgrid(torch.arange(count).to(row), row, column, indexing="ij")
    return torch.stack(coordinates, -1).flatten(0, 2)


def std_from_moments(mean_of_squares: Tensor, square_of_mean: Tensor) -> Tensor:
    """Compute the standard deviation of vectors, at least 0.01, from their mean square and the square of their mean."""
    return (mean_of_squares - square_of_mean).clamp_min(1e-4).sqrt()
