"""Lists of shots on disk, as people, detectors and editing programs write them, by the suffix of their names."""

import codecs
import stat
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.shots.csv_lists import read_table, write_table
from kinemacolor.shots.edl import read_edl, write_edl
from kinemacolor.shots.listed import Reading, choose_reading
from kinemacolor.shots.shot import FrameClock, Shot
from kinemacolor.utils.files import write_file_atomically

SHOT_LIST_SUFFIXES = (".csv", ".edl", ".otio")  # that we write
READABLE_SUFFIXES = (*SHOT_LIST_SUFFIXES, ".tsv", ".txt")
MAX_LIST_BYTES = 32 * 2**20


def write_shots(path: Path, shots: Sequence[Shot], clock: FrameClock, film: Path) -> None:
    """Write a list of the shots of ``film``, in the format of the suffix of ``path``.

    Raises UsageError as `validate_suffix`, or where an EDL cannot express the rate; ResourceError where the disk is
    full or refuses to be written.
    """
    suffix = validate_suffix(path, SHOT_LIST_SUFFIXES)
    if suffix == ".csv":
        text = write_table(shots, clock)
    elif suffix == ".edl":
        text = write_edl(shots, clock, film)
    else:
        from kinemacolor.shots.otio_lists import write_timeline  # the library comes with it

        text = write_timeline(shots, clock, film)
    with write_file_atomically(path) as stream:
        stream.write(text.encode(errors="replace"))


def read_shots(path: Path, frames: int, clock: FrameClock) -> tuple[Shot, ...]:
    """Read the shots in a list, which must follow each other from the first to the last of a film's ``frames``.

    A table needs one column alone that says where shots begin. Of an EDL or a timeline the first video track counts.
    What had to be assumed is told by a `ShotListNotice` (warnings).

    Raises UsageError as `validate_suffix`; InputError, with the line, where the list cannot be read or its shots leave
    gaps or overlap.
    """
    suffix = validate_suffix(path, READABLE_SUFFIXES)
    return choose_reading(path, _read_list(path, suffix, _read_text(path), frames, clock), frames)


def validate_suffix(path: Path, suffixes: Sequence[str] = READABLE_SUFFIXES) -> str:
    """Return the suffix of a list of shots, in lower case.

    Raises UsageError for one that is not supported, and for ``.otio`` where its library is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        kinds = ", ".join("*" + one for one in suffixes)
        raise UsageError(f"{path} is no list of shots: name it {kinds} (editing programs export EDL)")
    if suffix == ".otio" and find_spec("opentimelineio") is None:
        others = " or ".join(one for one in suffixes if one != ".otio")
        raise UsageError(f"{path} wants OpenTimelineIO: pip install 'kinemacolor[editors]', or use {others}")
    return suffix


def _read_list(path: Path, suffix: str, text: str, frames: int, clock: FrameClock) -> list[Reading]:
    if suffix == ".edl":
        return read_edl(path, text, frames, clock)
    if suffix == ".otio":
        from kinemacolor.shots.otio_lists import read_timeline  # the library comes with it

        return read_timeline(path, text, frames, clock)
    return read_table(path, text, frames, clock)


def _read_text(path: Path) -> str:
    """Read a text in UTF-8 or UTF-16 with or without its mark, else in Windows' Latin-1, which old programs write."""
    with translate_read_errors(path):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is no file: give a list of shots")
        if found.st_size > MAX_LIST_BYTES:
            raise InputError(f"{path} has {found.st_size / 2**20:.0f} MB: that is no list of shots")
        content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
