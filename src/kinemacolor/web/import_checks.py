"""What the texts of an unpacked project have to hold: read where a hostile one costs the server nothing (`looking`)."""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from kinemacolor.errors import InputError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.web.archive_checks import NOT_A_PROJECT
from kinemacolor.web.edited_cuts import EditedCuts
from kinemacolor.web.project_folder import ProjectFolder


def check_texts(unpacked: Path) -> None:
    """Raise InputError for plans, cuts or records that are damaged, or name what was not in the archive."""
    project = ProjectFolder(unpacked)
    try:
        film = project.film
    except UsageError as error:
        raise InputError(NOT_A_PROJECT) from error
    for path in iter_files(project.results_folder):
        if path.suffix == ".json":
            _check_json(path)
    for file in (project.plan_file, project.last_plan_file, project.rendered_plan_file):
        if file.is_file():
            _check_plan(file, unpacked, film)
    if project.shots_file.is_file():
        _check_cuts(project.shots_file)


def iter_files(*folders: Path) -> Iterable[Path]:
    """Iterate over all files in folders, by name."""
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a path exists in a folder, really."""
    return path.exists() and path.resolve().is_relative_to(folder.resolve())


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
    if not all(path.is_file() and any(lies_in(path, one) for one in folders) for path in paths):
        raise InputError(f"{NOT_A_PROJECT}: {file.name} names pictures that are not in it")
    if not all(path.resolve().is_relative_to(unpacked.resolve()) for path in stills):
        raise InputError(f"{NOT_A_PROJECT}: {file.name} names films elsewhere")


def _check_cuts(file: Path) -> None:
    try:
        EditedCuts.model_validate_json(file.read_text(encoding="utf-8"))
    except (ValidationError, ValueError) as error:
        raise InputError(f"{NOT_A_PROJECT}: {file.name} has no shots") from error


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{NOT_A_PROJECT}: {path.name} is damaged") from error
