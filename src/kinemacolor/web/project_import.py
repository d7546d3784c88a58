"""Makes a project of a zip that `project_export` wrote, or that somebody says it did."""

import json
import shutil
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from pydantic import ValidationError

from kinemacolor.errors import InputError, ResourceError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.web.archive_checks import NOT_A_PROJECT
from kinemacolor.web.edited_cuts import EditedCuts
from kinemacolor.web.project import Project
from kinemacolor.web.project_entry import ProjectEntry
from kinemacolor.web.project_export import CHUNK_BYTES

Check = Callable[[Path], None]


@dataclass(frozen=True)
class ImportChecks:
    """How the contents of an archive are checked: each raises InputError for what may not be uploaded either."""

    check_film: Check
    check_reference: Check


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

    Raises InputError or UsageError for what is no whole project, or has contents that are not taken.
    """
    project = Project(unpacked)
    try:
        entry = ProjectEntry.model_validate_json((unpacked / "project.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(NOT_A_PROJECT) from error
    if entry.film.is_absolute() or entry.film.parts[:1] != ("film",) or not _lies_in(unpacked / entry.film, unpacked):
        raise InputError(f"{NOT_A_PROJECT}: it has no film")
    checks.check_film(unpacked / entry.film)
    for path in _iter_files(unpacked / "references", unpacked / "stills"):
        checks.check_reference(path)
    for path in _iter_files(unpacked / "results"):
        if path.suffix == ".json":
            _check_json(path)
        elif path.suffix != ".sha256":
            checks.check_film(path)
    for file in (project.plan_file, project.rendered_plan_file):
        if file.is_file():
            _check_plan(file, unpacked, unpacked / entry.film)
    _check_cuts(project.shots_file)
    with translate_disk_errors(folder):
        for path in unpacked.iterdir():
            if path.name != "project.json":
                path.rename(folder / path.name)
    with write_file_atomically(folder / "project.json") as stream:
        stream.write(entry.model_copy(update={"created": time.time()}).model_dump_json().encode())
    return Project(folder)


def _check_plan(file: Path, unpacked: Path, film: Path) -> None:
    """Raise InputError for a plan of another film, or with pictures that were not in the archive."""
    try:
        plan = Plan.read(file)
    except (InputError, UsageError) as error:
        raise InputError(f"{NOT_A_PROJECT}: {file.name} is no plan") from error
    paths = [entry.path for entry in plan.references.values()]
    stills = [entry.still_of.path for entry in plan.references.values() if entry.still_of]
    folders = (unpacked / "references", unpacked / "stills")
    if plan.film.path.resolve() != film.resolve():
        raise InputError(f"{NOT_A_PROJECT}: {file.name} is of another film")
    if not all(path.is_file() and any(_lies_in(path, one) for one in folders) for path in paths):
        raise InputError(f"{NOT_A_PROJECT}: {file.name} names pictures that are not in it")
    if not all(path.resolve().is_relative_to(unpacked.resolve()) for path in stills):
        raise InputError(f"{NOT_A_PROJECT}: {file.name} names films elsewhere")


def _check_cuts(file: Path) -> None:
    if file.is_file():
        try:
            EditedCuts.model_validate_json(file.read_text(encoding="utf-8"))
        except (ValidationError, ValueError) as error:
            raise InputError(f"{NOT_A_PROJECT}: {file.name} has no shots") from error


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{NOT_A_PROJECT}: {path.name} is damaged") from error


def _iter_files(*folders: Path) -> Iterable[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _lies_in(path: Path, folder: Path) -> bool:
    return path.exists() and path.resolve().is_relative_to(folder.resolve())
