"""Settings of the server and who may use it. Light: a wrong option is told before anything heavy is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.utils.device import check_device

DEFAULT_PORT = 7860
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class AccessRules:
    """Who may use the server, and how.

    ``passwords``: by user name; empty: everybody who reaches the server may use it. ``shared``: all users see the same
    films. ``hosts``: host names that the server answers to; empty: any. ``largest_upload``: in bytes.
    """

    passwords: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    hosts: tuple[str, ...] = LOOPBACK
    largest_upload: int = 50 * 10**9


@dataclass(frozen=True)
class ServerOptions:
    """Settings of the server.

    ``folder``: where everything is stored. ``films``: a folder that films may be taken from; it is only read.
    ``passwords``: by user name; needed if ``host`` can be reached from other machines. ``devices``: one film at a time
    is rendered on each. ``shared`` and ``largest_upload``: see `AccessRules`.
    """

    folder: Path
    films: Path | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    passwords: dict[str, str] = field(default_factory=dict)
    shared: bool = False
    devices: tuple[str, ...] = ("auto",)
    largest_upload: int = AccessRules.largest_upload

    @property
    def access_rules(self) -> AccessRules:
        """The rules for access. Raises UsageError where other machines could reach the server without a password."""
        local = self.host in LOOPBACK or self.host == "::1"
        if not local and not self.passwords:
            raise UsageError(f"others could reach {self.host}: give a name and a password with --auth NAME:PASSWORD")
        hosts = () if self.passwords else LOOPBACK  # browsers send passwords to our origin only
        return AccessRules(self.passwords, self.shared, hosts, self.largest_upload)

    def check(self) -> None:
        """Raise UsageError for options that do not fit together, or not this machine."""
        _ = self.access_rules
        if self.films is not None and not self.films.is_dir():
            raise UsageError(f"{self.films} is no folder: give one that holds films")
        for device in self.devices:
            check_device(device)
