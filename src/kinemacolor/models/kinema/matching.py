"""Matching: for each cell of a gray frame the colours of its match in the references and in the frame before.

A cell of the 1/4 grid carries the Lab of its 2 × 2 quarters, so that colours are finer than the matching.
Nothing here has weights; measurements of it are in docs/results.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.base import State
from kinemacolor.nn.attention import AttentionOutput, gather_rows, match_keys, match_nearby_keys
from kinemacolor.nn.block_attention import BLOCK, block_order, match_key_blocks
from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.layers import std_from_moments
from kinemacolor.nn.partial import fill_unpainted, painted_cells, unpainted_cells

CELL_SPLIT = 2  # a cell carries CELL_SPLIT x CELL_SPLIT colours
QUARTERS = CELL_SPLIT**2
COLOR_CHANNELS = 2 * QUARTERS
VALUE_CHANNELS = QUARTERS + COLOR_CHANNELS + 1  # of a cell: L, a, b of its quarters, and a² + b²
# Cells between partial references: few, so that a match may change to the paint of another reference.
PARTIAL_REFERENCE_SPACING = 2.0
COORDINATE_ROWS = 54  # coordinates are in cells of a picture with this many along its shorter side


@dataclass(frozen=True)
class MatchingOptions:
    """Numbers of the matching, chosen on training clips.

    ``temperature`` and ``history_temperature`` divide cosines before softmax. ``radius`` is how far
    the last frame is searched, in cells of the 1/4 grid. ``decay`` is what a colour loses in
    similarity with each frame it is carried on, ``anchor`` the margin by which history must be more similar than
    the reference to weigh the same, ``gate_slope`` how sharply the better source wins. ``steadiness`` is the
    cosine that a match loses one cell away from where the history lies (a prior on position; the loss grows with
    the square of the distance), ``apart`` the distance in cells of two references in that measure.

    ``certainty``: slopes and offset of the logit of the chance that a matched colour is right within 10 Lab units.
    It is linear in the cell's similarity and in the median of the picture, because the same cosine means
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
    `_distance_terms`, ``values`` B N 13 (see `MatchResult`), ``coordinates`` B N P (see `_cell_coordinates`).
    ``unpainted_keys`` B S C+P-2 are descriptors of cells without paint, with the code of their reference, empty where
    all is painted. The rest is of the last frame, empty before the first: descriptors ``past_keys`` B h w C, values
    B h w 13, their similarity to the reference B h w 1, and coordinates of their match in it B h w P.
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
    """Match of every cell: values B h w 13, similarity B h w 1, coordinates in the references B h w P.

    Values are means under the weights of the match: L of four quarters, a of four, b of four, and a² + b².
    """

    values: Tensor
    similarity: Tensor
    coordinates: Tensor

    @property
    def lightness_quarters(self) -> Tensor:
        """L of the quarters of the match, B h w 4."""
        return self.values[..., :QUARTERS]

    @property
    def colors(self) -> Tensor:
        """Colours of the quarters of the match, B h w 8: a of four, b of four."""
        return self.values[..., QUARTERS:-1]

    @property
    def color_std(self) -> Tensor:
        """Standard deviation of the colours that were averaged, in Lab units, B h w 1."""
        mean = self.colors.square().sum(-1, keepdim=True) / QUARTERS
        return std_from_moments(self.values[..., -1:], mean)


class MatchEvidence(NamedTuple):
    """Results of all sources for frames of which each is a row.

    ``merged``: the better of ``reference`` and the history, mixed softly. ``history_similarity`` B h w 1: 0 before the
    first frame. ``median_similarity`` B 1 1 1: the median cosine, which is high for a picture of the same scene.
    ``certainty`` B h w 1: the logit of the chance that the merged colour is right.
    """

    merged: MatchResult
    reference: MatchResult
    history_similarity: Tensor
    median_similarity: Tensor
    certainty: Tensor


