"""Has uploaded files looked at by processes of their own, with limits of time and memory (`looking`)."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from kinemacolor.errors import InputError
from kinemacolor.shots.shot import Shot
from kinemacolor.web.film_card import FilmCard
from kinemacolor.web.frame_answers import FirstLook
from kinemacolor.web.frame_reading import find_gray_file
from kinemacolor.web.frame_times import FrameTimes, VideoFacts
from kinemacolor.web.helper_pool import HelperPool
from kinemacolor.web.kept_facts import find_facts
from kinemacolor.web.picture_cache import renew
from kinemacolor.web.project import Project

LOOKERS = 2
LOOK_SECONDS = 120  # on a busy machine a large picture takes a while
LOOK_MEMORY_BYTES = 4 * 2**30  # of addresses, of which libraries take one before any picture


class ReferenceFacts(BaseModel):
    """What a reference is; its size as it is shown, in px."""

    is_film: bool
    is_partial: bool
    width: int
    height: int


class CutFacts(BaseModel):
    """What the survey of a film says: ``shots`` were found in it.

    Of the shots that were asked about: when each begins, and behind them when the film ends, in seconds after its first
    frame; ``samples``: a frame of each of which there is a small picture.
    """

    frames: int
    rate: float | None
    shots: tuple[Shot, ...]
    seconds: list[float]
    samples: list[int]


class Looker:
    """Asks processes about files, so that this one never opens what a user sent."""

    def __init__(self, memory_bytes: int = LOOK_MEMORY_BYTES, seconds: float = LOOK_SECONDS) -> None:
        self._pool = HelperPool("kinemacolor.web.looking", size=LOOKERS, seconds=seconds, memory_bytes=memory_bytes)
        self._cuts = lru_cache(maxsize=64)(self._ask_about_cuts)
        self._measure_video = lru_cache(maxsize=16)(self._ask_about_video)  # a film's times may take megabytes
        self._frame_times = lru_cache(maxsize=16)(self._ask_for_times)

    def check_upload(self, path: Path) -> None:
        """Raise InputError for an uploaded film, picture or folder of pictures that is not taken, or not read."""
        self._pool.call("check_film", path=str(path), is_upload=True)

    def check_film(self, path: Path) -> None:
        """Raise InputError for a film that cannot be read."""
        self._pool.call("check_film", path=str(path), is_upload=False)

    def check_reference(self, path: Path) -> None:
        """Raise InputError for an upload that cannot be a reference; the message does not show its folder."""
        try:
            self._pool.call("check_reference", path=str(path))
        except InputError as error:
            raise InputError(str(error).replace(f"{path.parent}/", "")) from error

    def describe_film(self, project: Project) -> FilmCard:
        """Describe the film of a project. Raises InputError for a film that cannot be read."""
        try:
            facts = find_facts(project.folder, project.film, lambda: self._ask_about_film(project))
        except OSError as error:
            raise InputError(f"{project.film} is gone: put it back") from error
        entry = project.entry
        part = {"title": entry.title, "start_seconds": entry.start_seconds, "end_seconds": entry.end_seconds}
        return FilmCard.model_validate(facts | part)

    def describe_reference(self, project: Project, path: Path) -> ReferenceFacts:
        """Describe a reference. Raises InputError for one that cannot be read, OSError for one that is gone."""
        facts = find_facts(project.folder, path, lambda: dict(self._pool.call("describe_reference", path=str(path))))
        return ReferenceFacts.model_validate(facts)

    def describe_cuts(self, project: Project, firsts: Sequence[int] | None = None) -> CutFacts | None:
        """Tell what the survey says of shots that begin with these frames, by default of those that were found.

        None before the film was looked at.
        """
        if not project.survey_folder.is_dir():
            return None
        changed = project.survey_folder.stat().st_ctime_ns
        return self._cuts(project.folder, None if firsts is None else tuple(firsts), changed)

    def list_archive(self, path: Path) -> dict[str, int]:
        """Return the files of the zip of a project, with their sizes in bytes. Raises InputError as `list_entries`."""
        return TypeAdapter(dict[str, int]).validate_python(self._pool.call("list_archive", path=str(path)))

    def check_project_texts(self, unpacked: Path) -> None:
        """As `import_checks.check_texts`."""
        self._pool.call("check_texts", folder=str(unpacked))

    def save_poster(self, source: Path, target: Path) -> None:
        """Write a small picture of a film to ``target``. Raises InputError for a film that cannot be read."""
        self._pool.call("save_poster", source=str(source), target=str(target))

    def shrink_reference(self, source: Path, target: Path) -> None:
        """Write a reference of preview size to ``target``."""
        self._pool.call("shrink_reference", source=str(source), target=str(target))

    def save_gray_frame(self, project: Project, frame: int) -> Path:
        """As `frame_reading.save_gray_frame`; answered here where the picture is there already."""
        path = find_gray_file(project, frame)
        return path if renew(path) else Path(self._call_frame("save_gray_frame", project, frame))

    def export_frame(self, project: Project, frame: int) -> Path:
        """As `frame_reading.export_frame`."""
        return Path(self._call_frame("export_frame", project, frame))

    def save_regions(self, project: Project, frame: int) -> Path:
        """As `frame_regions.save_regions`."""
        return Path(self._call_frame("save_regions", project, frame))

    def save_first_look(self, project: Project) -> FirstLook:
        """As `first_look.save_first_look`."""
        found = self._pool.call("save_first_look", folder=str(project.folder))
        return TypeAdapter(FirstLook).validate_python(found)

    def measure_video(self, path: Path) -> VideoFacts:
        """As `frame_times.measure_video`. Raises OSError where it is gone."""
        return self._measure_video(path, path.stat().st_mtime_ns)

    def list_frame_times(self, project: Project) -> FrameTimes | None:
        """Return when the frames of a project's film are shown; None before it was looked at."""
        if not project.survey_folder.is_dir():
            return None
        return self._frame_times(project.folder, project.survey_folder.stat().st_ctime_ns)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def _call_frame(self, name: str, project: Project, frame: int) -> str:
        return str(self._pool.call(name, folder=str(project.folder), frame=frame))

    def _ask_about_video(self, path: Path, changed_ns: int) -> VideoFacts:
        return VideoFacts.model_validate(self._pool.call("measure_video", path=str(path)))

    def _ask_for_times(self, folder: Path, changed_ns: int) -> FrameTimes | None:
        found = self._pool.call("list_frame_times", folder=str(folder))
        return None if found is None else FrameTimes.model_validate(found)

    def _ask_about_film(self, project: Project) -> dict[str, Any]:
        return dict(self._pool.call("describe_film", folder=str(project.folder)))

    def _ask_about_cuts(self, folder: Path, firsts: tuple[int, ...] | None, changed_ns: int) -> CutFacts | None:
        found = self._pool.call("describe_cuts", folder=str(folder), firsts=None if firsts is None else list(firsts))
        return None if found is None else CutFacts.model_validate(found)
