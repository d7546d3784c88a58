"""Which source each clip is cut from: an endless shuffled order with random access."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from kinemacolor.data.sources import Source

Groups = tuple[tuple[int, ...], ...]


def pick_shuffled(number: int, count: int, *seed: int) -> int:
    """Return item ``number`` of an endless order of 0..count-1 that is reshuffled after every ``count`` items."""
    epoch, place = divmod(number, count)
    return int(np.random.default_rng([*seed, epoch]).permutation(count)[place])


def happens(share: float, generator: np.random.Generator) -> bool:
    """Draw whether what has a ``share`` of 0..1 happens. Nothing is drawn for 0: other choices are as without it."""
    return share > 0 and generator.random() < share


@dataclass(frozen=True)
class SourceSampler:
    """The order of sources: films and photographs alternate by their share, then groups, then sources of a group.

    ``films`` and ``photographs`` hold groups of source numbers. In any stretch of the order the counts of two
    groups of one kind differ by at most two.
    """

    films: Groups
    photographs: Groups
    photograph_share: float
    seed: int

    @classmethod
    def from_sources(
        cls, sources: Sequence[Source], usable: Iterable[int], photograph_share: float, seed: int
    ) -> "SourceSampler":
        """Make the order of the ``usable`` source numbers; with one kind only, ``photograph_share`` is ignored."""
        groups: dict[str, dict[str, list[int]]] = {"film": {}, "photograph": {}}
        for number in usable:
            groups[sources[number].kind].setdefault(sources[number].group, []).append(number)
        films, photographs = (tuple(tuple(group) for group in groups[kind].values()) for kind in groups)
        return cls(films, photographs, photograph_share if films and photographs else float(bool(photographs)), seed)

    def pick_source(self, number: int) -> int:
        """Return the number of the source of clip ``number``, from 0 on."""
        before = floor(number * self.photograph_share)
        is_photograph = floor((number + 1) * self.photograph_share) > before
        groups = self.photographs if is_photograph else self.films
        place = before if is_photograph else number - before
        group = pick_shuffled(place, len(groups), self.seed, int(is_photograph))
        members = groups[group]
        return members[pick_shuffled(place // len(groups), len(members), self.seed, 2 + int(is_photograph), group)]
