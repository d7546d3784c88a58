"""What the server wants to know of uploaded files; runs in processes (`helper`) that may break, without torch."""

from collections.abc import Callable
from pathlib import Path

import cv2
from PIL import Image
from pydantic_core import to_jsonable_python

from kinemacolor.references.load import check_reference_specs, load_reference
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import read_color_picture
from kinemacolor.video.picture_files import MAX_PICTURE_PIXELS
from kinemacolor.video.reader import probe_film
from kinemacolor.web import first_look, frame_reading, frame_regions
from kinemacolor.web.film_card import describe_film as describe_film_of
from kinemacolor.web.picture_cache import REFERENCE_SIDE, fit_preview_size, write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.upload_checks import check_film_content, check_reference_content


def check_film(path: str, is_upload: bool) -> None:
    """Raise InputError for a film that cannot be read, or an upload of a kind that is not taken."""
    if is_upload:
        check_film_content(Path(path))
    probe_film(Path(path))


def check_reference(path: str) -> None:
    """Raise InputError for an upload that cannot be a reference."""
    check_reference_content(Path(path))
    check_reference_specs((ReferenceSpec(Path(path)),))


def is_partial_picture(path: str) -> bool:
    """Whether a picture is a partial reference."""
    return bool(load_reference(Path(path)).shape[2] == 4)


def shrink_reference(source: str, target: str) -> None:
    """Write a reference of preview size."""
    picture = read_color_picture(Path(source))
    write_picture_file(Path(target), resize(picture, fit_preview_size(picture.shape, REFERENCE_SIDE)))


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


def measure_video(path: str) -> tuple[int, int, float]:
    """Return width and height in px and frames a second of a film that this program wrote."""
    info = probe_film(Path(path))
    return info.width, info.height, float(info.rate or 24)


def prepare() -> dict[str, Callable[..., object]]:
    """Return what can be asked for, by name."""
    cv2.setNumThreads(1)
    Image.MAX_IMAGE_PIXELS = MAX_PICTURE_PIXELS
    calls = (
        *(check_film, check_reference, is_partial_picture, shrink_reference, describe_film),
        *(save_gray_frame, export_frame, save_regions, save_first_look, measure_video),
    )
    return {call.__name__: call for call in calls}
