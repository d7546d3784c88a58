"""Pixel formats: the luma plane of any decoded frame, and frames built from planes."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from kinemacolor.errors import InputError
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.video.info import UNSPECIFIED, ColorTags, VideoInfo

if TYPE_CHECKING:
    import av

# By how much chroma planes have fewer rows and fewer columns.
_CHROMA_FACTORS = {"420": (2, 2), "422": (1, 2), "444": (1, 1), "440": (2, 1), "411": (1, 4), "410": (4, 4)}
_BIT_DEPTHS = (8, 9, 10, 12, 14, 16)
_STRIP_ROWS = 64


def get_chroma_subsampling(pixel_format: "av.VideoFormat") -> str:
    """Return the subsampling of the chroma planes: "420" and so on, "400" where there are none."""
    if len(pixel_format.components) < 3:
        return "400"
    factors = (16 // pixel_format.chroma_height(16), 16 // pixel_format.chroma_width(16))
    return next((name for name, known in _CHROMA_FACTORS.items() if known == factors), "444")


def is_rgb(pixel_format: "av.VideoFormat") -> bool:
    """Say whether a pixel format holds R'G'B', directly or as a palette."""
    return bool(pixel_format.is_rgb or pixel_format.has_palette)


def get_bit_depth(pixel_format: "av.VideoFormat") -> int:
    """Return the bits of one luma or colour sample, rounded up to a depth that planar formats have.

    Raises InputError for samples that are not integers of 8 to 16 bits.
    """
    bits = 8 if pixel_format.has_palette else max(component.bits for component in pixel_format.components)
    if "f16" in pixel_format.name or "f32" in pixel_format.name or bits > 16:
        raise InputError(
            f"pixel format {pixel_format.name} is not supported: convert the film to integers of 8 to 16 bits"
        )
    return next(depth for depth in _BIT_DEPTHS if depth >= bits)


def get_planar_format(subsampling: str, depth: int) -> str:
    """Return FFmpeg's name of the planar Y'CbCr (or gray) format, little-endian."""
    stem = "gray" if subsampling == "400" else f"yuv{subsampling}p"
    return stem if depth == 8 else f"{stem}{depth}le"


def compute_chroma_shape(height: int, width: int, subsampling: str) -> tuple[int, int]:
    """Compute rows and columns of the chroma planes of a picture of this size.

    Raises ValueError for a subsampling without such planes.
    """
    if subsampling not in _CHROMA_FACTORS:
        raise ValueError(f"there is no subsampling {subsampling!r}: use {', '.join(_CHROMA_FACTORS)}")
    rows, columns = _CHROMA_FACTORS[subsampling]
    return -(-height // rows), -(-width // columns)


def extract_luma_codes(frame: "av.VideoFrame", colors: ColorTags) -> UIntArray:
    """Return luma codes ``H W`` at the frame's own depth: the stored plane, or Y' computed from RGB (full range)."""
    pixel_format = frame.format
    if is_rgb(pixel_format):
        depth = get_bit_depth(pixel_format)
        return rgb_to_luma_codes(_frame_to_rgb(frame, depth), colors.luma_weights)
    canonical = get_planar_format(get_chroma_subsampling(pixel_format), get_bit_depth(pixel_format))
    plain = pixel_format.name.replace("yuvj", "yuv").replace("yuva", "yuv")
    if plain != canonical and plain not in ("nv12", "nv21", "nv16", "nv24"):
        frame = frame.reformat(format=canonical)
    return _clip_codes(view_plane(frame, 0), get_bit_depth(frame.format)).copy()


def _clip_codes(codes: UIntArray, depth: int) -> UIntArray:
    """Bring codes into their depth: words of 16 bits hold more, damaged films have it, and x264 ends the process."""
    return np.minimum(codes, codes.dtype.type(2**depth - 1)) if depth % 8 else codes


def rgb_to_luma_codes(rgb: UIntArray, luma_weights: tuple[float, float]) -> UIntArray:
    """Compute Y' of ``H W 3`` R'G'B', at the same depth and full range; gray pixels keep their value exactly.

    ``luma_weights`` are the weights of red and blue in Y'.
    """
    red, blue = luma_weights
    weights = np.array([red, 1 - red - blue, blue], np.float32)
    luma_codes: UIntArray = np.empty(rgb.shape[:2], rgb.dtype)
    for rows in iter_strips(rgb.shape[0]):
        luma_codes[rows] = np.rint(np.ascontiguousarray(rgb[rows]).astype(np.float32) @ weights)
    return luma_codes


def iter_strips(height: int) -> Iterator[slice]:
    """Yield slices of rows that together cover a picture of this height, so that wide types never hold all of it."""
    yield from (slice(top, min(top + _STRIP_ROWS, height)) for top in range(0, height, _STRIP_ROWS))


def _frame_to_rgb(frame: "av.VideoFrame", depth: int) -> UIntArray:
    """Convert any RGB frame to ``H W 3`` at ``depth`` bits."""
    planar = frame.reformat(format="gbrp" if depth == 8 else f"gbrp{depth}le")
    green, blue, red = (view_plane(planar, index) for index in range(3))
    return _clip_codes(np.stack([red, green, blue], -1), depth)


def view_plane(frame: "av.VideoFrame", index: int) -> UIntArray:
    """Return one plane of a planar frame as an array of rows and columns that shares the frame's memory."""
    plane = frame.planes[index]
    wide = max(component.bits for component in frame.format.components) > 8
    dtype = np.dtype(np.uint16 if wide else np.uint8)
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: plane.height, : plane.width]


