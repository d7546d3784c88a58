"""Checks that a result is its source with colours."""

import math
from pathlib import Path

from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.options import GapHandling
from kinemacolor.verification.check import Check
from kinemacolor.verification.credentials import check_credentials
from kinemacolor.verification.excerpt import Excerpt
from kinemacolor.verification.picture_lists import list_pictures


def verify_film(
    source: Path,
    result: Path,
    gaps: GapHandling = "error",
    start_seconds: float = 0,
    end_seconds: float | None = None,
) -> list[Check]:
    """Compare a result with its source: pictures, times, geometry, luma, tags, side data and all other streams.

    Both are read once, side by side. With ``gaps`` "hold" a source of numbered pictures shows the one before a gap as
    often as pictures are missing. Where a record lies beside the result, both must be those that it tells of; Content
    Credentials of the result are checked too, where it has some. A result of a part of its source is compared with
    this part, from ``start_seconds`` to ``end_seconds`` (None: its end), else that of the record.

    Raises InputError where one of them cannot be read, UsageError for a part that is none.
    """
    if not 0 <= start_seconds < (math.inf if end_seconds is None else end_seconds):
        raise UsageError(f"from {start_seconds:g} to {end_seconds} s: give a start before the end, and none before 0")
    for path in (source, result):
        with translate_read_errors(path):
            if not path.exists() and not list_pictures(path):
                raise InputError(f"{path} does not exist: check the name")
    from kinemacolor.verification.comparison import FilmComparison  # here, so that a wrong name costs little
    from kinemacolor.verification.reading import open_readings
    from kinemacolor.verification.record_checks import iter_record_checks, read_recorded_excerpt

    excerpt = Excerpt(start_seconds, end_seconds)
    excerpt = read_recorded_excerpt(result) if excerpt.is_whole else excerpt
    with open_readings(source, result, excerpt, hold_gaps=gaps == "hold") as (one, other):
        comparison = FilmComparison(one, other)
        comparison.read()
        recorded = iter_record_checks(source, result, comparison.facts, hold_gaps=gaps == "hold")
        checks = [*comparison.iter_checks(), *recorded]
    credentials = check_credentials(result)
    return [*checks, credentials] if credentials else checks
