"""Conversion between the film's size and the model's: luma is scaled down, predictions are scaled back up."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.utils.arrays import Float32Array, Size, UIntArray
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.orientation import UPRIGHT, Orientation

MAX_ASPECT = 4  # beyond it pictures are squeezed, so that the work is bounded
Pixels = TypeVar("Pixels", bound=NDArray[Any])


@dataclass(frozen=True)
class Geometry:
    """How stored frames lie before the model: upright, with square pixels, at the working size.

    ``height`` and ``width`` are the film's, in px; ``orientation`` turns it
    upright; ``working_size`` is the model's (rows, columns). The model sees the middle part of the
    stored frame: ``crop_fraction`` (0..1) of its rows and of its columns.
    """

    height: int
    width: int
    orientation: Orientation
    working_size: tuple[int, int]
    crop_fraction: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def from_frame_size(
        cls,
        height: int,
        width: int,
        short_side: int,
        *,
        pixel_aspect: Fraction | None = None,
        orientation: Orientation = UPRIGHT,
        crop: bool = False,
    ) -> "Geometry":
        """Compute the geometry of frames of this stored size.

        With ``crop`` the model sees the middle 16:9 only.
        """
        square_width = width * float(pixel_aspect or 1)
        upright_size = (square_width, height) if orientation.is_sideways else (height, square_width)
        fraction = compute_crop_fraction(*upright_size) if crop else (1.0, 1.0)
        working = compute_working_size(upright_size[0] * fraction[0], upright_size[1] * fraction[1], short_side)
        return cls(height, width, orientation, working, fraction[::-1] if orientation.is_sideways else fraction)

    def downscale_codes(self, plane: UIntArray) -> UIntArray:
        """Scale stored codes ``H W`` down to upright codes at the working size, averaged over each pixel's area."""
        rows, columns = self.working_size[::-1] if self.orientation.is_sideways else self.working_size
        part = plane[self.get_crop_window(plane.shape[0], plane.shape[1])]
        return self.orientation.apply(resize(part, (rows, columns)))

    def upscale_field(self, field: Float32Array, size: tuple[int, int]) -> Float32Array:
        """Scale a field ``h w C``, such as a prediction, up to ``size`` (rows, columns) in stored orientation.

        Bilinear; 0 outside the part that the model sees.
        """
        whole = np.zeros((*size, *field.shape[2:]), np.float32)
        window = self.get_crop_window(*size)
        visible_shape = whole[window].shape[:2]
        whole[window] = resize(self.orientation.undo(field), (visible_shape[0], visible_shape[1]))
        return whole

    def rotate_upright(self, stored: Pixels) -> Pixels:
        """Turn stored pixels ``H W ...`` upright, as they are shown."""
        return self.orientation.apply(stored)

    @property
    def upright_crop_fraction(self) -> tuple[float, float]:
        """``crop_fraction`` of the rows and columns of the upright frame."""
        return self.crop_fraction[::-1] if self.orientation.is_sideways else self.crop_fraction

    def get_crop_window(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns of a stored frame of this size that the model sees."""
        rows, columns = round(height * self.crop_fraction[0]), round(width * self.crop_fraction[1])
        top, left = (height - rows) // 2, (width - columns) // 2
        return slice(top, top + rows), slice(left, left + columns)


def make_film_geometry(info: VideoInfo, short_side: int, *, crop: bool = False) -> Geometry:
    """Make the geometry of a film's frames before a model that works at ``short_side``; ``crop`` as there."""
    return Geometry.from_frame_size(
        info.height,
        info.width,
        short_side,
        pixel_aspect=info.sample_aspect,
        orientation=info.orientation,
        crop=crop,
    )


class UpscaledField:
    """A field ``h w 2`` at a size of H rows and W columns, bilinear, of which rows are made when asked for."""

    def __init__(self, field: Float32Array, size: Size) -> None:
        self._field, self._width, last = field, size[1], field.shape[0] - 1
        position = ((np.arange(size[0]) + 0.5) * (field.shape[0] / size[0]) - 0.5).clip(0, last)
        self._above, self._below = position.astype(int), np.ceil(position).astype(int)
        self._weight = (position - self._above).astype(np.float32)[:, None, None]

    def read_rows(self, rows: slice, result: Float32Array) -> None:
        """Write some rows into ``result``, ``2 n W``."""
        above, below = self._field[self._above[rows]], self._field[self._below[rows]]
        for plane, wide in zip(cv2.split(above + (below - above) * self._weight[rows]), result, strict=True):
            cv2.resize(plane, wide.shape[::-1], wide, interpolation=cv2.INTER_LINEAR)


def compute_crop_fraction(height: float, width: float) -> tuple[float, float]:
    """Compute the fractions of rows and columns, 0..1, that a 16:9 crop from the middle keeps."""
    wanted = 16 / 9
    aspect = width / height
    return min(1.0, aspect / wanted), min(1.0, wanted / aspect)


def compute_working_size(height: float, width: float, short_side: int) -> tuple[int, int]:
    """Compute (rows, columns), the shorter ``short_side`` px, at the aspect of the picture (at most `MAX_ASPECT`)."""
    aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
    if aspect >= 1:
        return short_side, round(short_side * aspect)
    return round(short_side / aspect), short_side


def resize(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize ``H W`` or ``H W C`` to ``size`` (rows, columns): averaged when smaller, bilinear when larger."""
    if picture.shape[:2] == size:
        return picture
    interpolation = cv2.INTER_AREA if is_reduced(picture, size) else cv2.INTER_LINEAR
    result = cv2.resize(picture, size[::-1], interpolation=interpolation)
    return result.reshape(*size, *picture.shape[2:])  # type: ignore[return-value]


def is_reduced(picture: NDArray[Any], size: tuple[int, int]) -> bool:
    """Say whether both rows and columns become fewer at ``size``: then a pixel averages several."""
    rows, columns = picture.shape[:2]
    return bool(size[0] < rows and size[1] < columns)
