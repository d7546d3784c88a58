"""The archive that travels: a gzip-compressed tar, written to pieces and extracted from them."""

import gzip
import io
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpu_transfer.messages import TransferError
from gpu_transfer.pieces import PieceReader, PieceWriter

READ_BYTES = 1 << 20  # read from a piece at a time


@dataclass
class ArchiveWriter:
    """Context manager that writes a compressed tar to pieces; a name must be added only once."""

    pieces: PieceWriter

    def __enter__(self) -> "ArchiveWriter":
        # Level 1: pictures are JPEG and do not shrink, but the tar headers of thousands of files do.
        self._gzip = gzip.GzipFile(fileobj=self.pieces, mode="wb", compresslevel=1, mtime=0)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(self, *error: object) -> None:
        self._tar.close()
        self._gzip.close()

    def add_file(self, name: str | PurePosixPath, content: Path | bytes) -> None:
        """Add a file called ``name`` with the contents of a file on disk, or with these bytes.

        Owner, mode and time are left out, so that the same contents give the same archive.
        """
        entry = tarfile.TarInfo(str(name))
        if isinstance(content, bytes):
            entry.size = len(content)
            self._tar.addfile(entry, io.BytesIO(content))
            return
        with content.open("rb") as stream:
            entry.size = os.fstat(stream.fileno()).st_size
            self._tar.addfile(entry, stream)


def extract_archive(pieces: Iterable[Path], folder: Path) -> None:
    """Extract the archive in ``pieces`` into ``folder``. Raises TransferError where it is damaged."""
    stream = io.BufferedReader(PieceReader(pieces), READ_BYTES)
    try:
        with gzip.GzipFile(fileobj=stream) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            tar.extractall(folder, filter="data")
    except (EOFError, gzip.BadGzipFile, tarfile.TarError) as error:
        raise TransferError(f"the archive is damaged ({error}): pack it again") from error
