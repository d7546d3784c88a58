"""Times as people write them: reading and writing."""

import math
import re
from dataclasses import dataclass

from kinemacolor.errors import UsageError

MAX_SECONDS = 1e7  # 115 days: no film is longer
_FRAME = re.compile(r"(\d{1,9})f", re.ASCII | re.IGNORECASE)
_TIMECODE = re.compile(r"(\d{1,2})[:;](\d{1,2})[:;](\d{1,2})([:;])(\d{1,3})", re.ASCII)


@dataclass(frozen=True)
class TimePoint:
    """A place in a film as a person wrote it: one of seconds, the number of a frame, a time code; the others are None.

    ``text`` is what was written, ``what`` the option that it was written for. What frame and time code mean, the film
    says (`video.time_points`).
    """

    text: str
    what: str
    seconds: float | None = None
    frame: int | None = None
    timecode: str | None = None


def parse_time_point(text: str, what: str) -> TimePoint:
    """Read "90", "1:30", "0:01:30.5" (seconds), "100f" (a frame), "01:00:04:12" or "01:00:04;12" (time code).

    Raises UsageError for anything else, and for seconds that no film has; ``what`` names the time in its message.
    """
    if match := _FRAME.fullmatch(text):
        return TimePoint(text, what, frame=int(match[1]))
    if match := _TIMECODE.fullmatch(text):
        hours, minutes, seconds, mark, frame = match.groups()
        return TimePoint(text, what, timecode=f"{hours:0>2}:{minutes:0>2}:{seconds:0>2}{mark}{frame:0>2}")
    return TimePoint(text, what, seconds=parse_seconds(text, what))


def parse_seconds(text: str, what: str) -> float:
    """Read seconds from "90", "1:30" or "0:01:30.5".

    Raises UsageError for anything else, and beyond `MAX_SECONDS`; ``what`` names the time in its message.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < math.inf for part in parts):
        raise UsageError(
            f"{what} {text!r} is no time: write seconds (90.5), H:MM:SS (0:01:30.5), a frame (100f) or time code "
            "(01:00:04:12)"
        )
    total = 0.0
    for part in parts:
        total = total * 60 + part
    if total > MAX_SECONDS:
        raise UsageError(f"{what} {text!r} is beyond the end of any film")
    return total


def format_time(seconds: float) -> str:
    """Write seconds as ``1:05.3`` or ``2:01:05.3``, which `parse_seconds` reads."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
