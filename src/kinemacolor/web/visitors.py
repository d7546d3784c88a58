"""Tells who asks: by name and password where there are some, else by the token of the server."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from math import ceil
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.web.access_token import AccessToken
from kinemacolor.web.passwords import PasswordGuard
from kinemacolor.web.plain_pages import make_sign_in_page, wants_page
from kinemacolor.web.server_options import AccessRules
from kinemacolor.web.storage import make_user_key

KNOWN_COOKIE_NAME = "kinemacolor-known"
COOKIE_SECONDS = 30 * 24 * 3600
SHARED_USER, LOCAL_USER = "everybody", "local"
LOGIN_WANTED = "a name and a password are needed"
TOKEN_WANTED = "a token is needed: open the address that kinemacolor web tells, or send Authorization: Bearer TOKEN"  # noqa: S105
AUTH_CHALLENGE = 'Basic realm="Kinemacolor", charset="UTF-8"'


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    ``user``: key of the user's folder (`make_user_key`); empty for who may only see the files of the page. ``name``: of
    who has a password. ``caller``: whose requests are counted together. ``cookie``: to be set.
    """

    user: str
    caller: str
    name: str | None = None
    cookie: str | None = None


class Doorkeeper(Protocol):
    """Lets visitors in."""

    def identify(self, scope: Scope, headers: Headers, address: str) -> Visitor | Response:
        """Tell who asks; a response instead is for who may not come in, or is sent elsewhere."""


class PasswordDoorkeeper:
    """Knows users by their names and passwords (HTTP Basic)."""

    def __init__(self, rules: AccessRules) -> None:
        self._shared = rules.shared
        self._guard = PasswordGuard(rules.passwords, rules.limits)

    def identify(self, scope: Scope, headers: Headers, address: str) -> Visitor | Response:
        """Tell who asks by the password, which has to be right."""
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        if not credentials:
            return self._ask_for_password()
        try:
            text = base64.b64decode(credentials, validate=True).decode() if kind.lower() == "basic" else ""
        except ValueError:
            text = ""
        name, _, password = text.partition(":")
        known_by = _read_cookies(headers).get(KNOWN_COOKIE_NAME, "")
        seconds = self._guard.check(name, password, address, known_by)
        if seconds is None:
            return self._ask_for_password()
        if seconds:
            wait = str(ceil(seconds))
            return error_response(429, f"too many wrong passwords: wait {wait} seconds", {"Retry-After": wait})
        sign = self._guard.make_token(name)
        cookie = None if known_by == sign else _format_cookie(KNOWN_COOKIE_NAME, sign)
        return Visitor(make_user_key(SHARED_USER if self._shared else f"login:{name}"), name, name, cookie)

    def _ask_for_password(self) -> Response:
        return error_response(401, LOGIN_WANTED, {"WWW-Authenticate": AUTH_CHALLENGE})


class TokenDoorkeeper:
    """Knows the one user of this machine by the token: in an address once, then in a cookie; programs send it along."""

    def __init__(self, rules: AccessRules, token: AccessToken) -> None:
        self._token = token
        self._owner = Visitor(make_owner_key(rules), LOCAL_USER)

    def identify(self, scope: Scope, headers: Headers, address: str) -> Visitor | Response:
        """Tell whether it is the owner. A token in the address becomes a cookie, and the address is opened without."""
        kind, _, sent = headers.get("authorization", "").partition(" ")
        is_owner = self._token.matches_cookie(_read_cookies(headers).get(self._token.cookie_name, "")) or (
            kind.lower() == "bearer" and self._token.matches(sent.strip())
        )
        is_for_page = scope["method"] in ("GET", "HEAD") and not scope["path"].startswith("/api/")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        given = query.pop("token", None) if is_for_page else None
        if given is not None:
            token = given.rpartition("token=")[2].strip()  # of who puts in the whole address, too
            return self._redirect(scope, query) if self._token.opens(token) or is_owner else make_sign_in_page(given)
        if is_owner:
            opens_page = is_for_page and wants_page(headers)  # then the cookie is given anew
            return replace(self._owner, cookie=self._make_cookie()) if opens_page else self._owner
        if is_for_page and scope["path"].startswith("/page/"):
            return Visitor("", f"at {address}")  # these files are everybody's, and the page below needs some
        if is_for_page and wants_page(headers):
            return make_sign_in_page()
        return error_response(401, TOKEN_WANTED, {"WWW-Authenticate": 'Bearer realm="Kinemacolor"'})

    def _redirect(self, scope: Scope, query: Mapping[str, str]) -> Response:
        """Send a browser to the same address without the token, which it keeps as a cookie."""
        path = "/" + quote(scope["path"].lstrip("/"))  # two slashes would lead to another host
        response = RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
        response.headers["Set-Cookie"] = self._make_cookie()
        return response

    def _make_cookie(self) -> str:
        return _format_cookie(self._token.cookie_name, self._token.cookie)


def make_owner_key(rules: AccessRules) -> str:
    """Return the key of the one user of a server without passwords."""
    return make_user_key(SHARED_USER if rules.shared else LOCAL_USER)


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response as those of the HTTP interface, before anything of it is reached."""
    return JSONResponse({"error": message, "exit_code": find_exit_code(status)}, status, headers)


def find_exit_code(status: int) -> int:
    """Return the exit code that the command line has for what a status of HTTP tells."""
    return ResourceError.exit_code if status == HTTPStatus.INSUFFICIENT_STORAGE else UsageError.exit_code


def _read_cookies(headers: Headers) -> dict[str, str]:
    return cookie_parser(headers.get("cookie", ""))


def _format_cookie(name: str, value: str) -> str:
    return f"{name}={value}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; SameSite=Lax"
