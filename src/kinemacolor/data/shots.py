"""One shot, of a film or made of a photograph: frames in order, and the motion between any two."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kinemacolor.data.flow_cache import MotionStore
from kinemacolor.data.frame_cache import Size
from kinemacolor.utils.arrays import Float32Array, UInt8Array


class Shot(Protocol):
    """Frames 0..length-1, all of one size."""

    @property
    def length(self) -> int:
        """How many."""

    def picture(self, number: int) -> UInt8Array:
        """A frame, ``h w 3`` sRGB."""

    def motion(self, first: int, second: int) -> tuple[Float32Array, Float32Array]:
        """From frame ``second`` back to ``first``: flow ``h w 2`` px (x, y); ``h w`` 1 where both show the same."""


@dataclass(frozen=True)
class FilmShot:
    """The ``numbers`` of a film's ``stored`` frames ``T H W 3``, seen through a window of ``size`` at ``corner``."""

    stored: UInt8Array
    digest: str
    numbers: range
    corner: tuple[int, int]
    size: Size
    motions: MotionStore

    @property
    def length(self) -> int:
        """How many frames."""
        return len(self.numbers)

    def picture(self, number: int) -> UInt8Array:
        """A frame, ``h w 3`` sRGB."""
        return np.ascontiguousarray(self.stored[(self.numbers[number], *self._window)])

    def motion(self, first: int, second: int) -> tuple[Float32Array, Float32Array]:
        """From frame ``second`` back to ``first``: flow ``h w 2`` px (x, y); ``h w`` 1 where both show the same."""
        numbers = self.numbers[first], self.numbers[second]
        flow, seen = self.motions.between(self.digest, numbers, *(self.stored[number] for number in numbers))
        return flow[self._window], seen[self._window]

    @property
    def _window(self) -> tuple[slice, slice]:
        (top, left), (rows, columns) = self.corner, self.size
        return slice(top, top + rows), slice(left, left + columns)
