"""Filmstrips: pictures of what was asked of a model in a validation, of what it gave, and of the truth."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.utils.arrays import UInt8Array

FILMSTRIP_FRAMES = 4  # frames of a film in a filmstrip
BLOCK_GAP = 8  # px between the blocks of two columns


def make_strip_block(reference: Tensor, true: Tensor, predicted: Tensor) -> UInt8Array:
    """Put a reference ``3 h w`` beside frames ``T 3 h w``, all sRGB 0..1: ``3h (1+n)w 3``, with n of at most 4.

    Time goes from left to right; gray, true and predicted frames lie one above the other, the reference beside the
    gray ones, because both are what the model sees.
    """
    chosen = np.linspace(0, len(true) - 1, min(FILMSTRIP_FRAMES, len(true))).round().astype(int).tolist()
    blank = torch.ones_like(reference)
    rows = []
    for first, frames in ((reference, _to_gray(true)), (blank, true), (blank, predicted)):
        rows.append(torch.cat([first, *(frames[number] for number in chosen)], -1))
    block: UInt8Array = (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return block


def stack_strip_blocks(rows: Sequence[Sequence[UInt8Array]]) -> UInt8Array:
    """Put the blocks of each row side by side, and the rows one above the other on white, with a gap between them."""
    strips = [np.concatenate(blocks, 1) for blocks in rows]
    width = max(strip.shape[1] for strip in strips)
    parts: list[UInt8Array] = []
    for strip in strips:
        if parts:
            parts.append(np.full((BLOCK_GAP, width, 3), 255, np.uint8))
        parts.append(np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=255))
    stacked: UInt8Array = np.concatenate(parts)
    return stacked


def _to_gray(rgb: Tensor) -> Tensor:
    """Gray pictures of sRGB 0..1 ``T 3 h w``, in three channels."""
    pictures = [cv2.cvtColor(frame.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2GRAY) for frame in rgb]
    return torch.from_numpy(np.stack(pictures))[:, None].expand(-1, 3, -1, -1)