def rescale_codes(codes: UIntArray, depth: int, wanted_depth: int, *, full_range: bool) -> UIntArray:
    """Convert luma codes to another bit depth, rounded; returns the same array if the depth does not change.

    A deeper limited range is exact (a shift); a deeper full range stretches end to end.
    """
    if depth == wanted_depth:
        return codes
    dtype = np.uint8 if wanted_depth == 8 else np.uint16
    if wanted_depth > depth and not full_range:
        return np.left_shift(codes.astype(np.uint16), wanted_depth - depth)
    factor = Fraction(2**wanted_depth - 1, 2**depth - 1) if full_range else Fraction(2**wanted_depth, 2**depth)
    table = np.rint(np.arange(2**depth) * float(factor)).clip(0, 2**wanted_depth - 1).astype(dtype)
    return np.take(table, codes)


def luma_codes_to_gray(luma_codes: UIntArray, depth: int, *, full_range: bool) -> UInt8Array:
    """Convert stored luma codes to a gray picture of 8 bits and full range."""
    eight_bits = rescale_codes(luma_codes, depth, 8, full_range=full_range)
    if full_range:
        return eight_bits.astype(np.uint8)
    stretched = np.rint((eight_bits.astype(np.float32) - 16) * (255 / 219)).clip(0, 255)
    gray: UInt8Array = stretched.astype(np.uint8)
    return gray


def full_to_limited_range(codes: UIntArray, depth: int, *, is_cbcr: bool) -> UIntArray:
    """Convert full-range codes of luma, or of Cb or Cr, to limited range at the same depth, rounded (ITU-T H.273)."""
    unit, largest = 2 ** (depth - 8), 2**depth - 1  # limited range is defined at 8 bits: 16..235, Cb and Cr 16..240
    full = np.arange(largest + 1)
    limited = (
        (full - 2 ** (depth - 1)) * (224 * unit / largest) + 128 * unit
        if is_cbcr
        else full * (219 * unit / largest) + 16 * unit
    )
    return np.take(np.rint(limited).astype(codes.dtype), codes)


def build_frame(
    planes: tuple[UIntArray, UIntArray, UIntArray],
    pixel_format: str,
    colors: ColorTags,
    carrier: "av.VideoFrame | None" = None,
) -> "av.VideoFrame":
    """Build a frame from the planes Y', Cb and Cr, with its colour tags, and the side data of ``carrier``."""
    import av  # here, because models read no film and do without it

    height, width = planes[0].shape
    if carrier is None:
        frame = av.VideoFrame(width, height, pixel_format)
    else:  # FFmpeg copies side data when it scales, and nothing else in PyAV does
        frame = carrier.reformat(width=width, height=height, format=pixel_format, interpolation="POINT")
        frame.pict_type = 0  # else encoders repeat the source's kinds of frames
    for index, plane in enumerate(planes):
        view_plane(frame, index)[:] = plane
    tag_colors(frame, colors)
    return frame


def tag_colors(target: "av.VideoFrame | av.VideoCodecContext", colors: ColorTags) -> None:
    """Set the colour tags of a frame or an encoder."""
    target.color_range = 2 if colors.full_range else 1
    target.colorspace = colors.matrix
    target.color_primaries = colors.primaries
    target.color_trc = colors.transfer


def read_color_tags(source: "av.VideoCodecContext", pixel_format: "av.VideoFormat") -> ColorTags:
    """Return the colour tags of a decoder; RGB, and gray without a range, are full range, as in swscale."""
    full = pixel_format.name.startswith("yuvj") or is_rgb(pixel_format) or source.color_range == 2
    if source.color_range == 0 and get_chroma_subsampling(pixel_format) == "400":
        full = True
    matrix = UNSPECIFIED if source.colorspace == 0 or is_rgb(pixel_format) else source.colorspace
    return ColorTags(matrix, source.color_primaries, source.color_trc, full)


def make_layer_luma_codes(info: VideoInfo) -> UIntArray:
    """Make the luma plane of the frames of a layer: Y' 0.5 everywhere, codes ``H W`` at the film's depth and range.

    Written with the Cb and Cr of the result it makes a film of middle gray in the result's colours. Blend modes
    named "Color" take the luminance from below and add what a layer's R', G', B' differ from its own luminance,
    which are Cb and Cr again (non-separable blend modes: ISO 32000-1, 11.3.5.3).
    """
    black, white = (0, 255) if info.colors.full_range else (16, 235)
    unit = 2 ** (info.depth - 8)
    middle = (black + white + 1) // 2 * unit
    return np.full((info.height, info.width), middle, np.uint8 if info.depth == 8 else np.uint16)
