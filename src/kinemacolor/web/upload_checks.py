"""What an upload is, by its content: names are users' own, and say nothing."""

from pathlib import Path

import av
from PIL import Image

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.video.images import PICTURE_SUFFIXES, find_pictures

# FFmpeg's demuxers; playlists and scripts, which name other files, are not among them.
UPLOAD_FORMATS = ("mov", "matroska", "webm", "avi", "mpeg", "mpegts", "ogg", "dv", "mxf")
UPLOAD_PICTURE_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")  # Pillow's
MAX_PICTURE_PIXELS = 200_000_000


def check_film_content(path: Path) -> None:
    """Raise InputError for what is no film, picture or folder of pictures of a kind that may be uploaded."""
    pictures = find_pictures(path)
    for picture in pictures:
        check_picture_content(picture)
    if not pictures:
        _check_container(path)


def check_picture_content(path: Path) -> None:
    """Raise InputError for what is no picture of a kind that may be uploaded, or a larger one; nothing is decoded."""

    def describe(error: Exception) -> InputError:
        return InputError(f"{path} is no picture that can be taken: give {', '.join(UPLOAD_PICTURE_FORMATS)}")

    with translate_foreign_errors(describe), Image.open(path, formats=UPLOAD_PICTURE_FORMATS) as image:
        width, height = image.size
    if width * height > MAX_PICTURE_PIXELS:
        most = f"{MAX_PICTURE_PIXELS / 1e6:g} million pixels"
        raise InputError(f"{path} has {width} × {height} pixels: give a smaller one, of at most {most}")


def check_reference_content(path: Path) -> None:
    """Raise InputError for what is no colour picture or film of a kind that may be uploaded."""
    if path.suffix.lower() in PICTURE_SUFFIXES:  # by which the file will be read
        check_picture_content(path)
    else:
        _check_container(path)


def _check_container(path: Path) -> None:
    def describe(error: Exception) -> InputError:
        return InputError(f"{path} is no film that can be taken: give MP4, MOV, MKV, WebM, AVI, MPEG, Ogg, MXF or DV")

    options = {"format_whitelist": ",".join(UPLOAD_FORMATS), "protocol_whitelist": "file"}
    with translate_foreign_errors(describe), av.open(str(path.absolute()), options=options) as container:
        for stream in container.streams.video:
            size = stream.codec_context.width * stream.codec_context.height if stream.codec_context else 0
            if size > MAX_PICTURE_PIXELS:
                raise InputError(f"{path} has pictures of more than {MAX_PICTURE_PIXELS / 1e6:g} million pixels")
