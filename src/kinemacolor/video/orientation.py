"""How stored pictures are turned and mirrored to be shown, as a film's display matrix says."""

from dataclasses import dataclass
from math import atan2, degrees, hypot
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = TypeVar("Pixels", bound=NDArray[Any])
DisplayMatrix = tuple[int, ...]  # nine numbers as FFmpeg and QuickTime store them: a b u, c d v, x y w

_ONE = 1 << 16  # of a b c d x y
_SHAPE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways a stored picture can lie: it is shown turned, then mirrored left to right.

    ``quarter_turns`` (0 to 3) are counter-clockwise.
    """

    quarter_turns: int = 0
    is_mirrored: bool = False

    @classmethod
    def from_matrix(cls, matrix: DisplayMatrix | None) -> "Orientation":
        """Return the orientation nearest to a display matrix; upright for None and for one that flattens pictures."""
        if matrix is None:
            return cls()
        a, b, c, d = (matrix[index] / _ONE for index in (0, 1, 3, 4))
        if a * d == b * c:
            return cls()
        is_mirrored = a * d < b * c
        if is_mirrored:
            a = -a
        return cls(round(degrees(atan2(-b, a)) / 90) % 4, is_mirrored)

    @property
    def is_sideways(self) -> bool:
        """Whether rows become columns."""
        return self.quarter_turns % 2 == 1

    def apply(self, stored: Pixels) -> Pixels:
        """Turn stored pixels ``H W ...`` upright, as they are shown."""
        turned = np.rot90(stored, self.quarter_turns)
        return np.ascontiguousarray(turned[:, ::-1] if self.is_mirrored else turned)  # type: ignore[return-value]

    def undo(self, upright: Pixels) -> Pixels:
        """Turn upright pixels ``H W ...`` back as they are stored."""
        turned = upright[:, ::-1] if self.is_mirrored else upright
        return np.ascontiguousarray(np.rot90(turned, -self.quarter_turns))  # type: ignore[return-value]


UPRIGHT = Orientation()


def is_rigid(matrix: DisplayMatrix) -> bool:
    """Say whether a matrix turns and mirrors only: it neither stretches nor skews, as Matroska cannot write."""
    a, b, c, d = (matrix[index] / _ONE for index in (0, 1, 3, 4))
    stretches = (hypot(a, b) - 1, hypot(c, d) - 1, a * c + b * d)
    return all(abs(stretch) < _SHAPE_TOLERANCE for stretch in stretches)
