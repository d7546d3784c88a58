"""What may be in the zip of a project that somebody sends: names by an allow-list, no links, no more than it says."""

import stat
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from kinemacolor.errors import InputError, UsageError
from kinemacolor.video.images import FILM_SUFFIXES, PICTURE_SUFFIXES
from kinemacolor.web.names import safe_file_name

MAX_ENTRIES = 50_000
MAX_DIRECTORY_BYTES = 32_000_000  # the list at the end of a zip, which is read whole
_MAX_PLAN_BYTES, _MAX_RECORD_BYTES = 16_000_000, 2_000_000  # a record tells of one result
TEXTS = {  # with the most bytes of each
    "project.json": 64_000,
    "plan.json": _MAX_PLAN_BYTES,
    "last.plan.json": _MAX_PLAN_BYTES,
    "shots.json": _MAX_PLAN_BYTES,
    "rendered.plan.json": _MAX_PLAN_BYTES,
}
_MEDIA = (*FILM_SUFFIXES, *PICTURE_SUFFIXES)
_FOLDERS = {
    ("film",): _MEDIA,
    ("film", "pictures"): PICTURE_SUFFIXES,
    ("references",): _MEDIA,
    ("results",): (*_MEDIA, ".json", ".sha256"),
}
NOT_A_PROJECT = "this is no project that was exported here, or it is damaged"


def list_entries(path: Path) -> dict[str, int]:
    """Return the files of the zip of a project with their sizes in bytes, without reading one.

    Raises InputError for what is no zip, or has anything that an export has not.
    """
    try:
        with ZipFile(path) as archive:
            if path.stat().st_size - archive.start_dir > MAX_DIRECTORY_BYTES or len(archive.filelist) > MAX_ENTRIES:
                raise InputError(f"{NOT_A_PROJECT}: it lists too many files")
            entries = [info for info in archive.infolist() if not info.is_dir()]
    except (BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(NOT_A_PROJECT) from error
    for info in entries:
        _check_entry(info)
    names = {info.filename.casefold() for info in entries}
    if len(names) < len(entries) or "project.json" not in names:
        raise InputError(NOT_A_PROJECT)
    return {info.filename: info.file_size for info in entries}


def _check_entry(info: ZipInfo) -> None:
    """Raise InputError for a file that an export has not."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    is_odd = kind not in (0, stat.S_IFREG) or info.flag_bits & 1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED)
    if is_odd or not (info.filename in TEXTS or _is_known_name(info.filename)):
        raise InputError(f"{NOT_A_PROJECT}: {info.filename[:80]!r} is no part of one")
    if info.filename.endswith(".json") and info.file_size > TEXTS.get(info.filename, _MAX_RECORD_BYTES):
        raise InputError(f"{NOT_A_PROJECT}: {info.filename[:80]!r} is too large")


def _is_known_name(name: str) -> bool:
    """Whether a file may have this name in an export; such a name is safe on every system."""
    *folders, last = name.split("/")
    if any(not _is_safe(part) for part in (*folders, last)):
        return False
    is_still = len(folders) == 2 and folders[0] == "stills"
    suffixes = PICTURE_SUFFIXES if is_still else _FOLDERS.get(tuple(folders), ())
    return Path(last).suffix.lower() in suffixes


def _is_safe(part: str) -> bool:
    try:
        return part == safe_file_name(part) and not part.startswith(".")
    except UsageError:
        return False
