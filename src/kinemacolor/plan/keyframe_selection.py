"""Which frames of a film are worth colouring: the fewest that explain the most of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kinemacolor.plan.similarity import (
    EmbeddingBuffer,
    FrameEmbedding,
    FrameEncoder,
    compute_similarity,
    estimate_coverage,
    find_nearest,
)
from kinemacolor.plan.survey import Survey
from kinemacolor.utils.arrays import Float32Array

MAX_NEIGHBORS = 64  # frames that one may explain besides itself


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
class CandidateFrames:
    """Pictures of a film that are looked at: their frames, shots (from 1), looks, and the share of the film of each."""

    frames: list[int]
    shots: list[int]
    embeddings: list[FrameEmbedding]
    weights: Float32Array

    @classmethod
    def from_survey(
        cls, survey: Survey, encoder: FrameEncoder, on_frame: Callable[[int, int], None] | None = None
    ) -> "CandidateFrames":
        """Up to three of every shot."""
        frames: list[int] = []
        shots: list[int] = []
        weights: list[float] = []
        for number, shot in enumerate(survey.shots, 1):
            some = survey.samples_in_shot(shot)
            frames += some
            shots += [number] * len(some)
            weights += [len(shot) / survey.index.frames / len(some)] * len(some)
        embeddings = EmbeddingBuffer(len(frames))
        for number, frame in enumerate(frames, 1):
            embeddings.add(encoder.encode_frame(survey.decode_sample(frame)))
            if on_frame:
                on_frame(number, len(frames))
        return cls(frames, shots, embeddings, np.array(weights, np.float32))


def suggest_keyframes(
    candidates: CandidateFrames,
    budget: int,
    existing: Sequence[FrameEmbedding] = (),
    uncertainty: Float32Array | None = None,
) -> list[Suggestion]:
    """At most ``budget`` frames, the most useful first, beside pictures that are ``known``.

    The greedy answer to facility location: the sum over views of how well the best chosen picture explains them
    is submodular, so that the greedy choice reaches 63 % of the best one at least (Nemhauser et al. 1978).
    ``doubt``: weights of the views, 0..1, where not all of the film matters the same.
    """
    weights = candidates.weights * (1 if uncertainty is None else uncertainty)
    coverages = _compute_coverages(candidates)
    best = np.array(
        [
            max((estimate_coverage(compute_similarity(embedding, one)) for one in existing), default=0.0)
            for embedding in candidates.embeddings
        ]
    )
    chosen: list[tuple[int, float, float]] = []
    owner = np.full(len(best), -1)
    while len(chosen) < budget:
        gains = [float(weights[covered] @ np.maximum(share - best[covered], 0)) for covered, share in coverages]
        candidate = int(np.argmax(gains))
        if gains[candidate] <= 1e-6:
            break
        seen, share = coverages[candidate]
        owner[seen] = np.where(share > best[seen], len(chosen), owner[seen])
        best[seen] = np.maximum(best[seen], share)
        chosen.append((candidate, gains[candidate], float(weights @ best)))
    return [
        Suggestion(candidates.frames[candidate], gain, total, _list_owned_shots(candidates, owner == number))
        for number, (candidate, gain, total) in enumerate(chosen)
    ]


def _compute_coverages(candidates: CandidateFrames) -> list[tuple[np.ndarray, Float32Array]]:
    """For each view as a picture: the views that it may explain, and the share of each that it does."""
    import torch

    covered_by: list[list[int]] = [[] for _ in candidates.embeddings]
    shares: list[list[float]] = [[] for _ in candidates.embeddings]
    for number, others in enumerate(find_nearest(candidates.embeddings, MAX_NEIGHBORS)):
        frame = candidates.embeddings[number]
        stacked = torch.stack([candidates.embeddings[other].cells for other in others])
        scores = (frame.cells @ stacked.transpose(1, 2)).amax(2).mean(1).tolist()
        for other, score in zip(others, scores, strict=True):
            covered_by[other].append(number)
            shares[other].append(1.0 if other == number else estimate_coverage(score))
    return [
        (np.array(covered, int), np.array(share, np.float32)) for covered, share in zip(covered_by, shares, strict=True)
    ]


def _list_owned_shots(candidates: CandidateFrames, owned: np.ndarray) -> tuple[int, ...]:
    return tuple(sorted({candidates.shots[number] for number in np.flatnonzero(owned)}))
