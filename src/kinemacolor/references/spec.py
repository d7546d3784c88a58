"""The references that a user gives with -r: pictures, folders of them, colour films; each perhaps placed at a frame."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.utils.times import TimePoint, parse_time_point
from kinemacolor.video.images import PICTURE_SUFFIX_WORDS, PICTURE_SUFFIXES, find_pictures
from kinemacolor.video.picture_files import find_picture_kind

_NUMBERED_NAME = re.compile(r"ref[_-](\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Reference:
    """A colour picture; ``frame`` is the number of the film's frame that it is a picture of, None for no frame.

    ``still_of`` is the colour film that it was taken from, and the number of the frame there; None for any other.
    """

    path: Path
    frame: int | None = None
    still_of: tuple[Path, int] | None = None


@dataclass(frozen=True)
class ReferenceSpec:
    """The argument of one -r: a picture, a folder of pictures or a colour film, and the frame or time after ``@``."""

    path: Path
    frame: int | None = None
    seconds: float | None = None
    timecode: TimePoint | None = None

    @classmethod
    def parse(cls, text: str) -> "ReferenceSpec":
        """Parse ``still.png``, ``still.png@123`` or ``@123f`` (frame), ``@0:01:10`` or ``@70.5`` (time), or a folder.

        ``@01:00:04:12`` is a time code. A file whose own name has an ``@`` is found too. Raises UsageError where
        neither a frame nor a time follows the ``@``.
        """
        if "\0" in text:
            raise UsageError(f"-r {text!r} has a NUL in it, which no name of a file has")
        path, at, position = text.rpartition("@")
        with translate_read_errors(Path(text)):
            if not at or Path(text).exists():
                return cls(Path(text))
        if not path:
            raise UsageError(f"-r {text}: no picture stands before the @")
        if position.isdecimal():
            position += "f"
        point = parse_time_point(position, f"-r {text}: what follows the @")
        return cls(Path(path), point.frame, point.seconds, point if point.timecode else None)

    @property
    def is_film(self) -> bool:
        """Whether it is a film: a file that is no picture by its content, nor by its name."""
        is_picture_name = self.path.suffix.lower() in PICTURE_SUFFIXES
        with translate_read_errors(self.path):
            self.path.is_file()  # raises for a name that no disk takes
        return not is_picture_name and self.path.is_file() and find_picture_kind(self.path) is None

    @property
    def is_placed(self) -> bool:
        """Whether a frame or a time of the film is given."""
        return self.frame is not None or self.seconds is not None or self.timecode is not None

    def list_references(self) -> tuple[Reference, ...]:
        """List the pictures of a folder, or the one picture; ``ref_000123.png`` is placed at frame 123 by its name.

        Raises InputError for a folder without pictures, UsageError for a folder at a frame.
        """
        with translate_read_errors(self.path):
            is_folder = self.path.is_dir()
        if not is_folder:
            return (Reference(self.path, self.frame if self.is_placed else _parse_frame_number(self.path)),)
        if self.is_placed:
            raise UsageError(
                f"{self.path} is a folder: place its pictures by their names, ref_000123.png is at frame 123"
            )
        found = find_pictures(self.path)
        if not found:
            raise InputError(f"the folder {self.path} holds no pictures: give colour pictures ({PICTURE_SUFFIX_WORDS})")
        return tuple(Reference(path, _parse_frame_number(path)) for path in found)


def name_references(references: Sequence[Reference]) -> dict[str, Reference]:
    """Give each reference a unique name: the stem of its file, with a number where two have the same."""
    named: dict[str, Reference] = {}
    for reference in references:
        stem, number = reference.path.stem, 2
        name = stem
        while name in named:
            name, number = f"{stem}-{number}", number + 1
        named[name] = reference
    return named


def _parse_frame_number(path: Path) -> int | None:
    """Read the frame number from a name such as ``ref_000123.png``; None for other names."""
    match = _NUMBERED_NAME.fullmatch(path.stem)
    return int(match[1]) if match else None
