"""Time code (SMPTE ST 12-1), the name of a frame: as text and as a number of frames."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

TIMECODE_PATTERN = re.compile(r"(\d{1,2})[:;.,](\d\d)[:;.,](\d\d)([:;.,])(\d{2,3})")
# Frames a second as time code counts them; of all but 25, 50 and 100 there is also the rate that is 0.1 % slower.
_NOMINAL_RATES = (24, 25, 30, 48, 50, 60, 100, 120)
_RATES_WITH_DROP_FRAME = (30, 60, 120)
_RATE_TOLERANCE = Fraction(1, 10)  # containers give 23.98 for 24000/1001
_SLOWER = Fraction(1000, 1001)


def timecode_to_frames(timecode: str | None, rate: Fraction | None) -> int:
    """Count the frames from 00:00:00:00 to ``timecode``; 0 for a film without time code (None).

    With a semicolon, a point or a comma (``01:00:00;00``) it is drop-frame, of 29.97, 59.94 and 119.88 frames a second,
    and leaves out some numbers of frames.
    Raises ValueError for what is no time code at this rate.
    """
    if timecode is None:
        return 0
    return count_timecode_frames(timecode, rate, drop=is_drop_frame(timecode))


def count_timecode_frames(timecode: str, rate: Fraction | None, *, drop: bool) -> int:
    """Count as `timecode_to_frames`, but whether it is drop-frame is said by ``drop`` and not by its punctuation.

    Raises ValueError for what is no time code at this rate, drop-frame of a rate that has none, and a number that
    drop-frame leaves out.
    """
    match = TIMECODE_PATTERN.fullmatch(timecode)
    if rate is None or not match:
        raise ValueError(f"{timecode} is no time code at {_format_rate(rate)}")
    hours, minutes, seconds, _, frame = match.groups()
    nominal = nominal_rate(rate, drop=drop)
    if int(minutes) > 59 or int(seconds) > 59 or int(frame) >= nominal:
        raise ValueError(f"{timecode} is no time code at {_format_rate(rate)}")
    whole_minutes = 60 * int(hours) + int(minutes)
    number = (60 * whole_minutes + int(seconds)) * nominal + int(frame)
    if not drop:
        return number
    dropped = _dropped_a_minute(nominal)
    if whole_minutes % 10 and int(seconds) == 0 and int(frame) < dropped:
        raise ValueError(f"there is no {timecode}: drop-frame leaves out the first {dropped} numbers of that minute")
    return number - dropped * (whole_minutes - whole_minutes // 10)


def count_day_frames(rate: Fraction, *, drop: bool) -> int:
    """Return how many frames time code numbers in 24 hours, after which it begins again. Raises ValueError as above."""
    return count_timecode_frames("24:00:00:00", rate, drop=drop)


def frames_to_timecode(number: int, rate: Fraction, *, drop: bool = False) -> str:
    """Return the time code that is ``number`` frames after 00:00:00:00; after 24 hours it begins again.

    Raises ValueError where the rate has no time code, or no drop-frame.
    """
    nominal = nominal_rate(rate, drop=drop)
    if drop:
        dropped = _dropped_a_minute(nominal)
        minute = 60 * nominal - dropped
        # The first of ten minutes drops nothing: it is longer than each of the others.
        tens, rest = divmod(number % (144 * (10 * minute + dropped)), 10 * minute + dropped)
        number = 600 * nominal * tens + rest + dropped * max(0, (rest - dropped) // minute)
    seconds, frame = divmod(number, nominal)
    hours, rest = divmod(seconds, 3600)
    return f"{hours % 24:02}:{rest // 60:02}:{rest % 60:02}{';' if drop else ':'}{frame:02}"


def advance_timecode(timecode: str, frames: int, rate: Fraction) -> str:
    """Return the time code ``frames`` frames after ``timecode``. Raises ValueError as `timecode_to_frames` does."""
    return frames_to_timecode(timecode_to_frames(timecode, rate) + frames, rate, drop=is_drop_frame(timecode))


def is_drop_frame(timecode: str) -> bool:
    """Whether the last punctuation of a time code says that it is drop-frame."""
    match = TIMECODE_PATTERN.fullmatch(timecode)
    return match is not None and match[4] != ":"


def has_drop_frame(rate: Fraction) -> bool:
    """Whether there is drop-frame time code at this rate."""
    try:
        nominal_rate(rate, drop=True)
    except ValueError:
        return False
    return True


def nominal_rate(rate: Fraction, *, drop: bool = False) -> int:
    """Return how many frames of a second time code numbers at ``rate``: 30 for 30000/1001.

    Raises ValueError for a rate without time code, or, with ``drop``, without drop-frame.
    """
    nominal = round(rate)
    if drop:
        exact = nominal * _SLOWER
        is_known = nominal in _RATES_WITH_DROP_FRAME and abs(exact - rate) < abs(nominal - rate)
    else:
        is_known = nominal in _NOMINAL_RATES
    if not is_known or abs(rate - nominal) > _RATE_TOLERANCE:
        kind = "drop-frame time code" if drop else "time code"
        raise ValueError(f"there is no {kind} at {_format_rate(rate)}")
    return nominal


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


def _dropped_a_minute(nominal: int) -> int:
    """How many numbers drop-frame leaves out at the beginning of a minute."""
    return nominal // 15


def _format_rate(rate: Fraction | None) -> str:
    return "an unknown rate" if rate is None else f"{float(rate):g} frames a second"
