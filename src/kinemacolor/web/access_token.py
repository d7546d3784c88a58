"""The token of a server without passwords: who shows it is the one user of this machine whose films these are."""

import hashlib
import hmac
import secrets
from pathlib import Path

from kinemacolor.utils.files import translate_disk_errors, write_file_atomically

TOKEN_FILE = "token"  # noqa: S105
_SHORTEST = 32  # characters; `secrets.token_urlsafe(32)` has 43


class AccessToken:
    """What opens the server. ``value`` is kept in the server's folder, so it stays the same until that file is removed.

    ``cookie_name`` is another for each token: cookies do not know ports, and a machine may have several servers. For
    the same reason ``cookie`` is made from the token and is not the token: whatever listens at another port sees it.
    """

    def __init__(self, value: str) -> None:
        self.value = value
        self.cookie_name = f"kinemacolor-{hashlib.sha256(value.encode()).hexdigest()[:8]}"
        self.cookie = hmac.new(value.encode(), b"cookie", "sha256").hexdigest()
        self._single_use: set[str] = set()

    def make_single_use(self) -> str:
        """Make a token that opens once: what starts a browser is seen by all users of a machine."""
        made = secrets.token_urlsafe(32)
        self._single_use.add(made)
        return made

    def matches(self, given: str) -> bool:
        """Whether this is the token itself."""
        return secrets.compare_digest(given.encode(), self.value.encode())

    def matches_cookie(self, given: str) -> bool:
        """Whether this is what a browser keeps as a cookie."""
        return secrets.compare_digest(given.encode(), self.cookie.encode())

    def opens(self, given: str) -> bool:
        """Whether this is the token, or one for a single use, which is used up by this."""
        if given in self._single_use:
            self._single_use.remove(given)
            return True
        return self.matches(given)


def load_token(folder: Path) -> AccessToken:
    """Read the token of a server's folder, or make one that only this account can read.

    Raises ResourceError where that is refused.
    """
    path = folder / TOKEN_FILE
    with translate_disk_errors(path):
        known = path.read_text(encoding="ascii", errors="replace").strip() if path.is_file() else ""
        if len(known) < _SHORTEST:
            known = secrets.token_urlsafe(32)
            with write_file_atomically(path) as stream:
                Path(stream.name).chmod(0o600)
                stream.write(f"{known}\n".encode())
        path.chmod(0o600)
    return AccessToken(known)
