"""The films of a folder that is evaluated."""

from fnmatch import fnmatch
from pathlib import Path

from kinemacolor.errors import InputError
from kinemacolor.video.images import FILM_SUFFIXES


def find_films(folder: Path, only: str = "*") -> list[Path]:
    """List films and folders of frames in ``folder``, by name. Raises InputError where none matches ``only``."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give one with films or folders of frames in it")
    found = [path for path in folder.iterdir() if path.is_dir() or path.suffix.lower() in FILM_SUFFIXES]
    films = sorted(path for path in found if fnmatch(path.name, only) and not path.name.startswith("."))
    if not films:
        raise InputError(f"{folder} holds no film that matches {only!r}: give a folder of films or of frame folders")
    return films
