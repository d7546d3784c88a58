"""Timestamps that only grow: a film's clock, repaired where it jumps, as that of joined recordings does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

# A pause of a film is shorter than this; a longer one is another recording's clock, or a counter that overflowed.
MAX_PAUSE_SECONDS = 3600
MAX_NOTED_PACKETS = 256  # more than any decoder holds back
MAX_UNTIMED_FRAMES = 8  # at the beginning; all of them are held at once


@dataclass(frozen=True)
class ClockJump:
    """A place where a film's clock jumps: from there on ``offset`` ticks are added, so that it goes on at its rate.

    ``pts`` is the repaired one of the first frame after it, ``position`` that frame's place in the file in bytes, None
    where the container does not say it.
    """

    pts: int
    offset: int
    position: int | None


@dataclass
class PacketLog:
    """What is remembered of packets until their frames come: ``positions`` in the file, and times.

    AVI numbers packets in the order of decoding, which is not that of showing: H.264 with B frames comes out shuffled.
    With ``has_decoding_times`` frames take these times in order (`container.has_decoding_times`).
    """

    has_decoding_times: bool = False
    positions: dict[int, int] = field(default_factory=dict)
    has_changed_times: bool = False
    _pending: list[int] = field(default_factory=list)

    def start(self, *, has_decoding_times: bool) -> None:
        """Forget all: a new reading begins."""
        self.has_decoding_times, self.has_changed_times = has_decoding_times, False
        self.positions.clear()
        self._pending.clear()

    def note(self, packet: "av.Packet[av.stream.Stream]") -> None:
        """Remember a packet that is about to be decoded."""
        if packet.pts is None:
            return
        if self.has_decoding_times:
            heappush(self._pending, packet.pts)
        self.positions.pop(packet.pts, None)
        self.positions[packet.pts] = packet.pos or 0
        if len(self.positions) > MAX_NOTED_PACKETS:
            del self.positions[next(iter(self.positions))]

    def time_frame(self, frame: "av.VideoFrame") -> None:
        """Give a frame the earliest time that no frame before it has taken."""
        if not self._pending:
            return
        earliest = heappop(self._pending)
        self.has_changed_times = self.has_changed_times or frame.pts != earliest
        frame.pts = earliest


@dataclass
class ClockRepair:
    """Gives every frame a pts that grows and a duration; lists the ``jumps`` of the clock.

    ``usual_duration`` and ``max_pause`` are in ticks, ``positions`` are those of `PacketLog`.
    ``has_changed_times`` is true once a frame got another time than the file gives it. A
    clock that only pauses is left alone, and so is one of variable rate. A single frame of which the next one shows
    that its time is wrong goes between its neighbours, and is no jump.
    """

    usual_duration: int
    max_pause: int
    positions: dict[int, int] = field(default_factory=dict)
    jumps: tuple[ClockJump, ...] = ()
    has_changed_times: bool = False
    _offset: int = 0
    _previous: int | None = None

    def iter_repaired(self, frames: Iterator["av.VideoFrame"]) -> Iterator["av.VideoFrame"]:
        """Yield the same frames in the same order, with their times; reads one frame ahead, more at the beginning."""
        for frame, following in pairwise(chain(self._time_first(frames), (None,))):
            assert frame is not None
            own = frame.pts
            frame.pts = self._previous = self._find_pts(own, None if following is None else following.pts)
            self.has_changed_times = self.has_changed_times or (own is not None and own != frame.pts)
            frame.duration = frame.duration or self.usual_duration
            yield frame

    def _time_first(self, frames: Iterator["av.VideoFrame"]) -> Iterator["av.VideoFrame"]:
        """Count back from the first frame with a time to those before it, as Matroska has no time before zero."""
        untimed = []
        for frame in islice(frames, MAX_UNTIMED_FRAMES):
            untimed.append(frame)
            if frame.pts is not None:
                for steps, earlier in enumerate(reversed(untimed)):
                    earlier.pts = frame.pts - steps * self.usual_duration
                break
        yield from untimed
        yield from frames

    def _find_pts(self, own: int | None, following: int | None) -> int:
        """Return the time of a frame by its ``own`` pts and that of the ``following`` frame, None where unknown."""
        if self._previous is None:
            return own or 0
        expected = self._previous + self.usual_duration
        if own is None:
            return expected
        if self._goes_on(own + self._offset, self._previous):
            return own + self._offset
        if following is not None and self._goes_on(following + self._offset, self._previous + 1):
            return min(expected, (self._previous + following + self._offset) // 2)
        self._offset = expected - own
        self.jumps = (*self.jumps, ClockJump(expected, self._offset, self.positions.get(own)))
        return expected

    def _goes_on(self, pts: int, previous: int) -> bool:
        return previous < pts <= previous + self.max_pause
