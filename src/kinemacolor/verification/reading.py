"""The choice between the two ways to read: as a film, or as pictures."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from kinemacolor.verification.film_reading import FilmReading, find_crop
from kinemacolor.verification.picture_lists import is_picture
from kinemacolor.verification.picture_reading import PictureReading

Reading = FilmReading | PictureReading


@contextmanager
def open_readings(source: Path, result: Path, *, hold_gaps: bool = False) -> Iterator[tuple[Reading, Reading]]:
    """Open a source and its result, films, pictures or folders of pictures; ``hold_gaps`` as in `list_pictures`.

    Raises InputError for what is none of these.
    """
    # What does not exist was found to be a pattern.
    crops = {path: find_crop(path) for path in (source, result) if path.exists() and not is_picture(path)}
    with ExitStack() as opened:
        one, other = (
            opened.enter_context(
                closing(FilmReading(path, crops[path]) if path in crops else PictureReading(path, hold_gaps=holds))
            )
            for path, holds in ((source, hold_gaps), (result, False))
        )
        yield one, other
