"""Extracts stills: frames of the film for a person to colour, and references from colour films."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from kinemacolor.errors import InputError, UsageError
from kinemacolor.options import GapHandling
from kinemacolor.plan.survey import Survey, survey_film
from kinemacolor.references.load import has_color, rgb_to_gray
from kinemacolor.references.spec import Reference, ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.utils.files import make_new_path, sync_path, translate_disk_errors
from kinemacolor.video.display import iter_numbered_frames
from kinemacolor.video.images import write_picture
from kinemacolor.video.time_points import find_seconds

MIN_SAME_CORRELATION = 0.97  # above it two small gray pictures show the same


def extract_frames(
    film: Path, frames: Sequence[int], folder: Path, *, start_seconds: float = 0, gaps: GapHandling = "error"
) -> list[Path]:
    """Write frames, gray, as ``ref_000123.png``: names that place them when the folder is given as a reference.

    Frames are counted from ``start_seconds``, with those that ``gaps`` holds. Gives the paths in their order.

    Raises UsageError for frames that the film lacks, pictures that exist already or a folder in a bag, InputError for
    a film that cannot be read, ResourceError where the disk is full or refuses.
    """
    check_outside_bags(folder)
    paths = {frame: folder / f"ref_{frame:06d}.png" for frame in frames}
    # That of os.path says no of a name that no disk takes.
    if existing := [path for path in paths.values() if os.path.exists(path)]:
        raise UsageError(f"{existing[0]} exists: it may be coloured already; name another folder")
    missing = set(frames)
    for frame, picture in iter_numbered_frames(film, set(frames), start_seconds, gaps):
        with translate_disk_errors(folder):  # only now: a film without these frames leaves no empty folder
            folder.mkdir(parents=True, exist_ok=True)
        gray = rgb_to_gray(picture)  # a tint of the film would count as a colour of the picture
        _write_still(paths[frame], np.dstack([gray] * 3))
        missing.discard(frame)
    if missing:
        raise UsageError(f"{film} has no frame {min(missing)}: look at `kinemacolor shots`")
    return list(paths.values())


def stills_from_film(spec: ReferenceSpec, film_survey: Survey, folder: Path) -> list[Reference]:
    """Write stills of a colour film as pictures, in a folder of its own inside ``folder``.

    One still for every shot, or only the frame that ``spec`` names. Where the colour film shows the same as the
    surveyed film frame by frame, the shots are those of the surveyed film and the stills are placed at their frames.
    Stills without colour are left out; files that exist already are not replaced, because a person may have painted
    on them. Raises InputError for a film without colour, UsageError for a frame that it does not have.
    """
    source_survey = survey_film(spec.path)
    wanted, is_placed = _select_frames(spec, source_survey, film_survey)
    stills_folder = folder / _folder_name(spec.path)
    with translate_disk_errors(stills_folder):
        stills_folder.mkdir(parents=True, exist_ok=True)
    found = []
    for frame, picture in iter_numbered_frames(spec.path, set(wanted)):
        path = stills_folder / (f"ref_{frame:06d}.png" if is_placed else f"{spec.path.stem}_{frame:06d}.png")
        if not has_color(picture):
            continue
        if not path.exists():
            _write_still(path, picture)
        found.append(Reference(path, frame if is_placed else None, (spec.path, frame)))
    if not found:
        raise InputError(f"{spec.path} has no colour to give: give a colour film")
    return found


def extract_still(film: Path, frame: int, path: Path) -> None:
    """Write one frame of a colour film as `stills_from_film` does, in place of what may lie there.

    Raises InputError for a film that cannot be read or has no such frame, ResourceError where the disk refuses.
    """
    found = next(iter_numbered_frames(film, {frame}), None)
    if found is None:
        raise InputError(f"{film.name} has no frame {frame}: it is cut off, or another film")
    with translate_disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    _write_still(path, found[1])


def find_placed_frame(spec: ReferenceSpec, survey: Survey) -> int | None:
    """Return the number of the frame at which a reference is placed, None for one that is not; it may be too high.

    Raises UsageError for a time at which the surveyed film shows no frame.
    """
    if spec.timecode is not None:
        return survey.frame_at(find_seconds(spec.timecode, survey.info))
    return spec.frame if spec.seconds is None else survey.frame_at(spec.seconds)


def _select_frames(spec: ReferenceSpec, source_survey: Survey, film_survey: Survey) -> tuple[list[int], bool]:
    """Select the frames to take; gives also whether they have the same numbers in the surveyed film."""
    is_same = source_survey.index.frames == film_survey.index.frames
    if not spec.is_placed:
        is_same = is_same and _is_same_footage(source_survey, film_survey, list(film_survey.samples)[::10])
        shots = (film_survey if is_same else source_survey).shots
        return [
            source_survey.samples_in_shot(shot)[len(source_survey.samples_in_shot(shot)) // 2] for shot in shots
        ], is_same
    frame = find_placed_frame(spec, source_survey) or 0
    if frame >= source_survey.index.frames:
        raise UsageError(f"{spec.path.name} has no frame {frame}: it has {source_survey.index.frames} (the first is 0)")
    return [frame], is_same and _is_same_footage(
        source_survey, film_survey, [min(source_survey.samples, key=lambda at: abs(at - frame))]
    )


def _write_still(path: Path, picture: UInt8Array) -> None:
    """Write a picture whole or not at all: a later run replaces none. Raises ResourceError where the disk refuses."""
    new = path.with_name(f"{make_new_path(path).name}{path.suffix}")
    try:
        with translate_disk_errors(path):
            write_picture(new, picture)
            sync_path(new)
            new.replace(path)
            sync_path(path.parent)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _folder_name(film: Path) -> str:
    """Name a folder so that films with one name, and two versions of a film, get different ones."""
    stamp = film.stat()
    version = f"{film.resolve()} {stamp.st_size} {stamp.st_mtime_ns}".encode(errors="surrogateescape")
    return f"{film.stem}-{hashlib.sha256(version).hexdigest()[:8]}"


def _is_same_footage(one: Survey, other: Survey, frames: Sequence[int]) -> bool:
    """Whether two films of the same length show the same in all of these sampled frames."""
    return all(
        _correlate_pictures(one.decode_sample(frame), other.decode_sample(frame)) > MIN_SAME_CORRELATION
        for frame in frames
    )


def _correlate_pictures(one: UInt8Array, other: UInt8Array) -> float:
    """Compute the Pearson correlation of two gray pictures; 0 for pictures of different sizes."""
    if one.shape != other.shape:
        return 0.0
    centred = [picture.astype(np.float32) - picture.mean() for picture in (one, other)]
    norm = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / norm if norm else 1.0
