"""The pixels of a picture at its own depth, as frames of a film need them: gray or R'G'B', nothing converted but EXR.

PNG, JPEG, WebP, BMP, GIF and most TIFF are decoded by OpenCV; DPX, JPEG 2000 and OpenEXR by FFmpeg; what of TIFF
OpenCV gets wrong is taken apart before (`tiff_pages`).
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kinemacolor.errors import InputError
from kinemacolor.utils.arrays import Float32Array, UInt8Array, UIntArray
from kinemacolor.video.geometry import Pixels
from kinemacolor.video.info import ColorTags
from kinemacolor.video.picture_files import (
    PictureHeader,
    read_picture_file,
    read_picture_header,
    translate_picture_errors,
)
from kinemacolor.video.pixels import get_bit_depth, is_rgb, iter_strips, rgb_to_luma_codes, view_plane
from kinemacolor.video.tiff_pages import TiffPage, read_tiff_page

_FFMPEG_DECODERS = {"dpx": "dpx", "exr": "exr", "jpeg2000": "jpeg2000"}


# What undoes each orientation of EXIF and TIFF: of pixels ``H W`` or ``H W C``.
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


@dataclass(frozen=True)
class DecodedPicture:
    """Pixels ``H W`` (gray) or ``H W 3`` (R'G'B'), full range, uint8 or uint16, with codes of ``depth`` bits."""

    pixels: UIntArray
    depth: int

    @property
    def is_gray(self) -> bool:
        """Whether there is one plane, which is luma as it is stored."""
        return self.pixels.ndim == 2

    def compute_luma_codes(self, colors: ColorTags) -> UIntArray:
        """Return luma codes ``H W`` at the picture's own depth: as stored, or Y' computed from R'G'B'."""
        if self.is_gray:
            return self.pixels
        return rgb_to_luma_codes(self.pixels, colors.luma_weights)

    def to_rgb_u8(self) -> UInt8Array:
        """Return R'G'B' ``H W 3`` of 8 bits, as a person sees it."""
        rgb = np.empty((*self.pixels.shape[:2], 3), np.uint8)
        for rows in iter_strips(rgb.shape[0]):
            part = self.pixels[rows]
            if self.depth > 8:
                part = np.rint(part * np.float32(255 / (2**self.depth - 1))).astype(np.uint8)
            rgb[rows] = part[..., None] if self.is_gray else part
        return rgb


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn pixels ``H W ...`` as an orientation of EXIF or TIFF says, 1 to 8; any other leaves them."""
    if orientation not in _TURNS:
        return pixels
    return np.ascontiguousarray(_TURNS[orientation](pixels))  # type: ignore[return-value]


class PictureDecoder:
    """Decodes pictures one after another; pages of one file that follow each other are decoded from one opening.

    To be used in a ``with``.
    """

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._path: Path | None = None
        self._header: PictureHeader | None = None
        self._animation: Image.Image | None = None

    def __enter__(self) -> "PictureDecoder":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def decode(self, path: Path, page: int | None = None) -> DecodedPicture:
        """Decode a picture, or ``page`` of a file of several, turned upright as its EXIF orientation says.

        Raises InputError for what cannot be read, and for a file of several pages where one picture was wanted.
        """
        if page is None:
            content = read_picture_file(path)
            header = read_picture_header(path, content)
            if header.pages > 1:
                raise InputError(
                    f"{path} has {header.pages} pages: give it alone as a film, a folder holds one picture in each file"
                )
            return _decode_content(path, header, content)
        if path != self._path or self._header is None:
            self._opened.close()
            self._path, self._header, self._animation = path, read_picture_header(path), None
        if self._header.kind == "tiff":
            return _decode_tiff_page(path, self._header.tiff_pages[page])
        return self._decode_animation_frame(path, page)

    def _decode_animation_frame(self, path: Path, page: int) -> DecodedPicture:
        """A frame of an animated WebP, which FFmpeg does not read; transparency is left out."""
        with translate_picture_errors(path):
            if self._animation is None:
                self._animation = self._opened.enter_context(Image.open(path, formats=("WEBP",)))
            self._animation.seek(page)
            return DecodedPicture(np.asarray(self._animation.convert("RGB")), 8)


def has_own_decoder(header: PictureHeader) -> bool:
    """Whether a picture must be decoded here, because Pillow would not read it, or read it wrong."""
    if header.kind != "tiff":
        return header.kind in ("dpx", "exr")
    page = header.tiff_pages[0]
    is_deep = page.bits > 8 and (page.bits != 16 or page.is_planar or page.samples == 2 or page.photometric == 0)
    return is_deep or page.is_camera_raw or page.sample_format != 1


def decode_first_page(path: Path, header: PictureHeader, content: bytes) -> DecodedPicture:
    """Decode a picture, of several pages the first, from the bytes of its file. Raises InputError."""
    if header.kind == "tiff" and header.pages > 1:
        return _decode_tiff_page(path, header.tiff_pages[0])
    return _decode_content(path, header, content)


def _decode_content(path: Path, header: PictureHeader, content: bytes) -> DecodedPicture:
    if decoder := _FFMPEG_DECODERS.get(header.kind):
        with translate_picture_errors(path):
            return _decode_with_ffmpeg(decoder, content, header.depth)
    if header.kind == "tiff" and _is_special(header.tiff_pages[0]):
        return _decode_tiff_page(path, header.tiff_pages[0])
    return _decode_with_opencv(path, content)


def _decode_with_opencv(path: Path, content: bytes | bytearray, flags: int | None = None) -> DecodedPicture:
    """Decode what OpenCV reads right. ``flags``: how; by default as one or three samples, turned upright."""
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH if flags is None else flags
    with translate_picture_errors(path):
        picture: NDArray[Any] | None = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if picture is None:
        raise InputError(f"{path} is damaged or no picture: open it in another program, or leave it out")
    if picture.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} has {picture.dtype} samples: convert it to 8 or 16 bits")
    if picture.ndim == 3:  # a view: a copy would be half as large again as all that is there
        picture = picture[..., [2, 1, 0, 3]] if picture.shape[2] == 4 else picture[..., ::-1]
    return DecodedPicture(picture, picture.itemsize * 8)


def _is_special(page: TiffPage) -> bool:
    """Whether OpenCV would read a page wrong, or not at its depth, or what it is has to be told."""
    return (
        page.is_camera_raw
        or page.sample_format != 1
        or page.bits not in (1, 8, 16)
        or (page.bits == 8 and page.has_alpha)  # which OpenCV would multiply by
        or (page.bits == 16 and (page.is_planar or page.photometric in (0, 5) or page.samples == 2))
    )


def _decode_tiff_page(path: Path, page: TiffPage) -> DecodedPicture:
    """Decode one page of a TIFF of 1 to 16 bits. Raises InputError for damaged ones, camera raw, and floats."""
    if page.is_camera_raw:
        raise InputError(f"{path} is a raw picture of a camera: develop it first, as TIFF of 16 bits")
    if page.sample_format != 1 or page.bits > 16:
        kind = {2: "signed", 3: "float"}.get(page.sample_format, "integer")
        raise InputError(f"{path} has {kind} samples of {page.bits} bits: convert it to 8 or 16 bits")
    with path.open("rb") as stream, translate_picture_errors(path):
        if (page.bits < 8 and page.photometric != 3) or (page.bits == 8 and page.has_alpha and not page.is_planar):
            return _decode_with_pillow(read_tiff_page(stream, page))
        if page.bits == 16 and page.samples == 2 and not page.is_planar:  # gray and transparency
            decoded = _decode_with_ffmpeg("tiff", read_tiff_page(stream, page), page.bits)
            return DecodedPicture(turn_upright(decoded.pixels, page.orientation), page.bits)
        if page.is_planar and (page.bits > 8 or page.has_alpha):
            count = 1 if page.samples < 3 else 4 if page.photometric == 5 else 3
            planes = [read_tiff_page(stream, page, plane=number) for number in range(count)]
        elif page.bits > 8 and page.photometric in (0, 5):
            planes = [read_tiff_page(stream, page, photometric=1 if page.photometric == 0 else 2)]
        else:
            planes = [read_tiff_page(stream, page)]
    samples = [
        _decode_with_opencv(path, plane, cv2.IMREAD_UNCHANGED if page.photometric == 5 and page.bits > 8 else None)
        for plane in planes
    ]
    pixels = samples[0].pixels if len(samples) == 1 else np.stack([one.pixels for one in samples], -1)
    if page.bits > 8 and page.photometric == 5:
        pixels = _cmyk_to_rgb(pixels)
    depth = samples[0].depth if page.bits <= 8 else page.bits
    if page.bits > 8:
        pixels >>= 16 - page.bits  # OpenCV moves 10, 12 and 14 bits to the top of 16
    if page.bits > 8 and page.photometric == 0:
        pixels = (2**depth - 1) - pixels
    return DecodedPicture(pixels, depth)


def _decode_with_pillow(content: bytearray) -> DecodedPicture:
    """Decode a TIFF of 8 bits or fewer; transparency is left out."""
    with Image.open(BytesIO(content), formats=("TIFF",)) as image:
        is_gray = len(image.getbands()) < 3 and image.mode != "P"
        return DecodedPicture(np.asarray(image.convert("L" if is_gray else "RGB")), 8)


def _cmyk_to_rgb(cmyk: UIntArray) -> UIntArray:
    """R'G'B' of CMYK ``H W 4`` of 16 bits, without a profile, as programs without colour management show it."""
    rgb = np.empty((*cmyk.shape[:2], 3), np.uint16)
    for rows in iter_strips(rgb.shape[0]):
        light = 65535 - cmyk[rows].astype(np.uint32)
        rgb[rows] = (light[..., :3] * light[..., 3:] + 32767) // 65535
    return rgb


def _decode_with_ffmpeg(decoder: str, content: bytes | bytearray, depth: int | None) -> DecodedPicture:
    """Decode with a decoder of FFmpeg; ``depth`` is that of the file, where the decoder gives 16 bits for it."""
    import av  # here, because training on pictures does without it

    context = av.CodecContext.create(decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    frame = next(iter([*context.decode(av.Packet(bytes(content))), *context.decode(None)]), None)
    if not isinstance(frame, av.VideoFrame):
        raise ValueError("no picture came out of it")
    pixel_format = frame.format
    if "f32" in pixel_format.name or "f16" in pixel_format.name:
        return DecodedPicture(_encode_linear_light(frame), 16)
    bits = get_bit_depth(pixel_format)
    is_gray = len([part for part in pixel_format.components if not part.is_alpha]) == 1 and not is_rgb(pixel_format)
    suffix = "" if bits == 8 else f"{bits}le"
    if is_gray:
        pixels = view_plane(frame.reformat(format=f"gray{suffix}"), 0).copy()
    else:
        planar = frame.reformat(format=f"gbrp{suffix}", dst_color_range=2)
        pixels = np.stack([view_plane(planar, index) for index in (2, 0, 1)], -1)
    if depth is not None and 8 < depth < bits:
        pixels >>= bits - depth
        bits = depth
    return DecodedPicture(pixels, bits)


def _encode_linear_light(frame: Any) -> UIntArray:
    """Scene-linear light as sRGB codes of 16 bits (IEC 61966-2-1), the inverse of `write_exr`; 1 and more is white."""
    is_gray = frame.format.name.startswith(("gray", "ya"))
    planar = frame.reformat(format="grayf32le" if is_gray else "gbrpf32le")
    planes = [_view_float_plane(planar, index) for index in ((0,) if is_gray else (2, 0, 1))]
    codes = np.empty((*planes[0].shape, len(planes)), np.uint16)
    for rows in iter_strips(codes.shape[0]):
        linear = np.nan_to_num(np.stack([plane[rows] for plane in planes], -1), nan=0.0).clip(0, 1)
        encoded = np.where(linear > 0.0031308, 1.055 * linear ** np.float32(1 / 2.4) - 0.055, 12.92 * linear)
        codes[rows] = np.rint(encoded * 65535).clip(0, 65535).astype(np.uint16)
    return codes[..., 0] if is_gray else codes


def _view_float_plane(frame: Any, index: int) -> Float32Array:
    plane = frame.planes[index]
    whole = np.frombuffer(plane, np.float32).reshape(plane.height, plane.line_size // 4)
    return whole[:, : plane.width]
