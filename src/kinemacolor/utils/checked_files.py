"""Kept files that are checked before they are believed: each says by a checksum whether it is whole.

Work that was kept may have lain on a disk that lost power, or was copied badly. What does not fit its checksum counts
as if it were not there: whoever reads it makes it again.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kinemacolor.errors import find_machine_fault
from kinemacolor.utils.files import compute_file_sha256, sync_path, translate_disk_errors, write_file_atomically

_CHECK_KEY = "check"


def read_kept_file(path: Path) -> bytes | None:
    """Read a kept file; None where it is missing or the disk does not give it back.

    Raises ResourceError where memory or descriptors are used up: then it may be whole.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        if machine_fault := find_machine_fault(error):
            raise machine_fault from error
        return None


def has_sha256(path: Path, sha256: object) -> bool:
    """Whether a kept file is there and has this SHA-256. Raises ResourceError as `read_kept_file`."""
    try:
        return compute_file_sha256(path) == sha256
    except OSError as error:
        if machine_fault := find_machine_fault(error):
            raise machine_fault from error
        return False


def write_checked_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its checksum, whole or not at all. Raises ResourceError as `write_file_atomically`."""
    with write_file_atomically(path) as stream:
        stream.write(_add_check(content).encode())


def read_checked_json(path: Path) -> dict[str, Any] | None:
    """Read what `write_checked_json` wrote; None where it is missing or damaged. Raises as `read_kept_file`."""
    data = read_kept_file(path)
    return None if data is None else _parse_checked(data)


def append_checked_line(path: Path, row: Mapping[str, Any]) -> None:
    """Append a JSON line with its checksum to a list, and wait until it lies on the disk.

    The line break comes first, so that an unfinished last line of a killed process does not damage this one.

    Raises ResourceError where the disk is full or refuses to be written.
    """
    with translate_disk_errors(path):
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            stream.write(f"\n{_add_check(row)}".encode())
            stream.flush()
            os.fsync(stream.fileno())
        if is_new:
            sync_path(path.parent)


def write_checked_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a list of JSON lines anew, as `append_checked_line` would. Raises as `write_file_atomically`."""
    with write_file_atomically(path) as stream:
        stream.write("".join(f"\n{_add_check(row)}" for row in rows).encode())


def iter_checked_lines(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the rows of a list of `append_checked_line`, None for each that is damaged; nothing where there is none.

    Raises as `read_kept_file`.
    """
    for line in (read_kept_file(path) or b"").split(b"\n"):
        if line.strip():
            yield _parse_checked(line)


def _add_check(content: Mapping[str, Any]) -> str:
    return json.dumps({**content, _CHECK_KEY: _compute_check(content)})


def _parse_checked(data: bytes) -> dict[str, Any] | None:
    """Return a JSON object without its checksum; None where it does not fit, or it is no such object."""
    try:
        content = json.loads(data)
        if not isinstance(content, dict):
            return None
        check = content.pop(_CHECK_KEY, None)
        return content if check == _compute_check(content) else None
    except (ValueError, RecursionError):
        return None


def _compute_check(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
