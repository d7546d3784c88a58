"""Which pictures a folder or a pattern of names means, and in which order."""

import re
from pathlib import Path

from kinemacolor.errors import translate_read_errors

_READ_BY_FFMPEG = (".dpx", ".exr", ".jp2", ".j2k", ".j2c", ".jpf", ".pgm", ".ppm", ".pnm", ".cin", ".sgi")
READ_BY_PILLOW = (".png", ".apng", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".tga", ".avif")
_PLACEHOLDERS = re.compile(r"\\\*|\\\?|%0?\d*d|(?:\\#)+")  # in a name that went through re.escape


def is_picture(path: Path) -> bool:
    """Say whether a path is a picture by its name, or a folder."""
    return path.is_dir() or path.suffix.lower() in (*_READ_BY_FFMPEG, *READ_BY_PILLOW)


def list_pictures(path: Path, *, hold_gaps: bool = False) -> list[Path]:
    """List the pictures of a folder, numbers in their names counted as numbers; of a picture, the picture.

    Of what does not exist, those that it names as a pattern (``*``, ``?``, ``%04d``, ``####``). With ``hold_gaps`` a
    picture before missing numbers stands once more for each of them.
    """
    if path.is_file():
        return [path]
    folder, pattern = (path, None) if path.is_dir() else (path.parent, _compile_pattern(path.name))
    with translate_read_errors(path):
        files = [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
    files = [file for file in files if is_picture(file) and file.name[0] != "."]
    found = sorted((file for file in files if not pattern or pattern.fullmatch(file.name)), key=_split_numbers)
    return _hold_gaps(found) if hold_gaps else found


def _compile_pattern(name: str) -> re.Pattern[str]:
    """Turn a pattern of names into a regular expression: its own name, where nothing in it is a placeholder."""
    kinds = {"\\*": ".*", "\\?": "."}
    return re.compile(_PLACEHOLDERS.sub(lambda found: kinds.get(found[0], "[0-9]+"), re.escape(name)))


def _split_numbers(file: Path) -> list[str | int]:
    """Split a name so that text and numbers take turns, and like is compared with like."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", file.stem)]


def _hold_gaps(files: list[Path]) -> list[Path]:
    held: list[Path] = []
    for file in files:
        before, here = (_split_numbers(one) for one in (held[-1] if held else file, file))
        changed = [(one, other) for one, other in zip(before, here, strict=False) if one != other]
        if len(changed) == 1 and isinstance(changed[0][0], int) and isinstance(changed[0][1], int):
            held += [held[-1]] * (changed[0][1] - changed[0][0] - 1)
        held.append(file)
    return held
