"""`kinema`, first form: light features, one attention over all references, history gated by confidence.

Nothing here is trained for colour. The backbone was trained on ImageNet; what is measured about
the rest stands in docs/results.md.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.correspondence import match, match_nearby
from kinemacolor.features import EfficientNetLite0
from kinemacolor.models.base import Colorizer, ModelSpec, State, Step

SPLIT = 2  # a cell carries SPLIT x SPLIT colours


@dataclass(frozen=True)
class KinemaOptions:
    """Numbers of the matching.

    ``temperature`` and ``history_temperature`` divide cosines before softmax. ``radius`` is how far
    the last frame is searched, in cells of the 1/4 grid. ``decay`` is what a colour loses in
    similarity with each frame it is carried, ``anchor`` how much better than the reference history must
    be to weigh the same, ``gate_slope`` how sharply the better source wins.
    ``fallback_temperature`` gives the broad average that places fade to whose confidence is under
    ``enough``. The confidence is
    logistic in ``certainty`` (weight of the place's similarity, of the picture's median, offset):
    the chance that a copied colour is right within 10 Lab units, fitted on pairs of training clips.
    """

    temperature: float = 0.025
    history_temperature: float = 0.04
    radius: int = 6
    decay: float = 0.002
    gate_slope: float = 20.0
    anchor: float = 0.04
    fallback_temperature: float = 0.07
    enough: float = 0.6
    certainty: tuple[float, float, float] = (5.7, 8.4, -8.0)


@dataclass(frozen=True)
class KinemaState(State):
    """References as tokens (B N C, B N V); the last frame (B g w C), its colours (B g w V) and how
    well the reference explained them (B g w 1). The last three are empty before the first frame.
    """

    keys: Tensor
    colors: Tensor
    history_keys: Tensor
    history_colors: Tensor
    history_similarity: Tensor


class Kinema(Colorizer):
    """Matches each gray frame to the gray references on the 1/4 grid and copies their chroma.

    A cell of the grid carries the chroma of its 2 × 2 quarters, eight numbers, so that colours are
    finer than the matching.
    """

    spec = ModelSpec("kinema", short_side=216)

    def __init__(self, options: KinemaOptions | None = None) -> None:
        super().__init__()
        self.options = options or KinemaOptions()
        self.features = EfficientNetLite0()

    def init_state(self, references: Tensor, *, in_shot: bool = False) -> KinemaState:
        batch = references.shape[0]
        pictures = references.flatten(0, 1)
        keys = self._describe(pictures[:, :1])
        colors = _cells(pictures[:, 1:], keys.shape[1], keys.shape[2])
        none = keys.new_zeros(batch, 0, 0, 0)
        return KinemaState(
            keys.reshape(batch, -1, keys.shape[-1]), colors.reshape(batch, -1, colors.shape[-1]), none, none, none
        )

    def forward(self, luma: Tensor, state: State) -> Step:
        assert isinstance(state, KinemaState)
        chroma, confidence = [], []
        for frame in luma.unbind(1):
            keys = self._describe(frame)
            colors, fallback, similarity, trust = self._colors(keys, state)
            state = KinemaState(state.keys, state.colors, keys, colors, similarity)
            size = frame.shape[-2:]
            shown = torch.lerp(fallback, colors, (trust / self.options.enough).clamp(max=1))
            chroma.append(_spread(F.pixel_shuffle(_channels_first(shown), SPLIT), size))
            confidence.append(_spread(_channels_first(trust), size))
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
            maps.append(_spread(unit, (height, width)))
        return F.normalize(torch.cat(maps, 1), dim=1).permute(0, 2, 3, 1).contiguous()

    def _colors(self, keys: Tensor, state: KinemaState) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """For descriptors B h w C: colours and their fallback B h w V, similarity and confidence B h w 1.

        How alike the picture as a whole is to the reference tells a chance match from a true one:
        the same cosine means much less between two scenes than within one.
        """
        options = self.options
        temperatures = options.temperature, options.fallback_temperature
        warped, cosine = match(keys.flatten(1, 2), state.keys, state.colors, temperatures=temperatures)
        colors, fallback = (flat.reshape(*keys.shape[:3], -1) for flat in warped)
        similarity = cosine.reshape(*keys.shape[:3], 1)
        if state.history_keys.shape[1:] == keys.shape[1:]:
            colors, similarity = self._remember(keys, colors, similarity, state)
        here, whole, offset = options.certainty
        typical = cosine.median(1).values[:, None, None, None]
        return colors, fallback, similarity, torch.sigmoid(here * similarity + whole * typical + offset)

    def _remember(self, keys: Tensor, colors: Tensor, similarity: Tensor, state: KinemaState) -> tuple[Tensor, Tensor]:
        """Colours B h w V and similarity B h w 1, where history knows better than the reference.

        History is worth the weakest link of its chain: the similarity with which its colours were
        once found, or that of today's match to it, whichever is less.
        """
        options = self.options
        known = torch.cat([state.history_colors, state.history_similarity], -1)
        carried, link = match_nearby(
            keys, state.history_keys, known, temperature=options.history_temperature, radius=options.radius
        )
        chain = torch.minimum(carried[..., -1:], link[..., None]) - options.decay
        gate = torch.sigmoid(options.gate_slope * (chain - similarity - options.anchor))
        return torch.lerp(colors, carried[..., :-1], gate), torch.maximum(similarity, chain)


def _cells(chroma: Tensor, height: int, width: int) -> Tensor:
    """Chroma B 2 H W as the mean of each quarter of each cell: B height width 8."""
    parts = F.adaptive_avg_pool2d(chroma, (SPLIT * height, SPLIT * width))
    return F.pixel_unshuffle(parts, SPLIT).permute(0, 2, 3, 1)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _spread(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=False) if x.shape[-2:] != size else x
