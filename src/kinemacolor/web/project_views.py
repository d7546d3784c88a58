"""A project as programs get it: film, references, results, and a word for how far it is."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel

from kinemacolor.errors import InputError, KinemacolorError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.web.film_card import FilmCard
from kinemacolor.web.looker import Looker
from kinemacolor.web.made_from import is_outdated
from kinemacolor.web.project import Project
from kinemacolor.web.storage import is_kept_file

ProjectState = Literal["new", "looking", "shots", "planned", "rendered", "outdated", "damaged"]
# What a page shows of a project: where one of these changes, it asks again.
_SHOWN = (
    *("project.json", "plan.json", "shots.json", "references", "results", "report", "survey", "stills"),
    *("suggestions.json", "compare.mp4", "try.mp4", "rendered.plan.json", "tried.plan.json", "history/index.json"),
)


class ReferenceView(BaseModel):
    """A picture or film in colour that a user gave.

    ``name``: that of the plan where it is in it; ``file``: its file name. ``url``: a small picture of it. ``frame``: of
    the film, which it shows; null for none. ``still_of``: the file name of the film that it was taken from; null for
    what the user gave. ``width``, ``height``: in px, null where it cannot be read. ``used``: numbers of the shots that
    take it, of a film also by its stills.
    """

    name: str
    file: str
    url: str
    frame: int | None
    is_film: bool
    is_partial: bool
    still_of: str | None
    width: int | None
    height: int | None
    used: list[int]


class ResultView(BaseModel):
    """A file that was made. ``is_partial``: the film could not be read to its end. ``is_outdated``: it was changed."""

    name: str
    url: str
    size_bytes: int
    is_partial: bool
    is_outdated: bool


class ProjectView(BaseModel):
    """A project as programs get it.

    ``film``: null if it cannot be read any more. ``created``, ``changed``: seconds since 1970. ``revision`` changes
    with all that is shown of a project. ``picture``: address of a small picture of the film or its result. ``state``:
    "looking" while its shots are looked for, "shots" when they are found; "outdated": it was changed after a render.
    ``size_bytes``: what it takes on the disk, null until it was measured. ``can_undo``, ``can_redo``: what that would
    change, in a few words, or null. ``looked_at``: shots are known. ``planned``: references are chosen.
    """

    id: str
    title: str
    created: float
    changed: float
    is_photograph: bool
    revision: str
    film: FilmCard | None
    picture: str | None
    state: ProjectState
    size_bytes: int | None
    can_undo: str | None
    can_redo: str | None
    looked_at: bool
    planned: bool
    references: list[ReferenceView]
    results: list[ResultView]


def compute_revision(project: Project) -> str:
    """Return a text that changes whenever something changes that is shown of a project; it only asks for file times."""
    return hashlib.sha256(repr(list(_iter_stamps(project))).encode()).hexdigest()[:16]


def find_time_of_change(project: Project) -> float:
    """Return when something last changed of what is shown of a project, in seconds since 1970."""
    return max((stamp[1] / 1e9 for stamp in _iter_stamps(project) if stamp), default=project.entry.created)


def find_state(project: Project, plan: Plan | None, card: FilmCard | None, *, is_looking: bool) -> ProjectState:
    """Return in a word how far a project is. ``card``: None for a film that cannot be read."""
    if card is None or (plan is None and project.plan_file.is_file()):
        return "damaged"
    if project.rendered_plan_file.is_file() and list_result_files(project, is_rendering=False):
        return "outdated" if is_outdated(project, project.rendered_plan_file) else "rendered"
    if plan:
        return "planned"
    if project.survey_folder.is_dir():
        return "shots"
    return "looking" if is_looking else "new"


def read_sound_plan(project: Project) -> Plan | None:
    """Read the plan; None where there is none, or it is damaged."""
    try:
        return project.read_plan()
    except (InputError, UsageError):
        return None


def list_reference_views(project: Project, plan: Plan | None, looker: Looker) -> list[ReferenceView]:
    """List the references that a user gave, and behind them the stills of colour films that the plan takes."""
    in_plan = {entry.path: name for name, entry in plan.references.items()} if plan else {}
    used = _list_uses(plan)
    given = project.list_references()
    views = []
    for path in given:
        name = in_plan.get(path) or (path.name if plan and path.stem in plan.references else path.stem)
        stills = _list_stills(plan, path)
        numbers = sorted({number for key in (name, *stills) for number in used.get(key, ())})
        frame = plan.references[name].frame if plan and path in in_plan else _frame_by_name(path)
        views.append(_make_reference_view(project, looker, path, name, frame, numbers, None))
    for name, entry in plan.references.items() if plan else ():
        if entry.path not in given and is_kept_file(project.folder, entry.path):
            film = entry.still_of.path.name if entry.still_of else None
            views.append(_make_reference_view(project, looker, entry.path, name, entry.frame, used.get(name, []), film))
    return views


def list_result_files(project: Project, *, is_rendering: bool) -> list[Path]:
    """List rendered films, whole or partial; a partial one while a render is under way is what it writes: not that."""
    found = sorted(file for file in project.results_folder.glob("[!.]*") if is_kept_file(project.folder, file))
    return [file for file in found if not (is_rendering and is_partial_result(file))]


def is_partial_result(file: Path) -> bool:
    """Whether a result ends where its film could not be read, or is still being written."""
    return ".partial." in file.name


def list_result_views(project: Project, *, is_rendering: bool) -> list[ResultView]:
    """List what was rendered, as `list_result_files`, with addresses to get it from."""
    old = is_outdated(project, project.rendered_plan_file)
    return [
        ResultView(
            name=path.name,
            url=f"/api/projects/{project.name}/files/results/{quote(path.name)}?v={path.stat().st_mtime_ns:x}",
            size_bytes=path.stat().st_size,
            is_partial=is_partial_result(path),
            is_outdated=old,
        )
        for path in list_result_files(project, is_rendering=is_rendering)
    ]


def find_poster_source(project: Project) -> Path:
    """Return of which film the small picture of a project is taken: its result, else the film itself."""
    whole = list_result_files(project, is_rendering=True)  # a file that is being written cannot be opened
    made = [path for path in whole if ".color." in path.name and path.suffix != ".json"]
    return max(made, key=lambda path: path.stat().st_mtime_ns, default=project.film)


def make_stamp(path: Path) -> str:
    """Return a text that changes with a file, for addresses. Raises OSError where it is gone."""
    return f"{path.stat().st_mtime_ns:x}"


def _make_reference_view(
    project: Project, looker: Looker, path: Path, name: str, frame: int | None, used: Iterable[int], film: str | None
) -> ReferenceView:
    try:
        facts = looker.describe_reference(project, path)
    except (KinemacolorError, OSError):  # somebody has put another file in its place, or taken it away
        facts = None
    stamp = make_stamp(path) if path.is_file() else "0"
    return ReferenceView(
        name=name,
        file=path.name,
        url=f"/api/projects/{project.name}/references/{quote(name, safe='')}?v={stamp}",
        frame=frame,
        is_film=bool(facts and facts.is_film),
        is_partial=bool(facts and facts.is_partial),
        still_of=film,
        width=facts.width if facts else None,
        height=facts.height if facts else None,
        used=list(used),
    )


def _list_stills(plan: Plan | None, film: Path) -> list[str]:
    """Return the names of the references that were taken of a colour film."""
    return [name for name, one in plan.references.items() if one.still_of and one.still_of.path == film] if plan else []


def _list_uses(plan: Plan | None) -> dict[str, list[int]]:
    """Return the numbers of the shots that take each reference."""
    used: dict[str, list[int]] = {}
    for number, shot in enumerate(plan.shots, 1) if plan else ():
        for name in shot.references:
            used.setdefault(name, []).append(number)
    return used


def _frame_by_name(path: Path) -> int | None:
    return ReferenceSpec(path).list_references()[0].frame


def _iter_stamps(project: Project) -> Iterable[tuple[str, int, int, int] | None]:
    for name in _SHOWN:
        try:
            status = (project.folder / name).stat()
        except OSError:
            yield None
            continue
        yield name, status.st_mtime_ns, status.st_size, status.st_ino
