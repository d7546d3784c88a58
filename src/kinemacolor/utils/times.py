"""Times as people write them: reading and writing."""

import math

from kinemacolor.errors import UsageError


def parse_seconds(text: str, what: str) -> float:
    """Read seconds from "90", "1:30" or "0:01:30.5".

    Raises UsageError for anything else; ``what`` names the time in its message.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < math.inf for part in parts):
        raise UsageError(f"{what} {text!r} is no time: write seconds (90.5) or H:MM:SS (0:01:30.5)")
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total


def format_time(seconds: float) -> str:
    """Write seconds as ``1:05.3`` or ``2:01:05.3``, which `parse_seconds` reads."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
