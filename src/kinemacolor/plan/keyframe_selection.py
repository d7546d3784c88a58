"""Which frames of a film are worth colouring: the fewest that explain the most of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kinemacolor.plan.similarity import Eye, Look, Looks, explained, likeness, nearest
from kinemacolor.plan.survey import Survey
from kinemacolor.utils.arrays import Float32Array

NEIGHBOURS = 64  # frames that one may explain besides itself


@dataclass(frozen=True)
class Suggestion:
    """A frame to colour. ``gain``: the share of the film that it explains and none before does; ``coverage``: with it.

    ``shots``: the numbers, from 1, of the shots that it explains best, of all suggested so far and after.
    """

    frame: int
    gain: float
    coverage: float
    shots: tuple[int, ...]


@dataclass(frozen=True)
class Views:
    """Pictures of a film that are looked at: their frames, shots (from 1), looks, and the share of the film of each."""

    frames: list[int]
    shots: list[int]
    looks: list[Look]
    weights: Float32Array

    @classmethod
    def of(cls, survey: Survey, eye: Eye, on_view: Callable[[int, int], None] | None = None) -> "Views":
        """Up to three of every shot."""
        frames: list[int] = []
        shots: list[int] = []
        weights: list[float] = []
        for number, shot in enumerate(survey.shots, 1):
            some = survey.samples_of(shot)
            frames += some
            shots += [number] * len(some)
            weights += [len(shot) / survey.index.frames / len(some)] * len(some)
        looks = Looks(len(frames))
        for number, frame in enumerate(frames, 1):
            looks.add(eye.look(survey.sample(frame)))
            if on_view:
                on_view(number, len(frames))
        return cls(frames, shots, looks, np.array(weights, np.float32))


def suggest(
    views: Views,
    budget: int,
    known: Sequence[Look] = (),
    doubt: Float32Array | None = None,
) -> list[Suggestion]:
    """At most ``budget`` frames, the most useful first, beside pictures that are ``known``.

    The greedy answer to facility location: the sum over views of how well the best chosen picture explains them
    is submodular, so that the greedy choice reaches 63 % of the best one at least (Nemhauser et al. 1978).
    ``doubt``: weights of the views, 0..1, where not all of the film matters the same.
    """
    weights = views.weights * (1 if doubt is None else doubt)
    explains = _explains(views)
    best = np.array([max((explained(likeness(look, one)) for one in known), default=0.0) for look in views.looks])
    chosen: list[tuple[int, float, float]] = []
    owner = np.full(len(best), -1)
    while len(chosen) < budget:
        gains = [float(weights[seen] @ np.maximum(share - best[seen], 0)) for seen, share in explains]
        candidate = int(np.argmax(gains))
        if gains[candidate] <= 1e-6:
            break
        seen, share = explains[candidate]
        owner[seen] = np.where(share > best[seen], len(chosen), owner[seen])
        best[seen] = np.maximum(best[seen], share)
        chosen.append((candidate, gains[candidate], float(weights @ best)))
    return [
        Suggestion(views.frames[candidate], gain, total, _shots(views, owner == number))
        for number, (candidate, gain, total) in enumerate(chosen)
    ]


def _explains(views: Views) -> list[tuple[np.ndarray, Float32Array]]:
    """For each view as a picture: the views that it may explain, and the share of each that it does."""
    seen_by: list[list[int]] = [[] for _ in views.looks]
    shares: list[list[float]] = [[] for _ in views.looks]
    for number, others in enumerate(nearest(views.looks, NEIGHBOURS)):
        frame = views.looks[number]
        stacked = torch.stack([views.looks[other].cells for other in others])
        scores = (frame.cells @ stacked.transpose(1, 2)).amax(2).mean(1).tolist()
        for other, score in zip(others, scores, strict=True):
            seen_by[other].append(number)
            shares[other].append(1.0 if other == number else explained(score))
    return [(np.array(seen, int), np.array(share, np.float32)) for seen, share in zip(seen_by, shares, strict=True)]


def _shots(views: Views, owned: np.ndarray) -> tuple[int, ...]:
    return tuple(sorted({views.shots[number] for number in np.flatnonzero(owned)}))
