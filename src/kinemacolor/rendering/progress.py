"""How far a render is, and what it did."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class RenderReport:
    """What was done. ``result`` is the file that was made, ``ended_early`` why it is not whole, if so.

    ``painted`` of the frames were coloured now; others were kept from an earlier run.
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


class Progress(NamedTuple):
    """Frames done, frames expected, seconds since the first was asked for. Half of a frame is to paint it."""

    frames: int
    expected: int
    seconds: float


class ProgressMeter:
    """Counts what is done, from two threads, in half frames.

    ``expected`` frames of the film; ``to_paint`` in all passes, ``known`` of which are painted already.
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
        return time.monotonic() - self._started

    def add_painted(self, frames: int) -> None:
        self.frames_painted += frames
        self._notify_progress()

    def add_assembled(self, frames: int) -> None:
        self.frames += frames
        self._notify_progress()

    def _notify_progress(self) -> None:
        if self._on_progress:
            share = (
                self._already_painted + self.frames_painted
            ) / self._to_paint / 2 + self.frames / self._expected / 2
            self._on_progress(Progress(int(share * self._expected + 1e-6), self._expected, self.elapsed_seconds))
