"""Time code (SMPTE ST 12-1): what a film calls its first frame, as words and as a number of frames."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

from opentimelineio.opentime import RationalTime, from_timecode, to_timecode

_TIMECODE_PATTERN = re.compile(r"\d\d:\d\d:\d\d[:;.]\d\d")
_RATE_TOLERANCE = 0.1  # containers give 23.98 for 24000/1001


def timecode_to_frames(timecode: str | None, rate: Fraction | None) -> int:
    """Frames from 00:00:00:00 to ``timecode``: the ``origin`` of a clock; 0 for a film without time code.

    ``01:00:00;00``, with a semicolon or a point, leaves out numbers of frames (drop-frame, 29.97 and 59.94).
    Raises ValueError for what is no time code at this rate.
    """
    if timecode is None:
        return 0
    if rate is None or not _TIMECODE_PATTERN.fullmatch(timecode):
        raise ValueError(f"{timecode} is no time code at {rate} frames a second")
    words = timecode.replace(".", ";")
    frames: float = from_timecode(words, _find_smpte_rate(rate, drop=";" in words)).value
    return round(frames)


def advance_timecode(timecode: str, frames: int, rate: Fraction) -> str:
    """The time code so many frames after another."""
    drop = timecode[8] in ";."
    smpte = _find_smpte_rate(rate, drop=drop)
    found: str = to_timecode(RationalTime(timecode_to_frames(timecode, rate) + frames, smpte), smpte, drop)
    return found


def find_timecode(metadata: Iterable[Mapping[str, str]], rate: Fraction | None) -> str | None:
    """The first time code told in any of ``metadata`` that is possible at ``rate``."""
    for tags in metadata:
        for key, value in tags.items():
            if key.lower() == "timecode" and _is_valid_timecode(value, rate):
                return value
    return None


def _is_valid_timecode(timecode: str, rate: Fraction | None) -> bool:
    try:
        timecode_to_frames(timecode, rate)
    except ValueError:
        return False
    return True


def _find_smpte_rate(rate: Fraction, *, drop: bool) -> float:
    smpte = round(rate) * 1000 / 1001 if drop else float(RationalTime.nearest_smpte_timecode_rate(float(rate)))
    if abs(smpte - rate) > _RATE_TOLERANCE:
        raise ValueError(f"there is no time code at {float(rate):g} frames a second")
    return smpte
