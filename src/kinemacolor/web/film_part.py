"""The part of its film that a project works on: another one is chosen, and what the user did moves with the frames."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from kinemacolor.errors import KinemacolorError
from kinemacolor.plan.document import Plan, ShotEntry, fit_dissolves
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS
from kinemacolor.web.edited_cuts import cut_edited_shots
from kinemacolor.web.project import REFERENCE_ADDED, Project, name_at_frame
from kinemacolor.web.project_entry import FilmPart, ProjectEntry
from kinemacolor.web.storage import unused_path

MOST_FRAMES = 2**31  # more than a film has


def count_frames_before(project: Project, seconds: float) -> int | None:
    """Count the frames of a project's part of its film before a time; None before it was looked at. Opens the film."""
    film_survey = project.read_survey()
    if film_survey is None:
        return None
    limit = seconds + film_survey.info.origin_seconds - TIME_TOLERANCE_SECONDS
    return bisect_left(film_survey.pts, limit / float(film_survey.info.time_base))


def restrict_project(
    project: Project,
    start_seconds: float,
    end_seconds: float | None,
    count_frames: Callable[[Project, float], int | None] = count_frames_before,
) -> None:
    """Restrict a project to a part of its film, and remove what belongs to the old part.

    That is survey, report, suggestions, the videos of the page, and the plan, which goes to ``removed``; the next one
    takes over its model and options, and what was chosen for shots. References placed at frames, cuts that were edited
    and shots are counted from the new start. Where that lies before the old one, nobody knows yet how many frames
    there are between: then references lose their place, and shots what was chosen for them. References placed behind
    the new end lose their place, too. Results stay. ``count_frames``: `count_frames_before`; the server has it done
    elsewhere.
    """
    entry = project.entry.model_copy(update={"start_seconds": start_seconds, "end_seconds": end_seconds})
    if entry == project.entry:
        return
    with project.exclusive_changes("Part of the film", is_waiting=bool(project.list_references())):
        part = _find_frames(project, entry, count_frames)
        moved = _move_references(project, part)
        with suppress(KinemacolorError):  # a damaged plan has nothing to take over
            if plan := project.read_plan():
                (_cut_plan(plan, part, entry, moved) if part else plan).write(project.last_plan_file)
        project.move_to_trash(project.plan_file)
        cut_edited_shots(project, part)
        project.change_part(entry)


def displace_lost_references(project: Project, part: FilmPart, frames: int) -> None:
    """Take pictures that were placed behind the end, before that was known, from there.

    ``frames``: that ``part`` of the film has; nothing happens where the project has another part meanwhile.
    """
    lost = [path for path, frame in _list_placed(project) if frame >= frames]
    if lost:
        with project.exclusive_changes(REFERENCE_ADDED, is_waiting=True):
            for path in lost if project.entry.part == part else ():
                _displace(path)


def _find_frames(
    project: Project, entry: ProjectEntry, count_frames: Callable[[Project, float], int | None]
) -> range | None:
    """Find which frames of the old part the new one has; None where its start is not known among them."""
    start, end = entry.part
    first = 0 if start == project.entry.start_seconds else count_frames(project, start)
    stop = None if end is None else count_frames(project, end)
    if first is None or start < project.entry.start_seconds:
        return None
    return range(first, max(first, MOST_FRAMES if stop is None else stop))


def _move_references(project: Project, part: range | None) -> dict[Path, Path]:
    """Place references at the frames as the part counts them; gives where those are now whose name has changed."""
    moved = {}
    for path, frame in _list_placed(project):  # in order: a place is free before the next one moves there
        if part is None or frame not in part:
            moved[path] = _displace(path)
        elif part.start:
            moved[path] = path.replace(path.with_name(f"{name_at_frame(part.index(frame))}{path.suffix}"))
    return moved


def _list_placed(project: Project) -> list[tuple[Path, int]]:
    """List the references that are placed at frames, in the order of these."""
    frames = ((path, ReferenceSpec(path).list_references()[0].frame) for path in project.list_references())
    return sorted(((path, frame) for path, frame in frames if frame is not None), key=lambda one: one[1])


def _displace(path: Path) -> Path:
    """Take a picture from the frame that its name says; it stays a reference."""
    return path.replace(unused_path(path.with_name(f"earlier_{path.name}")))


def _cut_plan(plan: Plan, part: range, entry: ProjectEntry, moved: Mapping[Path, Path]) -> Plan:
    """Return what a plan says of a part of its frames; the whole plan where it has none of them.

    For the choices in it: its film has no anchors.
    """
    inside = range(part.start, min(part.stop, plan.film.frames))
    shots = [_cut_shot(shot, inside) for shot in plan.shots if shot.first < inside.stop and shot.end > inside.start]
    if not shots:
        return plan
    start = {"start_seconds": entry.start_seconds, "end_seconds": entry.end_seconds}
    film = plan.film.model_copy(update=start | {"frames": len(inside), "anchors": ()})
    references = {}
    for name, one in plan.references.items():
        frame = inside.index(one.frame) if one.frame is not None and one.frame in inside else None
        references[name] = one.model_copy(update={"frame": frame, "path": moved.get(one.path, one.path)})
    return plan.model_copy(update={"film": film, "references": references, "shots": fit_dissolves(shots)})


def _cut_shot(shot: ShotEntry, part: range) -> ShotEntry:
    first, last = max(shot.first, part.start), min(shot.last, part.stop - 1)
    return shot.model_copy(update={"first": first - part.start, "last": last - part.start})
