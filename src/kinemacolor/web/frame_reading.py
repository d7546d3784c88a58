"""Reads single frames of a project's film in gray, upright, and keeps small pictures of them. Loads no torch."""

import hashlib
from collections.abc import Collection
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.geometry import resize
from kinemacolor.video.random_access import FrameIndex, RangeReader
from kinemacolor.web.picture_cache import fit_preview_size, write_if_missing, write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.storage import NotFoundError

LONGEST_SIDE = 1280  # px: the longer side of previews of frames


def save_gray_frame(project: Project, frame: int) -> Path:
    """Save a frame in gray, of preview size; gives the file.

    Raises NotFoundError for a frame that the film does not have, InputError where the film cannot be read, UsageError
    where its frames were not counted yet.
    """
    path = find_gray_file(project, frame)
    return write_if_missing(path, lambda: read_gray_frame(project, frame))


def find_gray_file(project: Project, frame: int) -> Path:
    """Return the file of `save_gray_frame`, which may not be there yet. Raises as that."""
    index, start_seconds = find_frame_index(project)
    check_frame(frame, index.frames)
    digest = hashlib.sha256(repr((index, start_seconds)).encode()).hexdigest()[:8]
    return project.folder / "look" / f"{digest}-{frame}-gray.jpg"


def export_frame(project: Project, frame: int) -> Path:
    """Save a frame in gray at full size; its file name places it at the frame when it is uploaded in colour.

    Raises as `save_gray_frame`.
    """
    path = project.folder / "look" / f"ref_{frame:06d}.png"
    write_picture_file(path, read_gray_frame(project, frame, longest_side=None))
    return path


def read_gray_frame(project: Project, frame: int, longest_side: int | None = LONGEST_SIDE) -> UInt8Array:
    """Read a frame as a display shows it, in gray, ``H W``; None for ``longest_side`` leaves its size.

    Raises as `save_gray_frame`.
    """
    index, start_seconds = find_frame_index(project)
    check_frame(frame, index.frames)
    with RangeReader(project.film, index, start_seconds=start_seconds) as reader:
        return take_gray_frame(reader, frame, longest_side)


def read_gray_frames(project: Project, frames: Collection[int]) -> dict[int, UInt8Array]:
    """Read several frames, as `read_gray_frame`, by number; quicker than one by one."""
    index, start_seconds = find_frame_index(project)
    with RangeReader(project.film, index, start_seconds=start_seconds) as reader:
        return {frame: take_gray_frame(reader, frame) for frame in sorted(frames)}


def take_gray_frame(reader: RangeReader, frame: int, longest_side: int | None = LONGEST_SIDE) -> UInt8Array:
    """Read a frame of an open film, as `read_gray_frame`."""
    (block,) = reader.iter_blocks(frame, frame + 1, 1)
    whole = to_display_gray(block.luma_codes[0], reader.info)
    return whole if longest_side is None else resize(whole, fit_preview_size(whole.shape, longest_side))


def find_frame_index(project: Project) -> tuple[FrameIndex, float]:
    """Return the film's frame index and the start of its part in seconds, of the plan or else of the survey."""
    plan = project.read_plan()
    if plan:
        return plan.film.frame_index, plan.film.start_seconds
    film_survey = project.read_survey()
    if film_survey is None:
        raise UsageError("the film was not looked at yet: wait until its shots are found")
    return film_survey.index, project.entry.start_seconds


def check_frame(frame: int, frames: int) -> None:
    """Raise NotFoundError for a number that no frame has."""
    if not 0 <= frame < frames:
        raise NotFoundError(f"there is no frame {frame}: the film has {frames}, the first is 0")
