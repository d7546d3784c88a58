"""Baselines of every table: no colour at all, and plain matching, which a network must beat."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.nn.attention import gather_rows, match_keys
from kinemacolor.nn.backbones import extract_gray_features
from kinemacolor.nn.layers import grid_coordinates, resize_bilinear
from kinemacolor.nn.partial import fill_unpainted, painted_cells

TEMPERATURE = 0.01  # of the softmax, as in Deep Exemplar


@dataclass(frozen=True)
class BaselineState(State):
    """Cells of the references: unit descriptors B N C, ab B N 2, coordinates B N 3 (see `grid_coordinates`)."""

    keys: Tensor
    colors: Tensor
    coordinates: Tensor


class GrayBaseline(Colorizer):
    """Baseline without colour: ab and confidence are 0."""

    spec = ModelSpec("gray", short_side=216)

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        return State()

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        return ModelOutput(torch.cat([torch.zeros_like(lightness)] * 2, 2), torch.zeros_like(lightness), state)


class MatchBaseline(Colorizer):
    """Baseline of plain matching: each cell of the 1/4 grid takes the ab of the reference cells most similar to it.

    ``features`` is a backbone trained on ImageNet. Cells are weighed by softmax(cosine / 0.01) (Deep Exemplar, Eq. 4);
    there is one colour a cell, no history, and nothing is trained. The confidence is the largest cosine.
    """

    spec = ModelSpec("match", short_side=216)

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        batch = references.shape[0]
        pictures = references.flatten(0, 1)
        keys = extract_gray_features(self.features, pictures[:, :1])[1]
        grid = keys.shape[1], keys.shape[2]
        colors = F.adaptive_avg_pool2d(fill_unpainted(pictures[:, 1:], paint_mask, grid), grid).permute(0, 2, 3, 1)
        cells = painted_cells(paint_mask, grid)
        keys, colors = (x.reshape(batch, -1, x.shape[-1])[:, cells] for x in (keys, colors))
        coordinates = grid_coordinates(references.shape[1], grid).to(colors)[cells].expand(batch, -1, -1)
        return BaselineState(keys, colors, coordinates)

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        assert isinstance(state, BaselineState)
        query = extract_gray_features(self.features, lightness.flatten(0, 1))[1]
        flat = query.reshape(lightness.shape[0], -1, query.shape[-1])
        found = match_keys(flat, state.keys, state.colors, temperature=TEMPERATURE)
        maps = torch.cat([found.values, found.similarity[..., None]], -1)
        maps = maps.reshape(*query.shape[:3], 3).permute(0, 3, 1, 2)
        ab, similarity = resize_bilinear(maps, lightness.shape[-2:]).split_with_sizes([2, 1], 1)
        shape = lightness.shape[:2]
        origin = (
            gather_rows(state.coordinates, found.best_index)
            .reshape(*shape, *query.shape[1:3], 3)
            .permute(0, 1, 4, 2, 3)
        )
        ab = ab.reshape(*shape, 2, *lightness.shape[3:])
        return ModelOutput(
            ab, similarity.clamp(0, 1).reshape(lightness.shape), state, {"origin": origin} if with_aux else {}
        )
