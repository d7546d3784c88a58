"""The choice between the two ways to read: as a film, or as pictures."""

from pathlib import Path

from kinemacolor.verification.film_reading import FilmReading
from kinemacolor.verification.picture_reading import PictureReading, is_picture

Reading = FilmReading | PictureReading


def open_reading(path: Path) -> Reading:
    """Open a film, a picture or a folder of pictures to be checked. Raises InputError for what is none of these."""
    return PictureReading(path) if is_picture(path) else FilmReading(path)
