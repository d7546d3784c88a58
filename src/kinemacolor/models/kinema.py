"""`kinema`, first form: light features, one attention over all references, history gated by confidence.

Nothing here is trained for colour. The backbone was trained on ImageNet; what is measured about
the rest stands in docs/results.md.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.correspondence import match, match_nearby
from kinemacolor.features import EfficientNetLite0
from kinemacolor.models.base import Colorizer, ModelSpec, State, Step
from kinemacolor.models.layers import fit

SPLIT = 2  # a cell carries SPLIT x SPLIT colours
ROWS = 54  # places are measured in cells of a picture this high (or wide, if upright)


@dataclass(frozen=True)
class KinemaOptions:
    """Numbers of the matching, chosen on training clips.

    ``temperature`` and ``history_temperature`` divide cosines before softmax. ``radius`` is how far
    the last frame is searched, in cells of the 1/4 grid. ``decay`` is what a colour loses in
    similarity with each frame it is carried, ``anchor`` how much better than the reference history must
    be to weigh the same, ``gate_slope`` how sharply the better source wins. ``steadiness`` is the
    cosine that a match loses one cell away from the remembered place, ``apart`` how many cells two
    references lie from each other in that reckoning.

    The confidence is the chance that a copied colour is right within 10 Lab units. Within a scene it
    is logistic in the similarity (``certainty``: slope, offset). Whether reference and picture show
    one scene is logistic in the median similarity (``kinship``: slope, middle; of 495 pairs of one
    scene 99 % lie above 0.57, of 99 pairs of two scenes 95 % below 0.55); if not, ``luck`` is left
    of the chance. What is not trusted fades to a broad average, at ``fallback_temperature``.
    """

    temperature: float = 0.025
    history_temperature: float = 0.04
    radius: int = 6
    decay: float = 0.002
    anchor: float = 0.04
    gate_slope: float = 20.0
    steadiness: float = 0.0007
    apart: float = 20.0
    certainty: tuple[float, float] = (9.0, -3.5)
    kinship: tuple[float, float] = (60.0, 0.56)
    luck: float = 0.25
    fallback_temperature: float = 0.1


@dataclass(frozen=True)
class KinemaState(State):
    """References and the last frame, as cells.

    ``keys`` B N C+P+2 are descriptors with the terms of `_place_terms`, ``colors`` B N V, ``places``
    B N P. Of the last frame, empty before the first: descriptors B g w C, colours B g w V, how well
    the reference explained them B g w 1, and where in it they came from B g w P.
    """

    keys: Tensor
    colors: Tensor
    places: Tensor
    past_keys: Tensor
    past_colors: Tensor
    past_similarity: Tensor
    past_places: Tensor


class _Found(NamedTuple):
    """For every cell: colours B h w V, their similarity B h w 1, their place in the reference B h w P."""

    colors: Tensor
    similarity: Tensor
    places: Tensor


class Kinema(Colorizer):
    """Matches each gray frame to the gray references on the 1/4 grid and copies their chroma.

    A cell of the grid carries the chroma of its 2 × 2 quarters, eight numbers, so that colours are
    finer than the matching.
    """

    spec = ModelSpec("kinema", short_side=216)
    parts = MappingProxyType({"kinema": ""})
    options_type = KinemaOptions

    def __init__(self, options: KinemaOptions | None = None) -> None:
        super().__init__()
        self.options = options or KinemaOptions()
        self.features = EfficientNetLite0()

    def init_state(self, references: Tensor, *, in_shot: bool = False) -> State:
        batch, count = references.shape[:2]
        pictures = references.flatten(0, 1)
        described = self._describe(pictures[:, :1])
        height, width = described.shape[1:3]
        colors = _cells(pictures[:, 1:], height, width).reshape(batch, -1, 2 * SPLIT**2)
        places = _places(count, height, width, self.options.apart / 2**0.5).to(colors).expand(batch, -1, -1)
        keys = torch.cat([described.reshape(batch, -1, described.shape[-1]), _place_terms(places)], -1)
        none = keys.new_zeros(batch, 0, 0, 0)
        return KinemaState(keys, colors, places, none, none, none, none)

    def forward(self, luma: Tensor, state: State) -> Step:
        assert isinstance(state, KinemaState)
        chroma, confidence = [], []
        for frame in luma.unbind(1):
            keys = self._describe(frame)
            past = self._recall(keys, state)
            found, fallback, typical = self._match(keys, past, state)
            if past is not None:
                found = self._merge(found, past)
            state = replace(
                state,
                past_keys=keys,
                past_colors=found.colors,
                past_similarity=found.similarity,
                past_places=found.places,
            )
            (slope, offset), (steep, middle) = self.options.certainty, self.options.kinship
            right = torch.sigmoid(slope * found.similarity + offset)
            kin = torch.sigmoid(steep * (typical - middle))
            shown = torch.lerp(fallback, found.colors, right * kin)
            chroma.append(fit(F.pixel_shuffle(_channels_first(shown), SPLIT), frame.shape[-2:]))
            sure = right * torch.lerp(torch.full_like(kin, self.options.luck), torch.ones_like(kin), kin)
            confidence.append(fit(_channels_first(sure), frame.shape[-2:]))
        return Step(torch.stack(chroma, 1), torch.stack(confidence, 1), state)

    def _describe(self, luma: Tensor) -> Tensor:
        """Unit descriptors B h/4 w/4 C of gray pictures B 1 h w.

        Each map of the backbone is standardised per channel over the picture, so that no channel
        and no brightness dominates, and L2-normalised, so that no map does.
        """
        height, width = (-(-size // 4) for size in luma.shape[-2:])
        maps = []
        for feature in self.features(luma.expand(-1, 3, -1, -1) / 100):
            unit = F.normalize(F.instance_norm(feature), dim=1)
            if unit.shape[-1] > width:
                unit = F.adaptive_avg_pool2d(unit, (height, width))
            maps.append(fit(unit, (height, width)))
        return F.normalize(torch.cat(maps, 1), dim=1).permute(0, 2, 3, 1).contiguous()

    def _recall(self, keys: Tensor, state: KinemaState) -> _Found | None:
        """What each cell, B h w C, was in the last frame; None before the first.

        History is worth the weakest link of its chain: the similarity with which its colours were
        once found, or that of today's match to it, whichever is less.
        """
        if state.past_keys.shape[1:] != keys.shape[1:]:
            return None
        options = self.options
        known = torch.cat([state.past_colors, state.past_similarity, state.past_places], -1)
        carried, link = match_nearby(
            keys, state.past_keys, known, temperature=options.history_temperature, radius=options.radius
        )
        colors, similarity, places = torch.split(carried, [state.past_colors.shape[-1], 1, state.places.shape[-1]], -1)
        return _Found(colors, torch.minimum(similarity, link[..., None]) - options.decay, places)

    def _match(self, keys: Tensor, past: _Found | None, state: KinemaState) -> tuple[_Found, Tensor, Tensor]:
        """The reference's answer for descriptors B h w C; its broad average B h w V; the median cosine B 1 1 1.

        A place remembered by a strong chain draws the match to itself. How alike the picture as a
        whole is to the reference tells a chance match from a true one.
        """
        grid, options = keys.shape[:3], self.options
        wanted, pull = state.places.new_zeros(*grid, state.places.shape[-1]), keys.new_zeros(*grid, 1)
        if past is not None:
            wanted, pull = past.places, options.steadiness * (2 * past.similarity - 1).clamp(0, 1)
        query = torch.cat([keys, 2 * pull * wanted, -pull, -pull * wanted.square().sum(-1, keepdim=True)], -1)
        temperatures = options.temperature, options.fallback_temperature
        warped, product, best = match(query.flatten(1, 2), state.keys, state.colors, temperatures=temperatures)
        colors, fallback = (flat.reshape(*grid, -1) for flat in warped)
        places = state.places.gather(1, best[..., None].expand(-1, -1, wanted.shape[-1])).reshape(wanted.shape)
        cosine = product.reshape(*grid, 1) + pull * (places - wanted).square().sum(-1, keepdim=True)
        typical = cosine.flatten(1).median(1).values[:, None, None, None]
        return _Found(colors, cosine, places), fallback, typical

    def _merge(self, found: _Found, past: _Found) -> _Found:
        """The better of reference and history, softly."""
        gate = torch.sigmoid(self.options.gate_slope * (past.similarity - found.similarity - self.options.anchor))
        return _Found(
            torch.lerp(found.colors, past.colors, gate),
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


def _cells(chroma: Tensor, height: int, width: int) -> Tensor:
    """Chroma B 2 H W as the mean of each quarter of each cell: B height width 8."""
    parts = F.adaptive_avg_pool2d(chroma, (SPLIT * height, SPLIT * width))
    return F.pixel_unshuffle(parts, SPLIT).permute(0, 2, 3, 1)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)
