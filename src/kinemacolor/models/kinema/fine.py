"""The fine stage: each quarter of a cell chooses among the quarters of its best places, and trusts one source or other.

What the match averages over whole cells is decided here on the 1/2 grid, by descriptors of fine detail: which quarter
of the references, which of the frame before, and how much of each. Its result is what the next frame finds as history.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.kinema.keys import CELL_SPLIT, LAB_SCALE, QUARTERS, MatchingState, pool_cell_quarters
from kinemacolor.models.kinema.matching import CoarseMatch, History, MatchingOptions, MatchResult, weigh_history
from kinemacolor.nn.backbones import EfficientNetLite0, normalize_channels
from kinemacolor.nn.block_attention import BLOCK, from_blocks, number_rows, split_blocks, to_blocks
from kinemacolor.nn.layers import resize_bilinear, to_channels_last
from kinemacolor.nn.pointwise import PointwiseConv2d
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.utils.arrays import Float32Array

FINE_WIDTH = 32  # numbers of a fine descriptor
WINDOW = 4  # rows and columns of cells of the frame before at which a block of 2 x 2 looks
QUARTER_VALUES = 4  # of a quarter: L, a, b, and a² + b²
SOURCES = 4  # match and quarters of the references, match and quarters of the frame before


class FineChoice(NamedTuple):
    """Chosen values B h w 13 of every cell, and the weight 0..1 of the history in them B h w 1, None without one."""

    values: Tensor
    history_weight: Tensor | None


class _Source(NamedTuple):
    """What one source gives each quarter, ``B N 4``: values ``... 4``, and the largest weight in them 0..1 ``... 1``.

    Cells are in the order of blocks.
    """

    values: Tensor
    largest_weight: Tensor


def keep_coarse(coarse: CoarseMatch, options: MatchingOptions) -> FineChoice:
    """Choose nothing: the values of whole cells, of references and history by their similarity."""
    found, history = coarse.reference.values, coarse.history
    if history is None:
        return FineChoice(found, None)
    weight = torch.sigmoid(weigh_history(coarse, options))
    return FineChoice(torch.lerp(found, history.match.values, weight), weight)


class FineMatching(nn.Module):
    """Attention from quarters to quarters, and a gate for each quarter over what was found.

    A quarter sees the quarters of the best cells of the references, and those of a window of the frame before, around
    where its cell was found. Untrained, it adds little to the match: descriptors of random projections, and equal
    weights of match and quarters.
    """

    def __init__(self, descriptor_width: int, hidden: int = 48, gate_width: int = 32) -> None:
        super().__init__()
        shallow, middle = EfficientNetLite0.widths[:2]
        self.near = nn.Conv2d(shallow + QUARTERS, hidden, 3, padding=1)
        self.wide = PointwiseConv2d(middle + descriptor_width, hidden)
        self.describe = nn.Sequential(nn.SiLU(), PointwiseConv2d(hidden, FINE_WIDTH))
        self.sharpness = nn.Parameter(torch.tensor([1.5, 1.5]))  # logarithms, for references and history
        self.same_quarter = nn.Parameter(torch.tensor(3 * np.eye(QUARTERS, dtype=np.float32)))
        self.displacement = nn.Parameter(torch.tensor(-0.7 * _squared_displacements()))
        features = FINE_WIDTH + 4 * SOURCES + 3
        answer = nn.Linear(gate_width, SOURCES)
        nn.init.zeros_(answer.weight)
        nn.init.zeros_(answer.bias)
        self.gate = nn.Sequential(nn.Linear(features, gate_width), nn.SiLU(), answer)

    def compute_keys(self, lightness: Tensor, maps: Sequence[Tensor], descriptors: Tensor) -> Tensor:
        """Compute unit descriptors of quarters, ``B h w 4·F``.

        They come from L ``B 1 4h 4w``, standardised maps of the frame, and descriptors of its cells ``B h w C``.
        """
        pixels = F.pixel_unshuffle(lightness / LAB_SCALE - 1, 2)
        near = self.near(torch.cat([maps[0], to_channels_last(pixels)], 1))
        wide = self.wide(torch.cat([maps[1], descriptors.permute(0, 3, 1, 2)], 1))
        fine = normalize_channels(promote_to_float32(self.describe(near + resize_bilinear(wide, near.shape[-2:]))))
        batch, height, width, _ = descriptors.shape
        split = fine.permute(0, 2, 3, 1).reshape(batch, height, CELL_SPLIT, width, CELL_SPLIT, FINE_WIDTH)
        return split.transpose(2, 3).flatten(3)

    def forward(
        self, keys: Tensor, lightness: Tensor, coarse: CoarseMatch, state: MatchingState, options: MatchingOptions
    ) -> FineChoice:
        """Choose for frames with fine descriptors ``B h w 4·F`` and L ``B 1 4h 4w``, by what the match found."""
        _, height, width, _ = keys.shape
        query = to_blocks(keys.unflatten(-1, (QUARTERS, FINE_WIDTH)))
        own_lightness = to_blocks(pool_cell_quarters(lightness, (height, width)))[..., None]
        cell_logits = [torch.zeros_like(coarse.reference.similarity)] * 2
        sources = [_spread_match(coarse.reference), self._attend_to_references(query, coarse, state, options)]
        if coarse.history is not None:
            cell_logits += [weigh_history(coarse, options)] * 2
            sources += [_spread_match(coarse.history.match), self._attend_to_history(query, coarse.history, state)]
        features = self._describe_sources(sources, query, own_lightness, coarse)
        logits = to_blocks(torch.cat(cell_logits, -1))[:, :, None] + self.gate(features)[..., : len(sources)]
        weights = logits.softmax(-1)
        chosen = (torch.stack([source.values for source in sources], -2) * weights[..., None]).sum(-2)
        means = chosen.transpose(2, 3)[:, :, :3].flatten(2)  # L of four quarters, a, b
        values = from_blocks(torch.cat([means, chosen[..., 3].mean(-1, keepdim=True)], -1), height, width)
        if coarse.history is None:
            return FineChoice(values, None)
        return FineChoice(values, from_blocks(weights[..., 2:].sum(-1).mean(-1, keepdim=True), height, width))

    def _attend_to_references(
        self, query: Tensor, coarse: CoarseMatch, state: MatchingState, options: MatchingOptions
    ) -> _Source:
        """Attention to the quarters of the best cells: their weights in the match, times fine likeness."""
        tables = state.fine_keys.flatten(0, 1), _split_values(state.values).flatten(2).flatten(0, 1)
        products = coarse.products.flatten(0, 1) / options.temperature  # B·G 4 K
        same_quarter = self.same_quarter.repeat(1, coarse.places.shape[-1])
        rows, found = number_rows(coarse.places, state.keys.shape[1]), []
        for part, places, cells in split_blocks(_flatten_query(query), rows, products):
            keys, values = (table.index_select(0, places.flatten()) for table in tables)
            prior = cells.repeat_interleave(QUARTERS, 2)[:, :, None] + same_quarter
            found.append(_attend(part, keys, values, prior.flatten(1, 2), self.sharpness[0]))
        return _join_sources(found, query)

    def _attend_to_history(self, query: Tensor, history: History, state: MatchingState) -> _Source:
        """Attention to the quarters of the frame before, in a window around where the match lies there."""
        (batch, height, width, _), past = history.place.shape, state.past_fine_keys
        middle = to_blocks(history.place.detach()).unflatten(1, (-1, BLOCK)).mean(2)
        first = (middle - (WINDOW - 1) / 2).round().long()[:, :, None]  # B G 1 2
        step = torch.arange(WINDOW, device=first.device)
        rows = (first[..., 0] + step).clamp(0, height - 1)
        columns = (first[..., 1] + step).clamp(0, width - 1)
        picture = torch.arange(batch, device=first.device)[:, None, None, None] * (height * width)
        cells = (picture + rows[..., None] * width + columns[:, :, None]).flatten()
        tables = past.flatten(0, 2), _split_values(state.past_values.flatten(1, 2)).flatten(2).flatten(0, 1)
        places = self.displacement.flatten()[_displacement_index(first.device)]
        found = []
        for part, window in split_blocks(_flatten_query(query), cells.reshape(-1, WINDOW**2)):
            keys, values = (table.index_select(0, window.flatten()) for table in tables)
            found.append(_attend(part, keys, values, places, self.sharpness[1]))
        return _join_sources(found, query)

    def _describe_sources(
        self, sources: Sequence[_Source], query: Tensor, own_lightness: Tensor, coarse: CoarseMatch
    ) -> Tensor:
        """What the gate sees of each quarter, ``B N 4 C``; a source that is missing is 0."""
        first, columns = sources[0].values, []
        for values, largest_weight in sources:
            lightness = (values[..., :1] - own_lightness).abs() / LAB_SCALE
            distance = (values[..., 1:3] - first[..., 1:3]).square().sum(-1, keepdim=True).add(1e-4).sqrt() / LAB_SCALE
            square = values[..., 1:3].square().sum(-1, keepdim=True)
            std = (values[..., 3:] - square).clamp_min(1e-4).sqrt() / LAB_SCALE
            columns += [lightness, distance, std, largest_weight]
        columns += [torch.zeros_like(columns[0])] * (4 * (SOURCES - len(sources)))
        history = coarse.history
        similarity = coarse.reference.similarity
        past = torch.zeros_like(similarity) if history is None else history.match.similarity
        cells = to_blocks(torch.cat([similarity, past, coarse.median_similarity.expand_as(past)], -1))
        return torch.cat([query, *columns, cells[:, :, None].expand(-1, -1, QUARTERS, -1)], -1)


def _flatten_query(query: Tensor) -> Tensor:
    """Descriptors of quarters ``B N 4 F`` by block, ``B·N/4 16 F``."""
    return query.reshape(-1, BLOCK * QUARTERS, query.shape[-1])


def _attend(query: Tensor, keys: Tensor, values: Tensor, prior: Tensor, sharpness: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax attention of the quarters of blocks ``G 16 F`` to those of the cells ``keys`` with ``values``.

    ``prior``, 16 M or one for each block, is added to the products. Gives values ``G 16 4`` and the largest weight
    ``G 16 1``.
    """
    query = query * sharpness.exp()
    keys, values = (x.reshape(len(query), -1, size) for x, size in ((keys, query.shape[-1]), (values, QUARTER_VALUES)))
    weights = torch.baddbmm(prior, query, keys.transpose(1, 2)).softmax(-1)
    chosen = (values.transpose(1, 2) @ weights.transpose(1, 2)).transpose(1, 2)  # few rows are faster than few columns
    return chosen, weights.amax(-1, keepdim=True)


