"""Which source each clip is cut from: an endless order, known at any place without walking there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from kinemacolor.data.sources import Source

Groups = tuple[tuple[int, ...], ...]


def pick_shuffled(number: int, count: int, *seed: int) -> int:
    """Whose turn it is of ``count``: all of them in one shuffled order, then all in another, without end."""
    epoch, place = divmod(number, count)
    return int(np.random.default_rng([*seed, epoch]).permutation(count)[place])


@dataclass(frozen=True)
class SourceSampler:
    """Films and photographs take turns by their share; so do groups within each, and sources within a group.

    Groups hold numbers of sources. Whatever stretch of the order is taken, no group comes twice more
    often than another.
    """

    films: Groups
    photographs: Groups
    photograph_share: float
    seed: int

    @classmethod
    def from_sources(
        cls, sources: Sequence[Source], usable: Iterable[int], photograph_share: float, seed: int
    ) -> "SourceSampler":
        """``share`` of the clips are of photographs; all or none where there is but one kind."""
        groups: dict[str, dict[str, list[int]]] = {"film": {}, "photograph": {}}
        for number in usable:
            groups[sources[number].kind].setdefault(sources[number].group, []).append(number)
        films, photographs = (tuple(tuple(group) for group in groups[kind].values()) for kind in groups)
        return cls(films, photographs, photograph_share if films and photographs else float(bool(photographs)), seed)

    def pick_source(self, number: int) -> int:
        """The source of clip ``number``, from 0 on."""
        before = floor(number * self.photograph_share)
        is_photograph = floor((number + 1) * self.photograph_share) > before
        groups = self.photographs if is_photograph else self.films
        place = before if is_photograph else number - before
        group = pick_shuffled(place, len(groups), self.seed, int(is_photograph))
        members = groups[group]
        return members[pick_shuffled(place // len(groups), len(members), self.seed, 2 + int(is_photograph), group)]
