"""The cuts of a film as its user has changed them, kept beside the survey so that they outlive a new plan."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from kinemacolor.plan.document import Plan
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.web.project_folder import ProjectFolder


class EditedCuts(BaseModel):
    """Contents of `shots.json`: the shots of a film of so many frames, as its user has cut it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    frames: int
    shots: tuple[Shot, ...]


def read_edited_shots(project: ProjectFolder, frames: int) -> tuple[Shot, ...] | None:
    """Return the shots as the user has cut the film of so many frames; None where they are the detector's."""
    cuts = _read_cuts(project)
    return cuts.shots if cuts and cuts.frames == frames and _covers(cuts.shots, frames) else None


def write_edited_shots(project: ProjectFolder, shots: Sequence[Shot]) -> None:
    """Keep the shots of a film as its user has cut it; the project is locked by `Project.exclusive_changes`."""
    cuts = EditedCuts(frames=shots[-1].end, shots=tuple(shots))
    with write_file_atomically(project.shots_file) as stream:
        stream.write(cuts.model_dump_json().encode())


def cut_edited_shots(project: ProjectFolder, part: range | None) -> None:
    """Keep of the edited shots what lies in a part of the frames, counted from its start; None: nothing."""
    cuts, part = _read_cuts(project), part or range(0)
    project.shots_file.unlink(missing_ok=True)
    inside = [shot for shot in cuts.shots if shot.first < part.stop and shot.end > part.start] if cuts else []
    if inside:
        moved = [
            replace(shot, first=max(shot.first - part.start, 0), end=min(shot.end, part.stop) - part.start)
            for shot in inside
        ]
        write_edited_shots(project, [replace(moved[0], transition=None, certainty=1.0, dissolve=0), *moved[1:]])


def keep_cuts_of(project: ProjectFolder, plan: Plan, previous: Plan) -> None:
    """Keep the cuts of a plan where they are others than those of the ``previous`` one, as edited by the user."""
    if [shot.first for shot in plan.shots] != [shot.first for shot in previous.shots]:
        write_edited_shots(project, [shot.to_shot() for shot in plan.shots])


def _read_cuts(project: ProjectFolder) -> EditedCuts | None:
    try:
        return EditedCuts.model_validate_json(project.shots_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _covers(shots: Sequence[Shot], frames: int) -> bool:
    """Whether the shots go from the first frame to the last without gaps."""
    ends = [0, *(shot.end for shot in shots)]
    return all(shot.first == end < shot.end for shot, end in zip(shots, ends, strict=False)) and ends[-1] == frames
