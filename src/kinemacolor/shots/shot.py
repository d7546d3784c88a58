"""What a shot is and where it begins, for detectors, lists of shots and plans."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, get_args

Transition = Literal["cut", "fade", "dissolve"]
MarkerColor = Literal["red", "yellow", "green"]
LOOKBACK = 3  # how many frames back a frame is compared with; an interruption is shorter


class Boundary(NamedTuple):
    """The beginning of a new shot.

    ``frame`` is the number of its first frame; for a fade or dissolve, which lasts ``length`` frames, the middle one.
    ``certainty`` is 0..1.
    """

    frame: int
    transition: Transition
    length: int
    certainty: float

    def can_merge_with(self, other: "Boundary") -> bool:
        """Say whether both may be the same change: their frames touch, or are at most `LOOKBACK` frames apart."""
        return abs(self.frame - other.frame) <= max((self.length + other.length) / 2, LOOKBACK)


@dataclass(frozen=True)
class Shot:
    """The frames from ``first`` up to ``end``, which is not in it.

    ``transition`` is how it begins, None for the first shot of a film; ``certainty``, 0..1, is how sure that is.
    ``dissolve`` is the number of frames of the dissolve around ``first``, 0 where there is none.
    """

    first: int
    end: int
    transition: Transition | None = None
    certainty: float = 1.0
    dissolve: int = 0

    def __len__(self) -> int:
        return self.end - self.first


@dataclass(frozen=True)
class Marker:
    """A frame that somebody should look at: its number, the colour of its mark, its name and a comment."""

    frame: int
    color: MarkerColor
    name: str
    comment: str = ""


@dataclass(frozen=True)
class FrameClock:
    """What numbers of frames mean as times.

    ``rate`` is in frames a second; ``timecode_origin`` is the time code of frame 0, counted in frames, and
    ``start_seconds`` its time in the film; ``drop_frame`` says how the film writes its time code. ``frame_seconds``
    are the times of all frames in the film, in order, where they are known; without them the rate tells.
    """

    rate: Fraction
    timecode_origin: int = 0
    start_seconds: float = 0
    drop_frame: bool = False
    frame_seconds: Sequence[float] = ()

    def find_seconds(self, frame: int) -> float:
        """Return the time of the film at which a frame begins, by its number."""
        if 0 <= frame < len(self.frame_seconds):
            return self.frame_seconds[frame]
        return float(self.start_seconds + frame / self.rate)

    def nearest_frame(self, seconds: float) -> int:
        """Return the number of the frame that begins nearest to a time of the film; perhaps one that it has not."""
        known = self.frame_seconds
        if not known or not known[0] <= seconds <= known[-1]:
            base, number = (known[-1], len(known) - 1) if known and seconds > known[-1] else (self.start_seconds, 0)
            return number + round((seconds - base) * self.rate)
        after = bisect_left(known, seconds)
        return after - 1 if after and seconds - known[after - 1] <= known[after] - seconds else after


def parse_transition(name: object) -> Transition | None:
    """Return the transition of this name, None for any other."""
    return name if name in get_args(Transition) else None  # type: ignore[return-value]


def shots_from_boundaries(boundaries: Sequence[Boundary], frames: int) -> tuple[Shot, ...]:
    """Return the shots between the boundaries of a film of ``frames`` frames; together they cover it."""
    inner = [boundary for boundary in boundaries if 0 < boundary.frame < frames]
    ends = [*(boundary.frame for boundary in inner), frames]
    rest = (
        Shot(b.frame, end, b.transition, b.certainty, b.length if b.transition == "dissolve" else 0)
        for b, end in zip(inner, ends[1:], strict=True)
    )
    return (Shot(0, ends[0]), *rest)
