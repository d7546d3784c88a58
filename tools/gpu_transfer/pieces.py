"""Pieces: an archive cut into files of limited size, the index that describes them, and the way back."""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

INDEX_NAME = "index.json"
MIB = 2**20
PICTURE_QUALITY = (50, 90)  # of luma and chroma; docs/gpu-queue.md says what it costs
READ_BYTES = MIB  # read from a piece at a time


class TransferError(Exception):
    """Something that the user can mend; the message says how."""


def print_lines(*lines: str) -> None:
    """Print lines to standard output at once, so that they stay in order with those of child processes."""
    print(*lines, sep="\n", flush=True)


@dataclass
class PieceWriter:
    """Binary stream for writing that becomes the files ``STEM.000``, ``STEM.001`` ... of at most ``limit`` bytes each.

    The first piece has at most ``first_limit`` bytes, if that is given: other files travel with it.
    ``rows`` describes the finished pieces: file name, sha256 and size in bytes.
    """

    folder: Path
    stem: str
    limit: int
    first_limit: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    _file: BinaryIO | None = None
    _digest: Any = None
    _size: int = 0

    def write(self, data: bytes) -> int:
        """Write all of ``data``, over several pieces if necessary, and return its length."""
        rest = memoryview(data)
        while rest:
            if self._file is None:
                self._file = (self.folder / f"{self.stem}.{len(self.rows):03}").open("wb")
                self._digest, self._size = hashlib.sha256(), 0
            chunk = rest[: self._limit - self._size]
            self._file.write(chunk)
            self._digest.update(chunk)
            self._size += len(chunk)
            rest = rest[len(chunk) :]
            if self._size == self._limit:
                self._finish_piece()
        return len(data)

    def flush(self) -> None:
        """Do nothing; `gzip` calls this, and pieces are flushed when they are closed."""

    def build_index(self, name: str) -> dict[str, Any]:
        """Finish the last piece and build the index of the archive: its id, ``name``, and a row for each piece."""
        self._finish_piece()
        digests = "".join(row["sha256"] for row in self.rows)
        return {"id": hashlib.sha256(digests.encode()).hexdigest()[:16], "name": name, "pieces": self.rows}

    @property
    def _limit(self) -> int:
        """Bytes of the piece that is being written."""
        return self.limit if self.rows or self.first_limit is None else self.first_limit

    def _finish_piece(self) -> None:
        if self._file is not None:
            path = Path(self._file.name)
            self._file.close()
            self.rows.append({"file": path.name, "sha256": self._digest.hexdigest(), "bytes": self._size})
            self._file = None


class PieceReader(io.RawIOBase):
    """Binary stream for reading, made of pieces in their order."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._remaining = iter(list(paths))
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._file is None:
                path = next(self._remaining, None)
                if path is None:
                    return 0
                self._file = path.open("rb")
            count = self._file.readinto(buffer)  # type: ignore[attr-defined]
            if count:
                return int(count)
            self._file.close()
            self._file = None


def read_index(folder: Path) -> dict[str, Any]:
    """Read the index in ``folder``. Raises TransferError where it is missing or damaged."""
    path = folder / INDEX_NAME
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        [(row["file"], row["sha256"], row["bytes"]) for row in index["pieces"]]
    except FileNotFoundError:
        raise TransferError(f"{path} is missing: name a folder that came whole") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TransferError(f"{path} is damaged ({error}): bring it again") from error
    return index


def write_index(index: Mapping[str, Any], folder: Path) -> None:
    """Write an index into ``folder``."""
    (folder / INDEX_NAME).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def has_index(folder: Path) -> bool:
    """Tell whether ``folder`` holds an index."""
    return (folder / INDEX_NAME).is_file()


def collect_pieces(sources: Iterable[Path], folder: Path, advice: str, *, forget: bool) -> dict[str, Any]:
    """Check the pieces in the folders ``sources``, copy them into ``folder``, and return their index.

    ``folder`` holds pieces of one archive. Raises TransferError for a damaged piece, with ``advice``, and for pieces
    of another archive than those in ``folder``, which ``forget`` deletes instead.
    """
    index: dict[str, Any] = {}
    for source in sources:
        index = read_index(source)
        if has_index(folder) and read_index(folder)["id"] != index["id"]:
            if not forget:
                raise TransferError(f"{folder} has pieces of another archive than {source}: say --forget, and they go")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for row in index["pieces"]:
            piece = source / row["file"]
            if not piece.is_file():
                continue
            if piece.stat().st_size != row["bytes"] or compute_sha256(piece) != row["sha256"]:
                raise TransferError(f"{piece} is damaged, its sha256 is not {row['sha256'][:12]}…: {advice}")
            copy_atomically(piece, folder / row["file"])
        copy_atomically(source / INDEX_NAME, folder / INDEX_NAME)
    return index


def find_missing_pieces(index: Mapping[str, Any], folder: Path) -> list[int]:
    """List the numbers, from 0, of the pieces that are not in ``folder``."""
    return [number for number, row in enumerate(index["pieces"]) if not (folder / row["file"]).is_file()]


def list_piece_paths(index: Mapping[str, Any], folder: Path) -> list[Path]:
    """List the paths of all pieces in ``folder``, in their order."""
    return [folder / row["file"] for row in index["pieces"]]


def compute_sha256(path: Path) -> str:
    """Compute the sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def copy_atomically(source: Path, target: Path) -> None:
    """Copy a file so that ``target`` is there whole or not at all."""
    partial = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, partial)
    partial.replace(target)


@dataclass
class ArchiveWriter:
    """Context manager that writes a compressed tar to pieces; a name must be added only once."""

    pieces: PieceWriter

    def __enter__(self) -> "ArchiveWriter":
        # Level 1: pictures do not shrink, but rows of sources do.
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
    """Extract the archive in ``pieces`` into ``folder``.

    Raises TransferError where it is damaged, or has anything but files that lie in it: `tarfile` itself refuses that
    from Python 3.11.4 on only.
    """
    stream = io.BufferedReader(PieceReader(pieces), READ_BYTES)
    try:
        with gzip.GzipFile(fileobj=stream) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for entry in tar:
                target, source = folder / entry.name, tar.extractfile(entry) if entry.isfile() else None
                if source is None or not target.resolve().is_relative_to(folder.resolve()):
                    raise TransferError(f"the archive has {entry.name!r}, which no pack has: pack it again")
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as written:
                    shutil.copyfileobj(source, written)
    except (EOFError, gzip.BadGzipFile, tarfile.TarError) as error:
        raise TransferError(f"the archive is damaged ({error}): pack it again") from error
