"""Removed projects: a note in the folder hides one, until it is restored, or deleted for good after a day."""

import time
from contextlib import suppress
from pathlib import Path

from kinemacolor.utils.files import translate_disk_errors, write_file_atomically

TRASH_SECONDS = 24 * 3600
_NOTE = "removed.note"
_EARLIER_NOTE = "removed"  # a file, of earlier versions; else the folder of `Project.move_to_trash`


def mark_removed(folder: Path) -> None:
    """Remove a project: nobody sees it any more. Raises ResourceError where the disk refuses."""
    with write_file_atomically(folder / _NOTE):
        pass


def mark_expired(folder: Path) -> None:
    """Remove a project for good: it cannot be restored, and is deleted soon. Raises as `mark_removed`."""
    with write_file_atomically(folder / _NOTE) as stream:
        stream.write(b"for good")


def unmark(folder: Path) -> None:
    """Restore a project. Raises ResourceError where the disk refuses."""
    with translate_disk_errors(folder):
        for note in _list_notes(folder):
            note.unlink(missing_ok=True)


def is_removed(folder: Path) -> bool:
    """Whether a project was removed."""
    return bool(_list_notes(folder))


def is_restorable(folder: Path) -> bool:
    """Whether a project was removed and can be restored."""
    with suppress(OSError):
        notes = [note.stat() for note in _list_notes(folder)]
        return bool(notes) and all(one.st_size == 0 and time.time() - one.st_mtime < TRASH_SECONDS for one in notes)
    return False


def find_time_of_removal(folder: Path) -> float:
    """Return when a removed project was removed, in seconds since 1970; now for one that is gone."""
    with suppress(OSError):
        return max((note.stat().st_mtime for note in _list_notes(folder)), default=time.time())
    return time.time()


def _list_notes(folder: Path) -> list[Path]:
    return [note for name in (_NOTE, _EARLIER_NOTE) if (note := folder / name).is_file()]
