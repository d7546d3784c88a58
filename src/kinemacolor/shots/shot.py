"""Where a shot begins and ends, as detectors say it, lists keep it and plans use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

Transition = Literal["cut", "fade", "dissolve"]
LOOKBACK = 3  # frames back that a frame is compared with: an interruption is shorter


class Boundary(NamedTuple):
    """The ``frame`` with which a new shot begins, of a fade or dissolve the middle of its ``length`` frames.

    ``certainty`` is 0..1.
    """

    frame: int
    transition: Transition
    length: int
    certainty: float

    def can_merge_with(self, other: "Boundary") -> bool:
        """Whether both may be one: their frames touch, or are cuts no farther apart than an interruption lasts."""
        return abs(self.frame - other.frame) <= max((self.length + other.length) / 2, LOOKBACK)


@dataclass(frozen=True)
class Shot:
    """Frames ``first`` up to ``end``, which is not in it; how it begins (None: with the film), and how sure that is.

    A ``dissolve`` of so many frames lies around ``first``.
    """

    first: int
    end: int
    transition: Transition | None = None
    certainty: float = 1.0
    dissolve: int = 0

    def __len__(self) -> int:
        return self.end - self.first


@dataclass(frozen=True)
class FrameClock:
    """What numbers of frames mean: frames a second; the time code of frame 0, in frames, and its time in the film."""

    rate: Fraction
    timecode_origin: int = 0
    start_seconds: float = 0


def shots_from_boundaries(boundaries: Sequence[Boundary], frames: int) -> tuple[Shot, ...]:
    """The shots of a film of so many frames, one after the other."""
    inner = [boundary for boundary in boundaries if 0 < boundary.frame < frames]
    ends = [*(boundary.frame for boundary in inner), frames]
    rest = (
        Shot(b.frame, end, b.transition, b.certainty, b.length if b.transition == "dissolve" else 0)
        for b, end in zip(inner, ends[1:], strict=True)
    )
    return (Shot(0, ends[0]), *rest)
