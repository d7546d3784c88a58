"""What an upload is, by its content: names are users' own, and say nothing."""

from pathlib import Path

from kinemacolor.errors import InputError
from kinemacolor.video.container import UPLOAD_FORMATS, open_film
from kinemacolor.video.images import PICTURE_SUFFIXES, find_pictures
from kinemacolor.video.picture_files import MAX_PICTURE_PIXELS, check_uploaded_picture, find_picture_kind


def check_film_content(path: Path) -> None:
    """Raise InputError for what is no film, picture or folder of pictures of a kind that may be uploaded."""
    files = find_pictures(path) if path.is_dir() else [path]
    for file in files:
        check_reference_content(file)


def check_name_fits(path: Path) -> None:
    """Raise InputError for a picture that is called a film, or a film that is called a picture.

    By its name alone a project knows whether it is a photograph.
    """
    kind, suffix = find_picture_kind(path), path.suffix.lower()
    if kind and suffix not in PICTURE_SUFFIXES:
        raise InputError(f"{path} is a picture ({kind}), and no film: give it the ending of a picture, such as .{kind}")
    if not kind and suffix in PICTURE_SUFFIXES:
        raise InputError(f"{path} is no picture, whatever its name says: a film has an ending such as .mp4")


def check_reference_content(path: Path) -> None:
    """Raise InputError for what is neither a picture nor a film of a kind that may be uploaded."""
    if find_picture_kind(path):
        check_uploaded_picture(path)
        return
    with open_film(path, UPLOAD_FORMATS) as container:
        for stream in container.streams.video:
            size = stream.codec_context.width * stream.codec_context.height if stream.codec_context else 0
            if size > MAX_PICTURE_PIXELS:
                raise InputError(f"{path} has pictures of more than {MAX_PICTURE_PIXELS / 1e6:g} million pixels")
