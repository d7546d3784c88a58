"""Draws the references of a clip: frames of its film, bent copies of its frames, similar or unrelated pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kinemacolor.data.clip import MAX_NEAR_DISTANCE, ClipOptions, ReferenceKind
from kinemacolor.data.degradation import draw_noise
from kinemacolor.data.index import SourceIndex
from kinemacolor.data.layered_shot import LayeredShot, relight
from kinemacolor.data.photograph_shot import PhotographShot
from kinemacolor.data.sampler import happens
from kinemacolor.data.self_reference import draw_self_bend
from kinemacolor.data.shots import TrainingShot
from kinemacolor.data.store import SourceStore
from kinemacolor.data.warping import Window, sample_bilinear, to_tensor
from kinemacolor.errors import UsageError

MAX_SIMILAR_SOURCES = 5  # of other origins (Deep Exemplar, section 4)


@dataclass(frozen=True)
class ReferenceSampler:
    """Draws references; ``shares`` sum to 1 and contain only kinds that the sources of ``index`` allow."""

    index: SourceIndex
    store: SourceStore
    shares: dict[ReferenceKind, float]
    distant: float  # share of `ClipOptions`

    @classmethod
    def from_options(
        cls, index: SourceIndex, store: SourceStore, options: ClipOptions
    ) -> tuple["ReferenceSampler", tuple[str, ...]]:
        """Make a sampler, and notices for the user: which kinds of references cannot be made, and why.

        Raises UsageError where no kind is left.
        """
        missing: dict[ReferenceKind, str] = {}
        if len(set(index.origin_ids)) < 2:
            missing = dict.fromkeys(("similar", "wrong"), "there is but one film or photograph")
        elif index.embeddings is None:
            missing = {"similar": "nothing tells which pictures are alike"}
        shares = {kind: share for kind, share in options.kinds.items() if share and kind not in missing}
        notices = [f"no {kind} references: {why}" for kind, why in missing.items() if options.kinds.get(kind)]
        if not shares:
            raise UsageError(f"{'; '.join(notices)}: give more films, or other kinds")
        total = sum(shares.values())
        shares = {kind: share / total for kind, share in shares.items()}
        return cls(index, store, shares, options.distant), tuple(notices)

    def draw_kind(self, generator: np.random.Generator) -> ReferenceKind:
        """Draw a kind of reference by the shares."""
        kinds = list(self.shares)
        return kinds[int(generator.choice(len(kinds), p=list(self.shares.values())))]

    def draw_reference(
        self,
        kind: ReferenceKind,
        source: int,
        shot: TrainingShot,
        numbers: Sequence[int],
        generator: np.random.Generator,
        noise: torch.Generator,
    ) -> Tensor:
        """Draw a reference ``3 H W`` sRGB 0..255 for the frames ``numbers`` of a shot of source number ``source``.

        Raises what `FrameCache.load_frames` raises.
        """
        if kind == "self":
            return _bend_picture(_render_frame(shot, int(generator.choice(numbers))), generator, noise)
        if kind in ("far", "part") and isinstance(shot, LayeredShot) and happens(self.distant, generator):
            return relight(_render_frame(shot.draw_distant(generator), 0), generator)
        if kind in ("near", "far"):
            distances = np.abs(np.arange(shot.length) - numbers[0])
            candidates = np.flatnonzero(
                distances <= MAX_NEAR_DISTANCE if kind == "near" else distances > MAX_NEAR_DISTANCE
            )
            if not len(candidates):
                candidates = np.flatnonzero(distances == distances.max())
            return _render_frame(shot, int(generator.choice(candidates)))
        if kind == "part":
            return self._draw_other_part(source, shot, numbers, generator)
        other_origins = self.index.rank_other_origins(source)
        source_numbers = (
            other_origins[:MAX_SIMILAR_SOURCES] if kind == "similar" else other_origins[len(other_origins) // 2 :]
        )
        still = self._draw_source_frame(int(generator.choice(source_numbers)), generator)
        return still.flip(-1) if generator.random() < 0.5 else still

    def _draw_other_part(
        self, source: int, shot: TrainingShot, numbers: Sequence[int], generator: np.random.Generator
    ) -> Tensor:
        """The kind ``part``: another view of a photograph, a frame of the same origin, or the farthest frame."""
        if self.index.sources[source].kind == "photograph":
            photograph = self.store.read_photograph(self.index.sources[source])
            return _render_frame(PhotographShot(photograph, self.store.size, 1, generator), 0)
        siblings = self.index.find_same_origin(source)
        if len(siblings):
            return self._draw_source_frame(int(generator.choice(siblings)), generator)
        return _render_frame(shot, max(range(shot.length), key=lambda number: abs(number - numbers[0])))

    def _draw_source_frame(self, number: int, generator: np.random.Generator) -> Tensor:
        """Draw a frame of a source, scaled and cropped to the clips' size."""
        source = self.index.sources[number]
        return self.store.read_still(source, int(generator.integers(source.frames))).float()


def _render_frame(shot: TrainingShot, number: int) -> Tensor:
    """A whole frame of a shot, ``3 H W``."""
    return shot.render_frames([number], Window(0, 0, shot.size))[0]


def _bend_picture(picture: Tensor, generator: np.random.Generator, noise: torch.Generator) -> Tensor:
    """Bend and mirror a picture ``3 H W`` as `make_self_reference` does, with noise (sigma 5)."""
    places = to_tensor(draw_self_bend((picture.shape[1], picture.shape[2]), generator), picture.device)
    bent = sample_bilinear(picture + 5 * draw_noise(picture, noise), places[None])[0].clamp(0, 255)
    return bent.flip(-1) if generator.random() < 0.5 else bent
