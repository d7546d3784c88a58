"""The interface of all writers of results, and the errors of writing them."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av

from kinemacolor.errors import KinemacolorError, ResourceError, UsageError, find_machine_fault
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.info import NO_EXTRAS, FrameExtras

NO_SPACE_ERRNOS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
REFUSED_ERRNOS = (errno.EACCES, errno.EPERM, errno.EIO)


class FilmWriter(Protocol):
    """Writes a result frame by frame, in order.

    The result gets its name from who renders it, once it is finished; until then it lies at ``partial_path``
    (``*.partial.*``).
    ``warnings`` names what of the source the result cannot hold.
    """

    partial_path: Path
    warnings: list[str]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(
        self,
        luma_codes: UIntArray,
        cbcr_codes: UIntArray,
        pts: int,
        duration: int,
        extras: FrameExtras = NO_EXTRAS,
    ) -> None:
        """Write one frame.

        ``luma_codes`` are ``H W`` codes of the source; ``cbcr_codes`` are ``2 H' W'`` codes (Cb, Cr) at the encoder's
        depth and chroma subsampling; ``pts`` and ``duration`` are in ticks of the source; ``extras`` are those of its
        frame.
        """

    def finish(self) -> None:
        """Finish writing: all lies at ``partial_path``, and is closed."""


def make_partial_path(output: Path) -> Path:
    """Return where a result lies until it is whole: ``film.color.partial.mp4`` for ``film.color.mp4``, absolute."""
    output = output.absolute()
    return output.with_name(f"{output.stem}.partial{output.suffix}")


@contextmanager
def translate_encoding_errors(path: Path) -> Iterator[None]:
    """Turn errors of FFmpeg and of the file system into errors that say what to do.

    Raises ResourceError where no space is left, UsageError for all else.
    """
    try:
        yield
    except KinemacolorError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        if error.errno in NO_SPACE_ERRNOS:
            kept = "; what was written is kept there" if ".partial" in path.suffixes else ""
            raise ResourceError(f"no space is left for {path}: free some{kept}") from error
        if machine_fault := find_machine_fault(error):
            raise ResourceError(f"{path} cannot be written: {machine_fault}") from error
        if error.errno in REFUSED_ERRNOS:
            raise ResourceError(
                f"the disk refuses {path} ({error}): make it writable; what was written is kept"
            ) from error
        raise UsageError(f"{path} cannot be written ({error}): try another folder, container or --vcodec") from error
