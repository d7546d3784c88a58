"""Removed projects: a note in the folder hides one, until it is restored, or deleted for good after a day."""

import os
import time
from contextlib import suppress
from pathlib import Path

from kinemacolor.utils.files import translate_disk_errors, write_file_atomically

TRASH_SECONDS = 24 * 3600
_NOTE = "removed.note"
_EARLIER_NOTE = "removed"  # a file, of earlier versions; else the folder of `Project.move_to_trash`
DELETING = ".deleting"  # behind the name of a folder


def mark_removed(folder: Path) -> None:
    """Remove a project: nobody sees it any more. Raises ResourceError where the disk refuses."""
    with write_file_atomically(folder / _NOTE):
        pass


def mark_expired(folder: Path) -> None:
    """Remove a project for good: it cannot be restored, and is deleted soon. Raises as `mark_removed`.

    The note gets a time that is long past, for which even a full disk has room.
    """
    if not is_removed(folder):
        mark_removed(folder)
    with translate_disk_errors(folder):
        for note in _list_notes(folder):
            os.utime(note, (0, 0))


def begin_deletion(folder: Path) -> Path:
    """Give a folder a name that no project has, so that one that is half deleted never comes back; gives the new path.

    Raises OSError.
    """
    return folder.rename(folder.with_name(folder.name + DELETING))


def unmark(folder: Path) -> None:
    """Restore a project. Raises ResourceError where the disk refuses."""
    with translate_disk_errors(folder):
        for note in _list_notes(folder):
            note.unlink(missing_ok=True)


def is_removed(folder: Path) -> bool:
    """Whether a project was removed."""
    return bool(_list_notes(folder))


def is_restorable(folder: Path) -> bool:
    """Whether a project was removed and can be restored. Raises OSError where the disk does not tell."""
    with suppress(FileNotFoundError):
        notes = [note.stat() for note in _list_notes(folder)]
        return bool(notes) and all(time.time() - one.st_mtime < TRASH_SECONDS for one in notes)
    return False


def find_time_of_removal(folder: Path) -> float:
    """Return when a removed project was removed, in seconds since 1970; now for one that is gone."""
    with suppress(OSError):
        return max((note.stat().st_mtime for note in _list_notes(folder)), default=time.time())
    return time.time()


def _list_notes(folder: Path) -> list[Path]:
    return [note for name in (_NOTE, _EARLIER_NOTE) if (note := folder / name).is_file()]
