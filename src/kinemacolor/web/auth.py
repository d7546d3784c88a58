"""Identifies users, by name and password or by a secret in a cookie, and refuses requests of other sites."""

import base64
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from math import ceil

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinemacolor.errors import UsageError
from kinemacolor.web.passwords import PasswordGuard
from kinemacolor.web.response_headers import set_common_headers
from kinemacolor.web.server_options import AccessRules
from kinemacolor.web.storage import make_user_key
from kinemacolor.web.usage import LimitedReceive, RequestKind, TooManyError, UsageCounter, classify_request

COOKIE_NAME, KNOWN_COOKIE_NAME = "kinemacolor", "kinemacolor-known"
COOKIE_ATTRIBUTES = f"Max-Age={365 * 24 * 3600}; Path=/; HttpOnly; SameSite=Lax"
SHARED_USER = "everybody"
LOGIN_WANTED = "a name and a password are needed"
AUTH_CHALLENGE = 'Basic realm="Kinemacolor", charset="UTF-8"'
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class AccessMiddleware:
    """ASGI middleware that refuses requests by `AccessRules`, and puts the user's key in ``scope["state"]["user"]``.

    The key is the name of the user's folder (`make_user_key`). ``measure_left``: how many bytes this user may still
    store; it is asked before an upload.
    """

    def __init__(self, app: ASGIApp, rules: AccessRules, measure_left: Callable[[str], int]) -> None:
        self._app, self._rules, self._measure_left = app, rules, measure_left
        self._guard = PasswordGuard(rules.passwords, rules.limits)
        self._usage = UsageCounter(rules.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # our page uses no WebSocket
        headers, address = Headers(scope=scope), (scope.get("client") or ("",))[0]
        login, refusal = self._authenticate(headers, address)
        refusal = self._refuse_request(scope["method"], scope["path"], headers) or refusal
        cookie = _read_cookie(headers)
        token = cookie or secrets.token_urlsafe(32)
        user = make_user_key(SHARED_USER if self._rules.shared else f"login:{login}" if login else token)
        scope.setdefault("state", {})["user"] = user
        fresh_cookie = None if refusal else self._make_cookie(headers, login, None if cookie else token)

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                response_headers = MutableHeaders(scope=message)
                set_common_headers(response_headers, scope, message["status"])
                if fresh_cookie:
                    response_headers.append("Set-Cookie", f"{fresh_cookie}; {COOKIE_ATTRIBUTES}")
            await send(message)

        if refusal:
            await refusal(scope, receive, send_protected)
            return
        # Who has no cookie yet is a new user with every request, but one caller.
        caller = login or (cookie and user) or f"at {address}"
        kind = classify_request(scope["method"], scope["path"], headers.get("content-type", ""))
        try:
            with self._usage.count_request(kind, caller):
                await self._answer(scope, receive, send_protected, kind, caller)
        except TooManyError as error:
            await _error_response(429, str(error), {"Retry-After": "5"})(scope, receive, send_protected)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, kind: RequestKind, caller: str) -> None:
        """Let the application answer, with a body that has its limits."""
        limits = self._rules.limits
        most = min(limits.largest_upload, limits.largest_upload if kind == "upload" else limits.largest_body)
        refusal, received = _too_large_message(most), Counter[str]()
        if kind == "upload":
            left = await run_in_threadpool(self._measure_left, scope["state"]["user"])
            if left < most:
                most, refusal = left, f"your films take all of the {limits.disk_per_user / 1e9:g} GB: remove some"
            received = self._usage.received_bytes
        limited = LimitedReceive(receive, most, refusal, limits.pause_seconds, received, caller)
        size = int(Headers(scope=scope).get("content-length", "0"))
        app = _error_response(413, refusal) if size > most else self._app
        try:
            await app(scope, limited, send)
        finally:
            limited.forget()

    def _refuse_request(self, method: str, path: str, headers: Headers) -> Response | None:
        """Return the error response for a request that is not allowed, whoever it comes from; None for others."""
        host = headers.get("host", "")
        name = (host if host.endswith("]") else host.rsplit(":", 1)[0]).lower()
        if self._rules.hosts and name not in self._rules.hosts:
            return _error_response(421, f"this server is not {name[:60]!r}")
        origin = headers.get("origin")
        if method not in SAFE_METHODS and origin not in (None, f"http://{host}", f"https://{host}"):
            return _error_response(403, "a page of another site asked for this")
        if "://" in path:
            return _error_response(403, "nothing is fetched from elsewhere")
        size, most = headers.get("content-length", "0"), self._rules.limits.largest_upload
        if len(size) > 18 or not size.isdecimal() or int(size) > most:
            return _error_response(413, _too_large_message(most))
        return None

    def _authenticate(self, headers: Headers, address: str) -> tuple[str | None, Response | None]:
        """Return the name of the user whose right password the request has (HTTP Basic), or the response without one.

        Both are None where the server has no passwords.
        """
        if not self._rules.passwords:
            return None, None
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        if not credentials:
            return None, _error_response(401, LOGIN_WANTED, {"WWW-Authenticate": AUTH_CHALLENGE})
        try:
            text = base64.b64decode(credentials, validate=True).decode() if kind.lower() == "basic" else ""
        except ValueError:
            text = ""
        name, _, password = text.partition(":")
        seconds = self._guard.check(name, password, address, _read_cookies(headers).get(KNOWN_COOKIE_NAME, ""))
        if seconds is None:
            return None, _error_response(401, LOGIN_WANTED, {"WWW-Authenticate": AUTH_CHALLENGE})
        if seconds:
            wait = str(ceil(seconds))
            return None, _error_response(429, f"too many wrong passwords: wait {wait} seconds", {"Retry-After": wait})
        return name, None

    def _make_cookie(self, headers: Headers, login: str | None, token: str | None) -> str | None:
        """Return the cookie that the response sets: the secret of a new user, or the sign that one has come in."""
        if login:
            known = self._guard.make_token(login)
            is_new = _read_cookies(headers).get(KNOWN_COOKIE_NAME) != known
            return f"{KNOWN_COOKIE_NAME}={known}" if is_new else None
        return f"{COOKIE_NAME}={token}" if token and not self._rules.shared else None


def _read_cookies(headers: Headers) -> dict[str, str]:
    return cookie_parser(headers.get("cookie", ""))


def _read_cookie(headers: Headers) -> str | None:
    """Return the secret of our cookie, None without one; other programs on this machine may have set other cookies."""
    found = _read_cookies(headers).get(COOKIE_NAME, "")
    return found if len(found) >= 32 else None


def _error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message, "exit_code": UsageError.exit_code}, status, headers)


def _too_large_message(most: int) -> str:
    return f"that is too large: this server takes at most {most / 1e9:g} GB"
