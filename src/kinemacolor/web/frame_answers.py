"""What is told of single frames, between the processes that look at them and the server. Loads no torch."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FramePreview:
    """A frame as picture files of ``size`` (rows, columns): gray, in colour, and confidence (white: sure).

    ``references``: names of the references that its colours come from. ``doubt``: 1 less the mean confidence, 0..1.
    ``is_rendered``: the colours are those of the film as it was rendered, not of the frame alone.
    """

    size: tuple[int, int]
    gray: Path
    color: Path
    confidence: Path
    references: tuple[str, ...]
    doubt: float
    is_rendered: bool


@dataclass(frozen=True)
class ColorOrigin:
    """The source of the colour of a point, as `kinemacolor.inference.attribution.Origin`, with the reference's name."""

    reference: str
    row: float
    column: float
    confidence: float
    matched: float | None
    filled: float | None


@dataclass(frozen=True)
class PaintableFrame:
    """A frame in colour as a picture file of ``size`` (rows, columns), and names of its references.

    ``strokes``: what was painted on it before, as a picture file with alpha; None where nothing was.
    """

    picture: Path
    size: tuple[int, int]
    references: tuple[str, ...]
    strokes: Path | None


@dataclass(frozen=True)
class SpreadFrame:
    """A frame of a shot as picture files: without strokes on another one, and with them."""

    frame: int
    before: Path
    after: Path


@dataclass(frozen=True)
class FirstLook:
    """An early frame of a film as picture files of ``size`` (rows, columns), colours as in `FramePreview`.

    ``frame``: its number; ``seconds``: its time. Without colours there is no ``reference``, by the name of its file.
    """

    frame: int
    seconds: float
    size: tuple[int, int]
    gray: Path
    color: Path | None = None
    confidence: Path | None = None
    reference: str | None = None
