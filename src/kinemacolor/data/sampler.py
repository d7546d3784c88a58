"""Which source each clip is cut from: an endless order, known at any place without walking there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from kinemacolor.data.sources import Source

Groups = tuple[tuple[int, ...], ...]


def turn(number: int, count: int, *seed: int) -> int:
    """Whose turn it is of ``count``: all of them in one shuffled order, then all in another, without end."""
    again, place = divmod(number, count)
    return int(np.random.default_rng([*seed, again]).permutation(count)[place])


@dataclass(frozen=True)
class Order:
    """Films and photographs take turns by their share; so do groups within each, and sources within a group.

    Groups hold numbers of sources. Whatever stretch of the order is taken, no group comes twice more
    often than another.
    """

    films: Groups
    photographs: Groups
    share: float
    seed: int

    @classmethod
    def of(cls, sources: Sequence[Source], usable: Iterable[int], share: float, seed: int) -> "Order":
        """``share`` of the clips are of photographs; all or none where there is but one kind."""
        groups: dict[str, dict[str, list[int]]] = {"film": {}, "photograph": {}}
        for number in usable:
            groups[sources[number].kind].setdefault(sources[number].group, []).append(number)
        films, photographs = (tuple(tuple(group) for group in groups[kind].values()) for kind in groups)
        return cls(films, photographs, share if films and photographs else float(bool(photographs)), seed)

    def source(self, number: int) -> int:
        """The source of clip ``number``, from 0 on."""
        before = floor(number * self.share)
        photograph = floor((number + 1) * self.share) > before
        groups = self.photographs if photograph else self.films
        place = before if photograph else number - before
        group = turn(place, len(groups), self.seed, int(photograph))
        members = groups[group]
        return members[turn(place // len(groups), len(members), self.seed, 2 + int(photograph), group)]
