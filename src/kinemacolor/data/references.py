"""Draws the references of a clip: frames of its film, bent copies of its frames, similar or unrelated pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinemacolor.data.augment import PhotographShot, make_self_reference, mirror_picture
from kinemacolor.data.clip import MAX_NEAR_DISTANCE, ClipOptions, ReferenceKind
from kinemacolor.data.frame_cache import FrameCache, resize_and_center_crop
from kinemacolor.data.index import SourceIndex
from kinemacolor.data.shots import TrainingShot
from kinemacolor.errors import UsageError
from kinemacolor.utils.arrays import UInt8Array

MAX_SIMILAR_SOURCES = 5  # of other origins (Deep Exemplar, section 4)


@dataclass(frozen=True)
class ReferenceSampler:
    """Draws references; ``shares`` sum to 1 and contain only kinds that the sources of ``index`` allow."""

    index: SourceIndex
    frame_cache: FrameCache
    shares: dict[ReferenceKind, float]

    @classmethod
    def from_options(
        cls, index: SourceIndex, frame_cache: FrameCache, options: ClipOptions
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
        return cls(index, frame_cache, {kind: share / total for kind, share in shares.items()}), tuple(notices)

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
    ) -> UInt8Array:
        """Draw a reference ``H W 3`` sRGB for the frames ``numbers`` of a shot of source number ``source``.

        Raises what `FrameCache.load_frames` raises.
        """
        if kind == "self":
            return make_self_reference(shot.get_frame(int(generator.choice(numbers))), generator)
        if kind in ("near", "far"):
            distances = np.abs(np.arange(shot.length) - numbers[0])
            candidates = np.flatnonzero(
                distances <= MAX_NEAR_DISTANCE if kind == "near" else distances > MAX_NEAR_DISTANCE
            )
            return shot.get_frame(
                int(generator.choice(candidates if len(candidates) else np.flatnonzero(distances == distances.max())))
            )
        if kind == "part":
            return self._draw_other_part(source, shot, numbers, generator)
        other_origins = self.index.rank_other_origins(source)
        source_numbers = (
            other_origins[:MAX_SIMILAR_SOURCES] if kind == "similar" else other_origins[len(other_origins) // 2 :]
        )
        still = self._draw_source_frame(int(generator.choice(source_numbers)), generator)
        return mirror_picture(still) if generator.random() < 0.5 else still

    def _draw_other_part(
        self, source: int, shot: TrainingShot, numbers: Sequence[int], generator: np.random.Generator
    ) -> UInt8Array:
        """The kind ``part``: another view of a photograph, a frame of the same origin, or the farthest frame."""
        if self.index.sources[source].kind == "photograph":
            photograph = self.frame_cache.load_frames(self.index.sources[source])[0]
            return PhotographShot(photograph, self.frame_cache.size, 1, generator).get_frame(0)
        siblings = self.index.find_same_origin(source)
        if len(siblings):
            return self._draw_source_frame(int(generator.choice(siblings)), generator)
        return shot.get_frame(max(range(shot.length), key=lambda number: abs(number - numbers[0])))

    def _draw_source_frame(self, source: int, generator: np.random.Generator) -> UInt8Array:
        """Draw a frame of a source, scaled and cropped to the clips' size."""
        frames = self.frame_cache.load_frames(self.index.sources[source])
        return resize_and_center_crop(frames[generator.integers(len(frames))], self.frame_cache.size)
