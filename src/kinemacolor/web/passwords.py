"""Checks passwords, and makes guessing them slow without locking out who knows one."""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kinemacolor.web.server_options import ServerLimits

MAX_KNOWN_FAILURES = 4096  # guessers that are remembered
FORGET_SECONDS = 900.0


@dataclass
class _Failures:
    count: int
    last: float
    until: float


class PasswordGuard:
    """Checks names and passwords; after some wrong ones the next guess is heard only when a while has passed.

    The wait is counted for each name and each address (of IPv6: each network of 64 bits) that guesses it, so that
    nobody can lock out others. Where many share an address, behind a proxy, who came in before is known by a
    `make_token` and counts alone.
    """

    def __init__(
        self, passwords: Mapping[str, str], limits: ServerLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._digests = {name: _digest(password) for name, password in passwords.items()}
        self._limits, self._clock = limits, clock
        self._secret = secrets.token_bytes(32)
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def check(self, name: str, password: str, address: str, token: str = "") -> float | None:
        """Check a name and a password. Gives 0 for right ones, None for wrong ones, else the seconds to wait.

        While there is something to wait for, nothing is checked. ``token``: of `make_token`, if the browser has one.
        """
        key = self._key(name, address, token)
        now = self._clock()
        failures = self._failures.get(key)
        if failures and now - failures.last > FORGET_SECONDS:
            failures = self._failures.pop(key) and None
        if failures and now < failures.until:
            return failures.until - now
        expected = self._digests.get(name)
        # Also for a name that nobody has: it takes as long.
        is_right = hmac.compare_digest(_digest(password), expected or _digest("")) and expected is not None
        if is_right:
            self._failures.pop(key, None)
            return 0.0
        count = failures.count + 1 if failures else 1
        doublings = min(count - self._limits.free_failures, 30)
        wait = min(2.0 ** (doublings - 1), self._limits.longest_wait_seconds) if doublings > 0 else 0.0
        self._failures[key] = _Failures(count, now, now + wait)
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_KNOWN_FAILURES:
            self._failures.popitem(last=False)
        return None

    def make_token(self, name: str) -> str:
        """Return what a browser keeps to be known again as one that came in as ``name``; it opens nothing."""
        return hmac.new(self._secret, name.encode(), "sha256").hexdigest()

    def _key(self, name: str, address: str, token: str) -> tuple[str, str]:
        known_name = name if name in self._digests else ""
        if token and hmac.compare_digest(token.encode(), self.make_token(name).encode()):
            return known_name, "came in before"
        return known_name, _network(address)


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
