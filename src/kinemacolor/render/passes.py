"""What must be painted for the shots of a plan, and how much each of it counts in a frame.

A shot without a picture of its own is one pass, forward. A picture that lies in a shot (a keyframe) is where
passes begin: one forward and one backward in time, up to the next keyframe; between two keyframes both passes
see both pictures, and each counts the more the nearer its beginning is. Across a dissolve two shots overlap.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np

from kinemacolor.options import SessionOptions
from kinemacolor.plan.document import Plan, ShotEntry
from kinemacolor.references.spec import Reference

FORMAT = 2  # of what is painted; a new number paints everything anew

Knots = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Pass:
    """One run of the model over frames ``first`` up to ``end``, from the last to the first if ``backward``.

    ``digest`` names what decides the result.
    """

    first: int
    end: int
    backward: bool
    references: tuple[Reference, ...]
    options: SessionOptions
    digest: str = ""

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def begins_with_reference(self) -> bool:
        """Whether its only reference is a picture of its first frame."""
        start = self.end - 1 if self.backward else self.first
        return [reference.frame for reference in self.references] == [start]

    def position(self, frame: int) -> int:
        """How many frames are painted before this one."""
        return self.end - 1 - frame if self.backward else frame - self.first


@dataclass(frozen=True)
class Share:
    """A pass, and how much it counts: linear between knots (frame, weight), one product of all curves."""

    source: Pass
    curves: tuple[Knots, ...] = ()

    def weight(self, frame: int) -> float:
        """0 outside of the pass."""
        if not self.source.first <= frame < self.source.end:
            return 0.0
        return prod(float(np.interp(frame, *np.transpose(knots))) for knots in self.curves)


@dataclass(frozen=True)
class Stretch:
    """A shot, and all that is painted for it and the dissolves around it."""

    shot: ShotEntry
    shares: tuple[Share, ...]


def stretches(plan: Plan, contents: Mapping[Path, str], device: str = "auto") -> list[Stretch]:
    """One for each shot of a plan; ``contents`` has the sha256 of every reference's file."""
    found = []
    for number, shot in enumerate(plan.shots):
        following = plan.shots[number + 1] if number + 1 < len(plan.shots) else None
        begin, end, curves = _reach(shot, following, plan.film.frames)
        shares = tuple(
            replace(share, source=_named(share.source, plan, contents), curves=share.curves + curves)
            for share in _shares(plan, shot, begin, end, plan.options_of(shot, device))
        )
        found.append(Stretch(shot, shares))
    return found


def _reach(shot: ShotEntry, following: ShotEntry | None, frames: int) -> tuple[int, int, tuple[Knots, ...]]:
    """First frame and end with dissolves, and the curves of those."""
    begin, end, curves = shot.first, shot.end, []
    if shot.dissolve:
        start = shot.first - shot.dissolve // 2
        begin = max(0, start)
        curves.append(((start - 1.0, 0.0), (start + float(shot.dissolve), 1.0)))
    if following and following.dissolve:
        before = following.first - following.dissolve // 2
        end = min(frames, before + following.dissolve)
        curves.append(((before - 1.0, 1.0), (before + float(following.dissolve), 0.0)))
    return begin, end, tuple(curves)


def _shares(plan: Plan, shot: ShotEntry, begin: int, end: int, options: SessionOptions) -> list[Share]:
    """The passes of a shot that reaches from ``begin`` to ``end``."""
    used = [Reference(plan.references[name].path, plan.references[name].frame) for name in sorted(shot.references)]
    keys = sorted({one.frame for one in used if one.frame is not None and shot.first <= one.frame < shot.end})
    if not keys:
        return [Share(Pass(begin, end, False, tuple(used), options))]
    everywhere = [one for one in used if one.frame not in keys]

    def pictures(*frames: int) -> tuple[Reference, ...]:
        return (*(one for one in used if one.frame in frames), *everywhere)

    found = []
    if begin < keys[0]:
        found.append(Share(Pass(begin, keys[0] + 1, True, pictures(keys[0]), options)))
    for one, other in pairwise(keys):
        falls: Knots = ((float(one), 1.0), (float(other), 0.0))
        rises: Knots = ((float(one), 0.0), (float(other), 1.0))
        found.append(Share(Pass(one, other, False, pictures(one, other), options), (falls,)))
        found.append(Share(Pass(one, other + 1, True, pictures(one, other), options), (rises,)))
    found.append(Share(Pass(keys[-1], end, False, pictures(keys[-1]), options)))
    return found


def _named(one: Pass, plan: Plan, contents: Mapping[Path, str]) -> Pass:
    options = asdict(one.options)
    decides = {
        "format": FORMAT,
        "film": [plan.film.sha256, plan.film.start_seconds],
        "model": [plan.model, plan.weights],
        "options": [options[key] for key in ("short_side", "crop", "precision")],
        "references": [[contents[reference.path], reference.frame] for reference in one.references],
        "frames": [one.first, one.end, one.backward],
    }
    return replace(one, digest=hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:24])
