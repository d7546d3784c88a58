"""Keys: the references as cells with which frames are matched, made once; and what a frame leaves for the next.

A cell of the 1/4 grid carries the Lab of its 2 × 2 quarters, so that colours are finer than the matching.
Cells lie in the order of `nn.block_attention`: four consecutive ones are a block, a cell of the 1/8 grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.base import State
from kinemacolor.nn.block_attention import BLOCK, block_order
from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.partial import fill_unpainted, painted_cells, unpainted_cells

CELL_SIZE = 4  # px, a side of a cell
LAB_SCALE = 50.0  # Lab units that are 1 inside a network
CELL_SPLIT = 2  # a cell carries CELL_SPLIT x CELL_SPLIT colours
QUARTERS = CELL_SPLIT**2
COLOR_CHANNELS = 2 * QUARTERS
VALUE_CHANNELS = QUARTERS + COLOR_CHANNELS + 1  # of a cell: L, a, b of its quarters, and a² + b²
# Cells between partial references: few, so that a match may change to the paint of another reference.
PARTIAL_REFERENCE_SPACING = 2.0
COORDINATE_ROWS = 54  # coordinates are in cells of a picture with this many along its shorter side
UNPAINTED_PRODUCT = -4.0  # is added to products with cells without paint: a cosine is never so low


@dataclass(frozen=True)
class MatchingState(State):
    """References and the last frame, as cells.

    ``grid`` B 2 are height and width of a reference in cells, with their fractions. Of its cells, in the order of
    blocks: ``keys`` B N C+P+3, descriptors with the terms of `_make_terms`; ``block_keys`` B N/4 C+P+3, the mean of
    each block's painted cells; ``fine_keys`` B N 4·F, the fine descriptors of the quarters; ``values`` B N 13 (see
    `MatchResult`); ``coordinates`` B N P (see `_cell_coordinates`). Blocks without paint are left out.
    ``unpainted_keys`` B S C+P-2 are descriptors of cells without paint, with the code of their reference, empty where
    all is painted. The rest is of the last frame, row by row, empty before the first: descriptors ``past_keys`` B h w C
    and ``past_fine_keys`` B h w 4·F, values B h w 13, their similarity to the reference B h w 1, coordinates of
    their match in it B h w P, and semantic colours B h w 2.
    """

    grid: Tensor
    keys: Tensor
    block_keys: Tensor
    fine_keys: Tensor
    values: Tensor
    coordinates: Tensor
    unpainted_keys: Tensor
    past_keys: Tensor
    past_fine_keys: Tensor
    past_values: Tensor
    past_similarity: Tensor
    past_coordinates: Tensor
    past_semantic: Tensor


def encode_references(
    keys: Tensor,
    fine_keys: Tensor,
    lab: Tensor,
    spacing: float,
    paint_mask: Tensor | None = None,
    *,
    grid: tuple[float, float] | None = None,
) -> MatchingState:
    """Compute the state before the first frame from references of even grids.

    ``keys`` are their descriptors ``B R h w C``, ``fine_keys`` those of quarters ``B R h w 4·F``, ``lab`` is ``B R 3 H
    W``; masks and colours are as `premultiply_references` gives them. ``spacing``: distance of two references in cells.
    ``grid``: height and width in cells of what is a picture in them, where its border is repeated beyond.
    """
    batch, count, height, width, size = keys.shape
    grid = grid or (float(height), float(width))
    values = _pool_values(lab, paint_mask, (height, width))
    spacing = spacing if paint_mask is None else PARTIAL_REFERENCE_SPACING
    # two references differ in two axes of their code, so spacing / √2 on each puts them ``spacing`` apart
    coordinates = _cell_coordinates(count, (height, width), grid, spacing / 2**0.5, values).expand(batch, -1, -1)
    keys = keys.reshape(batch, -1, size)
    empty = keys.new_zeros(batch, 0, 0, 0)
    unpainted_keys = (
        empty
        if paint_mask is None
        else torch.cat([keys, coordinates[..., 2:]], -1)[:, unpainted_cells(paint_mask, (height, width))]
    )
    cells = block_order(height, width, keys.device)
    order = torch.cat([cells + number * height * width for number in range(count)])
    painted = keys.new_ones(count * height * width, 1)
    if paint_mask is not None:
        painted = painted_cells(paint_mask, (height, width)).to(keys)[:, None]  # type: ignore[union-attr]
        has_paint = painted[order].reshape(-1, BLOCK).any(1)
        order = order.reshape(-1, BLOCK)[has_paint].flatten()
    keys = torch.cat([keys, _make_terms(coordinates, painted)], -1)
    keys, fine_keys, values, coordinates = (
        x.reshape(batch, len(painted), -1)[:, order] for x in (keys, fine_keys, values, coordinates)
    )
    return MatchingState(
        get_constant(grid, values).expand(batch, 2),
        keys,
        _average_blocks(keys, painted[order]),
        fine_keys,
        values,
        coordinates,
        unpainted_keys,
        *(empty,) * 6,
    )


def pool_cell_quarters(picture: Tensor, grid: Sequence[int]) -> Tensor:
    """Average a picture ``B C H W`` over each quarter of each cell of ``grid``; gives ``B h w 4·C``."""
    parts = F.adaptive_avg_pool2d(picture, (CELL_SPLIT * grid[0], CELL_SPLIT * grid[1]))
    return F.pixel_unshuffle(parts, CELL_SPLIT).permute(0, 2, 3, 1)


def _pool_values(lab: Tensor, paint_mask: Tensor | None, grid: tuple[int, int]) -> Tensor:
    """Values ``B R·h·w 13`` of all cells of references."""
    ab = fill_unpainted(lab[:, :, 1:].flatten(0, 1), paint_mask, grid)
    quarters = pool_cell_quarters(torch.cat([lab[:, :, :1].flatten(0, 1), ab], 1), grid)
    mean_of_squares = quarters[..., QUARTERS:].square().sum(-1, keepdim=True) / QUARTERS
    return torch.cat([quarters, mean_of_squares], -1).reshape(len(lab), -1, VALUE_CHANNELS)


def _average_blocks(keys: Tensor, painted: Tensor) -> Tensor:
    """Means of the painted cells of each block, ``B N/4 C``, as if all were painted."""
    weight = (painted / painted.reshape(-1, BLOCK).sum(1).repeat_interleave(BLOCK)[:, None]).detach()
    means = (keys.detach() * weight).reshape(len(keys), -1, BLOCK, keys.shape[-1]).sum(2)
    return torch.cat([means[..., :-1], torch.zeros_like(means[..., -1:])], -1)


def _cell_coordinates(
    count: int, shape: tuple[int, int], grid: tuple[float, float], spacing: float, like: Tensor
) -> Tensor:
    """Coordinates of all cells of all references, ``1 count·height·width 2+count``: row, column, code of the reference.

    The code is ``spacing`` on the axis of the reference and 0 on those of the others.
    """
    scale = COORDINATE_ROWS / min(grid)
    rows, columns = (torch.arange(size, dtype=like.dtype, device=like.device) * scale for size in shape)
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    position = torch.stack([row, column], -1).reshape(1, -1, 2).expand(count, -1, -1)
    codes = (spacing * torch.eye(count, dtype=like.dtype, device=like.device))[:, None]
    return torch.cat([position, codes.expand(-1, position.shape[1], -1)], -1).reshape(1, -1, 2 + count)


def _make_terms(coordinates: Tensor, painted: Tensor) -> Tensor:
    """Terms (x, |x|², 1, u) of a key with coordinates x, ``B N P+3``; u is 0 where it is painted.

    Their product with (2 p e, -p, -p |e|², 1) of a query is -p |x - e|² + u: minus the squared distance to e times p.
    """
    bars = (UNPAINTED_PRODUCT * (1 - painted)).expand(len(coordinates), -1, -1)
    return torch.cat(
        [coordinates, coordinates.square().sum(-1, keepdim=True), torch.ones_like(coordinates[..., :1]), bars], -1
    )
