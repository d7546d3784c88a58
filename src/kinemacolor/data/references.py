"""The reference of a clip: from the film itself, made of it, or another picture, fitting or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinemacolor.data.augment import PhotographShot, mirrored, self_reference
from kinemacolor.data.clip import NEAR, ClipOptions, ReferenceKind
from kinemacolor.data.frame_cache import FrameStore, middle_of
from kinemacolor.data.index import Index
from kinemacolor.data.shots import Shot
from kinemacolor.errors import UsageError
from kinemacolor.utils.arrays import UInt8Array

SIMILAR = 5  # the most alike of other origin (Deep Exemplar, 4)


@dataclass(frozen=True)
class References:
    """Draws references; ``shares`` sum to 1 and hold only kinds that can be made of the ``index``."""

    index: Index
    store: FrameStore
    shares: dict[ReferenceKind, float]

    @classmethod
    def of(cls, index: Index, store: FrameStore, options: ClipOptions) -> tuple["References", tuple[str, ...]]:
        """References, and what a person should know: which kinds cannot be made, and why.

        Raises UsageError where no kind is left.
        """
        missing: dict[ReferenceKind, str] = {}
        if len(set(index.origins)) < 2:
            missing = dict.fromkeys(("similar", "wrong"), "there is but one film or photograph")
        elif index.embeddings is None:
            missing = {"similar": "nothing tells which pictures are alike"}
        shares = {kind: share for kind, share in options.kinds.items() if share and kind not in missing}
        notices = [f"no {kind} references: {why}" for kind, why in missing.items() if options.kinds.get(kind)]
        if not shares:
            raise UsageError(f"{'; '.join(notices)}: give more films, or other kinds")
        total = sum(shares.values())
        return cls(index, store, {kind: share / total for kind, share in shares.items()}), tuple(notices)

    def kind(self, generator: np.random.Generator) -> ReferenceKind:
        """One of them, by their shares."""
        kinds = list(self.shares)
        return kinds[int(generator.choice(len(kinds), p=list(self.shares.values())))]

    def draw(
        self, kind: ReferenceKind, source: int, shot: Shot, numbers: Sequence[int], generator: np.random.Generator
    ) -> UInt8Array:
        """A reference ``H W 3`` for the frames ``numbers`` of a shot of ``source``. Raises as `FrameStore.frames`."""
        if kind == "self":
            return self_reference(shot.picture(int(generator.choice(numbers))), generator)
        if kind in ("near", "far"):
            away = np.abs(np.arange(shot.length) - numbers[0])
            fitting = np.flatnonzero(away <= NEAR if kind == "near" else away > NEAR)
            return shot.picture(int(generator.choice(fitting if len(fitting) else np.flatnonzero(away == away.max()))))
        if kind == "part":
            return self._part(source, shot, numbers, generator)
        strangers = self.index.strangers(source)
        some = strangers[:SIMILAR] if kind == "similar" else strangers[len(strangers) // 2 :]
        still = self._still(int(generator.choice(some)), generator)
        return mirrored(still) if generator.random() < 0.5 else still

    def _part(self, source: int, shot: Shot, numbers: Sequence[int], generator: np.random.Generator) -> UInt8Array:
        if self.index.sources[source].kind == "photograph":
            photograph = self.store.frames(self.index.sources[source])[0]
            return PhotographShot(photograph, self.store.size, 1, generator).picture(0)
        siblings = self.index.siblings(source)
        if len(siblings):
            return self._still(int(generator.choice(siblings)), generator)
        return shot.picture(max(range(shot.length), key=lambda number: abs(number - numbers[0])))

    def _still(self, source: int, generator: np.random.Generator) -> UInt8Array:
        """A frame of a source."""
        frames = self.store.frames(self.index.sources[source])
        return middle_of(frames[generator.integers(len(frames))], self.store.size)
