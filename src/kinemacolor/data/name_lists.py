"""Lists of films and photographs by name, as text, so that data need not lie beside the list.

A line holds one name, or several with tabs between; empty lines, and those that begin with ``#``, say nothing. A name
is a path relative to the folder that holds the data, such as ``bsds500/000161.jpg``, or any longer end of its path.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from kinemacolor.errors import InputError, translate_read_errors

LIST_SUFFIXES = (".txt", ".tsv")


def read_name_list(path: Path) -> list[tuple[str, ...]]:
    """Read the lines of a list, each as its names. Raises InputError where it is no text, or names nothing."""
    with translate_read_errors(path):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is no text ({error.reason}): write names of files in it, one a line") from error
    rows = [tuple(name.strip() for name in line.split("\t")) for line in lines if line.strip() and line[0] != "#"]
    if not rows:
        raise InputError(f"{path} names nothing: write names of files in it, one a line")
    return rows


def find_named_paths(names: Sequence[str], paths: Iterable[Path], described: str) -> list[list[Path]]:
    """Find the ``paths`` that end in each name, in whole parts; two folders may both have one of that name.

    ``described`` says in the error where the names are from. Raises InputError where a name is that of no path.
    """
    by_last_part: dict[str, list[Path]] = {}
    for path in paths:
        by_last_part.setdefault(path.name, []).append(path)
    found = []
    for name in names:
        parts = PurePosixPath(name).parts
        same_last_part = by_last_part.get(parts[-1], []) if parts else []
        found.append([path for path in same_last_part if path.parts[-len(parts) :] == parts])
    missing = [name for name, matches in zip(names, found, strict=True) if not matches]
    if missing:
        raise InputError(
            f"{described}: {len(missing)} of {len(names)} names are of no film or photograph here, such as "
            f"{missing[0]!r}: write paths relative to the folders of the data, with tabs between those of one line"
        )
    return found
