"""What is noted down of a film, a packet and a frame: plain facts, with no opinion on them."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from kinemacolor.verification.luma import LumaPlane
from kinemacolor.verification.side_data import Matrix, Turn, find_turn

Crop = tuple[int, int, int, int]  # top, bottom, left, right, in px


class PacketFact(NamedTuple):
    """One packet: a digest of its data, and its time and duration in seconds."""

    digest: bytes
    seconds: float
    duration: float


class FrameFact(NamedTuple):
    """One decoded frame: its time in seconds, Y', the order of its fields, and what it carries beside its pixels."""

    seconds: float
    luma: LumaPlane
    field_order: str
    side_data: dict[str, bytes]


@dataclass(frozen=True)
class StreamHeader:
    """What a container says of a stream. ``kind``: "audio", "subtitle", "cover art", "video", "data", "attachment".

    ``sample_rate`` is that of sound, in Hz.
    """

    index: int
    kind: str
    codec: str
    metadata: dict[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    sample_rate: int = 0

    @property
    def words(self) -> str:
        """The stream in words."""
        return f"stream {self.index} ({self.codec})"


@dataclass(frozen=True)
class PictureFacts:
    """What is known of the pictures of a film by its headers and its first frame.

    ``size`` is rows and columns in px, ``crop`` what the container hides of them at top, bottom, left and right;
    ``color_tags`` are code points of ITU-T H.273. ``is_lossless``: the codec stores nothing but exact pictures.
    """

    codec: str
    pixel_format: str
    is_lossless: bool
    size: tuple[int, int]
    color_tags: dict[str, int]
    is_rgb: bool
    has_alpha: bool = False
    pixel_aspect: Fraction = Fraction(1)
    matrix: Matrix | None = None
    crop: Crop = (0, 0, 0, 0)
    time_base: Fraction = Fraction(1, 1000)
    rate: Fraction | None = None

    @property
    def turn(self) -> Turn:
        """How the pictures are turned to be shown."""
        return find_turn(self.matrix)


@dataclass(frozen=True)
class FilmHeader:
    """What a container says of itself: "mp4", "mov", "matroska", "webm", "mxf", FFmpeg's name of another, "pictures".

    Attachments are name, kind and bytes; chapters are their starts in ms and their titles.
    """

    container: str
    metadata: dict[str, str] = field(default_factory=dict)
    picture_metadata: dict[str, str] = field(default_factory=dict)
    streams: list[StreamHeader] = field(default_factory=list)
    attachments: list[tuple[str, str, bytes]] = field(default_factory=list)
    chapters: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_pictures(self) -> bool:
        """Whether it is a picture, or a folder of them, and no film."""
        return self.container == "pictures"


@dataclass
class Damage:
    """What could not be read: packets that gave no whole picture, and the error that ended reading."""

    packets: int = 0
    first_seconds: float = 0.0
    end: str = ""
