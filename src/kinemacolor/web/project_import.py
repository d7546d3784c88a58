"""Makes a project of a zip that `project_export` wrote, or that somebody says it did."""

import shutil
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from kinemacolor.errors import InputError, ResourceError
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.web.archive_checks import NOT_A_PROJECT
from kinemacolor.web.import_checks import iter_files, lies_in
from kinemacolor.web.project import Project
from kinemacolor.web.project_entry import ProjectEntry
from kinemacolor.web.project_export import CHUNK_BYTES

Check = Callable[[Path], None]


@dataclass(frozen=True)
class ImportChecks:
    """How the contents of an archive are checked: each raises InputError for what may not be uploaded either.

    ``check_texts``: `import_checks.check_texts`; the server has it done elsewhere.
    """

    check_film: Check
    check_reference: Check
    check_texts: Check


def unpack_project(archive: Path, entries: dict[str, int], folder: Path, left: int) -> None:
    """Unpack the files that `list_entries` gave into an empty folder.

    ``left``: bytes that they may take. Raises ResourceError for more, InputError for a damaged archive.
    """
    if sum(entries.values()) > left:
        raise ResourceError("there is no space for what is in this project: remove some of your films")
    try:
        with ZipFile(archive) as opened:
            for name in entries:
                target = folder / name
                with translate_disk_errors(target), opened.open(name) as source:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as stream:
                        shutil.copyfileobj(source, stream, CHUNK_BYTES)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError) as error:
        raise InputError(NOT_A_PROJECT) from error


def adopt_unpacked(unpacked: Path, folder: Path, checks: ImportChecks) -> Project:
    """Check what was unpacked, and move it into the empty folder of a new project; gives that.

    Raises InputError for what is no whole project, or has contents that are not taken.
    """
    try:
        entry = ProjectEntry.model_validate_json((unpacked / "project.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(NOT_A_PROJECT) from error
    parts = entry.film.parts
    if parts[:1] != ("film",) or len(parts) != 2 or ".." in parts or not lies_in(unpacked / entry.film, unpacked):
        raise InputError(f"{NOT_A_PROJECT}: it has no film")
    checks.check_texts(unpacked)
    checks.check_film(unpacked / entry.film)
    for path in iter_files(unpacked / "references", unpacked / "stills"):
        checks.check_reference(path)
    for path in iter_files(unpacked / "results"):
        if path.suffix not in (".json", ".sha256"):
            checks.check_film(path)
    with translate_disk_errors(folder):
        for path in unpacked.iterdir():
            if path.name != "project.json":
                path.rename(folder / path.name)
    with write_file_atomically(folder / "project.json") as stream:
        stream.write(entry.model_copy(update={"created": time.time()}).model_dump_json().encode())
    return Project(folder)
