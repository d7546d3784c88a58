"""How much later packets of sound and subtitles belong where a film's clock has jumped, so that they stay in step."""

from dataclasses import dataclass, field
from fractions import Fraction

import av

from kinemacolor.video.clock import MAX_PAUSE_SECONDS, ClockJump

# Pictures that are so far ahead of a stream that waits for their jump show that it jumped alone.
PATIENCE_SECONDS = 5.0
# Clocks of joined recordings overlap by a packet or two; what runs back by less is no jump of its own.
MAX_OVERLAP_SECONDS = 0.1


@dataclass
class _StreamState:
    """Where a stream stands: seconds of its last packet, before and after it was moved, and its part of the film.

    ``own_shift`` is what is added beside the pictures' shift, where the stream jumped alone; ``before_own`` is
    (``last``, ``own_shift``) before it did so with the last packet, else None.
    """

    last: float | None = None
    last_moved: float = 0.0
    part: int = 0
    own_shift: float = 0.0
    before_own: tuple[float, float] | None = None

    def take_back_glitch(self, seconds: float) -> None:
        """Forget a jump of the stream alone if the packet after it is back on the old clock: one time was wrong."""
        if self.before_own and self.last is not None:
            last, own_shift = self.before_own
            if 0 <= seconds - last < abs(seconds - self.last):
                self.last, self.own_shift = last, own_shift
        self.before_own = None

    def has_jumped(self, seconds: float) -> bool:
        """Whether a packet at ``seconds`` does not follow the last one on the same clock."""
        return self.last is not None and not -MAX_OVERLAP_SECONDS <= seconds - self.last <= MAX_PAUSE_SECONDS


@dataclass
class PacketClock:
    """Finds for every packet the shift, in seconds, of the part of the film that it belongs to.

    A film has one part more than jumps of its pictures' clock. A packet belongs to a later part when it lies in the
    file behind that part's first picture, or when the clock of its stream has jumped too.
    """

    time_base: Fraction  # of the pictures
    _positions: list[int | None] = field(default_factory=lambda: [None])
    _shifts: list[float] = field(default_factory=lambda: [0.0])
    _states: dict[int, _StreamState] = field(default_factory=dict)

    def learn(self, jumps: tuple[ClockJump, ...]) -> None:
        """Take note of the jumps of the pictures' clock so far."""
        for jump in jumps[len(self._shifts) - 1 :]:
            self._positions.append(jump.position)
            self._shifts.append(float(jump.offset * self.time_base))

    def find_shift(self, packet: "av.Packet[av.stream.Stream]", reached: float | None) -> float | None:
        """Return the shift of a packet, asked once for each in the order of the file, and again after a None.

        None means that the pictures have to reach the jump first; ``reached`` is where they are, in seconds of their
        repaired clock, None after the last one.
        """
        ticks = packet.dts if packet.dts is not None else packet.pts
        if ticks is None:
            return self._shifts[-1]
        state = self._states.setdefault(packet.stream.index, _StreamState())
        seconds = float(ticks * packet.time_base)
        state.take_back_glitch(seconds)
        part, own_shift = max(state.part, self._find_part(packet.pos)), state.own_shift
        if part == state.part and state.has_jumped(seconds):
            if part + 1 < len(self._shifts):
                part, own_shift = part + 1, 0.0
            elif reached is not None and reached - state.last_moved < PATIENCE_SECONDS:
                return None
            else:
                assert state.last is not None
                state.before_own = (state.last, own_shift)
                own_shift = state.last_moved - seconds - self._shifts[part]
        elif part != state.part:
            own_shift = 0.0
        state.part, state.last, state.own_shift = part, seconds, own_shift
        state.last_moved = seconds + self._shifts[part] + state.own_shift
        return self._shifts[part] + state.own_shift

    def _find_part(self, position: int | None) -> int:
        """Return the last part whose first picture lies before ``position`` in the file."""
        if position is None:
            return 0
        known = [part for part, first in enumerate(self._positions) if first is not None and first <= position]
        return known[-1] if known else 0
