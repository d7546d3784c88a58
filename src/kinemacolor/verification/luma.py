"""Luma of decoded frames, read by code of its own, and the difference between two luma planes."""

from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from kinemacolor.utils.arrays import Float32Array, UIntArray

_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_BT601 = (0.299, 0.114)
FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Two planes, of which the first holds Y' in the upper bits of its words.
_HIGH_BITS = ("p010", "p012", "p210", "p212", "p410", "p412")


@dataclass(frozen=True)
class LumaPlane:
    """Y' of one frame: ``codes`` are ``H W``; ``is_computed`` where they come of R'G'B' and are no stored plane."""

    codes: UIntArray
    depth: int
    is_full_range: bool
    is_computed: bool = False


def get_luma_weights(matrix: int, rows: int) -> tuple[float, float]:
    """Return the weights of red and blue in Y' for a matrix of ITU-T H.273; an unknown one is taken as players do."""
    if matrix in (5, 6):
        return _BT601
    return _WEIGHTS.get(matrix) or (_WEIGHTS[1] if rows >= 720 else _BT601)


def read_luma(frame: av.VideoFrame, weights: tuple[float, float]) -> LumaPlane:
    """Return Y' of a decoded frame at its own depth: the stored plane; of R'G'B' computed with ``weights``."""
    pixels = frame.format
    if is_rgb(pixels) or _is_linear_light(pixels):
        return luma_of_rgb(*read_rgb(frame), weights)
    depth, components = pixels.components[0].bits, len(pixels.components)
    is_full = (
        pixels.name.startswith("yuvj") or frame.color_range == FULL_RANGE or (frame.color_range == 0 and components < 3)
    )
    stem = pixels.name.removesuffix("le")
    if stem in _HIGH_BITS:
        return LumaPlane(np.right_shift(_view_plane(frame, 0), 16 - depth), depth, is_full)
    others = {component.plane for component in pixels.components[1:]}
    if 0 in others or pixels.is_big_endian or pixels.is_bit_stream:
        frame = frame.reformat(format=_name_planar(pixels))
    codes = _view_plane(frame, 0)
    return LumaPlane(codes.copy(), 8 if codes.itemsize == 1 else max(depth, 9), is_full)


def is_rgb(pixels: av.VideoFormat) -> bool:
    """Say whether a pixel format holds R'G'B', directly or as a palette."""
    return bool(pixels.is_rgb or pixels.has_palette)


def luma_of_rgb(rgb: UIntArray, depth: int, weights: tuple[float, float]) -> LumaPlane:
    """Compute Y' of ``H W 3`` R'G'B' of full range at ``depth`` bits; of ``H W`` gray it is the picture."""
    if rgb.ndim == 2:
        return LumaPlane(rgb, depth, is_full_range=True)
    red, blue = weights
    luma = rgb[..., 0] * red + rgb[..., 1] * (1 - red - blue) + rgb[..., 2] * blue
    return LumaPlane(np.rint(luma).astype(rgb.dtype), depth, is_full_range=True, is_computed=True)


def compute_luma_difference(source: LumaPlane, result: LumaPlane) -> tuple[NDArray[np.int32], int]:
    """Return the difference ``H W`` of two planes of the same size in codes of the deeper one, and that depth."""
    depth = max(source.depth, result.depth)
    one, other = _to_depth(source, depth), _to_depth(result, depth)
    if one.is_full_range != other.is_full_range:
        one = _to_range(one, full_range=other.is_full_range)
    return np.abs(one.codes.astype(np.int32) - other.codes.astype(np.int32)), depth


def to_eight_bits(plane: LumaPlane) -> Float32Array:
    """Return Y' as numbers 0..255 of full range, not rounded."""
    scale = 2.0 ** (plane.depth - 8)
    if plane.is_full_range:
        return plane.codes.astype(np.float32) * np.float32(255 / (2**plane.depth - 1))
    return ((plane.codes.astype(np.float32) / np.float32(scale)) - 16) * np.float32(255 / 219)


def _to_depth(plane: LumaPlane, depth: int) -> LumaPlane:
    """Deepen a plane: limited range by a shift, full range from end to end, as swscale does."""
    if plane.depth == depth:
        return plane
    if not plane.is_full_range:
        return replace(plane, codes=np.left_shift(plane.codes.astype(np.uint16), depth - plane.depth), depth=depth)
    factor = (2**depth - 1) / (2**plane.depth - 1)
    table = np.rint(np.arange(2**plane.depth) * factor).astype(np.uint16)
    return replace(plane, codes=np.take(table, plane.codes), depth=depth)


def _to_range(plane: LumaPlane, *, full_range: bool) -> LumaPlane:
    unit, largest = 2 ** (plane.depth - 8), 2**plane.depth - 1
    codes = np.arange(largest + 1)
    table = (codes - 16 * unit) * (largest / (219 * unit)) if full_range else codes * (219 * unit / largest) + 16 * unit
    rounded = np.rint(table).clip(0, largest).astype(plane.codes.dtype)
    return replace(plane, codes=np.take(rounded, plane.codes), is_full_range=full_range)


def _name_planar(pixels: av.VideoFormat) -> str:
    """Name the planar little-endian format of the same depth and subsampling: swscale copies luma to it."""
    depth = max(8, pixels.components[0].bits)
    suffix = "" if depth == 8 else f"{depth}le"
    if len(pixels.components) < 3:
        return f"gray{suffix}"
    columns, rows = 16 // pixels.chroma_width(16), 16 // pixels.chroma_height(16)
    return {(2, 2): "yuv420p", (2, 1): "yuv422p", (1, 2): "yuv440p"}.get((columns, rows), "yuv444p") + suffix


def _view_plane(frame: av.VideoFrame, index: int) -> UIntArray:
    dtype = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    plane: UIntArray = _view_samples(frame, index, dtype)
    return plane


def _view_samples(frame: av.VideoFrame, index: int, dtype: type[np.generic]) -> NDArray[Any]:
    plane = frame.planes[index]
    samples = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
    return samples[:, : plane.width]


def read_rgb(frame: av.VideoFrame) -> tuple[UIntArray, int]:
    """Return R'G'B' ``H W 3`` of full range, and their depth in bits; linear light becomes sRGB of 16."""
    if _is_linear_light(frame.format):
        return _read_linear_light(frame), 16
    bits = 8 if frame.format.has_palette else max(component.bits for component in frame.format.components)
    depth = next(known for known in (8, 9, 10, 12, 14, 16) if known >= min(bits, 16))
    planar = frame.reformat(format="gbrp" if depth == 8 else f"gbrp{depth}le")
    green, blue, red = (_view_plane(planar, index) for index in range(3))
    return np.stack([red, green, blue], -1), depth


def _is_linear_light(pixels: av.VideoFormat) -> bool:
    """Say whether samples are numbers of linear light, as in OpenEXR."""
    return "f32" in pixels.name or "f16" in pixels.name


def _read_linear_light(frame: av.VideoFrame) -> UIntArray:
    dtype = np.float16 if "f16" in frame.format.name else np.float32
    planes = [_view_samples(frame, index, dtype).astype(np.float64) for index in range(len(frame.planes))]
    green, blue, red = planes[:3] if len(planes) > 2 else [planes[0]] * 3
    linear = np.stack([red, green, blue], -1).clip(0, 1)
    coded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)  # IEC 61966-2-1
    codes: UIntArray = np.rint(coded * 65535).astype(np.uint16)
    return codes
