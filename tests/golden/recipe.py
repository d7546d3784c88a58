"""Weights and pictures that the recorded answers in this folder were made from.

A network of the published architecture, filled by `fill`, and fed by `picture`, must give the
numbers in the .npz files beside this file (README.md says which, and within what).
Needs numpy and torch only.
"""

import math
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# The last convolution before tanh is made small, so that tanh stays off its ends.
LAST = {"conv10_ab.weight": 0.3, "outc.2.weight": 0.004}


def values(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 values of one entry of a state dict, from the name it has in the official checkpoint."""
    normal = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    if key.endswith("running_mean"):
        return np.zeros(shape, np.float32)
    if key.endswith("running_var"):
        return np.ones(shape, np.float32)
    if shape == (1,):  # PReLU
        return np.full(shape, 0.25, np.float32)
    if len(shape) == 1:  # a norm's scale, else a bias
        return np.ones(shape, np.float32) if key.endswith("weight") else 0.01 * normal
    if len(shape) == 5:  # Color2Embed's modulated kernel
        return normal
    return normal * np.float32(math.sqrt(2 / np.prod(shape[1:]))) * np.float32(LAST.get(key, 1))


def fill(official_shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A state dict for the official names and shapes of the floating-point entries."""
    return {key: torch.from_numpy(np.ascontiguousarray(values(key, shape))) for key, shape in official_shapes.items()}


def picture(seed: int, height: int, width: int) -> Tensor:
    """1 3 H W Lab, smooth with edges: L 0..100, ab within -60..60."""
    generator = np.random.default_rng(seed)

    def smooth(channels: int, cells: int) -> Tensor:
        noise = generator.standard_normal((1, channels, cells, cells * 16 // 9)).astype(np.float32)
        return F.interpolate(torch.from_numpy(noise), (height, width), mode="bicubic", align_corners=False)

    grain = generator.standard_normal
    luma = 50 + 22 * smooth(1, 5) + 8 * smooth(1, 30)
    luma = luma + 2 * torch.from_numpy(grain((1, 1, height, width)).astype(np.float32))
    chroma = 25 * smooth(2, 4) + 10 * torch.sign(smooth(2, 3))
    return torch.cat([luma.clamp(0, 100), chroma.clamp(-60, 60)], 1)
