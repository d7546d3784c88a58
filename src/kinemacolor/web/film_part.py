"""The part of its film that a project works on: another one is chosen, and what the user did moves with the frames."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from kinemacolor.errors import InputError, UsageError
from kinemacolor.plan.document import Plan, ShotEntry, fit_dissolves
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.web.edited_cuts import cut_edited_shots
from kinemacolor.web.history import ProjectHistory, ProjectState
from kinemacolor.web.known_times import MANY, read_known_times
from kinemacolor.web.project import REFERENCE_ADDED, Project, name_at_frame
from kinemacolor.web.project_entry import FilmPart


def restrict_project(project: Project, start_seconds: float, end_seconds: float | None) -> None:
    """Restrict a project to a part of its film, and remove what belongs to the old part.

    That is survey, report, suggestions, the videos of the page, and the plan, which goes to ``removed``; the next one
    takes over its model and options. References placed at frames, cuts that were edited, and what was chosen for shots
    move with their frames; those that lie outside lose their place. Results stay. Where nobody knows how many frames
    lie between the old start and the new one, because the film was not looked at from there on, all lose their place.

    It is done whole or not at all, also where the program is killed. Raises ResourceError.
    """
    part = start_seconds, end_seconds
    if part == project.entry.part:
        return
    is_waiting = bool(project.list_references())
    with project.exclusive_changes("Part of the film", is_waiting=is_waiting):
        frames = _find_frames(project, part)
        moved = _rename_placed([path.name for path in project.list_references()], frames)
        with suppress(InputError, UsageError):  # a damaged plan has nothing to take over
            if (plan := project.read_last_plan()) and plan.film.start_seconds == project.entry.start_seconds:
                _cut_plan(plan, part, frames, moved).write(project.last_plan_file)
        project.move_to_trash(project.plan_file, copy=True)
        shots = cut_edited_shots(project, frames)

        def change(state: ProjectState) -> ProjectState:
            references = {moved.get(name, name): sha256 for name, sha256 in state.references.items()}
            update = {
                "start_seconds": start_seconds,
                "end_seconds": end_seconds,
                "plan": None,
                "references": references,
            }
            return state.model_copy(update=update)

        ProjectHistory(project).begin_change("Part of the film", change, shots, is_waiting=is_waiting)
        project.finish_move()


def displace_lost_references(project: Project, part: FilmPart, frames: int) -> None:
    """Take pictures that were placed behind the end, before that was known, from there.

    ``frames``: that ``part`` of the film has; nothing happens where the project has another part meanwhile.
    """
    if any(frame >= frames for frame in _find_placed(path.name for path in project.list_references()).values()):
        with project.exclusive_changes(REFERENCE_ADDED, is_waiting=True):
            names = [path.name for path in project.list_references()] if project.entry.part == part else []
            for old, new in _rename_placed(names, range(frames)).items():
                (project.folder / "references" / old).replace(project.folder / "references" / new)


def _find_frames(project: Project, part: FilmPart) -> range | None:
    """Find which frames of the present part another one has; below 0: before it. None where nobody knows."""
    known, present = read_known_times(project), project.entry.start_seconds
    frames = known.find_frames(part, present) if known else None
    return range(MANY) if frames is None and part[0] == present else frames


def _find_placed(names: Iterable[str]) -> dict[str, int]:
    """Find which references are placed at a frame by their names."""
    frames = {name: ReferenceSpec(Path(name)).list_references()[0].frame for name in names}
    return {name: frame for name, frame in frames.items() if frame is not None}


def _rename_placed(names: Iterable[str], part: range | None) -> dict[str, str]:
    """Give references the names that place them at the frames as a part counts them, or at none if it lacks theirs."""
    names, renamed = set(names), dict[str, str]()
    for name, frame in _find_placed(names).items():
        if part is not None and frame in part:
            renamed[name] = f"{name_at_frame(part.index(frame))}{Path(name).suffix}"
        else:
            free = (f"earlier_{n}_{name}" if n else f"earlier_{name}" for n in range(len(names) + 1))
            renamed[name] = next(one for one in free if one not in names)
    return {old: new for old, new in renamed.items() if old != new}


def _cut_plan(plan: Plan, part: FilmPart, frames: range | None, moved: Mapping[str, str]) -> Plan:
    """Return what a plan says of a part of the film; the plan itself where it says nothing of it.

    It is there for the choices in it: its film has no anchors.
    """
    inside = range(max(0, frames.start), min(frames.stop, plan.film.frames)) if frames else range(0)
    if frames is None or not inside:
        return plan
    shots = [
        _cut_shot(shot, frames, inside) for shot in plan.shots if shot.first < inside.stop and shot.end > inside.start
    ]
    start = {"start_seconds": part[0], "end_seconds": part[1]}
    film = plan.film.model_copy(update=start | {"frames": shots[-1].end, "anchors": ()})
    references = {}
    for name, entry in plan.references.items():
        frame = frames.index(entry.frame) if entry.frame is not None and entry.frame in inside else None
        path = entry.path.with_name(moved.get(entry.path.name, entry.path.name))
        references[name] = entry.model_copy(update={"frame": frame, "path": path})
    return plan.model_copy(update={"film": film, "references": references, "shots": fit_dissolves(shots)})


def _cut_shot(shot: ShotEntry, frames: range, inside: range) -> ShotEntry:
    """Return a shot as a part counts; the first one begins with the part."""
    first = 0 if shot.first <= inside.start else frames.index(shot.first)
    return shot.model_copy(update={"first": first, "last": frames.index(min(shot.last, inside.stop - 1))})
