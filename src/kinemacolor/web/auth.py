"""Refuses requests of other sites and of those who may not come in, and bounds what the others may take."""

import shutil
from collections import Counter

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinemacolor.web.response_headers import set_common_headers
from kinemacolor.web.server_options import AccessRules
from kinemacolor.web.storage import Storage
from kinemacolor.web.usage import (
    LimitedReceive,
    RequestKind,
    TooManyError,
    UsageCounter,
    classify_request,
    find_largest_body,
)
from kinemacolor.web.visitors import Doorkeeper, Visitor, error_response

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class AccessMiddleware:
    """ASGI middleware that refuses requests by `AccessRules`, and tells the application who asks.

    ``scope["state"]`` gets ``user``, the name of the user's folder (`make_user_key`), and ``login``, the name of the
    user, None without passwords. ``storage`` tells before an upload how many bytes this user may still store.
    """

    def __init__(self, app: ASGIApp, rules: AccessRules, doorkeeper: Doorkeeper, storage: Storage) -> None:
        self._app, self._rules, self._doorkeeper, self._storage = app, rules, doorkeeper, storage
        self._usage = UsageCounter(rules.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # our page uses no WebSocket
        headers, address = Headers(scope=scope), (scope.get("client") or ("",))[0]
        visitor = self._refuse_request(scope["method"], scope["path"], headers) or self._doorkeeper.identify(
            scope, headers, address
        )

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                response_headers = MutableHeaders(scope=message)
                set_common_headers(response_headers, scope, message["status"])
                if isinstance(visitor, Visitor) and visitor.cookie:
                    response_headers.append("Set-Cookie", visitor.cookie)
            await send(message)

        if isinstance(visitor, Response):
            await visitor(scope, receive, send_protected)
            return
        scope.setdefault("state", {}).update(user=visitor.user, login=visitor.name)
        kind = classify_request(scope["method"], scope["path"], headers.get("content-type", ""))
        try:
            with self._usage.count_request(kind, visitor.caller):
                await self._answer(scope, receive, send_protected, kind, visitor.caller)
        except TooManyError as error:
            await error_response(429, str(error), {"Retry-After": "5"})(scope, receive, send_protected)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, kind: RequestKind, caller: str) -> None:
        """Let the application answer, with a body that has its limits."""
        limits = self._rules.limits
        most = find_largest_body(kind, scope["path"], limits)
        refusal, received = HTTPException(413, _too_large_message(most)), Counter[str]()
        if kind == "upload":
            left = await run_in_threadpool(self._storage.measure_left, scope["state"]["user"])
            if left < most:
                most, refusal = left, self._make_refusal(left)
            received = self._usage.received_bytes
        limited = LimitedReceive(receive, most, refusal, limits.pause_seconds, received, caller)
        size = int(Headers(scope=scope).get("content-length", "0"))
        app = error_response(refusal.status_code, refusal.detail) if size > most else self._app
        try:
            await app(scope, limited, send)
        finally:
            limited.forget()

    def _make_refusal(self, left: int) -> HTTPException:
        """Say why a user may send only ``left`` bytes: the user's share of the disk is taken, or the disk itself."""
        share = self._storage.disk_per_user
        if share and left < shutil.disk_usage(self._storage.root).free:
            return HTTPException(413, f"your films take all of the {share / 1e9:g} GB: remove some")
        return HTTPException(507, "there is no space for this on the disk: remove some of your films")

    def _refuse_request(self, method: str, path: str, headers: Headers) -> Response | None:
        """Return the error response for a request that is not allowed, whoever it comes from; None for others."""
        host = headers.get("host", "")
        name = (host if host.endswith("]") else host.rsplit(":", 1)[0]).lower()
        if self._rules.hosts and name not in self._rules.hosts:
            return error_response(421, f"this server is not {name[:60]!r}")
        origin = headers.get("origin")
        if method not in SAFE_METHODS and origin not in (None, f"http://{host}", f"https://{host}"):
            return error_response(403, "a page of another site asked for this")
        if "://" in path:
            return error_response(403, "nothing is fetched from elsewhere")
        size, most = headers.get("content-length", "0"), self._rules.limits.largest_upload
        if len(size) > 18 or not size.isdecimal() or int(size) > most:
            return error_response(413, _too_large_message(most))
        return None


def _too_large_message(most: int) -> str:
    return f"that is too large: this server takes at most {most / 1e9:g} GB"
