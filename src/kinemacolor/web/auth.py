"""Identifies users, by name and password or by a secret in a cookie, and refuses requests of other sites."""

import base64
import hmac
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinemacolor.errors import UsageError
from kinemacolor.web.server_options import AccessRules
from kinemacolor.web.storage import make_user_key

COOKIE_NAME = "kinemacolor"
COOKIE_SECONDS = 365 * 24 * 3600
SHARED_USER = "everybody"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
AUTH_CHALLENGE = 'Basic realm="Kinemacolor", charset="UTF-8"'
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class AccessMiddleware:
    """ASGI middleware that refuses requests by `AccessRules`, and puts the user's key in ``scope["state"]["user"]``.

    The key is the name of the user's folder (`make_user_key`).
    """

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # our page uses no WebSocket
        headers = Headers(scope=scope)
        refusal, token = self._refuse_request(scope["method"], scope["path"], headers), _read_cookie(headers)
        is_new_user = not (refusal or token or self._rules.passwords or self._rules.shared)
        token = token or secrets.token_urlsafe(32)
        user = make_user_key(SHARED_USER if self._rules.shared else self._authenticated_user(headers) or token)
        scope.setdefault("state", {})["user"] = user

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                _set_security_headers(MutableHeaders(scope=message), token if is_new_user else None)
            await send(message)

        app = refusal or self._app
        await app(scope, _SizeLimitedReceive(receive, self._rules.largest_upload), send_protected)

    def _refuse_request(self, method: str, path: str, headers: Headers) -> Response | None:
        """Return the error response for a request that is not allowed, None for one that is."""
        host = headers.get("host", "")
        name = (host if host.endswith("]") else host.rsplit(":", 1)[0]).lower()
        if self._rules.hosts and name not in self._rules.hosts:
            return _error_response(421, f"this server is not {name[:60]!r}")
        origin = headers.get("origin")
        if method not in SAFE_METHODS and origin not in (None, f"http://{host}", f"https://{host}"):
            return _error_response(403, "a page of another site asked for this")
        if "://" in path:
            return _error_response(403, "nothing is fetched from elsewhere")
        size = headers.get("content-length", "0")
        if len(size) > 18 or not size.isdecimal() or int(size) > self._rules.largest_upload:
            return _error_response(413, _too_large_message(self._rules.largest_upload))
        if self._rules.passwords and self._authenticated_user(headers) is None:
            return _error_response(401, "a name and a password are needed", {"WWW-Authenticate": AUTH_CHALLENGE})
        return None

    def _authenticated_user(self, headers: Headers) -> str | None:
        """Return the user whose right password the request has (HTTP Basic), None without passwords."""
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        try:
            text = base64.b64decode(credentials, validate=True).decode() if kind.lower() == "basic" else ""
        except ValueError:
            text = ""
        name, _, password = text.partition(":")
        expected = self._rules.passwords.get(name, "")
        is_right = hmac.compare_digest(password.encode(), expected.encode())
        return f"login:{name}" if is_right and expected else None


class _SizeLimitedReceive:
    """Receives a request's body; raises HTTPException 413 when it is longer than allowed, whatever its header says."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._left = receive, most, most

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, _too_large_message(self._most))
        return message


def _read_cookie(headers: Headers) -> str | None:
    """Return the secret of our cookie, None without one; other programs on this machine may have set other cookies."""
    found = cookie_parser(headers.get("cookie", "")).get(COOKIE_NAME, "")
    return found if len(found) >= 32 else None


def _set_security_headers(headers: MutableHeaders, token: str | None) -> None:
    """Add security headers to a response, and our cookie if ``token`` is given."""
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    if token:
        cookie = f"{COOKIE_NAME}={token}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; SameSite=Lax"
        headers.append("Set-Cookie", cookie)


def _error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message, "exit_code": UsageError.exit_code}, status, headers)


def _too_large_message(most: int) -> str:
    return f"that is too large: this server takes at most {most / 1e9:g} GB"
