"""Picture files before they are decoded: their kind, by their content, their size and its limit, their pages."""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from kinemacolor.errors import InputError, translate_foreign_errors, translate_read_errors
from kinemacolor.video.tiff_pages import TiffPage, find_tiff_pages

# Pillow chooses a decoder by content, and some of its decoders start other programs: these do not. Every `Image.open`
# names one of these lists.
PICTURE_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000")
UPLOAD_PICTURE_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")  # of what strangers send to the server
MAX_PICTURE_PIXELS = 200_000_000  # checked by the header, before anything is decoded
MAX_PICTURE_SIDE = 65_535  # px
_BROWSER_DURATION_MS = 100  # how long browsers show a frame of an animation that gives no time

# Pillow warns from its limit on and refuses from twice that on: it is to guard what does not ask us, and not to warn.
Image.MAX_IMAGE_PIXELS = MAX_PICTURE_PIXELS // 2
warnings.simplefilter("ignore", Image.DecompressionBombWarning)

_JPEG_AFTER_JPEG = b"\xff\xd9\xff\xd8\xff"  # the end of a picture, and the beginning of the next
_SMALLEST_JPEG, _HEAD_BYTES = 100, 2**16
_MAGIC = (
    *((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"BM", "bmp")),
    *((b"GIF87a", "gif"), (b"GIF89a", "gif"), (b"SDPX", "dpx"), (b"XPDS", "dpx"), (b"\x76\x2f\x31\x01", "exr")),
    *((b"II*\0", "tiff"), (b"MM\0*", "tiff"), (b"II+\0", "tiff"), (b"MM\0+", "tiff")),
    *((b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"), (b"\xff\x4f\xff\x51", "jpeg2000")),
)


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file says of itself: its kind, its size in px, and its pages or frames.

    ``durations_ms`` is how long each frame of an animated WebP is shown; empty for all else. ``tiff_pages`` are those
    of a TIFF. ``depth`` is the bits of a sample where a JPEG 2000 or TIFF gives them, else None.
    """

    kind: str
    width: int
    height: int
    pages: int = 1
    has_alpha: bool = False
    depth: int | None = None
    durations_ms: tuple[int, ...] = ()
    tiff_pages: tuple[TiffPage, ...] = ()


def check_is_readable_file(path: Path) -> None:
    """Raise InputError for what is missing, and for pipes, devices and sockets: to open one may wait for ever."""
    with translate_read_errors(path):
        if not path.exists():
            raise InputError(f"{path} does not exist: check the name")
        if not path.is_file() and not path.is_dir():
            raise InputError(f"{path} is a pipe or a device: give a file, it is read more than once")


@contextmanager
def translate_picture_errors(path: Path) -> Iterator[None]:
    """Guard a call that decodes the picture ``path``: whatever a library raises becomes an InputError that names it."""

    def make_error(error: Exception) -> InputError:
        if isinstance(error, Image.DecompressionBombError):
            return InputError(_describe_limit(path))
        # Pillow would name the bytes in memory.
        reason = f"cannot identify image file {str(path)!r}" if "cannot identify image" in str(error) else error
        return InputError(
            f"{path} cannot be read as a picture ({reason}): it is damaged or no picture; save it again as PNG or TIFF"
        )

    with translate_foreign_errors(make_error):
        yield


def read_picture_file(path: Path) -> bytes:
    """Read the bytes of a picture file. Raises InputError for what is missing, no file, or may not be read."""
    check_is_readable_file(path)
    with translate_read_errors(path):
        return path.read_bytes()


def detect_picture_kind(head: bytes) -> str | None:
    """Return which kind of picture a file is by its first bytes (12 or more), None for any other file."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def find_picture_kind(path: Path) -> str | None:
    """Return which kind of picture a file is by its content; None for any other file, and for what is no file.

    Raises InputError for a file that may not be read.
    """
    with translate_read_errors(path):
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            kind = detect_picture_kind(stream.read(16))
        return None if kind == "jpeg" and _is_motion_jpeg(path) else kind


def _is_motion_jpeg(path: Path) -> bool:
    """Whether a file is many JPEG pictures one behind the other: a film, and no photograph with a second view (MPO)."""
    if path.stat().st_size < _SMALLEST_JPEG:
        return False
    with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(_JPEG_AFTER_JPEG) >= 0 and content.find(b"MPF\0", 0, _HEAD_BYTES) < 0


def read_picture_header(path: Path, content: bytes | None = None) -> PictureHeader:
    """Read what a picture says of itself, and check that it may be decoded; ``content``: its bytes, if known.

    Raises InputError for what is no picture, is damaged, or has more than `MAX_PICTURE_PIXELS`.
    """
    check_is_readable_file(path)
    with translate_read_errors(path), BytesIO(content) if content is not None else path.open("rb") as stream:
        kind = detect_picture_kind(stream.read(16))
        stream.seek(0)
        if kind is None:
            raise InputError(f"{path} is damaged or no picture: open it in another program, or leave it out")
        with translate_picture_errors(path):
            header = _READERS.get(kind, _read_with_pillow)(stream, kind)
    if header.width * header.height > MAX_PICTURE_PIXELS or max(header.width, header.height) > MAX_PICTURE_SIDE:
        raise InputError(f"{_describe_limit(path)}; this one has {header.width}x{header.height}")
    if min(header.width, header.height) < 1:
        raise InputError(f"{path} is {header.width}x{header.height}: it is damaged, leave it out")
    return header


def check_uploaded_picture(path: Path) -> None:
    """Check that a picture from a stranger is of a kind in `UPLOAD_PICTURE_FORMATS`, by its content, and not too big.

    Raises InputError.
    """
    header = read_picture_header(path)
    if header.kind.upper() not in UPLOAD_PICTURE_FORMATS:
        raise InputError(f"{path.name} is {header.kind}: give one of {', '.join(UPLOAD_PICTURE_FORMATS)}")


def _describe_limit(path: Path) -> str:
    limit = f"{MAX_PICTURE_PIXELS // 10**6} million pixels, {MAX_PICTURE_SIDE} a side"
    return f"{path} is too big: at most {limit}, can be read"


def _read_with_pillow(stream: BinaryIO, kind: str) -> PictureHeader:
    with Image.open(stream, formats=PICTURE_FORMATS) as image:
        pages = int(getattr(image, "n_frames", 1)) if kind in ("png", "gif") else 1
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        return PictureHeader(kind, *image.size, pages=pages, has_alpha=has_alpha)


def _read_tiff(stream: BinaryIO, kind: str) -> PictureHeader:
    pages = tuple(find_tiff_pages(stream))
    first = pages[0]
    width, height = max(page.width for page in pages), max(page.height for page in pages)
    return PictureHeader(kind, width, height, len(pages), has_alpha=first.has_alpha, depth=first.bits, tiff_pages=pages)


def _read_webp(stream: BinaryIO, kind: str) -> PictureHeader:
    """The chunks of a WebP: the size of its canvas, and the times of its frames."""
    stream.seek(12)
    size, durations, has_alpha = (0, 0), [], False
    while len(chunk := stream.read(8)) == 8:
        name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        start = stream.tell()
        head = stream.read(min(length, 16))
        if name == b"VP8X":
            size = int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
            has_alpha = bool(head[0] & 0x10)
        elif name == b"VP8 " and size == (0, 0):
            size = struct.unpack_from("<H", head, 6)[0] & 0x3FFF, struct.unpack_from("<H", head, 8)[0] & 0x3FFF
        elif name == b"VP8L" and size == (0, 0):
            bits = struct.unpack_from("<I", head, 1)[0]
            size, has_alpha = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), bool(bits >> 28 & 1)
        elif name == b"ANMF":
            durations.append(int.from_bytes(head[12:15], "little") or _BROWSER_DURATION_MS)
        stream.seek(start + length + length % 2)
    return PictureHeader(
        kind, *size, max(1, len(durations)), has_alpha, durations_ms=tuple(durations[1:] and durations)
    )


def _read_dpx(stream: BinaryIO, kind: str) -> PictureHeader:
    """SMPTE ST 268-1: the generic header of an image."""
    head = stream.read(2048)
    width, height = struct.unpack_from(">II" if head[:4] == b"SDPX" else "<II", head, 772)
    return PictureHeader(kind, width, height, has_alpha=head[800] in (51, 52))


def _read_exr(stream: BinaryIO, kind: str) -> PictureHeader:
    """The attributes of an OpenEXR file up to ``displayWindow``, by the layout of openexr.com."""
    head = stream.read(65536)
    place, names = 8, ""
    while head[place : place + 1] not in (b"\0", b""):
        name, kind_of_value = head[place:].split(b"\0", 2)[:2]
        place += len(name) + len(kind_of_value) + 2
        (length,) = struct.unpack_from("<I", head, place)
        if name == b"channels":
            names = head[place + 4 : place + 4 + length].decode("latin-1")
        if name == b"displayWindow":
            left, top, right, bottom = struct.unpack_from("<4i", head, place + 4)
            return PictureHeader(kind, right - left + 1, bottom - top + 1, has_alpha=names.startswith("A\0"))
        place += 4 + length
    raise ValueError("its header has no size")


def _read_jpeg2000(stream: BinaryIO, kind: str) -> PictureHeader:
    """The marker SIZ (ISO/IEC 15444-1, A.5.1) of the first code stream."""
    head = stream.read(1 << 20)
    place = head.index(b"\xff\x4f\xff\x51") + 4
    right, bottom, left, top = struct.unpack_from(">4I", head, place + 4)
    (components,) = struct.unpack_from(">H", head, place + 36)
    depth = (head[place + 38] & 0x7F) + 1
    return PictureHeader(kind, right - left, bottom - top, has_alpha=components in (2, 4), depth=depth)


_READERS = {"tiff": _read_tiff, "webp": _read_webp, "dpx": _read_dpx, "exr": _read_exr, "jpeg2000": _read_jpeg2000}
