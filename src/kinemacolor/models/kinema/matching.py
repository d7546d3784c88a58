"""What a gray frame can know of its colours by looking: at the references, and at the frame before.

A cell of the 1/4 grid carries the Lab of its 2 × 2 quarters, so that colours are finer than the matching.
Nothing here has weights; what is measured about it stands in docs/results.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.base import State
from kinemacolor.nn.attention import gather_rows, match_keys, match_nearby_keys
from kinemacolor.nn.layers import std_from_moments
from kinemacolor.nn.partial import fill_unpainted, painted_cells, unpainted_cells

CELL_SPLIT = 2  # a cell carries SPLIT x SPLIT colours
QUARTERS = CELL_SPLIT**2
COLOR_CHANNELS = 2 * QUARTERS
VALUE_CHANNELS = QUARTERS + COLOR_CHANNELS + 1  # of a cell: L, a, b of its quarters, and a² + b²
PARTIAL_REFERENCE_SPACING = (
    2.0  # cells between references with paint: little, so that paint is taken up where the film comes to it
)
COORDINATE_ROWS = 54  # places are measured in cells of a picture this high (or wide, if upright)


@dataclass(frozen=True)
class MatchingOptions:
    """Numbers of the matching, chosen on training clips.

    ``temperature`` and ``history_temperature`` divide cosines before softmax. ``radius`` is how far
    the last frame is searched, in cells of the 1/4 grid. ``decay`` is what a colour loses in
    similarity with each frame it is carried, ``anchor`` how much better than the reference history must
    be to weigh the same, ``gate_slope`` how sharply the better source wins. ``steadiness`` is the
    cosine that a match loses one cell away from the remembered place, ``apart`` how many cells two
    references lie from each other in that reckoning.

    ``certainty``: the logit of the chance that a colour found is right within 10 Lab units is linear in the
    cell's similarity and in the median one of the picture (slopes, offset), for the same cosine means
    less where reference and picture show two scenes; fitted by logistic regression on training clips.
    """

    temperature: float = 0.03
    history_temperature: float = 0.04
    radius: int = 6
    decay: float = 0.002
    anchor: float = 0.04
    gate_slope: float = 20.0
    steadiness: float = 0.0007
    apart: float = 20.0
    certainty: tuple[float, float, float] = (8.6, 8.7, -10.8)


@dataclass(frozen=True)
class MatchingState(State):
    """References and the last frame, as cells.

    ``grid`` B 2 are rows and columns of a reference's cells, ``keys`` B N C+P+2 descriptors with the terms of
    `_place_terms`, ``values`` B N 13 (see `Found`), ``places`` B N P. ``silent`` B S C+P-2 are descriptors of cells
    without paint, and which reference shows them, empty where all is painted. Of the last frame, empty before the
    first: descriptors B g w C, values B g w 13, how well the reference explained them B g w 1, and where in it they
    came from B g w P.
    """

    grid: Tensor
    keys: Tensor
    values: Tensor
    coordinates: Tensor
    unpainted_keys: Tensor
    past_keys: Tensor
    past_values: Tensor
    past_similarity: Tensor
    past_coordinates: Tensor


S = TypeVar("S", bound=MatchingState)


class MatchResult(NamedTuple):
    """For every cell what was found: values B h w 13, similarity B h w 1, place in the reference B h w P.

    Values are means under the weights of the match: L of four quarters, a of four, b of four, and a² + b².
    """

    values: Tensor
    similarity: Tensor
    coordinates: Tensor

    @property
    def lightness_quarters(self) -> Tensor:
        """L of the quarters of what was found, B h w 4."""
        return self.values[..., :QUARTERS]

    @property
    def colors(self) -> Tensor:
        """a and b of the quarters, B h w 8."""
        return self.values[..., QUARTERS:-1]

    @property
    def color_std(self) -> Tensor:
        """How far the colours that were averaged lie from their mean, in Lab units, B h w 1."""
        mean = self.colors.square().sum(-1, keepdim=True) / QUARTERS
        return std_from_moments(self.values[..., -1:], mean)


class MatchEvidence(NamedTuple):
    """What speaks for the colours of a frame.

    ``merged``: the better of ``reference`` and ``history`` (None before the first frame), softly.
    ``typical`` B 1 1 1: the median cosine, by which a picture of the same scene is told from another.
    ``certainty`` B h w 1: the logit of the chance that the merged colour is right.
    """

    merged: MatchResult
    reference: MatchResult
    history: MatchResult | None
    median_similarity: Tensor
    certainty: Tensor


def encode_references(
    keys: Tensor, lab: Tensor, options: MatchingOptions, paint_mask: Tensor | None = None
) -> MatchingState:
    """The state before the first frame: descriptors ``B R h w C`` and Lab ``B R 3 H W`` of references.

    Masks and colours as `over_gray` gives them; only cells that speak have colours to give.
    """
    batch, count, height, width, size = keys.shape
    ab = fill_unpainted(lab[:, :, 1:].flatten(0, 1), paint_mask, (height, width))
    quarters = pool_cell_quarters(torch.cat([lab[:, :, :1].flatten(0, 1), ab], 1), (height, width))
    mean_of_squares = quarters[..., QUARTERS:].square().sum(-1, keepdim=True) / QUARTERS
    values = torch.cat([quarters, mean_of_squares], -1).reshape(batch, -1, VALUE_CHANNELS)
    spacing = options.apart if paint_mask is None else PARTIAL_REFERENCE_SPACING
    coordinates = _cell_coordinates(count, height, width, spacing / 2**0.5).to(values).expand(batch, -1, -1)
    keys = keys.reshape(batch, -1, size)
    empty = keys.new_zeros(batch, 0, 0, 0)
    unpainted_keys = (
        empty
        if paint_mask is None
        else torch.cat([keys, coordinates[..., 2:]], -1)[:, unpainted_cells(paint_mask, (height, width))]
    )
    keys = torch.cat([keys, _distance_terms(coordinates)], -1)
    keys, values, coordinates = (x[:, painted_cells(paint_mask, (height, width))] for x in (keys, values, coordinates))
    grid = values.new_tensor([height, width]).expand(batch, 2)
    return MatchingState(grid, keys, values, coordinates, unpainted_keys, empty, empty, empty, empty)


def pool_cell_quarters(picture: Tensor, grid: Sequence[int]) -> Tensor:
    """``B C H W`` as the mean of each quarter of each cell, ``B h w 4·C``."""
    parts = F.adaptive_avg_pool2d(picture, (CELL_SPLIT * grid[0], CELL_SPLIT * grid[1]))
    return F.pixel_unshuffle(parts, CELL_SPLIT).permute(0, 2, 3, 1)


def match_frame(keys: Tensor, state: S, options: MatchingOptions) -> tuple[MatchEvidence, S]:
    """Evidence for the frame with unit descriptors ``B h w C``, and the state after it."""
    past = _match_previous_frame(keys, state, options)
    found, median_similarity = _match_references(keys, past, state, options)
    merged = found if past is None else _merge_matches(found, past, options)
    after = replace(
        state,
        past_keys=keys,
        past_values=merged.values,
        past_similarity=merged.similarity,
        past_coordinates=merged.coordinates,
    )
    frame_slope, median_slope, offset = options.certainty
    certainty = frame_slope * merged.similarity + median_slope * median_similarity + offset
    return MatchEvidence(merged, found, past, median_similarity, certainty), after


def locate_in_references(found: MatchResult, state: MatchingState) -> Tensor:
    """Where in the references the cells that were found lie, as ``origin`` of `Step`: B 3 h w."""
    coordinates, grid = found.coordinates, state.grid[:, None, None]
    where = (coordinates[..., :2] * (grid.amin(-1, keepdim=True) / COORDINATE_ROWS) + 0.5) / grid
    which = coordinates[..., 2:].argmax(-1, keepdim=True)
    return torch.cat([which.to(where), where], -1).permute(0, 3, 1, 2)


def _match_previous_frame(keys: Tensor, state: MatchingState, options: MatchingOptions) -> MatchResult | None:
    """What each cell, B h w C, was in the last frame; None before the first.

    History is worth the weakest link of its chain: the similarity with which its colours were
    once found, or that of today's match to it, whichever is less.
    """
    if state.past_keys.shape[1:] != keys.shape[1:]:
        return None
    past = torch.cat([state.past_values, state.past_similarity, state.past_coordinates], -1)
    carried, link = match_nearby_keys(
        keys, state.past_keys, past, temperature=options.history_temperature, radius=options.radius
    )
    values, similarity, coordinates = torch.split(carried, [VALUE_CHANNELS, 1, state.coordinates.shape[-1]], -1)
    return MatchResult(values, torch.minimum(similarity, link[..., None]) - options.decay, coordinates)


def _match_references(
    keys: Tensor, past: MatchResult | None, state: MatchingState, options: MatchingOptions
) -> tuple[MatchResult, Tensor]:
    """The reference's answer for descriptors B h w C; the median cosine B 1 1 1.

    A place remembered by a strong chain draws the match to itself.
    """
    grid = keys.shape[:3]
    expected, pull = state.coordinates.new_zeros(*grid, state.coordinates.shape[-1]), keys.new_zeros(*grid, 1)
    if past is not None:
        expected, pull = past.coordinates, options.steadiness * (2 * past.similarity - 1).clamp(0, 1)
    query = torch.cat([keys, 2 * pull * expected, -pull, -pull * expected.square().sum(-1, keepdim=True)], -1)
    (values,), product, best = match_keys(
        query.flatten(1, 2), state.keys, state.values, temperatures=[options.temperature]
    )
    coordinates = gather_rows(state.coordinates, best).reshape(expected.shape)
    cosine = product.reshape(*grid, 1) + pull * (coordinates - expected).square().sum(-1, keepdim=True)
    unpainted_similarity = _match_unpainted_cells(keys, coordinates, state)
    median_similarity = (
        (cosine if unpainted_similarity is None else torch.maximum(cosine, unpainted_similarity))
        .flatten(1)
        .median(1)
        .values
    )
    if unpainted_similarity is not None:
        cosine = cosine * torch.sigmoid((cosine - unpainted_similarity) / options.temperature)
    return MatchResult(values.reshape(*grid, -1), cosine, coordinates), median_similarity[:, None, None, None]


def _match_unpainted_cells(keys: Tensor, coordinates: Tensor, state: MatchingState) -> Tensor | None:
    """How alike the likest cell without paint is, B h w 1, of the reference that answers; None where all is painted.

    Where it is more alike than what is painted, the reference shows this place and leaves its colour open.
    """
    if state.unpainted_keys.shape[1] == 0:
        return None
    which = coordinates[..., 2:]
    query = torch.cat([keys, which], -1).flatten(1, 2)
    best = match_keys(query, state.unpainted_keys, state.unpainted_keys[..., :0], temperatures=[]).similarity
    return best.reshape(*keys.shape[:3], 1) - which.square().sum(-1, keepdim=True)


def _merge_matches(found: MatchResult, past: MatchResult, options: MatchingOptions) -> MatchResult:
    """The better of reference and history, softly."""
    gate = torch.sigmoid(options.gate_slope * (past.similarity - found.similarity - options.anchor))
    return MatchResult(
        torch.lerp(found.values, past.values, gate),
        torch.maximum(found.similarity, past.similarity),
        torch.where(gate > 0.5, past.coordinates, found.coordinates),
    )


def _cell_coordinates(count: int, height: int, width: int, spacing: float) -> Tensor:
    """Row and column of every cell of every reference, and one axis for each: 1 (count height width) 2+count."""
    scale = COORDINATE_ROWS / min(height, width)
    row, column = torch.meshgrid(torch.arange(height) * scale, torch.arange(width) * scale, indexing="ij")
    where = torch.stack([row, column], -1).reshape(1, -1, 2).expand(count, -1, -1)
    which = (spacing * torch.eye(count))[:, None].expand(-1, height * width, -1)
    return torch.cat([where, which], -1).reshape(1, count * height * width, 2 + count)


def _distance_terms(coordinates: Tensor) -> Tensor:
    """What a key needs so that a product with a query holds minus the squared distance of their places."""
    return torch.cat(
        [coordinates, coordinates.square().sum(-1, keepdim=True), torch.ones_like(coordinates[..., :1])], -1
    )
