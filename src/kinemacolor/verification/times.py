"""Times of one stream in both films, compared pair by pair: by how much they moved, in how many parts."""

from dataclasses import dataclass

# A clock that jumps back by more than this begins again, as those of joined recordings do.
JUMP_SECONDS = 0.2


@dataclass
class ClockPart:
    """A stretch of a stream whose clock only runs forward: by how much result and source differ there, in seconds."""

    source_seconds: float
    least: float
    most: float

    @property
    def shift(self) -> float:
        """By how much this part has moved, halfway between its extremes."""
        return (self.least + self.most) / 2


class TimePairing:
    """Gathers the differences of pairs of times.

    ``jump_seconds`` is how far back a clock must go to begin a new part: 0 for frames, which are decoded in order.
    ``backwards`` counts times of the result that do not grow though the source's do.
    """

    def __init__(self, jump_seconds: float) -> None:
        self.parts: list[ClockPart] = []
        self.backwards = 0
        self._jump = jump_seconds
        self._last: tuple[float, float] | None = None

    def add(self, source_seconds: float, result_seconds: float) -> None:
        """Add the times of one frame or packet, in seconds."""
        moved = result_seconds - source_seconds
        last, self._last = self._last, (source_seconds, result_seconds)
        if last is None or source_seconds < last[0] - self._jump:
            self.parts.append(ClockPart(source_seconds, moved, moved))
            self.backwards += last is not None and result_seconds <= last[1]
            return
        if source_seconds > last[0] and result_seconds <= last[1]:
            self.backwards += 1
        if source_seconds == last[0] and not self._jump and result_seconds > last[1]:
            return  # two frames at one time: no film can show that, so the second one is shown later, whenever
        part = self.parts[-1]
        part.least, part.most = min(part.least, moved), max(part.most, moved)

    @property
    def spread(self) -> float:
        """The largest deviation within a part from its shift, in seconds."""
        return max(((part.most - part.least) / 2 for part in self.parts), default=0.0)
