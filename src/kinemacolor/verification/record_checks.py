"""What the record beside a result says of it and of its source; read by none of the code that writes records."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinemacolor.errors import translate_read_errors
from kinemacolor.utils.files import compute_file_sha256, compute_tree_sha256
from kinemacolor.verification.check import Check
from kinemacolor.verification.excerpt import Excerpt
from kinemacolor.verification.picture_lists import list_pictures

_SUFFIX = ".kinemacolor.json"
_MAX_BYTES = 256_000_000
_MAX_SECONDS = 1e9
_SHOWN_DIGITS = 12


def read_recorded_excerpt(result: Path) -> Excerpt:
    """Return which part of its source a result shows by the record beside it; all of it where none says otherwise.

    Raises InputError where a file may not be read.
    """
    path = _find_record(result)
    content = _read_record(path)[0] if path else None
    film = (content or {}).get("source")
    if not isinstance(film, dict):
        return Excerpt()
    start, end = _read_seconds(film.get("start_seconds")) or 0.0, _read_seconds(film.get("end_seconds"))
    return Excerpt(start, end) if end is None or end > start else Excerpt()


def _read_seconds(value: object) -> float | None:
    """Return a time as a record has it; None for what is none."""
    is_time = isinstance(value, int | float) and 0 <= value <= _MAX_SECONDS
    return float(value) if is_time else None  # type: ignore[arg-type]


def _find_record(result: Path) -> Path | None:
    """Return the record beside a result, None where there is none."""
    path = result.absolute().parent / f"{result.absolute().name}{_SUFFIX}"
    return path if os.path.isfile(path) else None  # also where no file can have this name


def iter_record_checks(source: Path, result: Path, *, hold_gaps: bool = False) -> Iterator[Check]:
    """Judge whether a result and its source are those of the record beside the result; nothing where there is none.

    ``hold_gaps`` as in `list_pictures`. Raises InputError where a file may not be read.
    """
    path = _find_record(result)
    if path is None:
        return
    content, fault = _read_record(path)
    if content is None:
        yield Check("record", False, f"{path.name} {fault}")
        return
    entries = content.get("results")
    results = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    film = content.get("source")
    with translate_read_errors(result):
        found = compute_tree_sha256(result)
    roles = [one.get("role") for one in results if one.get("sha256") == found]
    made = f"made {_shorten(content.get('made_utc'))}"
    if roles:
        yield Check("record: result", True, f"{path.name} tells of this {roles[0]}, {made}")
    else:
        wanted = " or ".join(_shorten(one.get("sha256")) for one in results) or "none"
        words = f"changed since: {path.name} has sha256 {wanted}, the result {_shorten(found)}"
        yield Check("record: result", False, words)
    recorded = film.get("sha256") if isinstance(film, dict) else None
    found = _digest_source(source, hold_gaps=hold_gaps)
    words = "that of the record" if found == recorded else f"recorded is {_shorten(recorded)}"
    yield Check("record: source", found == recorded, f"sha256 {_shorten(found)}, {words}")


def _read_record(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Read a record; None, and what is wrong with it, where it is none."""
    with translate_read_errors(path):
        if path.stat().st_size > _MAX_BYTES:
            return None, f"has more than {_MAX_BYTES} bytes"
        data = path.read_bytes()
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        return None, f"is damaged: not valid as JSON: {error}"
    if not isinstance(content, dict) or not isinstance(content.get("kinemacolor_record"), int):
        return None, "is no record of Kinemacolor"
    return content, ""


def _digest_source(source: Path, *, hold_gaps: bool) -> str:
    """Compute the sha256 of a film's file; of pictures that of theirs in order, in hexadecimal, one after the other."""
    with translate_read_errors(source):
        if source.is_file():
            return compute_file_sha256(source)
        files = list_pictures(source, hold_gaps=hold_gaps)
        digests = {file: compute_file_sha256(file) for file in dict.fromkeys(files)}
    return hashlib.sha256("".join(digests[file] for file in files).encode()).hexdigest()


def _shorten(value: object) -> str:
    """Return what a record says, for a message: a person may have written anything there."""
    text = "".join(one if one.isprintable() else "?" for one in str(value))
    return f"{text[:_SHOWN_DIGITS]}…" if len(text) == len(hashlib.sha256().hexdigest()) else text[:40]
