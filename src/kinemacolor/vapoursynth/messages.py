"""Messages between a script and what paints for it: a JSON object each, and arrays of samples after it.

The script says ``open`` with all it wants, then ``paint`` with the number of a frame; it gets ``opened`` or
``painted``, or ``error`` with words and exit code, or ``fault`` with words, after which nothing comes. Before that it
may be asked for frames by ``want``, as often as needed, and gives ``luma``, or ``no_luma`` with words.
"""

import json
import queue
from contextlib import suppress
from typing import IO, Any, NamedTuple, Protocol

import numpy as np

from kinemacolor.utils.arrays import UIntArray


class Message(NamedTuple):
    """One message: ``kind``, values that JSON can hold, and arrays of uint8 or uint16."""

    kind: str
    values: dict[str, Any]
    arrays: tuple[UIntArray, ...] = ()


class Channel(Protocol):
    """One end of a connection. One thread receives, any may send."""

    def send(self, message: Message) -> None:
        """Send a message; nothing happens where the other end is closed, which `receive` tells."""

    def receive(self) -> Message | None:
        """Wait for the next message; None once the other end is closed."""

    def close(self) -> None:
        """Close this end: the other one receives None."""


class PipeChannel:
    """A `Channel` to another process. Whoever sends from several threads takes turns by himself."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._incoming, self._outgoing = incoming, outgoing

    def send(self, message: Message) -> None:
        """As `Channel.send`."""
        arrays = [np.ascontiguousarray(one) for one in message.arrays]
        shapes = [[one.itemsize, *one.shape] for one in arrays]
        head = json.dumps({"kind": message.kind, "values": message.values, "arrays": shapes})
        with suppress(BrokenPipeError, ValueError):  # closed there, or here
            self._outgoing.write(head.encode() + b"\n")
            for one in arrays:
                self._outgoing.write(one.data)
            self._outgoing.flush()

    def receive(self) -> Message | None:
        """As `Channel.receive`."""
        try:
            line = self._incoming.readline()
            if not line.endswith(b"\n"):
                return None
            head = json.loads(line)
            arrays = [self._read_array(*shape) for shape in head["arrays"]]
        except (EOFError, ValueError, OSError):  # the other end broke in the middle of it
            return None
        return Message(head["kind"], head["values"], tuple(arrays))

    def close(self) -> None:
        """As `Channel.close`."""
        with suppress(OSError):  # what could not be sent any more
            self._outgoing.close()

    def _read_array(self, item_bytes: int, *shape: int) -> UIntArray:
        array: UIntArray = np.empty(shape, np.uint8 if item_bytes == 1 else np.uint16)
        rest = memoryview(array.data).cast("B")
        while rest:
            count = self._incoming.readinto(rest)  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            rest = rest[count:]
        return array


class QueueChannel:
    """A `Channel` within a process: one end of a pair."""

    def __init__(self, incoming: "queue.Queue[Message | None]", outgoing: "queue.Queue[Message | None]") -> None:
        self._incoming, self._outgoing = incoming, outgoing

    @classmethod
    def make_pair(cls) -> "tuple[QueueChannel, QueueChannel]":
        """Make both ends of a connection."""
        one, other = queue.Queue[Message | None](), queue.Queue[Message | None]()
        return cls(one, other), cls(other, one)

    def send(self, message: Message) -> None:
        """As `Channel.send`."""
        self._outgoing.put(message)

    def receive(self) -> Message | None:
        """As `Channel.receive`."""
        return self._incoming.get()

    def close(self) -> None:
        """As `Channel.close`."""
        self._outgoing.put(None)
