"""Files and folders written whole or not at all, and reading of lists whose last line may be incomplete."""

import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import uuid4

from safetensors import SafetensorError

from kinemacolor.errors import ResourceError, UsageError, find_machine_fault

NEW_FILE_PATTERN = r"\.[0-9a-f]{32}\.new"  # names of files that were not yet whole when their process was killed
# macOS, Windows, KDE, and drives that are shared with them; in small letters.
_LEFT_BY_SYSTEMS = frozenset(
    (".ds_store", ".localized", ".appledouble", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory", "@eadir")
)


@contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Turn the errors of a disk that is full or refuses into a ResourceError that names ``path``.

    A name that is too long for the disk is a UsageError.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"{path} has too long a name for this disk: choose a shorter one") from error
        if machine_fault := find_machine_fault(error):
            raise ResourceError(f"{path} may not be written: {machine_fault}") from error
        raise ResourceError(f"{path} may not be written ({error}): make space, or choose another folder") from error


def make_new_path(path: Path) -> Path:
    """Return where a file is written that shall become ``path``: a hidden name beside it, short whatever its own is."""
    return path.with_name(f".{uuid4().hex}.new")


def sync_path(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder, through a loss of power.

    Raises OSError where the disk is full or refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)  # Windows syncs its writers
    except PermissionError:
        if path.is_dir():  # Windows opens no folders, and keeps their names by itself
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def relate_path(path: Path, folder: Path) -> str:
    """Return a path as seen from a folder; one on another drive of Windows, to which no way leads, as it is."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return os.path.abspath(path)


def resolve_folder(path: Path) -> Path:
    """Resolve the links on the way to a file, not one that it may be itself: it keeps the name that was given."""
    path = path.absolute()
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name


def sync_tree(path: Path) -> None:
    """Have the disk keep a file, or a folder with all that is in it. Raises OSError as `sync_path`."""
    for inside in path.iterdir() if path.is_dir() else ():
        sync_tree(inside)
    sync_path(path)


@contextmanager
def write_file_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that gets the name ``path`` only when it is written whole, and lies on the disk.

    Several processes may write the same path at a time: the last one that finishes wins.

    Raises ResourceError where the disk is full or refuses to be written. All that the block raises counts as that: a
    block that does more than write takes `make_file_atomically`.
    """
    with make_file_atomically(path) as stream, translate_disk_errors(path):
        yield stream


@contextmanager
def make_file_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a file as `write_file_atomically`, for a block whose errors pass as they are: it writes among other things.

    Raises ResourceError where the disk is full or refuses before or after the block.
    """
    new, stream = make_new_path(path), None
    try:
        with translate_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = new.open("wb")
        yield stream
        with translate_disk_errors(path):
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            new.replace(path)
            sync_path(path.parent)
    finally:  # the reason of a failure must not be lost where a disk refuses even this
        with suppress(OSError):
            if stream is not None:
                stream.close()
        with suppress(OSError):
            new.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove the files of a folder that were not yet whole when their process was killed.

    No other process may write there meanwhile. Raises OSError where the disk refuses.
    """
    for file in folder.iterdir() if folder.is_dir() else ():
        if re.fullmatch(NEW_FILE_PATTERN, file.name) and file.is_file():
            file.unlink()


def remove_intruder(path: Path) -> bool:
    """Remove a folder or a link that lies where a kept file of ours belongs; says whether there was one.

    Of a link only the link: what it leads to is not ours. Raises OSError where the disk refuses.
    """
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        return False
    return True


@contextmanager
def write_folder_atomically(path: Path) -> Iterator[Path]:
    """Make a new folder that gets the name ``path``, in place of one that has it, only when all in it is written.

    Raises ResourceError where the disk is full or refuses to be written.
    """
    token = uuid4().hex
    new, old = (path.with_name(f".{path.name}.{token}.{state}") for state in ("new", "old"))
    try:
        with translate_disk_errors(path):
            new.mkdir(parents=True)
        yield new
        with translate_disk_errors(path):
            sync_tree(new)
            if path.exists():
                path.replace(old)
            new.replace(path)
            sync_path(path.parent)
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


def append_json_line(path: Path, row: Mapping[str, object]) -> None:
    """Append a JSON line to a list. Raises ResourceError where the disk is full or refuses to be written.

    The line break comes first, so that an unfinished last line of a killed process does not damage this one.
    """
    with translate_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps(row))


def iter_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines; nothing where there is no file.

    A line that is no JSON, such as the last one of a run that was killed, is skipped.
    """
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row


class TreeDigest(NamedTuple):
    """The SHA-256 of a file; or of a folder, and then those of its ``files``, by their names in it."""

    sha256: str
    files: dict[str, str] | None = None


def digest_tree(path: Path) -> TreeDigest:
    """Compute the SHA-256 of a file, or of the names and contents of all files in a folder (`list_tree`).

    Raises OSError.
    """
    if not path.is_dir():
        return TreeDigest(compute_file_sha256(path))
    files = {file.relative_to(path).as_posix(): compute_file_sha256(file) for file in list_tree(path)}
    return TreeDigest(digest_files(files), files)


def list_tree(folder: Path) -> list[Path]:
    """List all files in a folder but those that file managers and network drives leave there by themselves."""
    inside = ((file, file.relative_to(folder).parts) for file in folder.rglob("*") if not file.is_dir())
    return [
        file
        for file, parts in inside
        if _LEFT_BY_SYSTEMS.isdisjoint(map(str.casefold, parts))
        and not (file.name.startswith("._") and (file.parent / file.name[2:]).is_file())  # macOS: of that file
    ]


def digest_files(files: Mapping[str, str]) -> str:
    """Compute the SHA-256 of a folder from those of its files, by their names in it."""
    rows = sorted(files.items(), key=lambda row: row[0].split("/"))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def compute_file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal, without reading all of it into memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
