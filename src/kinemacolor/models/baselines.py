"""What every table also shows: no colour at all, and the plain match that a network must beat."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.base import Colorizer, ModelSpec, State, Step
from kinemacolor.nn.attention import match, take
from kinemacolor.nn.backbones import see_gray
from kinemacolor.nn.layers import fit, places
from kinemacolor.nn.partial import fill_in, speaking

TEMPERATURE = 0.01


@dataclass(frozen=True)
class BaselineState(State):
    """Of the references: unit descriptors B N C, chroma B N 2, `places` B N 3."""

    keys: Tensor
    colors: Tensor
    places: Tensor


class Gray(Colorizer):
    """No chroma, and no confidence in it."""

    spec = ModelSpec("gray", short_side=216)

    def _remember(self, references: Tensor, painted: Tensor | None, *, in_shot: bool) -> State:
        return State()

    def forward(self, luma: Tensor, state: State) -> Step:
        return Step(torch.cat([torch.zeros_like(luma)] * 2, 2), torch.zeros_like(luma), state)


class Match(Colorizer):
    """Each cell of the 1/4 grid takes the colour of the references' cells that look like it; nothing else.

    ``features`` are those of an ImageNet classifier; softmax(cosine / 0.01) of Deep Exemplar's Eq. 4, one
    colour a cell, no history, nothing learned for it. The confidence is the largest cosine.
    """

    spec = ModelSpec("match", short_side=216)

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def _remember(self, references: Tensor, painted: Tensor | None, *, in_shot: bool) -> State:
        batch = references.shape[0]
        pictures = references.flatten(0, 1)
        keys = see_gray(self.features, pictures[:, :1])[1]
        grid = keys.shape[1], keys.shape[2]
        colors = F.adaptive_avg_pool2d(fill_in(pictures[:, 1:], painted, grid), grid).permute(0, 2, 3, 1)
        cells = speaking(painted, grid)
        keys, colors = (x.reshape(batch, -1, x.shape[-1])[:, cells] for x in (keys, colors))
        where = places(references.shape[1], grid).to(colors)[cells].expand(batch, -1, -1)
        return BaselineState(keys, colors, where)

    def forward(self, luma: Tensor, state: State) -> Step:
        assert isinstance(state, BaselineState)
        query = see_gray(self.features, luma.flatten(0, 1))[1]
        flat = query.reshape(luma.shape[0], -1, query.shape[-1])
        found = match(flat, state.keys, state.colors, temperatures=(TEMPERATURE,))
        maps = torch.cat([found.warped[0], found.similarity[..., None]], -1)
        maps = maps.reshape(*query.shape[:3], 3).permute(0, 3, 1, 2)
        chroma, similarity = fit(maps, luma.shape[-2:]).split_with_sizes([2, 1], 1)
        shape = luma.shape[:2]
        origin = take(state.places, found.best).reshape(*shape, *query.shape[1:3], 3).permute(0, 1, 4, 2, 3)
        chroma = chroma.reshape(*shape, 2, *luma.shape[3:])
        return Step(chroma, similarity.clamp(0, 1).reshape(luma.shape), state, {"origin": origin})