def encode_references(
    keys: Tensor, lab: Tensor, options: MatchingOptions, paint_mask: Tensor | None = None, *, in_blocks: bool = False
) -> MatchingState:
    """Compute the state before the first frame from descriptors ``B R h w C`` and Lab ``B R 3 H W`` of references.

    Masks and colours are as `premultiply_references` gives them; only `painted_cells` become keys. With ``in_blocks``
    whole references, of even sides, are put in the order of `block_order`.
    """
    batch, count, height, width, size = keys.shape
    ab = fill_unpainted(lab[:, :, 1:].flatten(0, 1), paint_mask, (height, width))
    quarters = pool_cell_quarters(torch.cat([lab[:, :, :1].flatten(0, 1), ab], 1), (height, width))
    mean_of_squares = quarters[..., QUARTERS:].square().sum(-1, keepdim=True) / QUARTERS
    values = torch.cat([quarters, mean_of_squares], -1).reshape(batch, -1, VALUE_CHANNELS)
    spacing = options.apart if paint_mask is None else PARTIAL_REFERENCE_SPACING
    # two references differ in two axes of their code, so spacing / √2 on each puts them ``spacing`` apart
    coordinates = _cell_coordinates(count, height, width, spacing / 2**0.5, values).expand(batch, -1, -1)
    keys = keys.reshape(batch, -1, size)
    empty = keys.new_zeros(batch, 0, 0, 0)
    unpainted_keys = (
        empty
        if paint_mask is None
        else torch.cat([keys, coordinates[..., 2:]], -1)[:, unpainted_cells(paint_mask, (height, width))]
    )
    keys = torch.cat([keys, _distance_terms(coordinates)], -1)
    keys, values, coordinates = (x[:, painted_cells(paint_mask, (height, width))] for x in (keys, values, coordinates))
    if in_blocks and paint_mask is None and can_be_blocked(height, width):
        cells = block_order(height, width, keys.device)
        order = torch.cat([cells + number * height * width for number in range(count)])
        keys, values, coordinates = (x[:, order] for x in (keys, values, coordinates))
    grid = get_constant((height, width), values).expand(batch, 2)
    return MatchingState(grid, keys, values, coordinates, unpainted_keys, empty, empty, empty, empty)


def pool_cell_quarters(picture: Tensor, grid: Sequence[int]) -> Tensor:
    """Average a picture ``B C H W`` over each quarter of each cell of ``grid``; gives ``B h w 4·C``."""
    parts = F.adaptive_avg_pool2d(picture, (CELL_SPLIT * grid[0], CELL_SPLIT * grid[1]))
    return F.pixel_unshuffle(parts, CELL_SPLIT).permute(0, 2, 3, 1)


def can_be_blocked(height: int, width: int) -> bool:
    """Whether a grid of cells parts into blocks of 2 × 2."""
    return height % 2 == 0 and width % 2 == 0


def match_frame(keys: Tensor, state: S, options: MatchingOptions, *, blocks: int = 0) -> tuple[MatchEvidence, S]:
    """Match a frame with unit descriptors ``B h w C``; gives its evidence and the state after it.

    ``blocks``: of a reference that `encode_references` put in the order of blocks, how many a block of the frame looks
    at (`match_key_blocks`); 0: at all cells.
    """
    past = _match_previous_frame(keys, state, options)
    found, median_similarity = _match_references(keys, past, state, options, blocks)
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
    history_similarity = torch.zeros_like(found.similarity) if past is None else past.similarity
    return MatchEvidence(merged, found, history_similarity, median_similarity, certainty), after


def stack_evidence(frames: Sequence[MatchEvidence]) -> MatchEvidence:
    """Stack the evidence of consecutive frames of B clips: B·T rows, the frames of a clip one after the other."""
    if len(frames) == 1:
        return frames[0]

    def stack(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts), 1).flatten(0, 1)

    merged, reference = (
        MatchResult(*map(stack, zip(*results, strict=True)))
        for results in ([frame.merged for frame in frames], [frame.reference for frame in frames])
    )
    return MatchEvidence(
        merged,
        reference,
        stack([frame.history_similarity for frame in frames]),
        stack([frame.median_similarity for frame in frames]),
        stack([frame.certainty for frame in frames]),
    )


