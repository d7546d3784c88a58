"""Settings of the server and who may use it. Light: a wrong option is told before anything heavy is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.utils.device import check_device

DEFAULT_PORT = 7860
SHARED_SERVER_DISK = 200 * 10**9  # bytes for each user, where passwords tell users apart
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class ServerLimits:
    """What the server gives at most. Sizes in bytes, times in seconds, else how many at a time.

    ``largest_upload``: of one request with files; ``largest_body``: of one with strokes, which is held
    in memory; ``largest_json``: of any other, for which all others wait while it is read.
    ``disk_per_user``: that films, references and results of one user take when something is begun; 0: any.
    ``connections``: open ones; ``waiting_connections``: of them, those that have not sent a whole request: the oldest
    is closed for a new one. ``header_seconds``: for the head of a request; ``pause_seconds``: between two pieces of
    its body. ``requests_per_user``, ``uploads_per_user``, ``streams_per_user`` (events), ``uploads``, ``streams``: that
    are answered at the same time. ``free_failures``: wrong passwords before each next one costs twice the wait of
    the last, from a second to ``longest_wait_seconds``.
    """

    largest_upload: int = 50 * 10**9
    largest_body: int = 32 * 10**6
    largest_json: int = 8 * 10**6
    disk_per_user: int = 0
    connections: int = 600
    waiting_connections: int = 200
    header_seconds: float = 20
    pause_seconds: float = 60
    requests_per_user: int = 32
    uploads_per_user: int = 4
    uploads: int = 16
    streams_per_user: int = 24
    streams: int = 240
    free_failures: int = 5
    longest_wait_seconds: float = 30

    def fit_descriptors(self, available: int) -> "ServerLimits":
        """Return limits whose connections fit ``available`` open files, of which jobs and films need some, too."""
        connections = min(self.connections, max(8, available * 2 // 3))
        waiting = min(self.waiting_connections, max(2, connections // 3))
        return replace(self, connections=connections, waiting_connections=waiting)


@dataclass(frozen=True)
class AccessRules:
    """Who may use the server, and how.

    ``passwords``: by user name; empty: there is one user, who has the server's token. ``shared``: all users see the
    same films. ``hosts``: host names that the server answers to; empty: any.
    """

    passwords: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    hosts: tuple[str, ...] = LOOPBACK
    limits: ServerLimits = field(default_factory=ServerLimits)


@dataclass(frozen=True)
class ServerOptions:
    """Settings of the server.

    ``folder``: where everything is stored. ``films``: a folder that films may be taken from; it is only read.
    ``passwords``: by user name; needed if ``host`` can be reached from other machines. ``devices``: one film at a time
    is rendered on each. ``shared``: see `AccessRules`. ``adopt``: the one user of a server without passwords takes over
    the films of all others.
    """

    folder: Path
    films: Path | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    passwords: dict[str, str] = field(default_factory=dict)
    shared: bool = False
    devices: tuple[str, ...] = ("auto",)
    limits: ServerLimits = field(default_factory=ServerLimits)
    adopt: bool = False

    @property
    def access_rules(self) -> AccessRules:
        """The rules for access. Raises UsageError where other machines could reach the server without a password."""
        local = self.host in LOOPBACK or self.host == "::1"
        if not local and not self.passwords:
            raise UsageError(f"others could reach {self.host}: give a name and a password with --auth NAME:PASSWORD")
        hosts = () if self.passwords else LOOPBACK  # browsers send passwords to our origin only
        return AccessRules(self.passwords, self.shared, hosts, self.limits)

    def check(self) -> None:
        """Raise UsageError for options that do not fit together, or not this machine."""
        _ = self.access_rules
        if self.adopt and self.passwords:
            raise UsageError(
                "--adopt gives all films to the one user of a server without --auth: leave one of them out"
            )
        if self.films is not None and not self.films.is_dir():
            raise UsageError(f"{self.films} is no folder: give one that holds films")
        for device in self.devices:
            check_device(device)
