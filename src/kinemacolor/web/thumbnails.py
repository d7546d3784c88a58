"""Thumbnails: what frames look like now, small, with how unsure their colours are. Loads no torch.

They are kept in the folder ``thumbs`` of a project, under names that say what decides them, and their doubt.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.web.frame_passes import FrameColors, PlannedFrames
from kinemacolor.web.project import Project

THUMBNAIL_SIDE = 240  # px: the longer side
SHORT_SIDE = 96  # px: the working size for frames that were not rendered
MAX_THUMBNAILS = 3000  # of a project
_DOUBT_STEPS = 1000


@dataclass(frozen=True)
class Thumbnail:
    """A small picture file of a frame as it looks now; ``doubt``: 1 less the mean confidence, 0..1."""

    picture: Path
    doubt: float


def find_thumbnail(project: Project, planned: PlannedFrames, frame: int) -> Thumbnail | None:
    """Return the thumbnail of a frame as it looks now; None where none is kept. Raises as `PlannedFrames.find_shot`."""
    return find_thumbnails(project, planned, [frame]).get(frame)


def find_thumbnails(project: Project, planned: PlannedFrames, frames: Iterable[int]) -> dict[int, Thumbnail]:
    """Return the thumbnails of these frames that are kept. Raises as `PlannedFrames.find_shot`."""
    folder = thumbnail_folder(project)
    kept = {name.partition("-")[0]: folder / name for name in (os.listdir(folder) if folder.is_dir() else ())}
    found = {frame: kept.get(_name_look(project, planned, frame)) for frame in frames}
    return {frame: Thumbnail(path, _read_doubt(path)) for frame, path in found.items() if path}


def name_thumbnail(project: Project, planned: PlannedFrames, frame: int, doubt: float) -> Path:
    """Return the file for the thumbnail of a frame as it looks now, with this doubt."""
    name = f"{_name_look(project, planned, frame)}-{round(_DOUBT_STEPS * doubt)}.jpg"
    return thumbnail_folder(project) / name


def thumbnail_folder(project: Project) -> Path:
    """Return the folder of a project's thumbnails."""
    return project.folder / "thumbs"


def find_small_colors(planned: PlannedFrames, frame: int) -> FrameColors:
    """Find what colours the thumbnail of a frame that was not rendered."""
    return planned.find_colors(frame, SHORT_SIDE)


def _name_look(project: Project, planned: PlannedFrames, frame: int) -> str:
    """Return a hash of all that decides what a frame looks like now."""
    return planned.name_prediction(project.work_folder, frame, SHORT_SIDE) + planned.name_finish(frame)


def _read_doubt(path: Path) -> float:
    return int(path.stem.partition("-")[2] or 0) / _DOUBT_STEPS
