"""Pictures as people have them: strange formats, huge headers, damage, other things with the name of a picture."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from kinemacolor.utils.arrays import UInt8Array
from support.films import scene

SIDE = (64, 96)


def _encoded(kind: str, picture: Image.Image | None = None, **how: object) -> bytes:
    buffer = BytesIO()
    (picture or colored()).save(buffer, kind, **how)
    return buffer.getvalue()


def colored(size: tuple[int, int] = SIDE) -> Image.Image:
    """A colour picture."""
    return Image.fromarray(scene(0, size))


def frames(count: int = 3) -> list[Image.Image]:
    """Pictures that follow each other."""
    return [Image.fromarray(scene(4 * number, SIDE)) for number in range(count)]


def _animated(kind: str) -> bytes:
    first, *others = frames()
    return _encoded(kind, first, save_all=True, append_images=others)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width: int, height: int, depth: int = 8, kind: int = 2) -> bytes:
    """A PNG that only claims to be so large: header, a little data, end."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _encoded("JPEG", exif=exif.tobytes())


def _deep(suffix: str) -> bytes:
    deep = scene(0, SIDE).astype(np.uint16) * 257
    return bytes(cv2.imencode(suffix, deep)[1].tobytes())


def _with_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 100_000, zip=True)
    return _encoded("PNG", pnginfo=text)


def _damaged(content: bytes, at: float, count: int = 1) -> bytes:
    data = bytearray(content)
    place = int(len(data) * at)
    for index in range(place, min(place + count, len(data))):
        data[index] ^= 0xFF
    return bytes(data)


PNG, JPEG, TIFF, WEBP, GIF, BMP = (
    (lambda kind=kind: _encoded(kind)) for kind in ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP")
)
# Whole pictures: rows, columns and frames that each has as a film.
WHOLE_PICTURES: dict[str, tuple[Callable[[], bytes], tuple[int, int, int]]] = {
    "plain.png": (PNG, (*SIDE, 1)),
    "plain.jpg": (JPEG, (*SIDE, 1)),
    "plain.tif": (TIFF, (*SIDE, 1)),
    "plain.webp": (WEBP, (*SIDE, 1)),
    "plain.bmp": (BMP, (*SIDE, 1)),
    "one-pixel.png": (lambda: _encoded("PNG", colored((1, 1))), (1, 1, 1)),
    "deep.png": (lambda: _deep(".png"), (*SIDE, 1)),
    "deep.tif": (lambda: _deep(".tiff"), (*SIDE, 1)),
    "palette.png": (lambda: _encoded("PNG", colored().quantize(16)), (*SIDE, 1)),
    "bits.png": (lambda: _encoded("PNG", colored().convert("1")), (*SIDE, 1)),
    "gray-alpha.png": (lambda: _encoded("PNG", colored().convert("LA")), (*SIDE, 1)),
    "alpha.png": (lambda: _encoded("PNG", colored().convert("RGBA")), (*SIDE, 1)),
    "cmyk.jpg": (lambda: _encoded("JPEG", colored().convert("CMYK")), (*SIDE, 1)),
    "cmyk.tif": (lambda: _encoded("TIFF", colored().convert("CMYK")), (*SIDE, 1)),
    "progressive.jpg": (lambda: _encoded("JPEG", progressive=True), (*SIDE, 1)),
    "packed.tif": (lambda: _encoded("TIFF", compression="tiff_lzw"), (*SIDE, 1)),
    "profile.png": (lambda: _encoded("PNG", icc_profile=_srgb_profile()), (*SIDE, 1)),
    "broken-profile.png": (lambda: _encoded("PNG", icc_profile=b"nonsense" * 20), (*SIDE, 1)),
    "long-text.png": (_with_text, (*SIDE, 1)),
    **{
        f"turned-{turn}.jpg": (lambda turn=turn: _turned(turn), (*(SIDE if turn < 5 else SIDE[::-1]), 1))
        for turn in range(1, 9)
    },
    "turned-99.jpg": (lambda: _turned(99), (*SIDE, 1)),
    "animated.png": (lambda: _animated("PNG"), (*SIDE, 3)),
    "pages.tif": (lambda: _animated("TIFF"), (*SIDE, 3)),
    "animated.webp": (lambda: _animated("WEBP"), (*SIDE, 3)),
}
POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(/etc/hostname) (r) file\nshowpage\n%%EOF\n"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><image href="file:///etc/hostname"/></svg>'
PSD = b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 64, 64, 8, 3) + bytes(12) + b"\0\0" + bytes(3 * 64 * 64)
# What is no picture that we read, or hardly one: all end as InputError, or are read where they can be.
BROKEN_PICTURES: dict[str, Callable[[], bytes]] = {
    "empty.png": lambda: b"",
    "zeros.png": lambda: bytes(2000),
    "text.jpg": lambda: b"this is no picture\n" * 40,
    "only-signature.png": lambda: PNG()[:8],
    "huge.png": lambda: png_header(40_000, 40_000),
    "largest.png": lambda: png_header(2**31 - 1, 2**31 - 1),
    "wide.png": lambda: png_header(2**31 - 1, 1),
    "no-size.png": lambda: png_header(0, 0),
    "impossible-kind.png": lambda: png_header(64, 64, 7, 5),
    "wrong-crc.png": lambda: _damaged(PNG(), 0.0, 32)[:8] + _damaged(PNG(), 29 / len(PNG()), 4)[8:],
    "wrong-data.png": lambda: _damaged(PNG(), 0.5, 20),
    "script.png": lambda: POSTSCRIPT,
    "script.jpg": lambda: POSTSCRIPT,
    "drawing.png": lambda: SVG,
    "layers.png": lambda: PSD,
    "icon.png": lambda: _encoded("ICO"),
    "fits.tif": lambda: b"SIMPLE  =                    T" + b" " * 2850,
    "wmf.png": lambda: b"\xd7\xcd\xc6\x9a" + bytes(100),
    "fli.png": lambda: struct.pack("<IHHHHHH", 128, 0xAF11, 1, 64, 64, 8, 0) + bytes(110),
    **{f"cut-{part}.{kind}": (lambda part=part, make=make: make()[: int(len(make()) * part)])
       for kind, make in {"png": PNG, "jpg": JPEG, "tif": TIFF, "webp": WEBP, "bmp": BMP}.items()
       for part in (0.02, 0.1, 0.5, 0.9)},
    **{f"flip-{at}.{kind}": (lambda at=at, make=make: _damaged(make(), at))
       for kind, make in {"png": PNG, "jpg": JPEG, "tif": TIFF, "webp": WEBP, "bmp": BMP}.items()
       for at in (0.001, 0.005, 0.01, 0.3, 0.99)},
}  # fmt: skip


def write_picture_file(folder: Path, name: str) -> Path:
    """Write a picture of the corpus."""
    content = WHOLE_PICTURES[name][0]() if name in WHOLE_PICTURES else BROKEN_PICTURES[name]()
    path = folder / name
    path.write_bytes(content)
    return path


def shown(path: Path) -> UInt8Array:
    """The first picture of a file, upright, by Pillow alone."""
    from PIL import ImageOps

    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
