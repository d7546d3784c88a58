"""What a user can mend. Each class is one exit code of the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar


class KinemacolorError(Exception):
    """A failure that the user can mend; the message says what came, what was wanted, what to do."""

    exit_code: ClassVar[int] = 1


class UsageError(KinemacolorError):
    """Options that do not fit each other, the source or the machine."""

    exit_code = 2


class InputError(KinemacolorError):
    """A film or picture that cannot be read."""

    exit_code = 3


class WeightsError(KinemacolorError):
    """Weights that are missing, damaged or of another model."""

    exit_code = 4


class PartialError(KinemacolorError):
    """Work that ended early or does not hold what it should; what was made is kept."""

    exit_code = 5

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class ResourceError(KinemacolorError):
    """Out of memory or of disk space."""

    exit_code = 6


class Interrupted(KinemacolorError):  # noqa: N818
    """The user asked to stop; what was made is kept."""

    exit_code = 130


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """A file system that refuses becomes an InputError that names ``path``."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} may not be read ({error.strerror}): check its permissions") from error
