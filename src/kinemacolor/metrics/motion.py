"""Metrics over time, along the motion of the true film.

Pictures are ``H W C`` arrays; flow is ``H W 2`` px (x, y).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.utils.arrays import Float32Array, UInt8Array

Flow = Float32Array


def compute_optical_flow(first: UInt8Array, second: UInt8Array) -> Flow:
    """Estimate motion ``H W 2`` px (x, y) between gray pictures ``H W`` (DIS, Kroeger et al. 2016, medium preset)."""
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: Flow = estimator.calc(first, second, np.zeros((*first.shape, 2), np.float32)).astype(np.float32, copy=False)
    return flow


def warp_array_by_flow(picture: Float32Array, flow: Flow) -> Float32Array:
    """Sample ``H W C`` at each pixel plus ``flow``, ``H W 2`` px, bilinear; the edge is repeated outside."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    warped = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.float32, copy=False).reshape(picture.shape)


def find_visible_pixels(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Find the pixels of the second frame that the first one shows too, ``H W`` (Ruder et al. 2016, Eq. 5-6).

    ``forward`` is the flow from the first to the second frame, ``backward`` from the second to the first.
    Excluded are pixels where the two disagree (Eq. 5), and motion boundaries (Eq. 6).
    """
    forward_at_target = warp_array_by_flow(forward, backward)
    disagreement = np.square(forward_at_target + backward).sum(-1)
    length = np.square(forward_at_target).sum(-1) + np.square(backward).sum(-1)
    consistent = disagreement <= 0.01 * length + 0.5
    gradients = [np.gradient(backward[..., channel]) for channel in range(2)]
    steepness = sum(np.square(part) for pair in gradients for part in pair)
    off_boundary = steepness <= 0.01 * np.square(backward).sum(-1) + 0.002
    result: NDArray[np.bool_] = consistent & off_boundary
    return result


@dataclass(frozen=True)
class Motion:
    """Motion from a frame to the one before: flow ``H W 2`` px, and ``visible`` ``H W``, where both show the same."""

    backward_flow: Flow
    visible: NDArray[np.bool_]

    @classmethod
    def from_frames(cls, first: UInt8Array, second: UInt8Array) -> "Motion":
        """Estimate the motion between two consecutive gray frames ``H W``."""
        forward, backward = compute_optical_flow(first, second), compute_optical_flow(second, first)
        return cls(backward, find_visible_pixels(forward, backward))

    def mean_ab_change(self, first: Float32Array, second: Float32Array) -> float:
        """Compute the mean change of ab ``H W 2`` along the motion, in Lab units (Deep Exemplar, Eq. 13, per pixel).

        The change of a pixel is the sum over a and b. Only pixels visible in both frames count; nan if there is none.
        """
        change = np.abs(warp_array_by_flow(first, self.backward_flow) - second).sum(-1)
        return float(change[self.visible].mean()) if self.visible.any() else float("nan")

    def warp_error(self, first: Float32Array, second: Float32Array) -> float:
        """Compute the warp error WE of RGB ``H W 3``, 0..1, ×1000 (E_warp of Lai et al. 2018, with this flow).

        It is the mean squared difference over pixels visible in both frames, and over channels as in the authors'
        script; nan if there is no such pixel. That of a film is the mean over its pairs. The factor is that of
        tables that print 1.9 to 2.5 for colour films of DAVIS: 0.0019 to 0.0025 on RGB 0..1.
        """
        change = np.square(warp_array_by_flow(first, self.backward_flow) - second).mean(-1)
        return float(1000 * change[self.visible].mean()) if self.visible.any() else float("nan")


def compute_color_histogram(rgb: UInt8Array) -> Float32Array:
    """Compute the shares ``3 256`` of the levels of R, G and B in a picture ``H W 3`` uint8; every row sums to 1."""
    pixels = rgb.reshape(-1, 3)
    counts = np.stack([np.bincount(pixels[:, channel], minlength=256) for channel in range(3)])
    shares: Float32Array = (counts / len(pixels)).astype(np.float32)
    return shares


def compute_cdc(histograms: Sequence[Float32Array]) -> float:
    """Compute CDC of a film (Liu et al. 2021, "Temporally consistent video colorization"), 0..ln 2: 0 is steadiest.

    ``histograms`` are those of `compute_color_histogram` of its frames, in order. CDC is the Jensen-Shannon
    divergence in nats of frames 1, 2 and 4 apart, the mean over channels and pairs for each distance, then over
    distances; those that the film is too short for are left out. nan for a single frame.
    """
    shares = np.asarray(histograms, np.float32)
    distances = [step for step in (1, 2, 4) if step < len(shares)]
    means = [
        np.mean([_jensen_shannon_divergence(one, other) for one, other in zip(shares, shares[step:], strict=False)])
        for step in distances
    ]
    return float(np.mean(means)) if means else float("nan")


def _jensen_shannon_divergence(one: Float32Array, other: Float32Array) -> float:
    """Jensen-Shannon divergence of the rows of two histograms, in nats, the mean over rows."""
    p, q = one.astype(np.float64), other.astype(np.float64)
    middle = np.where(p + q > 0, (p + q) / 2, 1)
    return float(sum(np.sum(x * np.log(np.where(x > 0, x / middle, 1))) for x in (p, q)) / 2 / len(p))
