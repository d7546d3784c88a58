"""Files that are there whole or not at all, and lists that a killed run may leave unfinished."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from safetensors import SafetensorError

from kinemacolor.errors import ResourceError


@contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """A disk that is full or refuses becomes a ResourceError that names ``path``."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ResourceError(f"{path} may not be written ({error}): make space, or choose another folder") from error


@contextmanager
def write_file_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is written whole, also where others write the same one.

    Raises ResourceError where the disk is full or refuses.
    """
    new = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with translate_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as stream:
                yield stream
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def write_folder_atomically(path: Path) -> Iterator[Path]:
    """A folder that takes its name, from one that had it before, when all in it is written.

    Raises ResourceError where the disk is full or refuses.
    """
    token = uuid4().hex
    new, old = (path.with_name(f".{path.name}.{token}.{state}") for state in ("new", "old"))
    try:
        with translate_disk_errors(path):
            new.mkdir(parents=True)
        yield new
        with translate_disk_errors(path):
            if path.exists():
                path.replace(old)
            new.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)


def iter_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, none where there is no file; a line that was left unfinished is skipped."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def compute_file_sha256(path: Path) -> str:
    """The sha256 of a file, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
