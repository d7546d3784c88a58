"""Errors that the user can mend. Each class is one exit code of the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar


class KinemacolorError(Exception):
    """A failure that the user can mend; the message says what was given, what was expected and what to do."""

    exit_code: ClassVar[int] = 1


class UsageError(KinemacolorError):
    """Options do not fit each other, the source or the machine."""

    exit_code = 2


class InputError(KinemacolorError):
    """A film or picture cannot be read."""

    exit_code = 3


class WeightsError(KinemacolorError):
    """Weights are missing, damaged or of another model."""

    exit_code = 4


class PartialError(KinemacolorError):
    """Work ended early, or its result lacks something it should hold; what was made stays on disk.

    ``report`` is the report of that work where there is one (`RenderReport`).
    """

    exit_code = 5

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class ResourceError(KinemacolorError):
    """Memory or disk space has run out, or the disk refuses to be written."""

    exit_code = 6


class Interrupted(KinemacolorError):  # noqa: N818
    """The user asked to stop; what was made stays on disk."""

    exit_code = 130


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the file system into an InputError that names ``path``."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} may not be read ({error.strerror}): check its permissions") from error
