"""Matching: for each cell of a gray frame its places in the references and in the frame before, coarse to fine.

Nothing here has weights; measurements of it are in docs/results.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from kinemacolor.models.kinema.keys import (
    COORDINATE_ROWS,
    QUARTERS,
    VALUE_CHANNELS,
    MatchingState,
)
from kinemacolor.nn.attention import gather_rows, match_keys, match_nearby_keys
from kinemacolor.nn.block_attention import attend_to_blocks, from_blocks, to_blocks
from kinemacolor.nn.layers import std_from_moments

ModelPart = Literal["history", "fine", "prior", "context"]


@dataclass(frozen=True)
class MatchingOptions:
    """Numbers of the matching, chosen on training clips.

    ``temperature`` and ``history_temperature`` divide cosines before softmax. ``blocks``: of a reference at which
    a block of the frame looks. ``places``: the best of their cells, at whose quarters the fine stage looks.
    ``radius`` is how far the last frame is searched, in cells of the 1/4 grid. ``decay`` is what a colour loses in
    similarity with each frame it is carried on, ``anchor`` the margin by which history must be more similar than
    the reference to weigh the same, ``gate_slope`` how sharply the better source wins. ``steadiness`` is the
    cosine that a match loses one cell away from where the history lies (a prior on position; the loss grows with
    the square of the distance), ``apart`` the distance in cells of two references in that measure.

    ``certainty``: slopes and offset of the logit of the chance that a matched colour is right within 10 Lab units.
    It is linear in the cell's similarity and in the median of the picture, because the same cosine means
    less where reference and picture show two scenes; fitted by logistic regression on training clips.

    ``fill``: where the references show nothing plausible, colours come from what photographs of such things have.

    ``without``: parts that are left out, to see what each is worth: the match to the frame before, the fine stage, the
    prior, the context of descriptors.
    """

    temperature: float = 0.03
    history_temperature: float = 0.04
    blocks: int = 32
    places: int = 48
    radius: int = 6
    decay: float = 0.002
    anchor: float = 0.04
    gate_slope: float = 20.0
    steadiness: float = 0.0007
    apart: float = 20.0
    certainty: tuple[float, float, float] = (8.6, 8.7, -10.8)
    fill: bool = False
    without: tuple[ModelPart, ...] = ()


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


class History(NamedTuple):
    """Match of every cell to the frame before: B h w C each.

    ``place``: where in that frame it lies, row and column in cells; ``link``: the largest cosine; ``semantic``: the
    semantic colours that it had there.
    """

    match: MatchResult
    place: Tensor
    link: Tensor
    semantic: Tensor


class CoarseMatch(NamedTuple):
    """Match of a frame to the references and to the frame before, which is None for the first.

    ``median_similarity`` B 1 1 1: the median cosine, which is high for a picture of the same scene. ``places``
    B h·w/4 K and ``products`` B h·w/4 4 K: the best cells of the references, see `BlockAttention`.
    """

    reference: MatchResult
    history: History | None
    median_similarity: Tensor
    places: Tensor
    products: Tensor


class MatchEvidence(NamedTuple):
    """Results of all sources for frames of which each is a row.

    ``merged``: what was chosen of ``reference`` and the history. ``history_similarity`` B h w 1: 0 before the
    first frame. ``median_similarity``: see `CoarseMatch`.
    ``certainty`` B h w 1: the logit of the chance that the merged colour is right.
    """

    merged: MatchResult
    reference: MatchResult
    history_similarity: Tensor
    median_similarity: Tensor
    certainty: Tensor


def match_frame(keys: Tensor, state: MatchingState, options: MatchingOptions) -> CoarseMatch:
    """Match a frame with unit descriptors ``B h w C`` on an even grid."""
    history = _match_previous_frame(keys, state, options)
    return _match_references(keys, history, state, options)


def weigh_history(coarse: CoarseMatch, options: MatchingOptions) -> Tensor:
    """Compute the logit of the weight of the history beside the reference, B h w 1: the more similar one wins."""
    assert coarse.history
    difference = coarse.history.match.similarity - coarse.reference.similarity
    return options.gate_slope * (difference - options.anchor)


def make_evidence(
    coarse: CoarseMatch, values: Tensor, history_weight: Tensor | None, options: MatchingOptions
) -> MatchEvidence:
    """Make the evidence of a frame from chosen values B h w 13 and the weight 0..1 of history in them, B h w 1."""
    found, history = coarse.reference, coarse.history
    similarity, coordinates = found.similarity, found.coordinates
    if history is not None and history_weight is not None:
        similarity = torch.maximum(similarity, history.match.similarity)
        coordinates = torch.where(history_weight > 0.5, history.match.coordinates, coordinates)
    frame_slope, median_slope, offset = options.certainty
    return MatchEvidence(
        MatchResult(values, similarity, coordinates),
        found,
        torch.zeros_like(found.similarity) if history is None else history.match.similarity,
        coarse.median_similarity,
        frame_slope * similarity + median_slope * coarse.median_similarity + offset,
    )


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
    return torch.cat([number.to(position), position.clamp(0, 1)], -1).permute(0, 3, 1, 2)


def _match_previous_frame(keys: Tensor, state: MatchingState, options: MatchingOptions) -> History | None:
    """Match each cell, B h w C, to the last frame; None before the first.

    Similarity of the history is that of the weakest link of its chain: the similarity with which its colours were
    first matched, or that of the current match to the last frame, whichever is less.
    """
    if state.past_keys.shape[1:] != keys.shape[1:] or "history" in options.without:
        return None
    rows, columns = (torch.arange(size, dtype=keys.dtype, device=keys.device) for size in keys.shape[1:3])
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).expand(len(keys), -1, -1, -1)
    past = torch.cat(
        [state.past_values, state.past_similarity, state.past_coordinates, places, state.past_semantic], -1
    )
    carried, link = match_nearby_keys(
        keys, state.past_keys, past, temperature=options.history_temperature, radius=options.radius
    )
    sizes, link = [VALUE_CHANNELS, 1, state.coordinates.shape[-1], 2, 2], link[..., None]
    values, similarity, coordinates, place, semantic = torch.split(carried, sizes, -1)
    similarity = torch.minimum(similarity, link) - options.decay
    return History(MatchResult(values, similarity, coordinates), place, link, semantic)


def _match_references(
    keys: Tensor, history: History | None, state: MatchingState, options: MatchingOptions
) -> CoarseMatch:
    """Match descriptors B h w C to the references.

    The position of a history with a similarity over 0.5 is a prior: a match loses cosine with its distance from it.
    """
    height, width = keys.shape[1:3]
    expected = state.coordinates.new_zeros(*keys.shape[:3], state.coordinates.shape[-1])
    pull = keys.new_zeros(*keys.shape[:3], 1)
    if history is not None:
        expected = history.match.coordinates
        pull = options.steadiness * (2 * history.match.similarity - 1).clamp(0, 1)
    # Times a key (see `keys._make_terms`) this is cosine - pull · |coordinates - expected|².
    ones = torch.ones_like(pull)
    query = torch.cat([keys, 2 * pull * expected, -pull, -pull * expected.square().sum(-1, keepdim=True), ones], -1)
    attended = attend_to_blocks(
        to_blocks(query),
        state.keys,
        state.values,
        state.block_keys,
        temperature=options.temperature,
        blocks=options.blocks,
        best=options.places,
    )
    cells = gather_rows(state.coordinates, attended.best_index)
    values, product, coordinates = (
        from_blocks(x, height, width) for x in (attended.values, attended.similarity[..., None], cells)
    )
    cosine = product + pull * (coordinates - expected).square().sum(-1, keepdim=True)
    unpainted_similarity = _match_unpainted_cells(keys, coordinates, state)
    median_similarity = (
        (cosine if unpainted_similarity is None else torch.maximum(cosine, unpainted_similarity))
        .flatten(1)
        .median(1)
        .values[:, None, None, None]
    )
    if unpainted_similarity is not None:
        cosine = cosine * torch.sigmoid((cosine - unpainted_similarity) / options.temperature)
    reference = MatchResult(values, cosine, coordinates)
    return CoarseMatch(reference, history, median_similarity, attended.best, attended.products)


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
