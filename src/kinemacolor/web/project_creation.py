"""Creates projects, of uploaded files or of a film on the server, and restricts them to a part of their film."""

import shutil
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.video.images import PICTURE_SUFFIXES, find_pictures
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS
from kinemacolor.video.reader import probe_film
from kinemacolor.web.history import ProjectHistory
from kinemacolor.web.names import clean_name, safe_file_name
from kinemacolor.web.project import REFERENCE_ADDED, Project
from kinemacolor.web.project_entry import FilmPart, ProjectEntry
from kinemacolor.web.storage import unused_path


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


def count_frames_before(project: Project, end_seconds: float) -> int | None:
    """Count the frames of a project's film before a time; None before it was looked at. Opens the film."""
    film_survey = project.read_survey()
    if film_survey is None:
        return None
    limit = end_seconds + film_survey.info.origin_seconds - TIME_TOLERANCE_SECONDS
    return bisect_left(film_survey.pts, limit / float(film_survey.info.time_base))


def restrict_project(
    project: Project,
    start_seconds: float,
    end_seconds: float | None,
    count_frames: Callable[[Project, float], int | None] = count_frames_before,
) -> None:
    """Restrict a project to a part of its film, and remove what belongs to the old part.

    That is survey, report, suggestions, the videos of the page, and the plan, which goes to ``removed``. Results and
    references stay; references placed at a frame lose their place if frames are counted from another start now, or if
    the frame lies behind the new end. ``count_frames``: `count_frames_before`; the server has it done elsewhere.
    """
    entry = project.entry.model_copy(update={"start_seconds": start_seconds, "end_seconds": end_seconds})
    if entry == project.entry:
        return
    with project.exclusive_changes("Part of the film", is_waiting=bool(project.list_references())):
        frames = None if end_seconds is None else count_frames(project, end_seconds)
        is_start_moved = start_seconds != project.entry.start_seconds
        for path in project.list_references():
            frame = ReferenceSpec(path).list_references()[0].frame
            if frame is not None and (is_start_moved or (frames is not None and frame >= frames)):
                displace_reference(path)
        project.move_to_trash(project.plan_file)
        project.shots_file.unlink(missing_ok=True)
        project.change_part(entry)


def move_in_history(project: Project, by: int) -> bool:
    """Undo (-1) or redo (1) the last change of plan, cuts, references or part; whether the part is another one then.

    Raises UsageError where there is nothing to undo or redo.
    """
    with project.exclusive_changes(""):
        part = project.entry.part
        ProjectHistory(project).begin_move(by)
        project.finish_move()
        return project.entry.part != part


def displace_lost_references(project: Project, part: FilmPart, frames: int) -> None:
    """Take pictures that were placed behind the end, before that was known, from there.

    ``frames``: that ``part`` of the film has; nothing happens where the project has another part meanwhile.
    """
    placed = [(path, ReferenceSpec(path).list_references()[0].frame) for path in project.list_references()]
    lost = [path for path, frame in placed if frame is not None and frame >= frames]
    if lost:
        with project.exclusive_changes(REFERENCE_ADDED, is_waiting=True):
            for path in lost if project.entry.part == part else ():
                displace_reference(path)


def displace_reference(path: Path) -> None:
    """Take a picture from the frame that its name says; it stays a reference."""
    path.replace(unused_path(path.with_name(f"earlier_{path.name}")))
