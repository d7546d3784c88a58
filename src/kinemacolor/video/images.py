"""Picture files: one picture or a folder of numbered ones as a film, and colour pictures, such as references."""

import re
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from kinemacolor.errors import InputError, translate_read_errors
from kinemacolor.utils.arrays import Float32Array, UInt8Array, UIntArray
from kinemacolor.video.info import ColorTags, VideoInfo
from kinemacolor.video.pixels import rgb_to_luma_codes

FILM_SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".webm", ".avi", ".ogv", ".mpg", ".mpeg")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
PICTURE_FRAME_RATE = Fraction(24)
OPAQUE_ALPHA = 128  # alpha from which a pixel counts as painted
MIN_PAINTED_SHARE = 0.0005  # share of the pixels of a partial reference that must be painted


def find_pictures(path: Path) -> list[Path]:
    """List the pictures of a folder in the order of the last number in their names, or the one picture named.

    Empty if ``path`` is neither: then it is a film, or does not exist.
    """
    if path.is_dir():
        found = [
            file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".")
        ]
        return sorted(found, key=_picture_sort_key)
    return [path] if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES else []


def _picture_sort_key(file: Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", file.stem)
    return (int(numbers[-1]) if numbers else -1, file.name)


def probe_pictures(path: Path, pictures: list[Path]) -> VideoInfo:
    """Describe a folder of pictures, or one picture, as a film of 24 frames a second.

    Raises InputError where the first of ``pictures`` cannot be read.
    """
    picture = _read_pixels(pictures[0])
    height, width = picture.shape[:2]
    gray = picture.ndim == 2
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        pixel_format="gray" if gray else "rgb",
        depth=picture.itemsize * 8,
        subsampling="400" if gray else "444",
        has_luma_plane=gray,
        has_alpha=_has_alpha(pictures[0]),
        time_base=1 / PICTURE_FRAME_RATE,
        rate=PICTURE_FRAME_RATE,
        frames=len(pictures),
        duration_seconds=float(len(pictures) / PICTURE_FRAME_RATE),
        colors=ColorTags(matrix=1, primaries=1, transfer=13, full_range=True),
        codec=pictures[0].suffix[1:].lower(),
        is_pictures=True,
    )


def _has_alpha(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return "A" in image.getbands() or "transparency" in image.info
    except (UnidentifiedImageError, OSError, ValueError):
        return False  # OpenCV reads some kinds that Pillow does not


def read_picture_size(path: Path) -> tuple[int, int]:
    """Return rows and columns of a picture that this program wrote (no EXIF orientation)."""
    with Image.open(path) as image:
        return image.height, image.width


def read_luma_codes(path: Path, colors: ColorTags) -> UIntArray:
    """Read the luma codes ``H W`` of one picture at its own depth, turned as its EXIF orientation says.

    Raises InputError for what cannot be read.
    """
    picture = _read_pixels(path)
    return picture if picture.ndim == 2 else rgb_to_luma_codes(picture, colors.luma_weights)


def _read_pixels(path: Path) -> UIntArray:
    """Read a picture as ``H W``, or ``H W 3`` in RGB order, uint8 or uint16."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    picture = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH) if data.size else None
    if picture is None:
        raise InputError(f"{path} is damaged or no picture: open it in another program, or leave it out")
    if picture.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} has {picture.dtype} samples: convert it to 8 or 16 bits")
    ordered = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    return ordered.astype(picture.dtype, copy=False)


def write_picture(path: Path, rgb: UIntArray) -> None:
    """Write ``H W 3`` R'G'B', or ``H W 4`` with transparency, uint8 or uint16, in the format of the suffix.

    16 bits become 8 where the format is neither PNG nor TIFF.

    Raises OSError where the disk is full or refuses to be written.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix.lower() in (".jpg", ".jpeg") else []
    if rgb.dtype == np.uint16 and path.suffix.lower() not in (".png", ".tif", ".tiff"):
        rgb = np.rint(rgb / 257).astype(np.uint8)
    order = [2, 1, 0, 3][: rgb.shape[2]]
    _, data = cv2.imencode(path.suffix.lower(), np.ascontiguousarray(rgb[..., order]), quality)
    path.write_bytes(data.tobytes())


def write_exr(path: Path, rgb: Float32Array, samples: str, pixel_aspect: Fraction) -> None:
    """Write ``H W 3`` sRGB 0..1 as scene-linear OpenEXR with BT.709 primaries; ``samples`` is "half" or "float".

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
    encoder.time_base, encoder.sample_aspect_ratio = 1 / PICTURE_FRAME_RATE, pixel_aspect
    encoder.options = {"format": samples, "compression": "zip16"}
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))


def read_color_picture(path: Path, *, keep_alpha: bool = False, content: bytes | None = None) -> UInt8Array:
    """Read a colour picture as sRGB ``H W 3``: orientation and ICC profile applied, CMYK converted, alpha on white.

    With ``keep_alpha`` a picture that is transparent somewhere is ``H W 4``. ``content``: the bytes of the file, where
    they were read already.

    Raises InputError if it cannot be read.
    """
    with translate_read_errors(path):
        if not path.exists():
            raise InputError(f"the reference {path} does not exist: check the name")
    try:
        with Image.open(path if content is None else BytesIO(content)) as image:
            turned = ImageOps.exif_transpose(image)
            return np.array(_convert_to_srgb(turned, keep_alpha))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        # Pillow would name the bytes in memory.
        reason = f"cannot identify image file {str(path)!r}" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(f"the reference {path} cannot be read as a picture ({reason}): give a png or jpeg") from error


def read_rgba_layer(content: bytes, size: tuple[int, int]) -> UInt8Array:
    """Decode a PNG as ``H W 4``, sRGB and alpha 0..255; it must have this ``size``, rows and columns.

    Raises InputError for anything else; a picture of another size is not even decoded.
    """
    try:
        with Image.open(BytesIO(content), formats=("PNG",)) as image:
            if image.size != size[::-1]:
                raise InputError(f"the layer has {image.size[1]} rows and {image.size[0]} columns, wanted {size}")
            return np.array(image.convert("RGBA"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"the layer cannot be read as a picture ({error}): give a png") from error


def _convert_to_srgb(image: Image.Image, keep_alpha: bool) -> Image.Image:
    """Convert an upright picture to 8-bit sRGB; with ``keep_alpha`` to RGBA if it is transparent anywhere."""
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if keep_alpha and np.asarray(rgba.getchannel("A")).min() < 255:
            return rgba
        backdrop = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(backdrop, rgba).convert("RGB")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a damaged profile: the colours as they stand are the best guess
        if converted is not None:
            return converted
    if image.mode.startswith("I;16") or image.mode == "I":
        eight_bits = (np.asarray(image).astype(np.float64) / 257).clip(0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits).convert("RGB")
    return image.convert("RGB")


def compute_painted_share(picture: UInt8Array) -> float:
    """Compute the share of pixels, 0..1, that are painted: all of ``H W 3``, those with alpha of ``H W 4``."""
    return float((picture[..., 3] >= OPAQUE_ALPHA).mean()) if picture.shape[2] == 4 else 1.0
