"""The choice between the two ways to read: as a film, or as pictures."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from kinemacolor.verification.film_reading import FilmReading, find_crop
from kinemacolor.verification.picture_reading import PictureReading, is_picture

Reading = FilmReading | PictureReading


@contextmanager
def open_readings(source: Path, result: Path) -> Iterator[tuple[Reading, Reading]]:
    """Open a source and its result, films, pictures or folders of pictures. Raises InputError for what is none."""
    crops = {path: find_crop(path) for path in (source, result) if not is_picture(path)}
    with ExitStack() as opened:
        one, other = (
            opened.enter_context(closing(FilmReading(path, crops[path]) if path in crops else PictureReading(path)))
            for path in (source, result)
        )
        yield one, other
