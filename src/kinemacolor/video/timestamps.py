"""The clock of a result: the source's, or frames of one length again where Matroska has rounded them."""

from fractions import Fraction
from math import lcm
from pathlib import Path

from kinemacolor.video.info import VideoInfo

MILLISECOND = Fraction(1, 1000)
_EXACT_CONTAINERS = (".mov", ".mp4", ".m4v")


class ResultClock:
    """Ticks of the source as ticks of the result.

    Matroska rounds every time to a millisecond: 24000/1001 frames a second last 41 or 42. QuickTime and MP4 keep
    that, and editing programs then take the film for one of variable rate. So a frame that is less than a
    millisecond from where its number would put it goes there; any other keeps its time.
    """

    def __init__(self, info: VideoInfo, output: Path) -> None:
        self._source = info.time_base
        self._frame: Fraction | None = None
        self.time_base = info.time_base
        self._origin = round(info.origin_seconds / info.time_base) * info.time_base
        rounded = info.time_base == MILLISECOND and output.suffix.lower() in _EXACT_CONTAINERS
        # Another denominator is a mean of uneven frames.
        if rounded and info.rate and info.rate.denominator in (1, 1001):
            self._frame = 1 / info.rate
            self.time_base = Fraction(1, lcm(1000, info.rate.numerator))
        self._last: Fraction | None = None

    def ticks(self, pts: int, shift: int) -> int:
        """Ticks of the result for ``pts`` of the source, moved by ``shift`` ticks of the source; they always grow."""
        exact = pts * self._source
        even = self._origin + self._even(exact - self._origin)
        self._last = even if self._last is None or even > self._last else exact
        return round((self._last + shift * self._source) / self.time_base)

    def duration(self, ticks: int) -> int:
        return round(self._even(ticks * self._source) / self.time_base)

    def _even(self, seconds: Fraction) -> Fraction:
        """The nearest whole number of frames, if that is less than a tick away."""
        if self._frame is None:
            return seconds
        even = round(seconds / self._frame) * self._frame
        return even if abs(even - seconds) < self._source else seconds
