"""The passes of a plan, runs of the model over frames, and the weight of each pass in each frame.

A shot without a keyframe is one pass, forward in time; one with keyframes has the runs of `inference/keyframes.py`.
Across a dissolve the passes of two shots overlap.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from kinemacolor.inference.keyframes import CurveKnots, list_keyframe_runs, weigh
from kinemacolor.options import RenderOptions, repainting_options
from kinemacolor.plan.document import Plan, ShotEntry
from kinemacolor.references.spec import Reference

PAINTING_FORMAT = 5  # version of the stored predictions; a new number makes all of them anew


@dataclass(frozen=True)
class InferencePass:
    """One run of the model over the frames from ``first`` up to ``end`` (not included).

    With ``is_backward`` it runs from the last frame to the first. ``digest`` is a hash of everything that decides the
    predictions.
    """

    first: int
    end: int
    is_backward: bool
    references: tuple[Reference, ...]
    options: RenderOptions
    digest: str = ""

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def has_reference_at_start(self) -> bool:
        """Whether its only reference is a picture of its first frame."""
        start = self.end - 1 if self.is_backward else self.first
        return [reference.frame for reference in self.references] == [start]

    def painting_position(self, frame: int) -> int:
        """Return how many frames of the pass are painted before this one."""
        return self.end - 1 - frame if self.is_backward else frame - self.first


@dataclass(frozen=True)
class WeightedPass:
    """A pass and its weight over time: the product of curves that are linear between their knots."""

    source: InferencePass
    curves: tuple[CurveKnots, ...] = ()

    def weight_at(self, frame: int) -> float:
        """Compute the weight of the pass in a frame, 0..1; 0 outside of the pass."""
        if not self.source.first <= frame < self.source.end:
            return 0.0
        return prod(weigh(curve, frame) for curve in self.curves)


@dataclass(frozen=True)
class ShotPasses:
    """A shot, and the passes for it and for the dissolves at its ends."""

    shot: ShotEntry
    weighted_passes: tuple[WeightedPass, ...]


def build_shot_passes(plan: Plan, reference_digests: Mapping[Path, str]) -> list[ShotPasses]:
    """Derive the passes of each shot of a plan; ``reference_digests`` has the sha256 of every reference's file."""
    found = []
    for number, shot in enumerate(plan.shots):
        following = plan.shots[number + 1] if number + 1 < len(plan.shots) else None
        begin, end, curves = _extend_over_dissolves(shot, following, plan.film.frames)
        weighted_passes = tuple(
            replace(
                weighted_pass,
                source=_with_digest(weighted_pass.source, plan, reference_digests),
                curves=weighted_pass.curves + curves,
            )
            for weighted_pass in _build_weighted_passes(plan, shot, begin, end, plan.options_for_shot(shot))
        )
        found.append(ShotPasses(shot, weighted_passes))
    return found


def _extend_over_dissolves(
    shot: ShotEntry, next_shot: ShotEntry | None, frames: int
) -> tuple[int, int, tuple[CurveKnots, ...]]:
    """Return first frame and end of a shot with the dissolves at its ends, and the curves of these.

    A curve is 0 on the frame before a dissolve and 1 on the frame after it, or the other way round, so the curves of
    the two shots sum to 1.
    """
    begin, end, curves = shot.first, shot.end, []
    if shot.dissolve:
        start = shot.first - shot.dissolve // 2
        begin = max(0, start)
        curves.append(((start - 1.0, 0.0), (start + float(shot.dissolve), 1.0)))
    if next_shot and next_shot.dissolve:
        before = next_shot.first - next_shot.dissolve // 2
        end = min(frames, before + next_shot.dissolve)
        curves.append(((before - 1.0, 1.0), (before + float(next_shot.dissolve), 0.0)))
    return begin, end, tuple(curves)


def _build_weighted_passes(
    plan: Plan, shot: ShotEntry, begin: int, end: int, options: RenderOptions
) -> list[WeightedPass]:
    """Derive the passes of a shot that lasts, with its dissolves, from ``begin`` up to ``end`` (not included)."""
    used = [Reference(plan.references[name].path, plan.references[name].frame) for name in sorted(shot.references)]
    keys = sorted({one.frame for one in used if one.frame is not None and shot.first <= one.frame < shot.end})
    if not keys:
        return [WeightedPass(InferencePass(begin, end, False, tuple(used), options))]
    everywhere = [one for one in used if one.frame not in keys]

    def references_at(*frames: int) -> tuple[Reference, ...]:
        return (*(one for one in used if one.frame in frames), *everywhere)

    return [
        WeightedPass(
            InferencePass(run.first, run.end, run.is_backward, references_at(*run.keys), options),
            (run.curve,) if run.curve else (),
        )
        for run in list_keyframe_runs(begin, end, keys)
    ]


def describe_what_decides(
    inference_pass: InferencePass, plan: Plan, reference_digests: Mapping[Path, str]
) -> dict[str, object]:
    """Return, as JSON has it, all that decides what a pass predicts of a frame, but for the frames before it."""
    return {
        "format": PAINTING_FORMAT,
        "film": [plan.film.sha256, plan.film.start_seconds],
        "model": [plan.model, plan.weights],
        "options": repainting_options(inference_pass.options),
        "references": [[reference_digests[reference.path], reference.frame] for reference in inference_pass.references],
    }


def _with_digest(inference_pass: InferencePass, plan: Plan, reference_digests: Mapping[Path, str]) -> InferencePass:
    """Return the pass with its digest: of film, model, weights, options, references and frames."""
    decisive = describe_what_decides(inference_pass, plan, reference_digests) | {
        "frames": [inference_pass.first, inference_pass.end, inference_pass.is_backward]
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:24]
    return replace(inference_pass, digest=digest)
