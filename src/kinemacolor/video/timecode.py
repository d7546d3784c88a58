"""Time code (SMPTE ST 12-1), the name of a frame: as text and as a number of frames."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

from opentimelineio.opentime import RationalTime, from_timecode, to_timecode

_TIMECODE_PATTERN = re.compile(r"\d\d:\d\d:\d\d[:;.]\d\d")
_RATE_TOLERANCE = 0.1  # containers give 23.98 for 24000/1001


def timecode_to_frames(timecode: str | None, rate: Fraction | None) -> int:
    """Count the frames from 00:00:00:00 to ``timecode``; 0 for a film without time code (None).

    With a semicolon or a point (``01:00:00;00``) it is drop-frame, of 29.97 and 59.94 frames a second, and leaves out
    some numbers of frames.
    Raises ValueError for what is no time code at this rate.
    """
    if timecode is None:
        return 0
    if rate is None or not _TIMECODE_PATTERN.fullmatch(timecode):
        raise ValueError(f"{timecode} is no time code at {rate} frames a second")
    normalized = timecode.replace(".", ";")
    frames: float = from_timecode(normalized, _find_smpte_rate(rate, drop=";" in normalized)).value
    return round(frames)


def advance_timecode(timecode: str, frames: int, rate: Fraction) -> str:
    """Return the time code ``frames`` frames after ``timecode``. Raises ValueError as `timecode_to_frames` does."""
    drop = timecode[8] in ";."
    smpte_rate = _find_smpte_rate(rate, drop=drop)
    number = timecode_to_frames(timecode, rate) + frames
    advanced: str = to_timecode(RationalTime(number, smpte_rate), smpte_rate, drop)
    return advanced


def find_timecode(metadata: Iterable[Mapping[str, str]], rate: Fraction | None) -> str | None:
    """Return the first time code in any of ``metadata`` that is possible at ``rate``, None if there is none."""
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
    """Return the standard rate nearest to ``rate``; ValueError where none is near."""
    smpte_rate = round(rate) * 1000 / 1001 if drop else float(RationalTime.nearest_smpte_timecode_rate(float(rate)))
    if abs(smpte_rate - rate) > _RATE_TOLERANCE:
        raise ValueError(f"there is no time code at {float(rate):g} frames a second")
    return smpte_rate
