"""What a user gives with -r: pictures, folders of them, colour films; each perhaps at a frame of the film."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.errors import InputError, UsageError
from kinemacolor.utils.times import parse_seconds
from kinemacolor.video.images import find_pictures
from kinemacolor.video.reader import FILM_SUFFIXES

_NUMBERED_NAME = re.compile(r"ref[_-](\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Reference:
    """A colour picture; ``frame`` is the number of the film's frame that it is a picture of, None: of no frame."""

    path: Path
    frame: int | None = None


@dataclass(frozen=True)
class ReferenceSpec:
    """One -r: a picture, a folder of pictures or a colour film, and the frame or time behind its ``@``."""

    path: Path
    frame: int | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> "ReferenceSpec":
        """``still.png``, ``still.png@123`` (frame), ``still.png@0:01:10`` or ``still.png@70.5`` (time), ``folder``.

        Raises UsageError for what stands behind an ``@`` and is neither.
        """
        path, at, position = text.rpartition("@")
        if not at or Path(text).exists():
            return cls(Path(text))
        if position.isdecimal():
            return cls(Path(path), frame=int(position))
        return cls(Path(path), seconds=parse_seconds(position, f"-r {text}: what follows the @"))

    @property
    def is_film(self) -> bool:
        return self.path.is_file() and self.path.suffix.lower() in FILM_SUFFIXES

    @property
    def is_placed(self) -> bool:
        """Whether the user says where it lies."""
        return self.frame is not None or self.seconds is not None

    def list_references(self) -> tuple[Reference, ...]:
        """The pictures of a folder, or the one picture; those named ``ref_000123.png`` are placed at their frames.

        Raises InputError for a folder without pictures, UsageError for a folder at a frame.
        """
        if not self.path.is_dir():
            return (Reference(self.path, self.frame if self.is_placed else _parse_frame_number(self.path)),)
        if self.is_placed:
            raise UsageError(
                f"{self.path} is a folder: place its pictures by their names, ref_000123.png is at frame 123"
            )
        found = find_pictures(self.path)
        if not found:
            raise InputError(
                f"the folder {self.path} holds no pictures: give colour pictures (png, jpg, tif, webp, bmp)"
            )
        return tuple(Reference(path, _parse_frame_number(path)) for path in found)


def name_references(references: Sequence[Reference]) -> dict[str, Reference]:
    """Each under a name of its own: the stem of its file, numbered where two are alike."""
    named: dict[str, Reference] = {}
    for reference in references:
        stem, number = reference.path.stem, 2
        name = stem
        while name in named:
            name, number = f"{stem}-{number}", number + 1
        named[name] = reference
    return named


def _parse_frame_number(path: Path) -> int | None:
    match = _NUMBERED_NAME.fullmatch(path.stem)
    return int(match[1]) if match else None
