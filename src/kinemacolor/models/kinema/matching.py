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
from kinemacolor.nn.attention import match, match_nearby, take
from kinemacolor.nn.layers import deviation
from kinemacolor.nn.partial import blank, fill_in, speaking

SPLIT = 2  # a cell carries SPLIT x SPLIT colours
QUARTERS = SPLIT**2
COLORS = 2 * QUARTERS
VALUES = QUARTERS + COLORS + 1  # of a cell: L, a, b of its quarters, and a² + b²
NEAR = 2.0  # cells between references with paint: little, so that paint is taken up where the film comes to it
ROWS = 54  # places are measured in cells of a picture this high (or wide, if upright)


@dataclass(frozen=True)
class EvidenceOptions:
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
class EvidenceState(State):
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
    places: Tensor
    silent: Tensor
    past_keys: Tensor
    past_values: Tensor
    past_similarity: Tensor
    past_places: Tensor


S = TypeVar("S", bound=EvidenceState)


class Found(NamedTuple):
    """For every cell what was found: values B h w 13, similarity B h w 1, place in the reference B h w P.

    Values are means under the weights of the match: L of four quarters, a of four, b of four, and a² + b².
    """

    values: Tensor
    similarity: Tensor
    places: Tensor

    @property
    def luma(self) -> Tensor:
        """L of the quarters of what was found, B h w 4."""
        return self.values[..., :QUARTERS]

    @property
    def colors(self) -> Tensor:
        """a and b of the quarters, B h w 8."""
        return self.values[..., QUARTERS:-1]

    @property
    def spread(self) -> Tensor:
        """How far the colours that were averaged lie from their mean, in Lab units, B h w 1."""
        mean = self.colors.square().sum(-1, keepdim=True) / QUARTERS
        return deviation(self.values[..., -1:], mean)


class Evidence(NamedTuple):
    """What speaks for the colours of a frame.

    ``merged``: the better of ``reference`` and ``history`` (None before the first frame), softly.
    ``typical`` B 1 1 1: the median cosine, by which a picture of the same scene is told from another.
    ``certainty`` B h w 1: the logit of the chance that the merged colour is right.
    """

    merged: Found
    reference: Found
    history: Found | None
    typical: Tensor
    certainty: Tensor


def remember(keys: Tensor, lab: Tensor, options: EvidenceOptions, painted: Tensor | None = None) -> EvidenceState:
    """The state before the first frame: descriptors ``B R h w C`` and Lab ``B R 3 H W`` of references.

    Masks and colours as `over_gray` gives them; only cells that speak have colours to give.
    """
    batch, count, height, width, size = keys.shape
    chroma = fill_in(lab[:, :, 1:].flatten(0, 1), painted, (height, width))
    quarters = cells(torch.cat([lab[:, :, :1].flatten(0, 1), chroma], 1), (height, width))
    power = quarters[..., QUARTERS:].square().sum(-1, keepdim=True) / QUARTERS
    values = torch.cat([quarters, power], -1).reshape(batch, -1, VALUES)
    apart = options.apart if painted is None else NEAR
    places = _places(count, height, width, apart / 2**0.5).to(values).expand(batch, -1, -1)
    keys = keys.reshape(batch, -1, size)
    none = keys.new_zeros(batch, 0, 0, 0)
    quiet = none if painted is None else torch.cat([keys, places[..., 2:]], -1)[:, blank(painted, (height, width))]
    keys = torch.cat([keys, _place_terms(places)], -1)
    keys, values, places = (x[:, speaking(painted, (height, width))] for x in (keys, values, places))
    grid = values.new_tensor([height, width]).expand(batch, 2)
    return EvidenceState(grid, keys, values, places, quiet, none, none, none, none)


def cells(picture: Tensor, grid: Sequence[int]) -> Tensor:
    """``B C H W`` as the mean of each quarter of each cell, ``B h w 4·C``."""
    parts = F.adaptive_avg_pool2d(picture, (SPLIT * grid[0], SPLIT * grid[1]))
    return F.pixel_unshuffle(parts, SPLIT).permute(0, 2, 3, 1)


def gather(keys: Tensor, state: S, options: EvidenceOptions) -> tuple[Evidence, S]:
    """Evidence for the frame with unit descriptors ``B h w C``, and the state after it."""
    past = _recall(keys, state, options)
    found, typical = _look(keys, past, state, options)
    merged = found if past is None else _merge(found, past, options)
    after = replace(
        state,
        past_keys=keys,
        past_values=merged.values,
        past_similarity=merged.similarity,
        past_places=merged.places,
    )
    own, whole, offset = options.certainty
    certainty = own * merged.similarity + whole * typical + offset
    return Evidence(merged, found, past, typical, certainty), after


