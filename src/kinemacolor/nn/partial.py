"""References of which only some pixels speak: one coat painted on a still, the rest left as it was.

A mask ``painted`` says how much of every pixel is painted, 0..1; without one (None), all of it is. Colours are
premultiplied: each pixel's chroma times how much of it is painted, gray where it is not.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

HALF = 0.5  # of what the best painted cell of a reference has, a cell needs to speak
TINY = 1e-6


def over_gray(references: Tensor, painted: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """References ``B R 3 H W`` premultiplied, and their masks ``R 1 H W``, without those that have no paint.

    ``painted`` is ``R H W``. What is wholly painted has no mask. Raises ValueError for a mask of another shape, or
    where nothing is painted.
    """
    if painted is None:
        return references, None
    if painted.shape != (references.shape[1], *references.shape[3:]):
        raise ValueError(f"painted is {tuple(painted.shape)}, wanted R H W of references {tuple(references.shape)}")
    present = painted.flatten(1).any(1)
    if not present.any():
        raise ValueError("no pixel of the references is painted")
    masks, kept = painted[present, None].to(references), references[:, present]
    if (masks == 1).all():
        return kept, None
    return torch.cat([kept[:, :, :1], kept[:, :, 1:] * masks], 2), masks


def fill_in(pictures: Tensor, painted: Tensor | None, grid: Sequence[int]) -> Tensor:
    """Pictures ``B·R C H W``, premultiplied, whose unpainted parts take the mean of the painted ones of their cell.

    ``painted`` is ``R 1 H W``. A cell is one of ``grid``, rows and columns; one without paint takes the mean of the
    picture's. The mean of a cell is then that of what is painted in it.
    """
    if painted is None:
        return pictures
    painted = painted.repeat(len(pictures) // len(painted), 1, 1, 1)
    typical = pictures.mean((2, 3), keepdim=True) / painted.mean((2, 3), keepdim=True)
    size = grid[0], grid[1]
    total, share = (F.adaptive_avg_pool2d(x, size) for x in (pictures, painted))
    mean = (total + TINY * typical) / (share + TINY)
    return pictures + (1 - painted) * F.interpolate(mean, pictures.shape[-2:])


def speaking(painted: Tensor | None, grid: Sequence[int]) -> Tensor | slice:
    """Which of the R·h·w cells speak, to index them with: those at least half as painted as their reference's best.

    Where any cell is wholly painted that is a half; thin strokes, which half fill no cell, speak too.
    """
    if painted is None:
        return slice(None)
    share = F.adaptive_avg_pool2d(painted, (grid[0], grid[1])).flatten(1)
    return (share >= HALF * share.amax(1, keepdim=True)).flatten()


def blank(painted: Tensor, grid: Sequence[int]) -> Tensor:
    """Which of the R·h·w cells have no paint at all."""
    return (F.adaptive_avg_pool2d(painted, (grid[0], grid[1])) == 0).flatten()
