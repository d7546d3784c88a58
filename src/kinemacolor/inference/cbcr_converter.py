"""Cb and Cr codes of luma codes and ab, as `YCbCr.to_cbcr_codes` defines them, at a sixth of its cost."""

import threading
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import torch

from kinemacolor.color import RGB_FROM_WHITES, YCbCr, lightness_from_luma
from kinemacolor.utils.arrays import Float32Array, UInt8Array, UIntArray

STRIP_SAMPLES = 2**15  # what is computed of so many samples stays near a core
MAX_QUICK_DEPTH = 12  # deeper codes show how float32 rounds, so they are left to the definition
_PLANES = 10

RowReader = Callable[[slice, Float32Array], None]


class CbCrConverter:
    """Computes Cb and Cr codes in ``target`` coding for luma codes in ``source`` coding, a strip of rows at a time.

    Codes of at most 12 bits are computed by a quicker way than that of `YCbCr.to_cbcr_codes`, and are the same but for
    one code on less than 0.1 % of the samples. Deeper codes are exactly its own. Threads may share a converter.
    """

    def __init__(self, source: YCbCr, target: YCbCr) -> None:
        self._source, self._target = source, target
        luma = source.to_luma(torch.arange(2**source.depth)[None])
        f = ((lightness_from_luma(luma) + 16) / 116).numpy()
        # What depends on luma alone is looked up: CIE's f(Y), a third of Y, and Y' with some room on both sides.
        self._tables = f, _cube_or_line(f.copy(), np.empty_like(f)), luma.clamp(1e-7, 1 - 1e-7).numpy()
        self._scratch = _Scratch()

    @property
    def is_exact(self) -> bool:
        """Whether codes are exactly those of `YCbCr.to_cbcr_codes`."""
        return self._target.depth > MAX_QUICK_DEPTH

    def convert(self, luma_codes: UIntArray, read_ab: RowReader) -> UIntArray:
        """Compute codes ``2 H W``, uint8 or uint16, for luma codes ``H W``.

        ``read_ab`` is asked to write the ab of some rows, in Lab units, into an array ``2 n W``.
        """
        height, width = luma_codes.shape
        rows = max(1, STRIP_SAMPLES // width)
        convert_strip = self._convert_by_definition if self.is_exact else self._convert_quickly
        result: UIntArray = np.empty((2, height, width), np.uint8 if self._target.depth == 8 else np.uint16)
        for first in range(0, height, rows):
            strip = slice(first, min(first + rows, height))
            strip_codes = luma_codes[strip].reshape(1, -1)
            planes = self._scratch.take_planes(strip_codes.size)
            read_ab(strip, planes[-2:].reshape(2, -1, width))
            np.copyto(result[:, strip], convert_strip(strip_codes, planes).reshape(2, -1, width), casting="unsafe")
        return result

    def _convert_by_definition(self, luma_codes: UIntArray, planes: Float32Array) -> Float32Array:
        """Compute codes ``2 N``, whole numbers in float32, for luma codes ``1 N`` and the ab in the last two planes."""
        with torch.inference_mode():
            luma = self._source.to_luma(torch.from_numpy(luma_codes))
            codes: Float32Array = self._target.to_cbcr_codes(luma[None], torch.from_numpy(planes[-2:, None])).numpy()
            return codes

    def _convert_quickly(self, luma_codes: UIntArray, planes: Float32Array) -> Float32Array:
        """Compute what `_convert_by_definition` does, but for rounding, in few passes and within ``planes``."""
        x, z, y, luma, red, green, blue = planes[:7, None]
        differences, spare, (a, b) = planes[4:7], planes[7:], planes[-2:, None]
        for table, plane in zip(self._tables, (x, y, luma), strict=True):
            _look_up(luma_codes, table, plane)
        cv2.scaleAdd(b, -1 / 200, x, z)
        cv2.scaleAdd(a, 1 / 500, x, x)
        _cube_or_line(planes[:2], spare[:2])
        for color, (from_x, from_y, from_z) in zip((red, green, blue), RGB_FROM_WHITES, strict=True):
            cv2.addWeighted(x, 3 * from_x, z, 3 * from_z, 0, color)
            cv2.scaleAdd(y, 3 * from_y, color, color)
        _encode_srgb(differences, spare, planes[:3])
        # Until here R', G', B'; from here each less Y'. x, y, z are free.
        red_weight, blue_weight = self._target.red_weight, self._target.blue_weight
        cv2.addWeighted(red, red_weight, blue, blue_weight, 0, x)
        cv2.scaleAdd(green, 1 - red_weight - blue_weight, x, x)
        differences -= x
        # Minus how many times as much as fits between Y' and 1, and between Y' and 0, the differences take.
        np.maximum.reduce(differences, axis=0, keepdims=True, out=y)
        np.minimum.reduce(differences, axis=0, keepdims=True, out=z)
        z /= luma
        y /= np.subtract(luma, 1, out=luma)
        scale = np.divide(-1, np.clip(np.minimum(y, z, out=y), -np.inf, -1, out=y), out=y)
        codes = differences[::-2]  # of B' - Y' and R' - Y'
        for plane, weight in zip(codes, (blue_weight, red_weight), strict=True):
            plane *= self._target.cbcr_code_span / (2 * (1 - weight))
        codes *= scale
        codes += 2 ** (self._target.depth - 1)
        return np.rint(np.clip(codes, 0, 2**self._target.depth - 1, out=codes), out=codes)


@torch.inference_mode()
def make_rgb(luma_codes: UIntArray, cbcr_codes: UIntArray, coding: YCbCr) -> UInt8Array:
    """Make an sRGB picture ``H W 3``, uint8, of luma codes ``H W`` and Cb, Cr codes ``2 H W``, strip by strip."""
    height, width = luma_codes.shape
    rows = max(1, STRIP_SAMPLES // width)
    picture = np.empty((height, width, 3), np.uint8)
    for first in range(0, height, rows):
        strip = slice(first, first + rows)
        luma, cbcr = torch.from_numpy(luma_codes[None, strip]), torch.from_numpy(cbcr_codes[:, strip])
        picture[strip] = (coding.to_rgb(luma, cbcr) * 255).round().byte().permute(1, 2, 0).numpy()
    return picture


@lru_cache(maxsize=8)
def get_cbcr_converter(source: YCbCr, target: YCbCr) -> CbCrConverter:
    """Return the converter of a film, whose tables are made once."""
    return CbCrConverter(source, target)


class _Scratch(threading.local):
    """Memory for the planes of a strip, of each thread its own: fresh pages cost more than what is done in them."""

    def __init__(self) -> None:
        self._planes: Float32Array = np.empty((_PLANES, 0), np.float32)

    def take_planes(self, samples: int) -> Float32Array:
        """Return planes ``10 samples`` that hold anything."""
        if samples > self._planes.shape[1]:
            self._planes = np.empty((_PLANES, samples), np.float32)
        return self._planes[:, :samples]


def _look_up(codes: UIntArray, table: Float32Array, result: Float32Array) -> None:
    """Write the value of each code ``1 N`` into ``result``, from a table ``1 M`` of all codes."""
    if codes.dtype == np.uint8:
        cv2.LUT(codes, table, result)
    else:  # codes beyond their depth, which damaged films have, count as the largest
        np.take(table[0], codes, out=result, mode="clip")


def _cube_or_line(f: Float32Array, spare: Float32Array) -> Float32Array:
    """Compute, in place, a third of X, Y or Z (shares of the white's) from CIE's f of it.

    Below 6/29 stands the tangent of f³ there. With g = max(f, 6/29) both are g²(3f - 2g).
    """
    np.clip(f, 6 / 29, np.inf, out=spare)
    cv2.scaleAdd(spare, -2 / 3, f, f)
    f *= spare
    f *= spare
    return f


def _encode_srgb(linear: Float32Array, spare: Float32Array, signs: Float32Array) -> None:
    """Compute, in place, gamma-encoded values of linear light, as `lab_to_rgb` does where it does not clip."""
    bits, sign_bits = linear.view(np.uint32), signs.view(np.uint32)
    np.bitwise_and(bits, 0x80000000, out=sign_bits)
    np.abs(linear, out=spare)
    np.clip(spare, 0.0031308, np.inf, out=linear)
    spare -= linear  # what the line takes away below its end, else 0
    cv2.log(linear, linear)  # of all libraries here, OpenCV has the quickest powers
    linear *= 1 / 2.4
    cv2.exp(linear, linear)
    cv2.addWeighted(linear, 1.055, spare, 12.92, -0.055, linear)
    np.bitwise_or(bits, sign_bits, out=bits)
