"""Time code counted on (SMPTE ST 12-1)."""

import re

_PATTERN = re.compile(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d+)")
_DROPPED = 15  # one in so many numbers of a second is left out at the beginning of a minute


def advance_timecode(timecode: str, frames: int, frames_a_second: int) -> str:
    """Return the time code so many ``frames`` after ``timecode``; with a semicolon it is drop-frame.

    ``frames_a_second`` are those of its numbers, 30 for a film of 29.97. What is no time code is returned as it is.
    """
    found = _PATTERN.fullmatch(timecode)
    if not found:
        return timecode
    hours, minutes, seconds, number = (int(found[place]) for place in (1, 2, 3, 5))
    dropped = frames_a_second // _DROPPED if found[4] == ";" else 0
    of_a_day = 86400 * frames_a_second - dropped * (1440 - 144)
    for _ in range(frames % of_a_day):
        number += 1
        if number == frames_a_second:
            seconds, number = seconds + 1, 0
        if seconds == 60:
            minutes, seconds = minutes + 1, 0
            number = dropped if minutes % 10 else 0
        if minutes == 60:
            hours, minutes = (hours + 1) % 24, 0
    return f"{hours:02}:{minutes:02}:{seconds:02}{found[4]}{number:02}"
