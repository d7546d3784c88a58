"""Which runs of a model paint a shot with keyframes, and how much each counts in a frame.

At each keyframe two runs begin, one forward and one backward in time, each up to the next keyframe. Between two
keyframes both runs have both pictures as references, and the weight of a run falls linearly from its own keyframe, 1,
to the other one, 0.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

CurveKnots = tuple[tuple[float, float], ...]  # (frame, weight), linear in between, constant outside


class KeyframeRun(NamedTuple):
    """A run over the frames from ``first`` up to ``end`` (not included), its keyframes, and its weight over time.

    With ``is_backward`` it goes from the last frame to the first. ``curve`` has no knots where no other run sees the
    same frames.
    """

    first: int
    end: int
    is_backward: bool
    keys: tuple[int, ...]
    curve: CurveKnots = ()

    def weight_at(self, frame: int) -> float:
        """Compute the weight of the run in one of its frames, 0..1."""
        return weigh(self.curve, frame) if self.curve else 1.0


def weigh(curve: CurveKnots, frame: int) -> float:
    """Compute the weight that a curve has in a frame."""
    return float(np.interp(frame, *np.transpose(curve)))


def list_keyframe_runs(begin: int, end: int, keys: Sequence[int]) -> list[KeyframeRun]:
    """List the runs for the frames from ``begin`` up to ``end`` (not included), by their first frames.

    ``keys``, at least one, are the numbers of the keyframes, in order.
    """
    found = []
    if begin < keys[0]:
        found.append(KeyframeRun(begin, keys[0] + 1, True, (keys[0],)))
    for one, other in pairwise(keys):
        falls: CurveKnots = ((float(one), 1.0), (float(other), 0.0))
        rises: CurveKnots = ((float(one), 0.0), (float(other), 1.0))
        found.append(KeyframeRun(one, other, False, (one, other), falls))
        found.append(KeyframeRun(one, other + 1, True, (one, other), rises))
    found.append(KeyframeRun(keys[-1], end, False, (keys[-1],)))
    return found
