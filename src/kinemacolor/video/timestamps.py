"""The timestamps of a result: the source's, evenly spaced again where Matroska has rounded them, or counted for MXF."""

from fractions import Fraction
from math import lcm
from pathlib import Path

from kinemacolor.video.info import VideoInfo
from kinemacolor.video.mxf import describe_unevenness, find_edit_rate

MILLISECOND = Fraction(1, 1000)
_EXACT_CONTAINERS = (".mov", ".mp4", ".m4v")


class TimestampConverter:
    """Converts timestamps in ticks of the source to ticks of the result, whose length is ``time_base``.

    Matroska rounds every time to a millisecond: of 24000/1001 frames a second each lasts 41 or 42. QuickTime and MP4
    keep that, and editing programs then take the film for one of variable rate. So where the result is one of these, a
    frame that is less than a millisecond from where its number would put it goes there; any other keeps its time.
    MXF has no times: its frames follow each other at one rate, and any other time is an error. ``rate`` is that of the
    result in frames a second, None where it is unknown.
    """

    def __init__(self, info: VideoInfo, output: Path) -> None:
        self._source_time_base = info.time_base
        self._frame_seconds: Fraction | None = None
        self.time_base, self.rate = info.time_base, info.rate
        self._origin_seconds = round(info.origin_seconds / info.time_base) * info.time_base
        may_be_rounded = info.time_base == MILLISECOND and output.suffix.lower() in _EXACT_CONTAINERS
        # Any other denominator means that the rate is an average over frames of different lengths.
        if may_be_rounded and info.rate and info.rate.denominator in (1, 1001):
            self._frame_seconds = 1 / info.rate
            self.time_base = Fraction(1, lcm(1000, info.rate.numerator))
        self._last_seconds: Fraction | None = None
        self._edit_rate = find_edit_rate(info.rate) if output.suffix.lower() == ".mxf" else None
        self._last_number: int | None = None
        if self._edit_rate:
            self.rate, self.time_base = self._edit_rate, 1 / self._edit_rate

    def convert_pts(self, pts: int, shift_ticks: int) -> int:
        """Return ticks of the result for ``pts`` moved by ``shift_ticks``, both of the source; they always grow.

        Raises UsageError for MXF, where a frame is not one edit unit after the one before.
        """
        exact = pts * self._source_time_base
        if self._edit_rate:
            return self._count(exact - self._origin_seconds, shift_ticks * self._source_time_base)
        snapped = self._origin_seconds + self._snap_to_frame(exact - self._origin_seconds)
        self._last_seconds = snapped if self._last_seconds is None or snapped > self._last_seconds else exact
        return round((self._last_seconds + shift_ticks * self._source_time_base) / self.time_base)

    def convert_duration(self, ticks: int) -> int:
        """Return a duration in ticks of the result for one in ticks of the source."""
        if self._edit_rate:
            return 1
        return round(self._snap_to_frame(ticks * self._source_time_base) / self.time_base)

    def _count(self, seconds: Fraction, shift_seconds: Fraction) -> int:
        """Return the number of a frame that is shown ``seconds`` after the film's beginning, before it is moved."""
        assert self._edit_rate
        number = round(seconds * self._edit_rate)
        if self._last_number is not None and number != self._last_number + 1:
            raise describe_unevenness(float(seconds))
        self._last_number = number
        return number + round((self._origin_seconds + shift_seconds) * self._edit_rate)

    def _snap_to_frame(self, seconds: Fraction) -> Fraction:
        """Return the time of the nearest whole number of frames, if that is less than a tick of the source away."""
        if self._frame_seconds is None:
            return seconds
        snapped = round(seconds / self._frame_seconds) * self._frame_seconds
        return snapped if abs(snapped - seconds) < self._source_time_base else seconds
