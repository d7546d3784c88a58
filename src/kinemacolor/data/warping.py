"""Sampling pictures at places: the geometry that shots of photographs and bent references share.

Pictures are tensors ``C H W``; places are (x, y) in px, ``... h w 2``, with (0, 0) at the middle of the first pixel.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.nn.constants import get_constant
from kinemacolor.utils.arrays import Size

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A part of a picture: ``size`` (rows, columns) from row ``top`` and column ``left`` on."""

    top: int
    left: int
    size: Size

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.size[0]), slice(self.left, self.left + self.size[1])

    def shift(self, other: "Window") -> "Window":
        """The window ``other``, which is given within this one, within what this one is given in."""
        return Window(self.top + other.top, self.left + other.left, other.size)

    def make_grid(self, device: torch.device) -> Tensor:
        """Make the coordinates (x, y) of every pixel, ``h w 2`` float32."""
        rows = torch.arange(self.top, self.top + self.size[0], device=device, dtype=torch.float32)
        columns = torch.arange(self.left, self.left + self.size[1], device=device, dtype=torch.float32)
        return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)

    def contains(self, places: Tensor) -> Tensor:
        """Tell whether places ``... h w 2`` lie inside: 1 or 0, ``... h w``."""
        x, y = places[..., 0] - self.left, places[..., 1] - self.top
        return ((x >= 0) & (x <= self.size[1] - 1) & (y >= 0) & (y <= self.size[0] - 1)).float()


def draw_window(whole: Size, size: Size, generator: np.random.Generator) -> Window:
    """Draw a random window of ``size`` in a picture of ``whole``."""
    top, left = (int(generator.integers(have - want + 1)) for have, want in zip(whole, size, strict=True))
    return Window(top, left, size)


def sample_bilinear(
    picture: Tensor, places: Tensor, border: Literal["reflection", "border", "zeros"] = "reflection"
) -> Tensor:
    """Sample a picture ``C H W`` (any dtype) at ``places`` ``T h w 2``, bilinear; gives ``T C h w`` float32.

    Beyond its edges the picture is mirrored about the middle of its last pixels, or goes on as ``border`` says.
    """
    height, width = picture.shape[-2:]
    scale = get_constant((2 / max(width - 1, 1), 2 / max(height - 1, 1)), places)
    count, rows = places.shape[:2]
    grid = (places * scale - 1).reshape(1, count * rows, *places.shape[2:])  # one picture, all frames below each other
    sampled = F.grid_sample(picture[None].float(), grid, padding_mode=border, align_corners=True)[0]
    return sampled.unflatten(1, (count, rows)).transpose(0, 1)  # type: ignore[no-any-return]


def transform_points(places: Tensor, matrices: Tensor) -> Tensor:
    """Apply matrices ``T 2 3`` to places ``T h w 2`` or ``h w 2``; gives ``T h w 2``."""
    linear, offset = matrices[:, None, :, :2], matrices[:, None, None, :, 2]
    moved: Tensor = (places.flatten(-3, -2) @ linear[:, 0].transpose(1, 2)).reshape(
        len(matrices), *places.shape[-3:]
    ) + offset
    return moved


def to_tensor(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """Copy a small array to the device as float32."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device, non_blocking=True)


def invert_matrices(matrices: Matrix) -> Matrix:
    """Invert affine matrices ``T 2 3``."""
    linear = np.linalg.inv(matrices[:, :, :2])
    return np.concatenate([linear, -linear @ matrices[:, :, 2:]], -1)