def locate_in_references(found: MatchResult, state: MatchingState) -> Tensor:
    """Compute where in the references the matched cells lie, B·T 3 h w, as ``origin`` of `ModelOutput`."""
    coordinates = found.coordinates
    grid = state.grid.repeat_interleave(len(coordinates) // len(state.grid), 0)[:, None, None]
    position = (coordinates[..., :2] * (grid.amin(-1, keepdim=True) / COORDINATE_ROWS) + 0.5) / grid
    number = coordinates[..., 2:].argmax(-1, keepdim=True)
    return torch.cat([number.to(position), position], -1).permute(0, 3, 1, 2)


def _match_previous_frame(keys: Tensor, state: MatchingState, options: MatchingOptions) -> MatchResult | None:
    """Match each cell, B h w C, to the last frame; None before the first.

    Similarity of the history is that of the weakest link of its chain: the similarity with which its colours were
    first matched, or that of the current match to the last frame, whichever is less.
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
    keys: Tensor, past: MatchResult | None, state: MatchingState, options: MatchingOptions, blocks: int
) -> tuple[MatchResult, Tensor]:
    """Match descriptors B h w C to the references; gives the result and the median cosine B 1 1 1.

    The position of a history with a similarity over 0.5 is a prior: a match loses cosine with its distance from it.
    """
    grid = keys.shape[:3]
    expected, pull = state.coordinates.new_zeros(*grid, state.coordinates.shape[-1]), keys.new_zeros(*grid, 1)
    if past is not None:
        expected, pull = past.coordinates, options.steadiness * (2 * past.similarity - 1).clamp(0, 1)
    # Times a key (see `_distance_terms`) this is cosine - pull · |coordinates - expected|².
    query = torch.cat([keys, 2 * pull * expected, -pull, -pull * expected.square().sum(-1, keepdim=True)], -1)
    values, product, best = _attend_to_references(query, state, options.temperature, blocks)
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


def _attend_to_references(query: Tensor, state: MatchingState, temperature: float, blocks: int) -> AttentionOutput:
    """Attention of queries ``B h w C`` to all cells of the references, or to the best blocks of them."""
    height, width = query.shape[1:3]
    flat = query.flatten(1, 2)
    if not blocks or not can_be_blocked(height, width) or state.keys.shape[1] % BLOCK:
        return match_keys(flat, state.keys, state.values, temperature=temperature)
    order = block_order(height, width, query.device)
    back = order.argsort()
    found = match_key_blocks(flat[:, order], state.keys, state.values, temperature=temperature, blocks=blocks)
    return AttentionOutput(*(x[:, back] for x in found))


def _match_unpainted_cells(keys: Tensor, coordinates: Tensor, state: MatchingState) -> Tensor | None:
    """Cosine of the most similar cell without paint, B h w 1, in the matched reference; None where all is painted.

    Where it is more similar than the painted cells, the reference shows this place and leaves its colour open.
    """
    if state.unpainted_keys.shape[1] == 0:
        return None
    # The product of two codes is spacing² / 2 = 2 for the same reference, else 0: cells of another reference come out
    # 2 lower than their cosine, and never win.
    reference_code = coordinates[..., 2:]
    query = torch.cat([keys, reference_code], -1).flatten(1, 2)
    best = match_keys(query, state.unpainted_keys, state.unpainted_keys[..., :0], temperature=None).similarity
    return best.reshape(*keys.shape[:3], 1) - reference_code.square().sum(-1, keepdim=True)


def _merge_matches(found: MatchResult, past: MatchResult, options: MatchingOptions) -> MatchResult:
    """Mix reference and history, softly, in favour of the more similar one."""
    gate = torch.sigmoid(options.gate_slope * (past.similarity - found.similarity - options.anchor))
    return MatchResult(
        torch.lerp(found.values, past.values, gate),
        torch.maximum(found.similarity, past.similarity),
        torch.where(gate > 0.5, past.coordinates, found.coordinates),
    )


def _cell_coordinates(count: int, height: int, width: int, spacing: float, like: Tensor) -> Tensor:
    """Coordinates of all cells of all references, ``1 count·height·width 2+count``: row, column, code of the reference.

    The code is ``spacing`` on the axis of the reference and 0 on those of the others.
    """
    scale = COORDINATE_ROWS / min(height, width)
    rows, columns = (torch.arange(size, dtype=like.dtype, device=like.device) * scale for size in (height, width))
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    position = torch.stack([row, column], -1).reshape(1, -1, 2).expand(count, -1, -1)
    reference_code = (spacing * torch.eye(count, dtype=like.dtype, device=like.device))[:, None].expand(
        -1, height * width, -1
    )
    return torch.cat([position, reference_code], -1).reshape(1, count * height * width, 2 + count)


def _distance_terms(coordinates: Tensor) -> Tensor:
    """Terms (x, |x|², 1) of a key with coordinates x.

    Their product with (2 p e, -p, -p |e|²) of a query is -p |x - e|², minus the squared distance to e times p.
    """
    return torch.cat(
        [coordinates, coordinates.square().sum(-1, keepdim=True), torch.ones_like(coordinates[..., :1])], -1
    )
