"""What the record beside a result says of it and of its source; read by none of the code that writes records."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kinemacolor.errors import translate_read_errors
from kinemacolor.utils.files import TreeDigest, compute_file_sha256, digest_tree
from kinemacolor.verification.check import Check
from kinemacolor.verification.excerpt import Excerpt
from kinemacolor.verification.picture_lists import list_pictures
from kinemacolor.verification.record_content import MAX_SECONDS, FilmsFacts, list_faults

_SUFFIX = ".kinemacolor.json"
_MAX_BYTES = 256_000_000
_SHOWN_DIGITS = 12
_SHOWN_NAMES, _SHOWN_LETTERS = 3, 300


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
    is_time = isinstance(value, int | float) and 0 <= value <= MAX_SECONDS
    return float(value) if is_time else None  # type: ignore[arg-type]


def _find_record(result: Path) -> Path | None:
    """Return the record beside a result, None where there is none."""
    path = result.absolute().with_name(f"{result.absolute().name}{_SUFFIX}")
    return path if os.path.isfile(path) else None  # also where no file can have this name


def iter_record_checks(source: Path, result: Path, facts: FilmsFacts, *, hold_gaps: bool = False) -> Iterator[Check]:
    """Judge whether a result and its source are those of the record beside the result; nothing where there is none.

    ``facts`` are what was read of both. ``hold_gaps`` as in `list_pictures`.

    Raises InputError where a file may not be read.
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
        tree = digest_tree(result)
    roles = [one.get("role") for one in results if one.get("sha256") == tree.sha256]
    made = f"made {_shorten(content.get('made_utc'))}"
    if roles:
        yield Check("record: result", True, f"{path.name} tells of this {roles[0]}, {made}")
    else:
        yield Check("record: result", False, f"changed since: {path.name} has {_describe_change(results, tree)}")
    recorded = film.get("sha256") if isinstance(film, dict) else None
    found = _digest_source(source, hold_gaps=hold_gaps)
    words = "that of the record" if found == recorded else f"recorded is {_shorten(recorded)}"
    yield Check("record: source", found == recorded, f"sha256 {_shorten(found)}, {words}")
    if faults := list_faults(content, facts):
        yield Check("record: content", False, _clean("; ".join(faults))[:_SHOWN_LETTERS])


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


def _describe_change(results: Iterable[Mapping[str, Any]], found: TreeDigest) -> str:
    """Say what a record tells of its results, and what was found; of a folder which of its files differ."""
    wanted = " or ".join(_shorten(one.get("sha256")) for one in results) or "none"
    words = f"sha256 {wanted}, the result {_shorten(found.sha256)}"
    listed = [one["files"] for one in results if isinstance(one.get("files"), dict)]
    if found.files is None or not listed:
        return words
    now = found.files
    before = max(listed, key=lambda files: sum(now.get(name) == sha256 for name, sha256 in files.items()))
    kinds = {
        "changed": [name for name in sorted(before.keys() & now.keys()) if before[name] != now[name]],
        "missing": sorted(before.keys() - now.keys()),
        "too many": sorted(now.keys() - before.keys()),
    }
    return "; ".join([words, *(f"{kind}: {_list_names(names)}" for kind, names in kinds.items() if names)])


def _list_names(names: list[str]) -> str:
    shown = ", ".join(map(_shorten, names[:_SHOWN_NAMES]))
    return shown + f" and {len(names) - _SHOWN_NAMES} more" * (len(names) > _SHOWN_NAMES)


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
    text = _clean(str(value))
    return f"{text[:_SHOWN_DIGITS]}…" if len(text) == len(hashlib.sha256().hexdigest()) else text[:40]


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
