"""A part of a film that was encoded for itself, and how several become one stream."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av

from kinemacolor.errors import InputError


class PacketEntry(NamedTuple):
    """A packet of a part: times in ticks of the result, the frame's and the decoder's, and its size in bytes."""

    pts: int
    dts: int
    duration: int
    is_keyframe: bool
    size: int


@dataclass(frozen=True)
class EncodedPart:
    """The packets of consecutive frames, in the order of decoding: no frame needs one of another part.

    ``extradata`` is the header of their stream. The packets lie in the file ``path``, one behind the other.
    """

    path: Path
    extradata: bytes
    packets: tuple[PacketEntry, ...]

    @property
    def times(self) -> list[int]:
        """The pts of all frames, in the order in which they are shown."""
        return sorted(entry.pts for entry in self.packets)

    def iter_packets(self) -> Iterator["av.Packet[av.stream.Stream]"]:
        """Read the packets, one at a time. Raises InputError where the file is cut off."""
        with self.path.open("rb") as stream:
            for entry in self.packets:
                data = stream.read(entry.size)
                if len(data) != entry.size:
                    raise InputError(f"{self.path} is damaged: render again, and it is encoded again")
                packet = av.Packet(data)
                packet.pts, packet.dts, packet.duration = entry.pts, entry.dts, entry.duration
                packet.is_keyframe = entry.is_keyframe
                yield packet


class DecodingTimes:
    """Gives the packets of all parts the decoding times that one encoder would have given.

    An encoder that puts frames out of order has a delay: its first packets are decoded before the first frame is shown,
    and each later one at the time at which the frame so many places before it, in the order of showing, is shown. Over
    the border of two parts that rule alone makes times that always grow, also where frames differ in length.
    """

    def __init__(self) -> None:
        self._delay: int | None = None
        self._times: deque[int] = deque()
        self._given = 0

    def add_part(self, part: EncodedPart) -> None:
        """Learn of the next part, before its first packet."""
        times = part.times
        if self._delay is None:
            self._delay = sum(entry.dts < times[0] for entry in part.packets)
        self._times.extend(times)

    def find_next(self, packet: "av.Packet[av.stream.Stream]") -> int:
        """Return the time of decoding of the next packet, in ticks."""
        self._given += 1
        return (packet.dts or 0) if self._given <= (self._delay or 0) else self._times.popleft()
