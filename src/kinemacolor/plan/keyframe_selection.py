"""Suggests which frames of a film a person should colour, and what each of them improves.

The quality that pictures give is the mean over the film of what `estimate_gain_db` expects of the best of them for each
frame: facility location, a submodular function. The greedy choice reaches at least 63 % of its optimum (Nemhauser et
al. 1978); after it each picture moves to the best place in its shot. So one picture of a shot comes from its middle,
two from a quarter of it and three quarters, unless the shot itself says otherwise. That is measured to be better than
its first and last frame (docs/films.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinemacolor.plan.similarity import (
    EmbeddingBuffer,
    FrameEmbedding,
    FrameEncoder,
    compute_similarity,
    estimate_coverage,
    estimate_gain_db,
    find_nearest,
)
from kinemacolor.plan.survey import Survey
from kinemacolor.references.load import rgb_to_gray
from kinemacolor.utils.arrays import Float32Array, UInt8Array

MAX_NEIGHBORS = 64  # nearest candidates that may cover one, itself among them
CANDIDATES_PER_SHOT, CANDIDATE_INTERVAL = 5, 48  # so many of a shot, more where that leaves more frames between two
LONELY_SCORE = 0.97  # of a frame for those around it, where its shot has no other candidate
MIN_GAIN_DB = 1e-5  # what adds less is not suggested
MAX_MOVES = 3  # rounds in which every picture may move


@dataclass(frozen=True)
class Suggestion:
    """A frame that a person should colour.

    ``gain_db`` is what it is expected to add to the mean PSNR of the film, in dB, given all earlier suggestions; it
    falls from one to the next. ``gain`` is the share of the film, 0..1, that it covers and no earlier suggestion does;
    ``coverage`` the share that all suggestions up to this one cover. ``shots`` has the numbers, from 1, of the shots
    that it covers better than any other suggestion.
    """

    frame: int
    gain_db: float
    gain: float
    coverage: float
    shots: tuple[int, ...]


@dataclass(frozen=True)
class CandidateFrames:
    """Sampled frames of a film that may be suggested.

    Of each: the number of the frame, of its shot (from 1), its embedding, and the share of the film that it stands
    for (``weights``, in sum 1): the frames of the shot that are nearer to it than to its other candidates.
    """

    frames: list[int]
    shots: list[int]
    embeddings: list[FrameEmbedding]
    weights: Float32Array

    @classmethod
    def from_survey(
        cls,
        survey: Survey,
        encoder: FrameEncoder,
        on_frame: Callable[[int, int], None] | None = None,
        *,
        per_shot: int | None = None,
    ) -> "CandidateFrames":
        """Encode at most ``per_shot`` sampled frames of every shot, by default as many as suggestions want.

        ``on_frame`` gets how many are done, and of how many.
        """
        frames: list[int] = []
        shots: list[int] = []
        weights: list[float] = []
        for number, shot in enumerate(survey.shots, 1):
            wanted = per_shot or max(CANDIDATES_PER_SHOT, len(shot) // CANDIDATE_INTERVAL)
            some = survey.samples_in_shot(shot, wanted)
            frames += some
            shots += [number] * len(some)
            edges = [shot.first, *((one + other + 1) // 2 for one, other in pairwise(some)), shot.end]
            weights += [(end - first) / survey.index.frames for first, end in pairwise(edges)]
        embeddings = EmbeddingBuffer(len(frames))
        for number, frame in enumerate(frames, 1):
            embeddings.add(encoder.encode_frame(survey.decode_sample(frame)))
            if on_frame:
                on_frame(number, len(frames))
        return cls(frames, shots, embeddings, np.array(weights, np.float32))


def suggest_frames_of_survey(
    survey: Survey,
    budget: int,
    known: Sequence[UInt8Array] = (),
    on_frame: Callable[[int, int], None] | None = None,
) -> list[Suggestion]:
    """Do `suggest_keyframes` for a film that was read, beside the pictures ``H W 3`` or ``H W 4`` that are ``known``.

    ``on_frame`` gets how many frames are compared, and of how many.
    """
    from kinemacolor.plan.frame_encoder import make_frame_encoder  # torch comes with it

    encoder = make_frame_encoder()
    candidates = CandidateFrames.from_survey(survey, encoder, on_frame)
    return suggest_keyframes(candidates, budget, [encoder.encode_frame(rgb_to_gray(picture)) for picture in known])


def suggest_keyframes(
    candidates: CandidateFrames,
    budget: int,
    existing: Sequence[FrameEmbedding] = (),
    uncertainty: Float32Array | None = None,
) -> list[Suggestion]:
    """Choose at most ``budget`` frames to colour, the most useful first, beside ``existing`` references.

    ``uncertainty``: one weight for each candidate, 0..1, where some of the film matters more than the rest. Another
    budget may choose other frames: the best one is not always among the best two.
    """
    quality = _Quality(candidates, existing, candidates.weights * (1 if uncertainty is None else uncertainty))
    chosen = quality.choose_greedily(range(len(candidates.frames)), budget)
    chosen = quality.choose_greedily(quality.move_within_shots(chosen), budget)
    best = np.maximum.accumulate([quality.known_scores, *map(quality.scores_of, chosen)])
    gains = np.diff(estimate_gain_db(best) @ quality.weights)
    coverages = estimate_coverage(best) @ quality.weights
    owners = np.argmax([quality.known_scores, *map(quality.scores_of, chosen)], 0)
    return [
        Suggestion(
            candidates.frames[one],
            round(float(gains[place]), 6),
            float(coverages[place + 1] - coverages[place]),
            float(coverages[place + 1]),
            tuple(sorted({candidates.shots[row] for row in np.flatnonzero(owners == place + 1)})),
        )
        for place, one in enumerate(chosen)
    ]


class _Quality:
    """What sets of candidates are worth as pictures to colour with.

    ``known_scores`` are those of the references that are there already. A candidate stands for the frames around it,
    so nothing, not even itself, has a higher score for it than half way between 1 and its nearest in the shot.
    """

    def __init__(self, candidates: CandidateFrames, existing: Sequence[FrameEmbedding], weights: Float32Array) -> None:
        self.weights, self._shots = weights, candidates.shots
        covered, scores = _score_candidates(candidates)
        limits = _limit_scores(candidates, covered, scores)
        self._covered = covered
        self._scores = [np.minimum(score, limits[rows]) for rows, score in zip(covered, scores, strict=True)]
        self._gains = list(map(estimate_gain_db, self._scores))
        known = [[compute_similarity(embedding, one) for one in existing] for embedding in candidates.embeddings]
        self.known_scores: Float32Array = np.minimum([max(row, default=0.0) for row in known], limits)
        self._in_shot: dict[int, list[int]] = {}
        for number, shot in enumerate(candidates.shots):
            self._in_shot.setdefault(shot, []).append(number)

    def scores_of(self, candidate: int) -> Float32Array:
        """Give the score of a candidate as a reference for every candidate; 0 for those that are unlike it."""
        scores = np.zeros(len(self.weights), np.float32)
        scores[self._covered[candidate]] = self._scores[candidate]
        return scores

    def choose_greedily(self, among: Sequence[int], budget: int) -> list[int]:
        """Choose candidates one by one, the one that adds most first, until none adds anything."""
        best, left, chosen = self.known_scores.copy(), list(among), list[int]()
        while left and len(chosen) < budget:
            before = estimate_gain_db(best)
            gains = [
                float(self.weights[self._covered[one]] @ np.maximum(self._gains[one] - before[self._covered[one]], 0))
                for one in left
            ]
            place = int(np.argmax(gains))
            if gains[place] <= MIN_GAIN_DB:
                break
            one = left.pop(place)
            np.maximum.at(best, self._covered[one], self._scores[one])
            chosen.append(one)
        return chosen

    def move_within_shots(self, chosen: Sequence[int]) -> list[int]:
        """Move each of the chosen candidates to where in its shot the set is best, in turn, until none moves."""
        moved = list(chosen)
        for _ in range(MAX_MOVES):
            before = tuple(moved)
            for place, one in enumerate(before):
                others = [self.known_scores, *(self.scores_of(other) for other in moved if other != moved[place])]
                rest = np.max(others, 0)
                places = [other for other in self._in_shot[self._shots[one]] if other not in moved or other == one]
                moved[place] = max(places, key=lambda other: self._total_gain(np.maximum(rest, self.scores_of(other))))
            if tuple(moved) == before:
                break
        return moved

    def _total_gain(self, scores: Float32Array) -> float:
        return float(self.weights @ estimate_gain_db(scores))


def _score_candidates(candidates: CandidateFrames) -> tuple[list[np.ndarray], list[Float32Array]]:
    """Compute for each candidate, as a reference: the numbers of the candidates like it, and its score for each."""
    import torch

    covered_by: list[list[int]] = [[] for _ in candidates.embeddings]
    scores_by: list[list[float]] = [[] for _ in candidates.embeddings]
    for number, others in enumerate(find_nearest(candidates.embeddings, MAX_NEIGHBORS)):
        frame = candidates.embeddings[number]
        stacked = torch.stack([candidates.embeddings[other].cells for other in others])
        scores = (frame.cells @ stacked.transpose(1, 2)).amax(2).mean(1).tolist()
        for other, score in zip(others, scores, strict=True):
            covered_by[other].append(number)
            scores_by[other].append(score)
    return (
        [np.array(covered, int) for covered in covered_by],
        [np.array(scores, np.float32) for scores in scores_by],
    )


def _limit_scores(
    candidates: CandidateFrames, covered: Sequence[np.ndarray], scores: Sequence[Float32Array]
) -> Float32Array:
    """Compute for each candidate the score that a picture can have at most for the frames around it."""
    nearest = np.full(len(candidates.frames), 2 * LONELY_SCORE - 1, np.float32)
    lonely = np.ones(len(nearest), bool)
    frames, shots = np.array(candidates.frames), np.array(candidates.shots)
    for number, (rows, score) in enumerate(zip(covered, scores, strict=True)):
        near = (shots[rows] == shots[number]) & (frames[rows] != frames[number])
        rows, score = rows[near], score[near]
        nearest[rows] = np.where(lonely[rows], score, np.maximum(nearest[rows], score))
        lonely[rows] = False
    return np.asarray((1 + nearest) / 2, np.float32)
