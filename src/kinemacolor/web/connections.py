"""Bounds connections that say nothing: a browser sends a whole request at once, whoever does not can wait or leave."""

import asyncio
import sys
from collections import OrderedDict
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from kinemacolor.web.server_options import ServerLimits

if sys.platform != "win32":  # which has no such limit
    import resource

DESCRIPTORS_WANTED = 4096


class WaitingRoom:
    """Connections of which no whole request came yet; at most ``most``: the one that waits longest has to leave."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[BoundedProtocol, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, protocol: "BoundedProtocol") -> None:
        """Let a connection wait."""
        self._waiting[protocol] = None
        if len(self._waiting) > self._most:
            oldest, _ = self._waiting.popitem(last=False)
            oldest.transport.abort()

    def leave(self, protocol: "BoundedProtocol") -> None:
        """Count a connection no longer."""
        self._waiting.pop(protocol, None)


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, which would wait for the head of a request for ever, with an end to that."""

    def __init__(self, *arguments: Any, room: WaitingRoom, header_seconds: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._room, self._header_seconds = room, header_seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._begin_waiting()

    def data_received(self, data: bytes) -> None:
        """Take what came; with the whole head of a request the wait is over."""
        super().data_received(data)
        if self._is_busy:
            self._end_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it has come already."""
        super().on_response_complete()
        if not self._is_busy and not self.transport.is_closing():
            self._begin_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._end_waiting()
        super().connection_lost(exc)

    @property
    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _begin_waiting(self) -> None:
        self._end_waiting()
        self._room.enter(self)
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._deadline = self.loop.call_later(self._header_seconds, self._give_up)

    def _end_waiting(self) -> None:
        self._room.leave(self)
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """Close the connection, unless its client still reads the answer before."""
        if self.transport.get_write_buffer_size() < self._unsent_bytes:
            self._begin_waiting()
        else:
            self.transport.abort()


def make_protocol(limits: ServerLimits) -> Any:
    """Return what uvicorn makes its protocols by."""
    room = WaitingRoom(limits.waiting_connections)
    return partial(BoundedProtocol, room=room, header_seconds=limits.header_seconds)


def raise_descriptor_limit(wanted: int = DESCRIPTORS_WANTED) -> int:
    """Raise the number of files that this process may open as far as the system lets it; gives the number."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
