"""Partial references: only their painted pixels give colour, such as one coat painted on a still.

``paint_mask`` says how much of every pixel is painted, 0..1; None means that all of it is. Colours are
premultiplied: the ab of a pixel times its value in the mask, so that unpainted pixels are gray.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_RELATIVE_PAINT = 0.5  # a cell gives colour from this share of the paint of its reference's best cell on
EPSILON = 1e-6  # weight of the picture's mean in the mean of a cell: it decides only cells without paint


def premultiply_references(references: Tensor, paint_mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Premultiply references ``B R 3 H W``, drop those without paint, and give their masks ``R 1 H W``.

    ``paint_mask`` is ``R H W``. The mask is None where all that remain are wholly painted. Raises ValueError for a
    mask of another shape, or where nothing is painted.
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
    """Fill the unpainted parts of premultiplied pictures ``B·R C H W`` with the mean of the paint in their cell.

    ``paint_mask`` is ``R 1 H W``; ``grid`` is the number of rows and columns of cells. A cell without paint takes
    the mean of the picture's paint. The mean of a cell is then the mean of what is painted in it.
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
    """Select the cells that give colour, as an index into R·h·w cells; ``paint_mask`` is ``R 1 H W``.

    They are those at least half as painted as the best cell of their reference. Where a cell is wholly painted the
    threshold is one half; as it is relative, thin strokes, which fill half of no cell, give colour too.
    """
    if paint_mask is None:
        return slice(None)
    share = F.adaptive_avg_pool2d(paint_mask, (grid[0], grid[1])).flatten(1)
    return (share >= MIN_RELATIVE_PAINT * share.amax(1, keepdim=True)).flatten()


def unpainted_cells(paint_mask: Tensor, grid: Sequence[int]) -> Tensor:
    """Select the cells without any paint: a boolean mask over R·h·w cells; ``paint_mask`` is ``R 1 H W``."""
    return (F.adaptive_avg_pool2d(paint_mask, (grid[0], grid[1])) == 0).flatten()
