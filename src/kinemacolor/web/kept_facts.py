"""Facts about files of a project that took a process to find out, kept in its folder until a file changes."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kinemacolor.errors import ResourceError
from kinemacolor.utils.files import write_file_atomically

_FILE = "facts.json"


def find_facts(folder: Path, path: Path, find_out: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``find_out`` says of ``path``, a file or folder, asked again only where that has changed.

    ``folder``: of the project. Raises OSError where ``path`` is gone, and what ``find_out`` raises.
    """
    status = path.stat()
    stamp, key = [status.st_mtime_ns, status.st_size], str(path)
    kept = _read_facts(folder).get(key)
    if isinstance(kept, dict) and kept.get("stamp") == stamp and isinstance(kept.get("facts"), dict):
        return dict(kept["facts"])
    facts = find_out()
    fresh = {other: one for other, one in _read_facts(folder).items() if Path(other).exists()}
    with suppress(ResourceError), write_file_atomically(folder / _FILE) as stream:
        stream.write(json.dumps(fresh | {key: {"stamp": stamp, "facts": facts}}).encode())
    return facts


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
