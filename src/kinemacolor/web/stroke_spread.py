"""Shows how strokes on one frame would spread over others of its shot, before anything is rendered."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.web.corrected_plan import place_correction
from kinemacolor.web.frame_passes import PlannedFrames, hash_words

MAX_FRAMES = 5


def check_neighbours(planned: PlannedFrames, frame: int, others: Sequence[int]) -> None:
    """Raise UsageError unless these are one to `MAX_FRAMES` other frames of a frame's shot, each once.

    Raises NotFoundError for frames that the film does not have.
    """
    shot = planned.find_shot(frame)
    if not 1 <= len(set(others)) == len(others) <= MAX_FRAMES:
        raise UsageError(f"name one to {MAX_FRAMES} frames to look at, each once")
    if strange := [other for other in others if planned.find_shot(other) != shot or other == frame]:
        raise UsageError(f"frame {strange[0]} is no other frame of the shot of frame {frame}: strokes go no further")


def plan_with_picture(planned: PlannedFrames, frame: int, painted: UInt8Array, path: Path) -> PlannedFrames:
    """Return a plan in which a picture, ``H W 3`` or ``H W 4``, leads the shot of its frame, before it is in a file."""
    digests = {**planned.digests, path: hash_words(painted.shape, np.ascontiguousarray(painted).tobytes())}
    plan = place_correction(planned.plan, frame, path)
    return PlannedFrames.from_plan(plan, digests)
