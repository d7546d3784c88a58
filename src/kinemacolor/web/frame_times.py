"""When the frames of a film are shown: a rate where one says it all, else the time of each. Loads no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from kinemacolor.video.container import open_film

UNSTEADY = 0.04  # of the time of a frame: what a film may be off a steady rate, as ticks of a millisecond make it
DEFAULT_RATE = 24.0


class FrameTimes(BaseModel):
    """When frames are shown: ``rate`` a second, in the mean.

    ``times``: of each frame, in seconds after the first one; null where the rate says them all.
    """

    rate: float
    times: list[float] | None


class VideoFacts(FrameTimes):
    """A film that this program wrote, with its width and height in px."""

    width: int
    height: int
    frames: int


def describe_times(seconds: Sequence[float]) -> FrameTimes:
    """Describe when frames are shown by the time of each, in seconds, which rise."""
    since = np.asarray(seconds, np.float64) - (seconds[0] if len(seconds) else 0)
    if len(since) < 2 or since[-1] <= 0:
        return FrameTimes(rate=DEFAULT_RATE, times=None)
    rate = float((len(since) - 1) / since[-1])
    is_steady = np.abs(since * rate - np.arange(len(since))).max() <= UNSTEADY
    return FrameTimes(rate=rate, times=None if is_steady else since.round(4).tolist())


def measure_video(path: Path) -> VideoFacts:
    """Measure a film that this program wrote in MP4 without B-frames: its index has all times. Raises InputError."""
    with open_film(path) as container:
        stream = container.streams.video[0]
        seconds = [float(entry.timestamp * (stream.time_base or 0)) for entry in stream.index_entries]
        known = describe_times(seconds).model_dump()
        if len(seconds) == 1 and stream.average_rate:
            known["rate"] = float(stream.average_rate)
        return VideoFacts(width=stream.width, height=stream.height, frames=len(seconds), **known)
