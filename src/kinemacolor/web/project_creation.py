"""Creates projects, of uploaded files or of a film on the server, gives them titles, and undoes changes of them."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.video.images import PICTURE_SUFFIXES, find_pictures
from kinemacolor.video.reader import probe_film
from kinemacolor.web.history import ProjectHistory
from kinemacolor.web.names import clean_name, safe_file_name
from kinemacolor.web.project import Project
from kinemacolor.web.project_entry import ProjectEntry


def create_project(
    folder: Path, films: Sequence[tuple[str, Path]], check: Callable[[Path], None] | None = None
) -> Project:
    """Create a project of uploaded files: one film or photograph, or the numbered pictures of one film.

    ``films``: the user's name for each file, and where it lies. ``check``: as `create_project_at`. Raises UsageError
    for other files, InputError for a film that cannot be read; then the folder is removed.
    """
    with _discarding_incomplete(folder):
        if len(films) == 1:
            name, upload = films[0]
            target = folder / "film" / safe_file_name(name)
        else:
            target = folder / "film" / "pictures"
            strange = [name for name, _ in films if Path(name).suffix.lower() not in PICTURE_SUFFIXES]
            if not films or strange:
                raise UsageError("give one film, or the pictures of one: png, jpg or tif, numbered")
            if len({safe_file_name(name) for name, _ in films}) < len(films):
                raise UsageError("two of the pictures have one name: number them")
        with translate_disk_errors(folder):
            (target if len(films) > 1 else target.parent).mkdir(parents=True)
            for name, upload in films:
                shutil.move(upload, target / safe_file_name(name) if len(films) > 1 else target)
        return create_project_at(folder, target.relative_to(folder), check)


def create_project_at(folder: Path, film: Path, check: Callable[[Path], None] | None = None) -> Project:
    """Create a project of a film without copying it; ``film``: absolute, or relative to ``folder``.

    ``check`` raises InputError for what is no film; the server's looks in another process.

    Raises InputError for a film that cannot be read; then the folder is removed.
    """
    with _discarding_incomplete(folder):
        (check or probe_film)(folder / film)
        title = film.name if (folder / film).is_file() or film.is_absolute() else _pictures_title(folder / film)
        entry = ProjectEntry(title=clean_name(title) or "film", film=film, created=time.time())
        with write_file_atomically(folder / "project.json") as stream:
            stream.write(entry.model_dump_json().encode())
    return Project(folder)


@contextmanager
def _discarding_incomplete(folder: Path) -> Iterator[None]:
    """Remove the folder at the end unless it has a `project.json`, which is written last."""
    try:
        yield
    finally:
        if not (folder / "project.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)


def _pictures_title(pictures: Path) -> str:
    """Return the title of a project of uploaded pictures."""
    return f"{find_pictures(pictures)[0].stem} and more"


def rename_project(project: Project, title: str) -> None:
    """Give a project another title. Raises UsageError where nothing of it can be seen."""
    if not clean_name(title):
        raise UsageError("a title has at least one letter: give another")
    with project.exclusive_changes("Title"):
        project.write_entry(project.entry.model_copy(update={"title": clean_name(title)}))


def move_in_history(project: Project, by: int) -> bool:
    """Undo (-1) or redo (1) the last change of plan, cuts, references or part; whether the part is another one then.

    Raises UsageError where there is nothing to undo or redo.
    """
    with project.exclusive_changes(""):
        part = project.entry.part
        ProjectHistory(project).begin_move(by)
        project.finish_move()
        return project.entry.part != part
