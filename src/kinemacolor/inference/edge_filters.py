"""Edge filters: colours smoothed between the edges of the film, not across them.

OpenCV has both only in its contrib build. These are our own, so that any build gives the same bytes.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.utils.arrays import Float32Array, UInt8Array

FGS_ITERATIONS = 3
FGS_ATTENUATION = 0.25  # of the strength, from one iteration to the next


def smooth_between_edges(ab: Float32Array, guide: UInt8Array, strength: float, sigma: float) -> Float32Array:
    """Smooth ab ``H W 2`` by the fast global smoother (Min et al. 2014), guided by gray levels ``H W`` 0..255.

    ``strength`` is the paper's lambda, how much smoothness counts beside the data. ``sigma``: a step of so many gray
    levels holds back all but 1/e of the smoothing.
    """
    weights = np.exp(-np.arange(256) / sigma).astype(np.float32)
    down, across = (weights[_count_steps(one)] for one in (guide, guide.T))
    lines = np.ascontiguousarray(ab.transpose(0, 2, 1))
    for iteration in range(FGS_ITERATIONS):
        now = np.float32(strength * FGS_ATTENUATION**iteration)
        columns = np.ascontiguousarray(lines.transpose(2, 1, 0))
        _smooth_lines(columns, across * now)
        lines = np.ascontiguousarray(columns.transpose(2, 1, 0))
        _smooth_lines(lines, down * now)
    return np.ascontiguousarray(lines.transpose(0, 2, 1))


def _count_steps(guide: UInt8Array) -> UInt8Array:
    """Count the gray levels between each line and the next one, ``n-1 m`` of ``n m``."""
    steps = np.maximum(guide[1:], guide[:-1], order="C")
    steps -= np.minimum(guide[1:], guide[:-1])
    return steps


def _smooth_lines(lines: Float32Array, ties: Float32Array) -> None:
    """Smooth ``n 2 m`` in place from line to line; ``ties``, ``n-1 m``, tell how much a line is drawn to the next one.

    Solves the tridiagonal systems of Min et al., Eq. 6, all m of them side by side: down the lines each is freed of
    the one before, up the lines each takes from the one after. ``ties`` is written over.
    """
    diagonal = np.ones((len(lines), lines.shape[2]), np.float32)
    diagonal[:-1] += ties
    rest, share = np.empty_like(diagonal[0]), np.empty_like(lines[0])
    for index, tie in enumerate(ties):
        ratio = tie / diagonal[index]
        np.subtract(1, ratio, out=rest)
        rest *= tie
        diagonal[index + 1] += rest
        np.multiply(ratio, lines[index], out=share)
        lines[index + 1] += share
        tie[:] = ratio
    lines /= diagonal[:, None]
    for index in reversed(range(len(ties))):
        np.multiply(ties[index], lines[index + 1], out=share)
        lines[index] += share


def fit_to_edges(ab: Float32Array, luma: Float32Array, radius: int, epsilon: float) -> Float32Array:
    """Filter ab ``H W 2`` by the guided filter (He et al. 2013): around each pixel ab becomes linear in luma ``H W``.

    ``radius`` is that of the square window, in px; ``epsilon`` is the variance of luma (0..1) that counts as an edge.
    """
    mean_luma = _average(luma, radius)
    spread = _average(luma * luma, radius) - mean_luma * mean_luma + np.float32(epsilon)
    fitted = np.empty_like(ab)
    for channel in range(ab.shape[2]):
        plane = np.ascontiguousarray(ab[..., channel])
        mean = _average(plane, radius)
        slope = (_average(luma * plane, radius) - mean_luma * mean) / spread
        fitted[..., channel] = _average(slope, radius) * luma + _average(mean - slope * mean_luma, radius)
    return fitted


def _average(plane: NDArray[np.floating[Any]], radius: int) -> Float32Array:
    side = 2 * radius + 1
    return cv2.boxFilter(plane, cv2.CV_32F, (side, side), borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)
