"""The choice between the two ways to read: as a film, or as pictures."""

from pathlib import Path

from kinemacolor.verification.film_reading import FilmReading
from kinemacolor.verification.picture_lists import is_picture
from kinemacolor.verification.picture_reading import PictureReading

Reading = FilmReading | PictureReading


def open_reading(path: Path, *, hold_gaps: bool = False) -> Reading:
    """Open a film, a picture or a folder of pictures to be checked; ``hold_gaps`` as in `list_pictures`.

    Raises InputError for what is none of these.
    """
    is_series = is_picture(path) or not path.exists()  # what does not exist was found to be a pattern
    return PictureReading(path, hold_gaps=hold_gaps) if is_series else FilmReading(path)
