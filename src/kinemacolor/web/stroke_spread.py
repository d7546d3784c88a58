"""How strokes on one frame are followed over others of its shot, before anything is rendered. Loads no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.web.corrected_plan import place_correction
from kinemacolor.web.frame_passes import PlannedFrames, hash_words

MAX_SPREAD = 5  # that are looked at
STEPS = 12  # frames that may be coloured for them: a render colours all


def check_neighbours(planned: PlannedFrames, frame: int, others: Sequence[int]) -> None:
    """Raise UsageError unless these are one to `MAX_SPREAD` other frames of a frame's shot, each once.

    Raises NotFoundError for frames that the film does not have.
    """
    shot = planned.find_shot(frame)
    if not 1 <= len(set(others)) == len(others) <= MAX_SPREAD:
        raise UsageError(f"name one to {MAX_SPREAD} frames to look at, each once")
    if strange := [other for other in others if planned.find_shot(other) != shot or other == frame]:
        raise UsageError(f"frame {strange[0]} is no other frame of the shot of frame {frame}: strokes go no further")


def plan_with_picture(planned: PlannedFrames, frame: int, painted: UInt8Array, path: Path) -> PlannedFrames:
    """Return a plan in which a picture, ``H W 3`` or ``H W 4``, leads the shot of its frame, before it is in a file."""
    digests = {**planned.digests, path: hash_words(painted.shape, np.ascontiguousarray(painted).tobytes())}
    plan = place_correction(planned.plan, frame, path)
    return PlannedFrames.from_plan(plan, digests)


def list_ways(planned: PlannedFrames, frame: int, others: Sequence[int], steps: int = STEPS) -> list[list[int]]:
    """List the frames to colour one after the other so that ``others`` look as a render would have them.

    A render goes from the corrected frame outwards, frame by frame. So does each way here, but with as long strides as
    keep all of them within about ``steps`` frames. A frame that another correction leads is a way of its own.
    """
    led = [other for other in others if planned.find_colors(other).source.painting_position(frame) == 0]
    sides = [sorted(one for one in led if one > frame), sorted((one for one in led if one < frame), reverse=True)]
    distance = sum(abs(side[-1] - frame) for side in sides if side)
    stride = max(1, -(-distance // max(1, steps - len(led))))
    ways = [[one] for one in others if one not in led]
    for side in filter(None, sides):
        sign = 1 if side[0] > frame else -1
        between = range(frame, side[-1], sign * stride)
        ways.append(sorted({*between, *side}, reverse=sign < 0))
    return ways
