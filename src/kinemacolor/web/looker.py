"""Has uploaded files looked at by processes of their own, with limits of time and memory (`looking`)."""

from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from kinemacolor.errors import InputError
from kinemacolor.web.film_card import FilmCard
from kinemacolor.web.frame_answers import FirstLook
from kinemacolor.web.frame_reading import find_gray_file
from kinemacolor.web.helper_pool import HelperPool
from kinemacolor.web.project import Project

LOOKERS = 2
LOOK_SECONDS = 120  # on a busy machine a large picture takes a while
LOOK_MEMORY_BYTES = 4 * 2**30  # of addresses, of which libraries take one before any picture


class Looker:
    """Asks processes about files, so that this one never opens what a user sent."""

    def __init__(self, memory_bytes: int = LOOK_MEMORY_BYTES, seconds: float = LOOK_SECONDS) -> None:
        self._pool = HelperPool("kinemacolor.web.looking", size=LOOKERS, seconds=seconds, memory_bytes=memory_bytes)
        self._is_partial = lru_cache(maxsize=4096)(self._ask_whether_partial)
        self._measure_video = lru_cache(maxsize=256)(self._ask_for_size)

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
        return FilmCard.model_validate(self._pool.call("describe_film", folder=str(project.folder)))

    def is_partial(self, path: Path) -> bool:
        """Whether a picture is a partial reference."""
        return self._is_partial(path, path.stat().st_mtime_ns)

    def shrink_reference(self, source: Path, target: Path) -> None:
        """Write a reference of preview size to ``target``."""
        self._pool.call("shrink_reference", source=str(source), target=str(target))

    def save_gray_frame(self, project: Project, frame: int) -> Path:
        """As `frame_reading.save_gray_frame`; answered here where the picture is there already."""
        path = find_gray_file(project, frame)
        return path if path.is_file() else Path(self._call_frame("save_gray_frame", project, frame))

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

    def measure_video(self, path: Path) -> tuple[int, int, float]:
        """Return width and height in px and frames a second of a film that this program wrote."""
        return self._measure_video(path, path.stat().st_mtime_ns)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def _call_frame(self, name: str, project: Project, frame: int) -> str:
        return str(self._pool.call(name, folder=str(project.folder), frame=frame))

    def _ask_for_size(self, path: Path, changed_ns: int) -> tuple[int, int, float]:
        width, height, rate = self._pool.call("measure_video", path=str(path))
        return int(width), int(height), float(rate)

    def _ask_whether_partial(self, path: Path, changed_ns: int) -> bool:
        return bool(self._pool.call("is_partial_picture", path=str(path)))
