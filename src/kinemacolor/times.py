"""Times as people write them."""

import math

from kinemacolor.errors import UsageError


def seconds_of(text: str, what: str) -> float:
    """Seconds of "90", "1:30" or "0:01:30.5".

    Raises UsageError, with ``what`` it was for, for anything else.
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
