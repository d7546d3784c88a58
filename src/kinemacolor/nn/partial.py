"""References of which only some pixels speak: one coat painted on a still, the rest left as it was.

A mask ``painted`` says how much of every pixel is painted, 0..1; without one (None), all of it is. Colours are
premultiplied: each pixel's chroma times how much of it is painted, gray where it is not.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_RELATIVE_PAINT = 0.5  # of what the best painted cell of a reference has, a cell needs to speak
EPSILON = 1e-6


def premultiply_references(references: Tensor, paint_mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """References ``B R 3 H W`` premultiplied, and their masks ``R 1 H W``, without those that have no paint.

    ``painted`` is ``R H W``. What is wholly painted has no mask. Raises ValueError for a mask of another shape, or
    where nothing is painted.
    """
    if paint_mask is None:
        return references, None
    if paint_mask.shape != (references.shape[1], *references.shape[3:]):
        raise ValueError(f"painted is {tuple(paint_mask.shape)}, wanted R H W of references {tuple(references.shape)}")
    has_paint = paint_mask.flatten(1).any(1)
    if not has_paint.any():
        raise ValueError("no pixel of the references is painted")
    masks, painted_references = paint_mask[has_paint, None].to(references), references[:, has_paint]
    if (masks == 1).all():
        return painted_references, None
    return torch.cat([painted_references[:, :, :1], painted_references[:, :, 1:] * masks], 2), masks


def fill_unpainted(pictures: Tensor, paint_mask: Tensor | None, grid: Sequence[int]) -> Tensor:
    """Pictures ``B·R C H W``, premultiplied, whose unpainted parts take the mean of the painted ones of their cell.

    ``painted`` is ``R 1 H W``. A cell is one of ``grid``, rows and columns; one without paint takes the mean of the
    picture's. The mean of a cell is then that of what is painted in it.
    """
    if paint_mask is None:
        return pictures
    paint_mask = paint_mask.repeat(len(pictures) // len(paint_mask), 1, 1, 1)
    picture_mean = pictures.mean((2, 3), keepdim=True) / paint_mask.mean((2, 3), keepdim=True)
    size = grid[0], grid[1]
    total, share = (F.adaptive_avg_pool2d(x, size) for x in (pictures, paint_mask))
    mean = (total + EPSILON * picture_mean) / (share + EPSILON)
    return pictures + (1 - paint_mask) * F.interpolate(mean, pictures.shape[-2:])


def painted_cells(paint_mask: Tensor | None, grid: Sequence[int]) -> Tensor | slice:
    """Which of the R·h·w cells speak, to index them with: those at least half as painted as their reference's best.

    Where any cell is wholly painted that is a half; thin strokes, which half fill no cell, speak too.
    """
    if paint_mask is None:
        return slice(None)
    share = F.adaptive_avg_pool2d(paint_mask, (grid[0], grid[1])).flatten(1)
    return (share >= MIN_RELATIVE_PAINT * share.amax(1, keepdim=True)).flatten()


def unpainted_cells(paint_mask: Tensor, grid: Sequence[int]) -> Tensor:
    """Which of the R·h·w cells have no paint at all."""
    return (F.adaptive_avg_pool2d(paint_mask, (grid[0], grid[1])) == 0).flatten()
