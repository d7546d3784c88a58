"""What a film is: size, depth and colour of its pictures, its timestamps; and blocks of its frames."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kinemacolor.options import GapHandling
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.orientation import DisplayMatrix, Orientation

if TYPE_CHECKING:
    import av

    from kinemacolor.color import YCbCr
    from kinemacolor.video.clock import ClockJump

TIME_TOLERANCE_SECONDS = 5e-4  # containers round timestamps, and users type the rounded times they were shown
UNSPECIFIED = 2  # in ITU-T H.273, of matrix, primaries and transfer
_LUMA_WEIGHTS = {  # ITU-T H.273 MatrixCoefficients: (Kr, Kb)
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}


@dataclass(frozen=True)
class ColorTags:
    """The colour tags of a film: code points of ITU-T H.273 (2: unspecified), as FFmpeg numbers them, and the range."""

    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    full_range: bool = False

    @property
    def luma_weights(self) -> tuple[float, float]:
        """The weights of red and blue in Y' (Kr and Kb)."""
        return _LUMA_WEIGHTS[self.matrix]

    def build_ycbcr(self, depth: int) -> "YCbCr":
        """Return the conversion to and from Y'CbCr that these tags mean at ``depth`` bits."""
        from kinemacolor.color import YCbCr  # here, because it imports torch, which reading a film does not need

        red, blue = self.luma_weights
        return YCbCr(red, blue, depth, self.full_range)

    def with_default_matrix(self, height: int) -> "ColorTags":
        """Return these tags; an unknown matrix becomes what players assume: BT.709 from 720 rows on, else BT.601."""
        if self.matrix in _LUMA_WEIGHTS:
            return self
        return ColorTags(1 if height >= 720 else 6, self.primaries, self.transfer, self.full_range)


@dataclass(frozen=True)
class VideoInfo:
    """A film as it is stored. ``width`` and ``height`` are before it is turned upright, in px.

    ``has_luma_plane`` is false where luma must be computed from RGB. ``subsampling`` is
    "400", "420", "422", "444", "440", "411" or "410". ``display_matrix`` is what turns and mirrors it to be
    shown (`Orientation.from_matrix`), None where nothing does. ``frames`` is what the container claims, None where it
    claims nothing.
    ``origin_seconds`` is the time of the film's first picture; times that a user gives count from there.
    ``timecode`` is what the film calls its first frame: "01:00:00:00", or "01:00:00;00" for drop-frame.
    ``field_order`` is FFmpeg's AVFieldOrder. ``side_data`` is that of its first frames (`read_side_data`), and
    of its stream where frames lack it (`read_stream_header`), by FFmpeg's names.
    ``gaps`` is what becomes of numbered pictures that are missing, ``gap_note`` says which are, None where none is.
    """

    path: Path
    width: int
    height: int
    pixel_format: str
    depth: int
    subsampling: str
    has_luma_plane: bool
    has_alpha: bool
    time_base: Fraction
    rate: Fraction | None
    frames: int | None
    duration_seconds: float | None
    colors: ColorTags
    sample_aspect: Fraction | None = None
    display_matrix: DisplayMatrix | None = None
    field_order: int = 0
    codec: str = ""
    codec_profile: str | None = None
    is_pictures: bool = False
    origin_seconds: float = 0.0
    timecode: str | None = None
    side_data: Mapping[str, bytes] = field(default_factory=dict, hash=False)
    gaps: GapHandling = "error"
    gap_note: str | None = None

    @property
    def orientation(self) -> Orientation:
        """How stored frames are turned and mirrored to be shown."""
        return Orientation.from_matrix(self.display_matrix)

    @property
    def is_interlaced(self) -> bool:
        """Whether frames consist of two fields (AVFieldOrder above 1)."""
        return self.field_order > 1

    @property
    def is_top_field_first(self) -> bool:
        """Whether the top field of an interlaced frame is shown first (AVFieldOrder 2 and 5)."""
        return self.field_order in (2, 5)

    def find_zero(self, start_seconds: float) -> Fraction:
        """Return which time of the film's own clock is 0 in a result from ``start_seconds`` on, in seconds.

        It is a tick of the pictures' clock, so that pictures and sound move by the same: the nearest, or the next one
        where ticks are long. A film from its beginning keeps its times.
        """
        if not start_seconds:
            return Fraction(0)
        ticks = (start_seconds + self.origin_seconds) / self.time_base
        return math.ceil(ticks - min(TIME_TOLERANCE_SECONDS / self.time_base, 0.5)) * self.time_base

    def estimate_frames(self, start_seconds: float, end_seconds: float | None) -> int | None:
        """Estimate the number of frames of a part of the film from rate and duration; None where they are unknown."""
        if not start_seconds and end_seconds is None:
            return self.expected_frames
        if self.rate is None or self.duration_seconds is None:
            return None
        end = min(end_seconds or self.duration_seconds, self.duration_seconds)
        return max(1, round((end - start_seconds) * self.rate))

    @property
    def expected_frames(self) -> int | None:
        """The number of frames as claimed, or else from duration and rate; None where neither is known."""
        if self.frames or self.duration_seconds is None or self.rate is None:
            return self.frames
        return max(1, round(self.duration_seconds * self.rate))


@dataclass(frozen=True)
class FrameExtras:
    """What the result needs to know of a frame beside luma and time.

    ``carrier`` is a tiny frame with its side data, None where it has none (`make_carrier`); ``jumps`` are those of the
    film's clock up to it.
    """

    carrier: "av.VideoFrame | None" = None
    jumps: "tuple[ClockJump, ...]" = ()


NO_EXTRAS = FrameExtras()


class StoredFrame(NamedTuple):
    """A frame as it is stored: luma codes ``H W``, pts and duration in ticks, and what else the result needs."""

    luma_codes: UIntArray
    pts: int
    duration: int
    extras: FrameExtras = NO_EXTRAS


@dataclass(frozen=True)
class FrameBlock:
    """Consecutive frames of a film.

    ``luma_codes`` are ``T H W`` as stored, uint8 or uint16; ``pts`` and ``durations`` are in ticks of the time base.
    ``extras`` has one of each frame, or none where they came from elsewhere.
    """

    luma_codes: UIntArray
    pts: tuple[int, ...]
    durations: tuple[int, ...]
    extras: tuple[FrameExtras, ...] = ()

    def __len__(self) -> int:
        return len(self.pts)