def origin(found: Found, state: EvidenceState) -> Tensor:
    """Where in the references the cells that were found lie, as ``origin`` of `Step`: B 3 h w."""
    place, grid = found.places, state.grid[:, None, None]
    where = (place[..., :2] * (grid.amin(-1, keepdim=True) / ROWS) + 0.5) / grid
    which = place[..., 2:].argmax(-1, keepdim=True)
    return torch.cat([which.to(where), where], -1).permute(0, 3, 1, 2)


def _recall(keys: Tensor, state: EvidenceState, options: EvidenceOptions) -> Found | None:
    """What each cell, B h w C, was in the last frame; None before the first.

    History is worth the weakest link of its chain: the similarity with which its colours were
    once found, or that of today's match to it, whichever is less.
    """
    if state.past_keys.shape[1:] != keys.shape[1:]:
        return None
    known = torch.cat([state.past_values, state.past_similarity, state.past_places], -1)
    carried, link = match_nearby(
        keys, state.past_keys, known, temperature=options.history_temperature, radius=options.radius
    )
    values, similarity, places = torch.split(carried, [VALUES, 1, state.places.shape[-1]], -1)
    return Found(values, torch.minimum(similarity, link[..., None]) - options.decay, places)


def _look(keys: Tensor, past: Found | None, state: EvidenceState, options: EvidenceOptions) -> tuple[Found, Tensor]:
    """The reference's answer for descriptors B h w C; the median cosine B 1 1 1.

    A place remembered by a strong chain draws the match to itself.
    """
    grid = keys.shape[:3]
    wanted, pull = state.places.new_zeros(*grid, state.places.shape[-1]), keys.new_zeros(*grid, 1)
    if past is not None:
        wanted, pull = past.places, options.steadiness * (2 * past.similarity - 1).clamp(0, 1)
    query = torch.cat([keys, 2 * pull * wanted, -pull, -pull * wanted.square().sum(-1, keepdim=True)], -1)
    (values,), product, best = match(query.flatten(1, 2), state.keys, state.values, temperatures=[options.temperature])
    places = take(state.places, best).reshape(wanted.shape)
    cosine = product.reshape(*grid, 1) + pull * (places - wanted).square().sum(-1, keepdim=True)
    silence = _silence(keys, places, state)
    typical = (cosine if silence is None else torch.maximum(cosine, silence)).flatten(1).median(1).values
    if silence is not None:
        cosine = cosine * torch.sigmoid((cosine - silence) / options.temperature)
    return Found(values.reshape(*grid, -1), cosine, places), typical[:, None, None, None]


def _silence(keys: Tensor, places: Tensor, state: EvidenceState) -> Tensor | None:
    """How alike the likest cell without paint is, B h w 1, of the reference that answers; None where all is painted.

    Where it is more alike than what is painted, the reference shows this place and leaves its colour open.
    """
    if state.silent.shape[1] == 0:
        return None
    which = places[..., 2:]
    query = torch.cat([keys, which], -1).flatten(1, 2)
    best = match(query, state.silent, state.silent[..., :0], temperatures=[]).similarity
    return best.reshape(*keys.shape[:3], 1) - which.square().sum(-1, keepdim=True)


def _merge(found: Found, past: Found, options: EvidenceOptions) -> Found:
    """The better of reference and history, softly."""
    gate = torch.sigmoid(options.gate_slope * (past.similarity - found.similarity - options.anchor))
    return Found(
        torch.lerp(found.values, past.values, gate),
        torch.maximum(found.similarity, past.similarity),
        torch.where(gate > 0.5, past.places, found.places),
    )


def _places(count: int, height: int, width: int, apart: float) -> Tensor:
    """Row and column of every cell of every reference, and one axis for each: 1 (count height width) 2+count."""
    scale = ROWS / min(height, width)
    row, column = torch.meshgrid(torch.arange(height) * scale, torch.arange(width) * scale, indexing="ij")
    where = torch.stack([row, column], -1).reshape(1, -1, 2).expand(count, -1, -1)
    which = (apart * torch.eye(count))[:, None].expand(-1, height * width, -1)
    return torch.cat([where, which], -1).reshape(1, count * height * width, 2 + count)


def _place_terms(places: Tensor) -> Tensor:
    """What a key needs so that a product with a query holds minus the squared distance of their places."""
    return torch.cat([places, places.square().sum(-1, keepdim=True), torch.ones_like(places[..., :1])], -1)
