"""The progress of a render while it runs, and its report at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from kinemacolor.utils.stages import StageTimes


@dataclass(frozen=True)
class FilledShot:
    """The part 0..1 of a shot's colours that no reference shows: mean over frames ``first`` to ``last``."""

    first: int
    last: int
    filled: float


@dataclass(frozen=True)
class RenderReport:
    """The result of a render.

    ``result`` is the path of the file, ``ended_early`` the reason why it is not whole, None where it is. ``painted`` is
    the number of frames that the model has processed now; predictions of the others are from an earlier run.
    ``seconds`` is the time it took, ``settings`` everything that decided the result. ``filled`` is the part 0..1 of the
    film's colours that no reference shows, and ``filled_by_shot`` that of each shot; None and empty without ``fill``.
    ``stages`` says where the time of each stage went.
    """

    source: str
    result: str
    model: str
    frames: int
    painted: int
    shots: int
    seconds: float
    mean_confidence: float
    corrupt_packets: int
    ended_early: str | None
    warnings: list[str]
    settings: dict[str, object]
    filled: float | None = None
    filled_by_shot: tuple[FilledShot, ...] = ()
    stages: tuple[StageTimes, ...] = ()


class Progress(NamedTuple):
    """Frames done, frames expected, seconds since the start. Painting a frame and writing it are half of it each."""

    frames: int
    expected: int
    seconds: float


class ProgressMeter:
    """Measures the progress of a render from two threads: one paints frames, one writes them.

    ``expected`` is the number of frames of the film, ``to_paint`` that of all passes, ``already_painted`` how many of
    these an earlier run has painted.
    """

    def __init__(
        self, expected: int, to_paint: int, already_painted: int, on_progress: Callable[[Progress], None] | None
    ) -> None:
        self._on_progress, self._expected = on_progress, expected
        self._to_paint, self._already_painted = max(to_paint, 1), already_painted
        self._started = time.monotonic()
        self.frames = self.frames_painted = 0
        self._notify_progress()

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the meter was made."""
        return time.monotonic() - self._started

    def add_painted(self, frames: int) -> None:
        """Count frames of passes that the model has processed."""
        self.frames_painted += frames
        self._notify_progress()

    def add_assembled(self, frames: int) -> None:
        """Count frames of the film that are written."""
        self.frames += frames
        self._notify_progress()

    def _notify_progress(self) -> None:
        """Pass the progress on; both halves of the work count the same, and are both done of what is kept.

        Kept frames are written many times as fast as others are painted: that would say nothing of how fast it goes.
        """
        if self._on_progress:
            painted = (self._already_painted + self.frames_painted) / self._to_paint  # above 1 with repairs
            written = max(self.frames / self._expected, self._already_painted / self._to_paint)
            share = min(painted, 1) / 2 + min(written, 1) / 2
            self._on_progress(Progress(int(share * self._expected + 1e-6), self._expected, self.elapsed_seconds))
