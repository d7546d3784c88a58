"""What must be painted for the shots of a plan, and how much each of it counts in a frame.

A shot without a picture of its own is one pass, forward. A picture that lies in a shot (a keyframe) is where
passes begin: one forward and one backward in time, up to the next keyframe; between two keyframes both passes
see both pictures, and each counts the more the nearer its beginning is. Across a dissolve two shots overlap.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np

from kinemacolor.options import RenderOptions, repainting_options
from kinemacolor.plan.document import Plan, ShotEntry
from kinemacolor.references.spec import Reference

PAINTING_FORMAT = 3  # of what is painted; a new number paints everything anew

CurveKnots = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class InferencePass:
    """One run of the model over frames ``first`` up to ``end``, from the last to the first if ``backward``.

    ``digest`` names what decides the result.
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
        """How many frames are painted before this one."""
        return self.end - 1 - frame if self.is_backward else frame - self.first


@dataclass(frozen=True)
class WeightedPass:
    """A pass, and how much it counts: linear between knots (frame, weight), one product of all curves."""

    source: InferencePass
    curves: tuple[CurveKnots, ...] = ()

    def weight_at(self, frame: int) -> float:
        """0 outside of the pass."""
        if not self.source.first <= frame < self.source.end:
            return 0.0
        return prod(float(np.interp(frame, *np.transpose(knots))) for knots in self.curves)


@dataclass(frozen=True)
class ShotPasses:
    """A shot, and all that is painted for it and the dissolves around it."""

    shot: ShotEntry
    weighted_passes: tuple[WeightedPass, ...]


def build_shot_passes(plan: Plan, reference_digests: Mapping[Path, str]) -> list[ShotPasses]:
    """The passes of each shot of a plan; ``reference_digests`` has the sha256 of every reference's file."""
    found = []
    for number, shot in enumerate(plan.shots):
        following = plan.shots[number + 1] if number + 1 < len(plan.shots) else None
        begin, end, curves = _extend_over_dissolves(shot, following, plan.film.frames)
        shares = tuple(
            replace(
                weighted_pass,
                source=_with_digest(weighted_pass.source, plan, reference_digests),
                curves=weighted_pass.curves + curves,
            )
            for weighted_pass in _build_weighted_passes(plan, shot, begin, end, plan.options_for_shot(shot))
        )
        found.append(ShotPasses(shot, shares))
    return found


def _extend_over_dissolves(
    shot: ShotEntry, next_shot: ShotEntry | None, frames: int
) -> tuple[int, int, tuple[CurveKnots, ...]]:
    """First frame and end with dissolves, and the curves of those."""
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
    """The passes of a shot that reaches from ``begin`` to ``end``."""
    used = [Reference(plan.references[name].path, plan.references[name].frame) for name in sorted(shot.references)]
    keys = sorted({one.frame for one in used if one.frame is not None and shot.first <= one.frame < shot.end})
    if not keys:
        return [WeightedPass(InferencePass(begin, end, False, tuple(used), options))]
    everywhere = [one for one in used if one.frame not in keys]

    def references_at(*frames: int) -> tuple[Reference, ...]:
        return (*(one for one in used if one.frame in frames), *everywhere)

    found = []
    if begin < keys[0]:
        found.append(WeightedPass(InferencePass(begin, keys[0] + 1, True, references_at(keys[0]), options)))
    for one, other in pairwise(keys):
        falls: CurveKnots = ((float(one), 1.0), (float(other), 0.0))
        rises: CurveKnots = ((float(one), 0.0), (float(other), 1.0))
        found.append(WeightedPass(InferencePass(one, other, False, references_at(one, other), options), (falls,)))
        found.append(WeightedPass(InferencePass(one, other + 1, True, references_at(one, other), options), (rises,)))
    found.append(WeightedPass(InferencePass(keys[-1], end, False, references_at(keys[-1]), options)))
    return found


def _with_digest(inference_pass: InferencePass, plan: Plan, reference_digests: Mapping[Path, str]) -> InferencePass:
    decides = {
        "format": PAINTING_FORMAT,
        "film": [plan.film.sha256, plan.film.start_seconds],
        "model": [plan.model, plan.weights],
        "options": repainting_options(inference_pass.options),
        "references": [[reference_digests[reference.path], reference.frame] for reference in inference_pass.references],
        "frames": [inference_pass.first, inference_pass.end, inference_pass.is_backward],
    }
    return replace(inference_pass, digest=hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:24])
