"""The choice between the two ways to read: as a film, or as pictures."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from kinemacolor.verification.excerpt import Excerpt
from kinemacolor.verification.film_reading import FilmReading, find_crop
from kinemacolor.verification.picture_lists import is_picture
from kinemacolor.verification.picture_reading import PictureReading

Reading = FilmReading | PictureReading


@contextmanager
def open_readings(
    source: Path, result: Path, excerpt: Excerpt, *, hold_gaps: bool = False
) -> Iterator[tuple[Reading, Reading]]:
    """Open an excerpt of a source, and its result: films, pictures or folders of pictures.

    ``hold_gaps`` as in `list_pictures`.
    Raises InputError for what is none of these.
    """
    # What does not exist was found to be a pattern.
    crops = {path: find_crop(path) for path in (source, result) if path.exists() and not is_picture(path)}
    with ExitStack() as opened:
        readings: list[Reading] = []
        for path, part, holds in ((source, excerpt, hold_gaps), (result, Excerpt(), False)):
            is_film = path in crops
            reading = FilmReading(path, crops[path], part) if is_film else PictureReading(path, part, hold_gaps=holds)
            readings.append(opened.enter_context(closing(reading)))
        yield readings[0], readings[1]
