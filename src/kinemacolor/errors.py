"""Errors that the user can mend. Each class is one exit code of the command line."""

import errno
from collections.abc import Callable, Iterator
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


_DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MACHINE_ERRNOS = {
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), "out of memory: try a smaller --size, or close other programs"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "too many open files: close other programs, or raise `ulimit -n`"),
    **dict.fromkeys(_DISK_ERRNOS, "no space is left on the disk: free some, or choose another folder"),
    errno.EROFS: "the disk is read-only: make it writable, or choose another folder",
}
_NO_SUCH_FILE_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
# How C++ libraries that have no class of their own for it say that memory is out (torch, OpenCV, the loader of Linux).
_OUT_OF_MEMORY_WORDS = (
    *("out of memory", "allocate memory", "insufficient memory", "not enough memory", "bad_alloc"),
    *("failed to map segment", "could not create a primitive"),
)


def find_machine_fault(error: BaseException) -> ResourceError | None:
    """Return what an error says of the machine and not of the data: that something is used up, or a disk read-only.

    Any error may be given, of any library; None for one that tells of something else.
    """
    if isinstance(error, MemoryError):
        return ResourceError(_MACHINE_ERRNOS[errno.ENOMEM])
    number = getattr(error, "errno", None)  # PyAV's errors have one too, and not all are an OSError
    if number == errno.EAGAIN and type(error).__module__.startswith("av.") and "avcodec_open2" not in str(error):
        return None  # FFmpeg's word for "more data, please", which damaged films make it say
    if number in _MACHINE_ERRNOS:
        return ResourceError(f"{_MACHINE_ERRNOS[number]} ({error})")
    if any(words in str(error).lower() for words in _OUT_OF_MEMORY_WORDS):
        return ResourceError(_MACHINE_ERRNOS[errno.ENOMEM])
    return None


@contextmanager
def translate_foreign_errors(make_error: Callable[[Exception], KinemacolorError]) -> Iterator[None]:
    """Guard a call of a foreign library that reads or makes data of a user: whatever it raises becomes our error.

    Libraries document few of the errors that damaged data make them raise, so all are taken: ``make_error`` says what
    one means here. An error of ours passes; one that tells of the machine (`find_machine_fault`) is a ResourceError.
    Only the call itself belongs inside, none of our own code: its mistakes must not look like the user's.
    """
    try:
        yield
    except KinemacolorError:
        raise
    except Exception as error:
        raise find_machine_fault(error) or make_error(error) from error


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the file system into an InputError that names ``path``."""
    try:
        yield
    except OSError as error:
        if machine_fault := find_machine_fault(error):
            raise machine_fault from error
        if error.errno in _NO_SUCH_FILE_ERRNOS:
            raise InputError(f"{path} does not exist: check the name") from error
        raise InputError(f"{path} may not be read ({error.strerror}): check its permissions") from error
