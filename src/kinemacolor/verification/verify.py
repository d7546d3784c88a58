"""Checks that a result is its source with colours."""

from pathlib import Path

from kinemacolor.errors import InputError, translate_read_errors
from kinemacolor.options import GapHandling
from kinemacolor.verification.check import Check
from kinemacolor.verification.credentials import check_credentials
from kinemacolor.verification.picture_lists import list_pictures


def verify_film(source: Path, result: Path, gaps: GapHandling = "error") -> list[Check]:
    """Compare a result with its source: pictures, times, geometry, luma, tags, side data and all other streams.

    Both are read once, side by side. With ``gaps`` "hold" a source of numbered pictures shows the one before a gap as
    often as pictures are missing. Where a record lies beside the result, both must be those that it tells of; Content
    Credentials of the result are checked too, where it has some.

    Raises InputError where one of them cannot be read.
    """
    for path in (source, result):
        with translate_read_errors(path):
            if not path.exists() and not list_pictures(path):
                raise InputError(f"{path} does not exist: check the name")
    from kinemacolor.verification.comparison import FilmComparison  # here, so that a wrong name costs little
    from kinemacolor.verification.reading import open_readings
    from kinemacolor.verification.record_checks import iter_record_checks

    with open_readings(source, result, hold_gaps=gaps == "hold") as (one, other):
        comparison = FilmComparison(one, other)
        comparison.read()
        checks = [*comparison.iter_checks(), *iter_record_checks(source, result, hold_gaps=gaps == "hold")]
    credentials = check_credentials(result)
    return [*checks, credentials] if credentials else checks
