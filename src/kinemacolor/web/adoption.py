"""Films of a server's folder that belong to others: to names with --auth, or to browsers, which once were users."""

from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.web.storage import Storage


def count_foreign_projects(storage: Storage, user: str) -> int:
    """Count the projects that another user than this one has."""
    return sum(owner != user for owner, _ in storage.iter_all_projects())


def adopt_projects(storage: Storage, user: str) -> int:
    """Move all projects to one user, with their jobs; no server may run. Gives how many were moved.

    Raises ResourceError where the disk refuses.
    """
    own = storage.root / "users" / user
    foreign = [folder for owner, folder in storage.iter_all_projects() if owner != user]
    with translate_disk_errors(own):
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in foreign:
            folder.rename(own / folder.name)
    return len(foreign)
