"""Measures of colour: how true, how vivid, how steady."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.arrays import Bytes, Floats

Flow = Floats


def psnr(result: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of sRGB 0..1 pictures of one shape, in float; identical ones give inf."""
    error = (result.double() - truth.double()).square().mean()
    return float(-10 * torch.log10(error))


def colorfulness(rgb: Tensor) -> float:
    """Colourfulness M of ``3 H W`` sRGB 0..1 (Hasler and Süsstrunk 2003, Eq. for M^(3), on the 0..255 scale)."""
    red, green, blue = rgb.double() * 255
    rg, yb = red - green, (red + green) / 2 - blue
    spread = torch.sqrt(rg.var(correction=0) + yb.var(correction=0))
    return float(spread + 0.3 * torch.sqrt(rg.mean() ** 2 + yb.mean() ** 2))


def optical_flow(first: Bytes, second: Bytes) -> Flow:
    """``H W 2`` motion in px (x, y) from gray ``H W`` to gray ``H W`` (DIS, Kroeger et al. 2016, medium preset)."""
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: Flow = solver.calc(first, second, np.zeros((*first.shape, 2), np.float32)).astype(np.float32, copy=False)
    return flow


def warp(picture: Floats, flow: Flow) -> Floats:
    """``H W C`` sampled at each pixel plus ``flow``, bilinear; outside repeats the edge."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    warped = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.float32, copy=False).reshape(picture.shape)


def visible_in_both(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """``H W``: pixels of the second frame that the first one shows too (Ruder et al. 2016, Eq. 5-6).

    ``forward`` goes from the first to the second frame, ``backward`` from the second to the first.
    Excluded are pixels where the two disagree, and motion boundaries.
    """
    there = warp(forward, backward)
    disagreement = np.square(there + backward).sum(-1)
    length = np.square(there).sum(-1) + np.square(backward).sum(-1)
    consistent = disagreement <= 0.01 * length + 0.5
    gradients = [np.gradient(backward[..., channel]) for channel in range(2)]
    steepness = sum(np.square(part) for pair in gradients for part in pair)
    inside = steepness <= 0.01 * np.square(backward).sum(-1) + 0.002
    result: NDArray[np.bool_] = consistent & inside
    return result


@dataclass(frozen=True)
class Motion:
    """From a frame to the one before it: ``backward`` flow ``H W 2`` px, and where both show the same."""

    backward: Flow
    seen: NDArray[np.bool_]

    @classmethod
    def between(cls, first: Bytes, second: Bytes) -> "Motion":
        """Of two consecutive gray frames ``H W``."""
        forward, backward = optical_flow(first, second), optical_flow(second, first)
        return cls(backward, visible_in_both(forward, backward))

    def chroma_change(self, first: Floats, second: Floats) -> float:
        """Mean change of ab ``H W 2`` along the motion, in Lab units: Deep Exemplar, Eq. 13, per pixel.

        Only pixels seen in both frames count; nan if there is none.
        """
        change = np.abs(warp(first, self.backward) - second).sum(-1)
        return float(change[self.seen].mean()) if self.seen.any() else float("nan")
