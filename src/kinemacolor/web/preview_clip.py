"""Where the clip that was tried last begins. Loads no torch."""

from bisect import bisect_left
from pathlib import Path

from pydantic import BaseModel, ValidationError

from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS
from kinemacolor.web.frame_reading import check_frame
from kinemacolor.web.project import Project
from kinemacolor.web.requests import PreviewClip


class _TriedClip(BaseModel):
    """Contents of `tried.json`."""

    start_frame: int


def find_clip_start(project: Project, task: PreviewClip) -> tuple[int, float]:
    """Return the first frame of a clip that is asked for, and its time in seconds on the film's own clock.

    Raises NotFoundError for a frame that the film does not have. Without a survey the frame of a time is not known: 0.
    """
    film_survey = project.read_survey()
    if film_survey is None:
        return 0, task.start_seconds
    base, origin = float(film_survey.info.time_base), film_survey.info.origin_seconds
    if task.frame is None:
        ticks = (task.start_seconds + origin - TIME_TOLERANCE_SECONDS) / base
        return min(bisect_left(film_survey.pts, ticks), len(film_survey.pts) - 1), task.start_seconds
    check_frame(task.frame, len(film_survey.pts))
    return task.frame, max(0.0, film_survey.pts[task.frame] * base - origin)


def write_clip_start(project: Project, start_frame: int) -> None:
    """Note the first frame of the clip that was tried."""
    with write_file_atomically(_note_of(project)) as stream:
        stream.write(_TriedClip(start_frame=start_frame).model_dump_json().encode())


def read_clip_start(project: Project) -> int:
    """Return the first frame of the clip that was tried last; 0 where that is not known."""
    try:
        return _TriedClip.model_validate_json(_note_of(project).read_bytes()).start_frame
    except (OSError, ValidationError):
        return 0


def _note_of(project: Project) -> Path:
    return project.folder / "tried.json"
