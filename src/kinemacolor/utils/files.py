"""Files and folders written whole or not at all, and reading of lists whose last line may be incomplete."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from safetensors import SafetensorError

from kinemacolor.errors import ResourceError


@contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Turn the errors of a disk that is full or refuses into a ResourceError that names ``path``."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ResourceError(f"{path} may not be written ({error}): make space, or choose another folder") from error


@contextmanager
def write_file_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that gets the name ``path`` only when it is written whole.

    Several processes may write the same path at a time: the last one that finishes wins.

    Raises ResourceError where the disk is full or refuses to be written.
    """
    new = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with translate_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as stream:
                yield stream
            new.replace(path)
    finally:
        with suppress(OSError):  # or the reason of the failure is lost where a disk refuses even that
            new.unlink(missing_ok=True)


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
            if path.exists():
                path.replace(old)
            new.replace(path)
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
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def compute_file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal, without reading all of it into memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
