"""A shot to cut clips from: frames in order, and the optical flow between any two."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kinemacolor.data.flow_cache import FlowCache
from kinemacolor.utils.arrays import Float32Array, Size, UInt8Array


class TrainingShot(Protocol):
    """A shot with frames 0..length-1, all of one size."""

    @property
    def length(self) -> int:
        """Number of frames."""

    def get_frame(self, number: int) -> UInt8Array:
        """Return a frame, ``h w 3`` sRGB."""

    def get_backward_flow(self, first: int, second: int) -> tuple[Float32Array, Float32Array]:
        """Return the flow from frame ``second`` back to frame ``first``, and its visibility.

        Flow is ``h w 2`` px (x, y); visibility is ``h w``, 1 where both frames show the same, else 0.
        """


@dataclass(frozen=True)
class FilmShot:
    """A film's shot: the ``frame_numbers`` of its cached ``frames`` ``T H W 3``, cropped to ``size`` at ``corner``."""

    frames: UInt8Array
    digest: str
    frame_numbers: range
    corner: tuple[int, int]
    size: Size
    flow_cache: FlowCache

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.frame_numbers)

    def get_frame(self, number: int) -> UInt8Array:
        """Return a frame, ``h w 3`` sRGB."""
        return np.ascontiguousarray(self.frames[(self.frame_numbers[number], *self._crop_slices)])

    def get_backward_flow(self, first: int, second: int) -> tuple[Float32Array, Float32Array]:
        """Return the flow from frame ``second`` back to frame ``first``, and its visibility.

        Flow is ``h w 2`` px (x, y); visibility is ``h w``, 1 where both frames show the same, else 0.
        """
        numbers = self.frame_numbers[first], self.frame_numbers[second]
        flow, visibility = self.flow_cache.load_or_compute(
            self.digest, numbers, *(self.frames[number] for number in numbers)
        )
        return flow[self._crop_slices], visibility[self._crop_slices]

    @property
    def _crop_slices(self) -> tuple[slice, slice]:
        """Rows and columns of the window."""
        (top, left), (rows, columns) = self.corner, self.size
        return slice(top, top + rows), slice(left, left + columns)
