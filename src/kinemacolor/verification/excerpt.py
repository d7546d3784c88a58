"""The part of a film that a result shows, where it does not show all of it."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

# Containers round timestamps, and users type the rounded times that they were shown.
_TOLERANCE_SECONDS = 5e-4
_ROUNDING_SECONDS = 1e-6  # of numbers with a floating point


class Span(NamedTuple):
    """A part of a film on the clock of its timestamps, in seconds: what is at ``zero`` comes at 0 in the result.

    What begins before ``first``, or at ``end`` or later, is no part of it. Times of frames are taken for those that
    users type, which are rounded; sound is exact.
    """

    zero: float = 0.0
    first: float = -math.inf
    end: float = math.inf

    def has_frame(self, seconds: float) -> bool:
        """Say whether a frame with this timestamp is shown."""
        return self.first - _TOLERANCE_SECONDS <= seconds and not self.is_behind(seconds)

    def is_behind(self, seconds: float) -> bool:
        """Say whether a frame with this timestamp is one after the part."""
        return seconds >= self.end - _TOLERANCE_SECONDS

    def has_packet(self, seconds: float) -> bool:
        """Say whether a packet of another stream with this timestamp is kept; it is cut nowhere."""
        return self.first - _ROUNDING_SECONDS <= seconds < self.end - _ROUNDING_SECONDS


@dataclass(frozen=True)
class Excerpt:
    """A film from ``start_seconds`` up to ``end_seconds`` (None: its end), counted from its first picture.

    Where it does not start with the film its timestamps begin at 0 again, at the nearest tick of the pictures' clock,
    or the next one where ticks are long; else they are those of the film.
    """

    start_seconds: float = 0.0
    end_seconds: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return not self.start_seconds and self.end_seconds is None

    @property
    def words(self) -> str:
        """The excerpt in words."""
        end = "its end" if self.end_seconds is None else f"{self.end_seconds:g} s"
        return f"from {self.start_seconds:g} s to {end}"

    def find_span(self, origin_seconds: float, time_base: Fraction) -> Span:
        """Return it on the clock of a film whose pictures begin at ``origin_seconds`` and have this ``time_base``."""
        end = math.inf if self.end_seconds is None else self.end_seconds + origin_seconds
        if not self.start_seconds:
            return Span(end=end)
        ticks = (self.start_seconds + origin_seconds) / time_base
        zero = float(math.ceil(ticks - min(_TOLERANCE_SECONDS / time_base, 0.5)) * time_base)
        return Span(zero, zero, end)

    def count_skipped(self, rate: Fraction) -> int:
        """Count the frames of a film of a steady rate that lie before it."""
        return max(0, math.ceil((self.start_seconds - _TOLERANCE_SECONDS) * rate))
