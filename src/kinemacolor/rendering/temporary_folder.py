"""The work folder of a job that removes it at its end: known to be ours, so that a killed run may be repeated."""

import os
import re
import shutil
from pathlib import Path

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.rendering.ownership import own_outputs
from kinemacolor.utils.checked_files import write_checked_json
from kinemacolor.utils.files import NEW_FILE_PATTERN, translate_disk_errors

REQUEST_NOTE = "wish"  # file of a work folder: the digest of the request that its plan was made for, and of its files


def check_temporary_folder(folder: Path) -> None:
    """Raise UsageError where something that is not ours lies where the work folder is needed."""
    if os.path.lexists(folder) and not _is_own_folder(folder):
        raise UsageError(f"{folder} is needed and not ours: move it away, or name another result with -o")


def mark_temporary_folder(folder: Path) -> None:
    """Make the folder, known to be ours from here on. Raises ResourceError where the disk refuses."""
    write_checked_json(folder / REQUEST_NOTE, {})


def remove_temporary_folder(folder: Path, output: Path, warnings: list[str]) -> None:
    """Delete the work folder of ``output``; its result is whole, so a disk that refuses only adds to ``warnings``."""
    if not folder.is_dir():
        return
    try:
        with own_outputs([output]):
            delete_temporary_folder(folder)
    except UsageError:
        pass  # the next job has begun already: the folder is that one's
    except ResourceError as error:
        warnings.append(f"{folder} is left: {error}")


def _is_own_folder(folder: Path) -> bool:
    """Whether a folder is one of ours, also one that a killed run had just made or nearly removed."""
    if not folder.is_dir():
        return False
    with translate_disk_errors(folder):
        names = [one.name for one in folder.iterdir()]
    return REQUEST_NOTE in names or all(re.fullmatch(NEW_FILE_PATTERN, name) for name in names)


def delete_temporary_folder(folder: Path) -> None:
    """Delete a work folder; the note that says that it is ours goes last, so that a killed run may be repeated."""
    with translate_disk_errors(folder):
        for one in sorted(folder.iterdir(), key=lambda one: one.name == REQUEST_NOTE):
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink(missing_ok=True)
        if folder.is_symlink():
            folder.unlink()
        else:
            folder.rmdir()
