"""Picture files: those of a folder, colour pictures, such as references, and how pictures are written."""

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.utils.arrays import Float32Array, UInt8Array, UIntArray
from kinemacolor.video.picture_decoding import decode_first_page, has_own_decoder, turn_upright
from kinemacolor.video.picture_files import (
    PICTURE_FORMATS,
    read_picture_file,
    read_picture_header,
    translate_picture_errors,
)
from kinemacolor.video.picture_tags import add_picture_tag
from kinemacolor.video.pixels import iter_strips
from kinemacolor.video.tiff_pages import read_tiff_profile

FILM_SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".webm", ".avi", ".ogv", ".mpg", ".mpeg", ".mxf")
WRITABLE_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
UPLOAD_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")  # of `UPLOAD_PICTURE_FORMATS`
# By which pictures are found in a folder; what each is, its content says.
PICTURE_SUFFIXES = (*WRITABLE_PICTURE_SUFFIXES, ".apng", ".gif", ".dpx", ".exr", ".jp2", ".j2k", ".j2c")
PICTURE_SUFFIX_WORDS = "png, jpg, tif, webp, bmp, gif, dpx, exr, jp2"  # in messages
OPAQUE_ALPHA = 128  # alpha from which a pixel counts as painted
MIN_PAINTED_SHARE = 0.0005  # share of the pixels of a partial reference that must be painted
_Conversion = Callable[[Image.Image], Image.Image]
_ORIENTATION_TAG = 0x0112  # of EXIF


def find_pictures(path: Path) -> list[Path]:
    """List all pictures of a folder, 2 before 10, or the one picture named; hidden files are none.

    Empty if ``path`` is neither: then it is a film, or does not exist. Which of them make a film: `find_series`.
    """
    if path.is_dir():
        return sort_naturally(
            file
            for file in path.iterdir()
            if file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".") and file.is_file()
        )
    return [path] if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file() else []


def sort_naturally(files: Iterable[Path]) -> list[Path]:
    """Sort files by their names, 2 before 10: those of one series are then in the order of its frames."""
    return sorted(files, key=_get_natural_key)


def _get_natural_key(file: Path) -> tuple[list[str | int], str]:
    """Words and numbers of a name in turn, so that numbers sort as numbers."""
    parts = re.split(r"([0-9]+)", file.stem.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], file.name


def read_picture_size(path: Path) -> tuple[int, int]:
    """Return rows and columns of a picture that this program wrote (no EXIF orientation)."""
    with Image.open(path, formats=PICTURE_FORMATS) as image:
        return image.height, image.width


