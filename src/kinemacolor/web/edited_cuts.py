"""The cuts of a film as its user has changed them, kept beside the survey so that they outlive a new plan."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from kinemacolor.plan.document import Plan
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.web.project_folder import ProjectFolder


class EditedCuts(BaseModel):
    """Contents of `shots.json`: the shots of a film as its user has cut it, up to frame ``frames`` (not in it).

    They are those of all frames, or of some in the middle, where the part of the film was a shorter one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    frames: int
    shots: tuple[Shot, ...]


def apply_edited_cuts(project: ProjectFolder, detected: Sequence[Shot]) -> tuple[Shot, ...] | None:
    """Return the shots of a film as its user has cut it; None where they are those that were ``detected``.

    Before and behind the frames whose cuts the user has seen, those that were detected count.
    """
    cuts, frames = _read_cuts(project), detected[-1].end if detected else 0
    known = _cut_shots(cuts.shots, range(frames)) if cuts else []
    if not known:
        return None
    begin = next(shot for shot in detected if shot.end > known[0].first)
    end = next(shot.end for shot in detected if shot.end >= known[-1].end)
    known[0] = replace(begin, end=known[0].end)
    known[-1] = replace(known[-1], end=end)
    before = [shot for shot in detected if shot.end <= begin.first]
    return (*before, *known, *(shot for shot in detected if shot.first >= end))


def write_edited_shots(project: ProjectFolder, shots: Sequence[Shot]) -> None:
    """Keep the shots of a film as its user has cut it; the project is locked by `Project.exclusive_changes`."""
    with write_file_atomically(project.shots_file) as stream:
        stream.write(_format_cuts(shots))


def cut_edited_shots(project: ProjectFolder, part: range | None) -> bytes | None:
    """Return `shots.json` as it is for a part of the frames, counted from its start; None: there is none."""
    cuts = _read_cuts(project)
    kept = _cut_shots(cuts.shots, part) if cuts and part is not None else []
    return _format_cuts(kept) if kept else None


def keep_cuts_of(project: ProjectFolder, plan: Plan, previous: Plan) -> None:
    """Keep the cuts of a plan where they are others than those of the ``previous`` one, as edited by the user."""
    if [shot.first for shot in plan.shots] != [shot.first for shot in previous.shots]:
        write_edited_shots(project, [shot.to_shot() for shot in plan.shots])


def _cut_shots(shots: Sequence[Shot], part: range) -> list[Shot]:
    """Return the shots that lie in a part of the frames, counted from its start."""
    return [
        replace(shot, first=max(shot.first, part.start) - part.start, end=min(shot.end, part.stop) - part.start)
        for shot in shots
        if shot.first < part.stop and shot.end > part.start
    ]


def _format_cuts(shots: Sequence[Shot]) -> bytes:
    return EditedCuts(frames=shots[-1].end, shots=tuple(shots)).model_dump_json().encode()


def _read_cuts(project: ProjectFolder) -> EditedCuts | None:
    """Read the edited cuts; None where there are none, or their shots do not follow one another."""
    try:
        cuts = EditedCuts.model_validate_json(project.shots_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ends = [cuts.shots[0].first if cuts.shots else 0, *(shot.end for shot in cuts.shots)]
    follows = all(0 <= shot.first == end < shot.end for shot, end in zip(cuts.shots, ends, strict=False))
    return cuts if cuts.shots and follows and ends[-1] == cuts.frames else None
