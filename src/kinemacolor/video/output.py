"""What every writer promises, and how the file system's refusals are told."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av

from kinemacolor.errors import KinemacolorError, ResourceError, UsageError
from kinemacolor.utils.arrays import UIntArray

NO_SPACE_ERRNOS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class FilmWriter(Protocol):
    """Takes frames in order; the result has its name only after `commit`, until then ``*.partial.*``."""

    partial_path: Path
    warnings: list[str]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, luma_codes: UIntArray, cbcr_codes: UIntArray, pts: int, duration: int) -> None:
        """``luma`` H W codes of the source, ``chroma`` 2 H' W' codes (Cb, Cr) at the encoder's depth and size."""

    def commit(self) -> None:
        """Finish, and give the result its name."""


def make_partial_path(output: Path) -> Path:
    """``film.color.mp4`` is written as ``film.color.partial.mp4``."""
    output = output.absolute()
    return output.with_name(f"{output.stem}.partial{output.suffix}")


@contextmanager
def translate_encoding_errors(path: Path) -> Iterator[None]:
    """Errors of FFmpeg and of the file system become errors that say what to do.

    Raises ResourceError where no space is left, UsageError for all else.
    """
    try:
        yield
    except KinemacolorError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        if error.errno in NO_SPACE_ERRNOS:
            raise ResourceError(f"no space is left for {path}: free some; what was written is kept there") from error
        raise UsageError(f"{path} cannot be written ({error}): try another folder, container or --vcodec") from error
