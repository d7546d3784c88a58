"""What the server wants to know of uploaded files; runs in processes (`helper`) that may break, without torch."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
from PIL import Image
from pydantic_core import to_jsonable_python

from kinemacolor.errors import InputError, UsageError
from kinemacolor.references.load import check_reference_specs, load_reference
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.shots.shot import Shot
from kinemacolor.video.display import iter_color_frames, iter_numbered_frames
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import read_color_picture
from kinemacolor.video.picture_files import MAX_PICTURE_PIXELS
from kinemacolor.video.reader import probe_film
from kinemacolor.web import first_look, frame_reading, frame_regions, frame_times, import_checks
from kinemacolor.web.archive_checks import list_entries
from kinemacolor.web.film_card import describe_film as describe_film_of
from kinemacolor.web.picture_cache import REFERENCE_SIDE, fit_preview_size, write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.upload_checks import check_film_content, check_name_fits, check_reference_content

POSTER_SIDE = 480  # px: the longer side of the picture of a film


def check_film(path: str, is_upload: bool) -> None:
    """Raise InputError for a film that cannot be read, or an upload of a kind that is not taken."""
    if is_upload:
        check_film_content(Path(path))
        if Path(path).is_file():
            check_name_fits(Path(path))
    probe_film(Path(path))


def check_reference(path: str) -> None:
    """Raise InputError for an upload that cannot be a reference."""
    check_reference_content(Path(path))
    check_reference_specs((ReferenceSpec(Path(path)),))


def describe_reference(path: str) -> dict[str, object]:
    """Return whether a reference is a film or a partial picture, and its columns and rows as it is shown."""
    if ReferenceSpec(Path(path)).is_film:
        height, width = next(iter_color_frames(Path(path))).shape[:2]
        return {"is_film": True, "is_partial": False, "width": width, "height": height}
    height, width, channels = load_reference(Path(path)).shape
    return {"is_film": False, "is_partial": channels == 4, "width": width, "height": height}


def shrink_reference(source: str, target: str) -> None:
    """Write a reference of preview size; of a film its first frame."""
    is_film = ReferenceSpec(Path(source)).is_film
    picture = next(iter_color_frames(Path(source))) if is_film else read_color_picture(Path(source))
    write_picture_file(Path(target), resize(picture, fit_preview_size(picture.shape, REFERENCE_SIDE)))


def save_poster(source: str, target: str) -> None:
    """Write a small picture of a film: what it shows after a third of its length, or its first frame."""
    film = Path(source)
    length = probe_film(film).duration_seconds
    try:
        picture = next(iter_numbered_frames(film, {0}, (length or 0) / 3))[1]
    except (InputError, UsageError, StopIteration):  # a film that does not say how long it is, or cannot be sought in
        picture = next(iter_color_frames(film))
    write_picture_file(Path(target), resize(picture, fit_preview_size(picture.shape, POSTER_SIDE)))


def describe_cuts(folder: str, firsts: list[int] | None) -> dict[str, object] | None:
    """Return the shots that were found in a film, and when frames begin, in seconds after the first; None before.

    ``firsts``: the first frames of shots, by default of those that were found. ``samples``: a frame of each shot of
    which the survey has a picture.
    """
    film_survey = Project(Path(folder)).read_survey()
    if film_survey is None:
        return None
    info, pts, frames = film_survey.info, film_survey.pts, film_survey.index.frames
    begins = [shot.first for shot in film_survey.shots] if firsts is None else [min(one, frames - 1) for one in firsts]
    ends = [*begins[1:], frames]
    seconds = [float((pts[frame] - pts[0]) * info.time_base) for frame in begins]
    step = float((pts[-1] - pts[0]) * info.time_base) / max(1, len(pts) - 1) if len(pts) > 1 else 0.0
    return {
        "frames": frames,
        "rate": None if info.rate is None else round(float(info.rate), 3),
        "shots": [asdict(shot) for shot in film_survey.shots],
        "seconds": [*seconds, float((pts[-1] - pts[0]) * info.time_base) + step],
        "samples": [film_survey.samples_in_shot(Shot(*shot), 1)[0] for shot in zip(begins, ends, strict=True)],
    }


def list_archive(path: str) -> dict[str, int]:
    """Return the files of the zip of a project, with their sizes."""
    return list_entries(Path(path))


def check_texts(folder: str) -> None:
    """As `import_checks.check_texts`."""
    import_checks.check_texts(Path(folder))


def describe_film(folder: str) -> dict[str, object]:
    """Return the `FilmCard` of a project as JSON has it."""
    return describe_film_of(Project(Path(folder))).model_dump(mode="json")


def save_gray_frame(folder: str, frame: int) -> str:
    """As `frame_reading.save_gray_frame`."""
    return str(frame_reading.save_gray_frame(Project(Path(folder)), frame))


def export_frame(folder: str, frame: int) -> str:
    """As `frame_reading.export_frame`."""
    return str(frame_reading.export_frame(Project(Path(folder)), frame))


def save_regions(folder: str, frame: int) -> str:
    """As `frame_regions.save_regions`."""
    return str(frame_regions.save_regions(Project(Path(folder)), frame))


def save_first_look(folder: str) -> object:
    """As `first_look.save_first_look`."""
    return to_jsonable_python(first_look.save_first_look(Project(Path(folder))))


def measure_video(path: str) -> dict[str, object]:
    """As `frame_times.measure_video`."""
    return frame_times.measure_video(Path(path)).model_dump()


def list_frame_times(folder: str) -> dict[str, object] | None:
    """Return when the frames of a project's film are shown (`FrameTimes`); None before it was looked at."""
    film_survey = Project(Path(folder)).read_survey()
    if film_survey is None:
        return None
    base = float(film_survey.info.time_base)
    return frame_times.describe_times([ticks * base for ticks in film_survey.pts]).model_dump()


def prepare() -> dict[str, Callable[..., object]]:
    """Return what can be asked for, by name."""
    cv2.setNumThreads(1)
    Image.MAX_IMAGE_PIXELS = MAX_PICTURE_PIXELS
    calls = (check_film, check_reference, describe_reference, shrink_reference)
    more = (save_poster, describe_cuts, describe_film, list_archive, check_texts)
    frames = (save_gray_frame, export_frame, save_regions, save_first_look, measure_video, list_frame_times)
    return {call.__name__: call for call in (*calls, *more, *frames)}
