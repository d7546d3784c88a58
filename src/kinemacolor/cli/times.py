"""Times on the command line: every verb reads them in the same way, and opens the film only where it must."""

from collections.abc import Sequence
from pathlib import Path

from kinemacolor.options import GapHandling
from kinemacolor.utils.times import TimePoint, parse_time_point


def read_span(film: Path, start: str, end: str | None, gaps: GapHandling = "error") -> tuple[float, float | None]:
    """Read --start and --end as seconds of the film's own clock; None for its end. Raises UsageError, InputError."""
    begin, stop = parse_time_point(start, "--start"), None if end is None else parse_time_point(end, "--end")
    if begin.seconds is not None and (stop is None or stop.seconds is not None):
        return begin.seconds, None if stop is None else stop.seconds
    from kinemacolor.video.reader import probe_film
    from kinemacolor.video.time_points import find_end_seconds, find_seconds

    info = probe_film(film, gaps)
    return find_seconds(begin, info), None if stop is None else find_end_seconds(stop, info)


def read_times(film: Path, texts: Sequence[str], what: str, gaps: GapHandling = "error") -> list[float]:
    """Read times of an option that may repeat, as seconds of the film's own clock. Raises UsageError, InputError."""
    points: list[TimePoint] = [parse_time_point(text, what) for text in texts]
    known = [point.seconds for point in points if point.seconds is not None]
    if len(known) == len(points):
        return known
    from kinemacolor.video.reader import probe_film
    from kinemacolor.video.time_points import find_seconds

    info = probe_film(film, gaps)
    return [find_seconds(point, info) for point in points]