def write_picture(path: Path, rgb: UIntArray, words: str = "") -> None:
    """Write ``H W 3`` R'G'B', or ``H W 4`` with transparency, uint8 or uint16, in the format of the suffix.

    16 bits become 8 where the format is neither PNG nor TIFF. ``words`` about it go into the file as `add_picture_tag`
    puts them there.

    Raises OSError where the disk is full or refuses to be written.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix.lower() in (".jpg", ".jpeg") else []
    if rgb.dtype == np.uint16 and path.suffix.lower() not in (".png", ".tif", ".tiff"):
        rgb = np.rint(rgb / 257).astype(np.uint8)
    order = [2, 1, 0, 3][: rgb.shape[2]]
    _, data = cv2.imencode(path.suffix.lower(), np.ascontiguousarray(rgb[..., order]), quality)
    content = data.tobytes()
    path.write_bytes(add_picture_tag(content, path.suffix, words) if words else content)


def write_exr(path: Path, rgb: Float32Array, samples: str, pixel_aspect: Fraction, words: str = "") -> None:
    """Write ``H W 3`` sRGB 0..1 as scene-linear OpenEXR with BT.709 primaries; ``samples`` is "half" or "float".

    ``words`` as in `write_picture`.

    Raises OSError where the disk is full or refuses to be written.
    """
    import av  # here, because training on pictures does without it

    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)  # IEC 61966-2-1
    if samples == "half":
        linear = linear.astype(np.float16)  # rounded here: FFmpeg would truncate
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(linear, np.float32), "gbrpf32le")
    encoder = av.CodecContext.create("exr", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "gbrpf32le"
    encoder.time_base, encoder.sample_aspect_ratio = Fraction(1, 24), pixel_aspect
    encoder.options = {"format": samples, "compression": "zip16"}
    content = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    path.write_bytes(add_picture_tag(content, ".exr", words) if words else content)


def read_color_picture(path: Path, *, keep_alpha: bool = False, content: bytes | None = None) -> UInt8Array:
    """Read a colour picture as sRGB ``H W 3``: orientation and ICC profile applied, CMYK converted, alpha on white.

    With ``keep_alpha`` a picture that is transparent somewhere is ``H W 4``. Of several pages the first is read.
    ``content``: the bytes of the file, where they were read already. Beside the decoded picture it takes no more than
    four bytes a pixel, because nothing but strips is ever in a wider type.

    Raises InputError if it cannot be read, or is larger than `MAX_PICTURE_PIXELS`.
    """
    if content is None:
        content = read_picture_file(path)
    header = read_picture_header(path, content)
    if has_own_decoder(header):
        pixels, profile = decode_first_page(path, header, content).to_rgb_u8(), None
        if header.kind == "tiff":
            with translate_picture_errors(path):
                profile = read_tiff_profile(BytesIO(content), header.tiff_pages[0])
        _apply_profile(pixels, profile)
        return pixels
    with translate_picture_errors(path), Image.open(BytesIO(content), formats=PICTURE_FORMATS) as image:
        image.load()
        orientation = int(image.getexif().get(_ORIENTATION_TAG, 1))
        pixels = _convert_to_srgb(image, keep_alpha)
    return turn_upright(pixels, orientation)


def read_rgba_layer(content: bytes, size: tuple[int, int]) -> UInt8Array:
    """Decode a PNG as ``H W 4``, sRGB and alpha 0..255; it must have this ``size``, rows and columns.

    Raises InputError for anything else; a picture of another size is not even decoded.
    """
    with (
        translate_foreign_errors(
            lambda error: InputError(f"the layer cannot be read as a picture ({error}): give a png")
        ),
        Image.open(BytesIO(content), formats=("PNG",)) as image,
    ):
        if image.size != size[::-1]:
            raise InputError(f"the layer has {image.size[1]} rows and {image.size[0]} columns, wanted {size}")
        return np.array(image.convert("RGBA"))


def _convert_to_srgb(image: Image.Image, keep_alpha: bool) -> UInt8Array:
    """Convert a picture to 8-bit sRGB ``H W 3``; with ``keep_alpha`` to ``H W 4`` if it is transparent anywhere."""
    convert = _make_conversion(image)
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    pixels = np.empty((image.height, image.width, 4 if has_alpha else 3), np.uint8)
    for rows in iter_strips(image.height):
        strip = image.crop((0, rows.start, image.width, rows.stop))
        pixels[rows, :, :3] = np.asarray(convert(strip))
        if has_alpha:
            pixels[rows, :, 3] = np.asarray(strip.convert("RGBA").getchannel("A"))
    if not has_alpha or (keep_alpha and pixels[..., 3].min() < 255):
        return pixels
    flat = np.empty((*pixels.shape[:2], 3), np.uint8)
    for rows in iter_strips(image.height):
        strip = Image.fromarray(pixels[rows])
        backdrop = Image.new("RGBA", strip.size, "white")
        flat[rows] = np.asarray(Image.alpha_composite(backdrop, strip).convert("RGB"))
    return flat


def _make_conversion(image: Image.Image) -> _Conversion:
    """The conversion of strips of a picture to sRGB: by its profile where it has one for its kind of colours."""
    mode = image.mode
    if mode.startswith("I"):
        return lambda strip: Image.fromarray(
            (np.asarray(strip).astype(np.float64) / 257).clip(0, 255).astype(np.uint8)
        ).convert("RGB")
    transform = None
    if profile := image.info.get("icc_profile"):
        transform = _make_profile_transform(profile, mode)
    if transform is None and mode == "LAB":
        transform = _make_transform(ImageCms.createProfile("LAB"), "LAB")
    if transform is None:
        return lambda strip: strip.convert("RGB")
    wanted, apply = transform
    return lambda strip: apply(strip if strip.mode == wanted else strip.convert(wanted))


def _make_profile_transform(profile: bytes, mode: str) -> tuple[str, _Conversion] | None:
    """The mode that a profile takes, and its transform to sRGB; None for a damaged profile, or one of other colours.

    Then the colours as they stand are the best guess.
    """
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
    except (ImageCms.PyCMSError, OSError):
        return None
    wanted = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}.get(space)
    if wanted is None or (wanted != mode and {"CMYK", "LAB"} & {wanted, mode}):
        return None
    return _make_transform(source, wanted)


def _make_transform(source: Any, mode: str) -> tuple[str, _Conversion] | None:
    try:
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    return mode, lambda strip: ImageCms.applyTransform(strip, transform) or strip


def _apply_profile(pixels: UInt8Array, profile: bytes | None) -> None:
    """Convert R'G'B' ``H W 3`` with a profile to sRGB, in place."""
    transform = _make_profile_transform(profile, "RGB") if profile else None
    if transform is None or transform[0] != "RGB":
        return
    for rows in iter_strips(pixels.shape[0]):
        pixels[rows] = np.asarray(transform[1](Image.fromarray(pixels[rows])))


def compute_painted_share(picture: UInt8Array) -> float:
    """Compute the share of pixels, 0..1, that are painted: all of ``H W 3``, those with alpha of ``H W 4``."""
    return float((picture[..., 3] >= OPAQUE_ALPHA).mean()) if picture.shape[2] == 4 else 1.0