def _join_sources(parts: Sequence[tuple[Tensor, Tensor]], query: Tensor) -> _Source:
    """Join the results of `_attend` for all blocks to a source for the quarters ``B N 4 F``."""
    values, largest_weight = (torch.cat(column).reshape(*query.shape[:3], -1) for column in zip(*parts, strict=True))
    return _Source(values, largest_weight)


def _spread_match(match: MatchResult) -> _Source:
    """A match of cells as a source of quarters: each has its own mean and the deviation of the cell."""
    quarters = _split_values(to_blocks(match.values))
    return _Source(quarters, torch.zeros_like(quarters[..., :1]))


def _split_values(values: Tensor) -> Tensor:
    """Values of cells ``B N 13`` as those of quarters, ``B N 4 4``: L, a, b, and a² + b² with the cell's variance."""
    means = values[..., :-1].unflatten(-1, (3, QUARTERS)).transpose(-1, -2)
    square = means[..., 1:].square().sum(-1)
    variance = (values[..., -1:] - square.mean(-1, keepdim=True)).clamp_min(0)
    return torch.cat([means, (square + variance)[..., None]], -1)


def _squared_displacements() -> Float32Array:
    """Squared distance in quarters of each displacement that occurs in a window, rows by columns.

    Like all initial values it is no work of torch: on the meta device, where models are built before their weights are
    read, torch answers with decompositions in Python, and loads its compiler for them.
    """
    reach = _max_displacement()
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    return np.square(steps)[:, None] + np.square(steps)


def _max_displacement() -> int:
    """Most quarters from a quarter of a block in the middle of a window to another of the window."""
    return CELL_SPLIT * (WINDOW - 1) - 1


@cache
def _displacement_index(device: torch.device) -> Tensor:
    """For the 16 quarters of a block and the quarters of a window: the number of the displacement in the table."""
    with torch.inference_mode(False):
        own, other = _quarter_places(2) + (WINDOW - 2), _quarter_places(WINDOW)
        offset = other[None] - own[:, None] + _max_displacement()
        return (offset[..., 0] * (2 * _max_displacement() + 1) + offset[..., 1]).to(device)


def _quarter_places(cells: int) -> Tensor:
    """Row and column of the quarters of a square of cells, in quarters, cell by cell: ``cells²·4 2``."""
    cell = torch.cartesian_prod(torch.arange(cells), torch.arange(cells))
    quarter = torch.cartesian_prod(torch.arange(CELL_SPLIT), torch.arange(CELL_SPLIT))
    return (CELL_SPLIT * cell[:, None] + quarter).flatten(0, 1)
