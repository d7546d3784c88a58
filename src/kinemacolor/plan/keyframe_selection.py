"""Suggests which frames of a film a person should colour: few frames that cover much of the film."""

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

MAX_NEIGHBORS = 64  # nearest candidates that may cover one, itself among them


@dataclass(frozen=True)
class Suggestion:
    """A frame that a person should colour.

    ``gain`` is the share of the film, 0..1, that it covers and no earlier suggestion does; ``coverage`` the share that
    all suggestions up to this one cover. ``shots`` has the numbers, from 1, of the shots that it covers better than any
    other suggestion.
    """

    frame: int
    gain: float
    coverage: float
    shots: tuple[int, ...]


@dataclass(frozen=True)
class CandidateFrames:
    """Sampled frames of a film that may be suggested.

    Of each: the number of the frame, of its shot (from 1), its embedding, and the share of the film that it stands
    for (``weights``, in sum 1).
    """

    frames: list[int]
    shots: list[int]
    embeddings: list[FrameEmbedding]
    weights: Float32Array

    @classmethod
    def from_survey(
        cls, survey: Survey, encoder: FrameEncoder, on_frame: Callable[[int, int], None] | None = None
    ) -> "CandidateFrames":
        """Encode up to three sampled frames of every shot; ``on_frame`` gets how many are done, and of how many."""
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
    """Choose at most ``budget`` frames to colour, the most useful first, beside ``existing`` references.

    The greedy solution of facility location: the sum over candidates of how well the best chosen picture covers each
    is submodular, so the greedy choice reaches at least 63 % of the optimum (Nemhauser et al. 1978).
    ``uncertainty``: one weight for each candidate, 0..1, where some of the film matters more than the rest.
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
        covered, share = coverages[candidate]
        owner[covered] = np.where(share > best[covered], len(chosen), owner[covered])
        best[covered] = np.maximum(best[covered], share)
        chosen.append((candidate, gains[candidate], float(weights @ best)))
    return [
        Suggestion(candidates.frames[candidate], gain, total, _list_owned_shots(candidates, owner == number))
        for number, (candidate, gain, total) in enumerate(chosen)
    ]


def _compute_coverages(candidates: CandidateFrames) -> list[tuple[np.ndarray, Float32Array]]:
    """Compute for each candidate, as a reference: the numbers of the candidates that it covers, and by which share."""
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
    """List the shots of the candidates that are marked in ``owned``."""
    return tuple(sorted({candidates.shots[number] for number in np.flatnonzero(owned)}))
