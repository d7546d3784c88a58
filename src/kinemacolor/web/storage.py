"""Where the server keeps things: a folder for each user, in it one for each project. Nothing is written elsewhere."""

import hashlib
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.images import find_pictures
from kinemacolor.video.reader import FILM_SUFFIXES

UPLOAD_LIFETIME_SECONDS = 24 * 3600
MAX_LISTED_FILMS, MAX_WALKED_FOLDERS = 1000, 5000  # films of a folder, and folders in it that are looked into
MAX_NAME_BYTES, MAX_SUFFIX_BYTES = 120, 11  # bytes
_ID = re.compile(r"[0-9a-f]{16}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # by Windows
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


class NotFoundError(UsageError):
    """What is asked for is not there, or is somebody else's."""


@dataclass(frozen=True)
class Storage:
    """``root`` is written to; films may also be taken from ``films``, which is only read."""

    root: Path
    films: Path | None = None

    @property
    def uploads_folder(self) -> Path:
        """What is on its way to a project; swept by age."""
        return self.root / "uploads"

    def create_folders(self) -> None:
        """Make the folders, for nobody else to read. Raises ResourceError where that is refused."""
        for folder in (self.root, self.uploads_folder, self.root / "users"):
            with translate_disk_errors(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create_project_folder(self, user: str) -> Path:
        """An empty folder."""
        folder = self._user_folder(user) / secrets.token_hex(8)
        with translate_disk_errors(folder):
            folder.mkdir(mode=0o700, parents=True)
        return folder

    def find_project_folder(self, user: str, name: str) -> Path:
        """The folder of a project that this user has. Raises Missing for any other name."""
        folder = self._user_folder(user) / name
        if not _ID.fullmatch(name) or not folder.is_dir():
            raise NotFoundError(f"there is no project {name[:40]!r}: look at the list of yours")
        return folder

    def list_project_folders(self, user: str) -> list[Path]:
        """Those of a user, the latest first."""
        own = self._user_folder(user)
        found = [entry for entry in os.scandir(own) if _ID.fullmatch(entry.name)] if own.is_dir() else []
        times = {}
        for entry in found:
            with suppress(OSError):  # another tab may be removing it
                times[Path(entry.path)] = entry.stat().st_ctime
        return sorted(times, key=lambda folder: -times[folder])

    def iter_all_projects(self) -> Iterator[tuple[str, Path]]:
        """All users' keys and projects."""
        for folder in sorted((self.root / "users").glob("*/*")):
            if _ID.fullmatch(folder.name):
                yield folder.parent.name, folder

    def list_films(self) -> list[str]:
        """Films under the given folder, as `film_at` takes them; folders of numbered pictures too."""
        found: list[str] = []
        for place, folders, files in islice(os.walk(self.films), MAX_WALKED_FOLDERS) if self.films else ():
            folders[:] = sorted(name for name in folders if _is_listed(name))
            here = Path(place)
            found += [
                str((here / name).relative_to(self.films or here))
                for name in sorted(files)
                if name.lower().endswith(FILM_SUFFIXES) and _is_listed(name)
            ]
            if here != self.films and len(find_pictures(here)) > 1:
                found.append(str(here.relative_to(self.films or here)))
            if len(found) >= MAX_LISTED_FILMS:
                break
        return found[:MAX_LISTED_FILMS]

    def resolve_film(self, relative: str) -> Path:
        """A film under the given folder. Raises Missing for what lies elsewhere or is not there."""
        if self.films is None:
            raise UsageError("this server was started without a folder of films: upload the film")
        root = self.films.resolve()
        try:
            path = (root / relative).resolve()
            is_found = path != root and path.is_relative_to(root) and path.exists()
        except (OSError, ValueError):
            is_found = False
        if not is_found:
            raise NotFoundError(f"there is no film {relative[:MAX_NAME_BYTES]!r} in the server's folder")
        return path

    def hide_server_paths(self, message: str) -> str:
        """A message that does not tell where the server keeps things."""
        within = re.escape(str(self.root / "users")) + r"/[0-9a-f]+/[0-9a-f]+/(?:(?:film|references|stills)/)?"
        shorter = re.sub(within, "", message).replace(f"{self.uploads_folder}/", "").replace(f"{self.root}/", "")
        return shorter if self.films is None else shorter.replace(f"{self.films.resolve()}/", "")

    def remove_old_uploads(self, older_than_seconds: float = UPLOAD_LIFETIME_SECONDS) -> None:
        """Remove uploads that nobody came for."""
        limit = time.time() - older_than_seconds
        for path in self.uploads_folder.iterdir() if self.uploads_folder.is_dir() else ():
            if path.lstat().st_mtime >= limit:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _user_folder(self, user: str) -> Path:
        return self.root / "users" / user


def _is_listed(name: str) -> bool:
    """Whether a name is neither hidden nor bytes that are no text, which no answer could carry."""
    return not name.startswith(".") and name == name.encode(errors="ignore").decode()


def make_user_key(identity: str) -> str:
    """The name of a user's folder: tells nothing of the secret that the user is known by."""
    return hashlib.sha256(identity.encode()).hexdigest()[:24]


def safe_file_name(name: str) -> str:
    """A file's name without folders, control characters and what some file system forbids; its suffix stays.

    Raises UsageError where nothing is left.
    """
    known = name.encode("utf-8", "ignore").decode()
    last = unicodedata.normalize("NFC", known.replace("\\", "/")).rsplit("/", 1)[-1]
    stem, dot, suffix = _FORBIDDEN.sub("_", last).strip(" .").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    ending = (dot + suffix).encode()
    stem = stem.encode()[: MAX_NAME_BYTES - len(ending)].decode("utf-8", "ignore").strip(" .")
    if not stem.strip("_") or len(ending) > MAX_SUFFIX_BYTES:
        raise UsageError(f"{known[:60]!r} is no name for a file: rename it")
    return f"{'_' * bool(_RESERVED.match(stem))}{stem}{ending.decode()}"


def unused_path(path: Path) -> Path:
    """A name that nothing has yet."""
    number, free = 2, path
    while free.exists():
        free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return free
