"""Counts what is answered at the same time, for each user and in all, and how much of an upload may still come."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from kinemacolor.web.server_options import ServerLimits

RequestKind = Literal["request", "upload", "stream"]


class TooManyError(Exception):
    """A user, or all together, have as many requests of a kind as the server answers at a time."""


def classify_request(method: str, path: str, content_type: str) -> RequestKind:
    """Tell an upload, in pieces or as a form, and a stream of events, which last long, from other requests."""
    is_piece = method == "PATCH" and path.startswith("/api/uploads/")
    if is_piece or (method == "POST" and content_type.lower().startswith("multipart/form-data")):
        return "upload"
    return "stream" if method == "GET" and path.endswith("/events") else "request"


def find_largest_body(kind: RequestKind, path: str, limits: ServerLimits) -> int:
    """Return the most bytes that a request may bring."""
    if kind == "upload":
        return limits.largest_upload
    most = limits.largest_body if path.endswith(("/strokes", "/spread")) else limits.largest_json
    return min(limits.largest_upload, most)


class UsageCounter:
    """Open requests by kind and user, and the bytes that came with a user's open uploads. For one event loop."""

    def __init__(self, limits: ServerLimits) -> None:
        self._most_each = {
            "request": limits.requests_per_user,
            "upload": limits.uploads_per_user,
            "stream": limits.streams_per_user,
        }
        self._most = {
            "request": limits.connections,
            "strokes": limits.connections,
            "upload": limits.uploads,
            "stream": limits.streams,
        }
        self._open: Counter[tuple[RequestKind, str]] = Counter()
        self._open_of_all: Counter[RequestKind] = Counter()
        self.received_bytes: Counter[str] = Counter()

    @contextmanager
    def count_request(self, kind: RequestKind, user: str) -> Iterator[None]:
        """Count a request while it is answered. Raises TooManyError where there are too many already."""
        if self._open[kind, user] >= self._most_each[kind] or self._open_of_all[kind] >= self._most[kind]:
            raise TooManyError(f"too many {kind}s at a time: wait until one has ended")
        self._open[kind, user] += 1
        self._open_of_all[kind] += 1
        try:
            yield
        finally:
            self._open_of_all[kind] -= 1
            self._open[kind, user] -= 1
            if not self._open[kind, user]:
                del self._open[kind, user]


class LimitedReceive:
    """Receives a request's body; raises ``refusal`` for more than ``most`` bytes, HTTPException 408 for a pause in it.

    ``others``: the bytes that came with other uploads of the user count as well.
    """

    def __init__(
        self,
        receive: Receive,
        most: int,
        refusal: HTTPException,
        pause_seconds: float,
        others: Counter[str],
        user: str,
    ) -> None:
        self._receive, self._most, self._refusal, self._pause_seconds = receive, most, refusal, pause_seconds
        self._others, self._user = others, user
        self._came, self._is_complete = 0, False

    async def __call__(self) -> Message:
        if self._is_complete:  # what comes now is that the client has left, in its own time
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._pause_seconds)
        except TimeoutError as error:
            raise HTTPException(408, f"nothing came for {self._pause_seconds:g} seconds: send it again") from error
        size = len(message.get("body", b""))
        self._came += size
        self._others[self._user] += size
        self._is_complete = not message.get("more_body", False)
        if self._others[self._user] > self._most:
            raise self._refusal
        return message

    def forget(self) -> None:
        """Count the bytes no longer, when the request is answered."""
        self._others[self._user] -= self._came
        if not self._others[self._user]:
            del self._others[self._user]
