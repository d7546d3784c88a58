"""Folders of the server: one for each user, in it one for each project. Nothing is written elsewhere."""

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.images import FILM_SUFFIXES, find_pictures
from kinemacolor.web.trash import DELETING, is_removed, is_restorable

UPLOAD_LIFETIME_SECONDS = 24 * 3600
LEAST_FREE_BYTES = 10**9  # of the disk: with less the trash is emptied
MAX_LISTED_FILMS, MAX_WALKED_FOLDERS = 1000, 5000  # for the server's folder of films
_ID = re.compile(r"[0-9a-f]{16}")


class NotFoundError(UsageError):
    """A thing that was asked for does not exist, or belongs to another user."""


@dataclass(frozen=True)
class Storage:
    """Folders of the server: ``root`` for all that is written; ``films``, only read, to take films from.

    ``disk_per_user``: bytes that the projects of one user may take when something is begun; 0: any.
    """

    root: Path
    films: Path | None = None
    disk_per_user: int = 0

    @property
    def uploads_folder(self) -> Path:
        """Folder of uploads that are not in a project yet; old ones are removed."""
        return self.root / "uploads"

    def create_folders(self) -> None:
        """Create the folders, readable by this account only. Raises ResourceError where that is refused."""
        for folder in (self.root, self.uploads_folder, self.root / "users"):
            with translate_disk_errors(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def measure_left(self, user: str) -> int:
        """Return how many bytes a user may still store: of the user's share, and of what is free on the disk."""
        free = shutil.disk_usage(self.root).free
        if not self.disk_per_user:
            return free
        return max(0, min(free, self.disk_per_user - self.measure_used(user)))

    def measure_used(self, user: str) -> int:
        """Return how many bytes a user's projects and uploads take; not those in the trash, which make room."""
        uploads = self.uploads_folder.glob(f"{user}-*")
        return sum(map(measure_folder, (*self.list_project_folders(user), *uploads)))

    def is_crowded(self, user: str) -> bool:
        """Whether what a user removed has to make room: the share is taken with it, or the disk is nearly full."""
        if shutil.disk_usage(self.root).free < LEAST_FREE_BYTES:
            return True
        return bool(self.disk_per_user) and measure_folder(self._user_folder(user)) > self.disk_per_user

    def list_users(self) -> list[str]:
        """List the keys of all users that have a folder."""
        return sorted(folder.name for folder in (self.root / "users").iterdir() if folder.is_dir())

    def check_space(self, user: str) -> None:
        """Raise ResourceError where a user's projects take all that one user may have, or the disk is full."""
        if not self.measure_left(user):
            share = f"the {self.disk_per_user / 1e9:g} GB of one user" if self.disk_per_user else "the disk"
            raise ResourceError(f"your films take all of {share}: remove some")

    def create_project_folder(self, user: str) -> Path:
        """Create an empty folder with a random name for a new project."""
        folder = self._user_folder(user) / secrets.token_hex(8)
        with translate_disk_errors(folder):
            folder.mkdir(mode=0o700, parents=True)
        return folder

    def find_project_folder(self, user: str, name: str) -> Path:
        """Return the folder of a user's project. Raises NotFoundError for any other name, and one in the trash."""
        folder = self._user_folder(user) / name
        if not _ID.fullmatch(name) or not folder.is_dir() or is_removed(folder):
            raise NotFoundError(f"there is no project {name[:40]!r}: look at the list of yours")
        return folder

    def find_removed_folder(self, user: str, name: str) -> Path:
        """Return the folder of a project in the trash. Raises NotFoundError for any other, and one that is expired."""
        folder = self._user_folder(user) / name
        if not _ID.fullmatch(name) or not is_restorable(folder):
            raise NotFoundError(f"there is no project {name[:40]!r} in the trash: it is kept there for a day")
        return folder

    def list_project_folders(self, user: str, *, removed: bool = False) -> list[Path]:
        """List the project folders of a user, or those in the trash, the latest changed first."""
        own = self._user_folder(user)
        entries = os.scandir(own) if own.is_dir() else ()
        found = [one for one in entries if _ID.fullmatch(one.name) and is_removed(Path(one.path)) is removed]
        times = {}
        for entry in found:
            with suppress(OSError):  # another tab may be removing it
                times[Path(entry.path)] = entry.stat().st_ctime
        return sorted(times, key=lambda folder: -times[folder])

    def iter_all_projects(self) -> Iterator[tuple[str, Path]]:
        """Iterate over all projects of all users: the user's key and the folder."""
        for folder in sorted((self.root / "users").glob("*/*")):
            if _ID.fullmatch(folder.name):
                yield folder.parent.name, folder

    def list_leftovers(self) -> list[Path]:
        """List the folders that an earlier server was just deleting, and those of a day ago that became no project."""
        limit, found = time.time() - UPLOAD_LIFETIME_SECONDS, []
        for folder in (self.root / "users").glob("*/*"):
            with suppress(OSError):  # where the disk does not tell, it may be a project
                if folder.name.endswith(DELETING) or (_ID.fullmatch(folder.name) and _is_abandoned(folder, limit)):
                    found.append(folder)
        return found

    def list_films(self) -> list[str]:
        """List films and folders of numbered pictures in ``films``, as relative paths for `resolve_film`."""
        found: list[str] = []
        for place, folders, files in islice(os.walk(self.films), MAX_WALKED_FOLDERS) if self.films else ():
            folders[:] = sorted(name for name in folders if _is_listed(name))
            here = Path(place)
            found += [
                str((here / name).relative_to(self.films or here))
                for name in sorted(files)
                if name.lower().endswith(FILM_SUFFIXES) and _is_listed(name) and (here / name).is_file()
            ]
            if here != self.films and len(find_pictures(here)) > 1:
                found.append(str(here.relative_to(self.films or here)))
            if len(found) >= MAX_LISTED_FILMS:
                break
        return found[:MAX_LISTED_FILMS]

    def resolve_film(self, relative: str) -> Path:
        """Return the path of a film in ``films``.

        Raises NotFoundError for one that lies elsewhere or does not exist, UsageError without a folder of films.
        """
        if self.films is None:
            raise UsageError("this server was started without a folder of films: upload the film")
        root = self.films.resolve()
        try:
            path = (root / relative).resolve()
            is_found = path != root and path.is_relative_to(root) and _is_readable_film(path)
        except (OSError, ValueError):
            is_found = False
        if not is_found:
            raise NotFoundError(f"there is no film {relative[:120]!r} in the server's folder")
        return path

    def hide_server_paths(self, message: str) -> str:
        """Remove the server's folders from a message for users."""
        within = re.escape(str(self.root / "users")) + r"/[0-9a-f]+/[0-9a-f]+/(?:(?:film|references|stills)/)?"
        shorter = re.sub(within, "", message).replace(f"{self.uploads_folder}/", "").replace(f"{self.root}/", "")
        return shorter if self.films is None else shorter.replace(f"{self.films.resolve()}/", "")

    def remove_old_uploads(self, older_than_seconds: float = UPLOAD_LIFETIME_SECONDS) -> None:
        """Remove uploads that no project has taken within this time."""
        limit = time.time() - older_than_seconds
        for path in self.uploads_folder.iterdir() if self.uploads_folder.is_dir() else ():
            with suppress(OSError):  # it is being taken, or the disk refuses: the others go
                if path.lstat().st_mtime >= limit:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

    def _user_folder(self, user: str) -> Path:
        return self.root / "users" / user


def measure_folder(folder: Path) -> int:
    """Sum the sizes of all files in a folder, in bytes; others may remove some meanwhile.

    A file of several names, as the history of a project gives them, counts once.
    """
    size, seen = 0, set()
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                status = os.lstat(Path(place, name))
                if status.st_nlink > 1:
                    if (status.st_dev, status.st_ino) in seen:
                        continue
                    seen.add((status.st_dev, status.st_ino))
                size += status.st_size
    return size


def _is_abandoned(folder: Path, limit: float) -> bool:
    """Whether a folder never became a project, as nobody has looked at its film, and nothing came since ``limit``.

    Raises OSError where the disk does not tell.
    """
    names = {path.name for path in folder.iterdir()}
    return not names & {"project.json", "survey", "history"} and folder.stat().st_mtime < limit


def _is_readable_film(path: Path) -> bool:
    """Whether a path is a file, or a folder whose pictures are: to open a named pipe would wait for ever."""
    if not path.is_dir():
        return path.is_file()
    return all(one.is_file() and one.resolve().parent == path for one in find_pictures(path))


def is_kept_file(folder: Path, path: Path) -> bool:
    """Whether ``path`` is a file of ``folder``, really in it: no link leads out, and it is no device or pipe."""
    try:
        return path.is_file() and path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_listed(name: str) -> bool:
    """Whether a name is not hidden, and is valid text: JSON cannot hold a name with undecodable bytes."""
    return not name.startswith(".") and name == name.encode(errors="ignore").decode()


def is_identifier(name: str) -> bool:
    """Whether a name is one of those that the server gives to projects and uploads."""
    return bool(_ID.fullmatch(name))


def make_user_key(identity: str) -> str:
    """Return the name of a user's folder, a hash that does not reveal the secret or name that identifies the user."""
    return hashlib.sha256(identity.encode()).hexdigest()[:24]


def unused_path(path: Path) -> Path:
    """Return the path, with a number added to its stem if it exists already."""
    number, free = 2, path
    while free.exists():
        free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return free
