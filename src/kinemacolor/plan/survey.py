"""Reads a film once: counts and indexes its frames, finds its shots, keeps small gray samples of it."""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.options import Detector, GapHandling
from kinemacolor.shots.detect import detect_boundaries
from kinemacolor.shots.files import read_shots
from kinemacolor.shots.shot import FrameClock, Shot, shots_from_boundaries
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.utils.stages import Stages
from kinemacolor.video.geometry import make_film_geometry
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS, VideoInfo
from kinemacolor.video.pixels import luma_codes_to_gray
from kinemacolor.video.random_access import FrameIndex, FrameIndexBuilder
from kinemacolor.video.reader import VideoReader
from kinemacolor.video.timecode import is_drop_frame, timecode_to_frames

SAMPLE_SHORT_SIDE = 112  # px, shorter side of a sample
SAMPLE_INTERVAL = 12  # frames from one sample to the next
SAMPLES_PER_SHOT = 3  # samples of a shot that its references are chosen by
FRAMES_PER_BLOCK = 8


class SampleTaker:
    """Takes samples of the frames of a film: `Survey.samples` in the making."""

    def __init__(self, info: VideoInfo) -> None:
        self._info, self._geometry = info, make_film_geometry(info, SAMPLE_SHORT_SIDE)
        self.samples: dict[int, bytes] = {}

    def look_at(self, number: int, luma_codes: UIntArray) -> UInt8Array:
        """Give frame ``number`` as a small gray picture, upright, that detectors look at; keeps it if it is sampled."""
        info, small = self._info, self._geometry.downscale_codes(luma_codes)
        gray = luma_codes_to_gray(small, info.depth, full_range=info.colors.full_range)
        if number % SAMPLE_INTERVAL == 0:
            self.samples[number] = _encode_jpeg(gray)
        return gray


@dataclass(frozen=True)
class Survey:
    """The results of reading a film once.

    ``pts`` are the timestamps of its frames, in ticks; ``samples`` small gray frames, upright, as JPEG, by frame
    number. ``ended_early`` says why the film could not be read to its end, None where it could.
    """

    info: VideoInfo
    index: FrameIndex
    pts: Sequence[int]
    shots: tuple[Shot, ...]
    samples: Mapping[int, bytes]
    ended_early: str | None

    def decode_sample(self, frame: int) -> UInt8Array:
        """Decode the sample of a frame: gray ``h w`` uint8, full range."""
        picture = cv2.imdecode(np.frombuffer(self.samples[frame], np.uint8), cv2.IMREAD_GRAYSCALE)
        return np.asarray(picture, np.uint8)

    def frame_at(self, seconds: float) -> int:
        """Return the number of the frame that is shown at a time of the film's own clock.

        Raises UsageError for a time at which no frame that was read is shown.
        """
        ticks = (seconds + self.info.origin_seconds + TIME_TOLERANCE_SECONDS) / float(self.info.time_base)
        frame = bisect_right(self.pts, ticks) - 1
        behind = frame == len(self.pts) - 1 and ticks >= self.pts[-1] + self._mean_frame_ticks
        if frame < 0 or behind:
            raise UsageError(f"{self.info.path.name} shows no frame at {seconds:g} s: look at its length, or --start")
        return frame

    @property
    def _mean_frame_ticks(self) -> float:
        """The mean duration of a frame, in ticks; infinite for a single frame."""
        return (self.pts[-1] - self.pts[0]) / (len(self.pts) - 1) if len(self.pts) > 1 else float("inf")

    def samples_in_shot(self, shot: Shot, most: int = SAMPLES_PER_SHOT) -> list[int]:
        """List at most so many sampled frames, spread over a shot; the nearest one where the shot has no sample."""
        inside = [frame for frame in range(shot.first, shot.end) if frame in self.samples]
        if not inside:
            middle = (shot.first + shot.end) // 2
            return [min(self.samples, key=lambda frame: abs(frame - middle))]
        count = min(most, len(inside))
        return [inside[(2 * part + 1) * len(inside) // (2 * count)] for part in range(count)]


def survey_film(
    path: Path,
    *,
    shot_list: Path | None = None,
    detector: Detector = "luma",
    start_seconds: float = 0,
    end_seconds: float | None = None,
    on_frame: Callable[[int], None] | None = None,
    on_luma: Callable[[UIntArray], None] | None = None,
    reader: VideoReader | None = None,
    gaps: GapHandling = "error",
) -> Survey:
    """Read a film from ``start_seconds`` to ``end_seconds``; its shots come from ``shot_list``, else from ``detector``.

    ``on_frame`` gets the number of frames read so far, ``on_luma`` the luma codes ``H W`` of each. ``reader``: an
    unread reader of the same film and seconds, where the caller has opened one. ``gaps`` is what becomes of numbered
    pictures that are missing.

    Raises InputError where film or list cannot be read, UsageError where no frame lies between the seconds.
    """
    builder, pts = FrameIndexBuilder(), array("q")
    with (
        reader or VideoReader(path, start_seconds=start_seconds, end_seconds=end_seconds, gaps=gaps) as film,
        Stages() as stages,
    ):
        info, blocks = film.info, stages.start("decode", film.iter_blocks(FRAMES_PER_BLOCK))
        taker = SampleTaker(info)

        def iter_gray_frames() -> Iterator[UInt8Array]:
            for block in blocks:
                for number, luma_codes in enumerate(block.luma_codes, len(pts)):
                    if on_luma:
                        on_luma(luma_codes)
                    yield taker.look_at(number, luma_codes)
                builder.add_block(block)
                pts.extend(block.pts)
                if on_frame:
                    on_frame(len(pts))

        boundaries = [] if shot_list else detect_boundaries(iter_gray_frames(), detector)
        for _ in iter_gray_frames() if shot_list else ():
            pass
    if not pts:
        raise UsageError("there is no frame between --start and --end")
    shots = (
        read_shots(shot_list, len(pts), make_frame_clock(info, start_seconds, pts))
        if shot_list
        else shots_from_boundaries(boundaries, len(pts))
    )
    return Survey(info, builder.build_index(film), pts, shots, taker.samples, film.ended_early)


def make_frame_clock(info: VideoInfo, start_seconds: float = 0, pts: Sequence[int] = ()) -> FrameClock:
    """Make the clock by which a list of shots numbers the frames of a film, frame 0 being at ``start_seconds``.

    With ``pts``, the timestamps of all its frames in ticks, the clock knows when each is shown; without, it goes by
    the rate.
    """
    rate = info.rate or Fraction(25)
    return FrameClock(
        rate,
        timecode_to_frames(info.timecode, info.rate) + round(start_seconds * rate),
        start_seconds,
        drop_frame=info.timecode is not None and is_drop_frame(info.timecode),
        frame_seconds=array("d", (float(at * info.time_base) - info.origin_seconds for at in pts)),
    )


def _encode_jpeg(gray: UInt8Array) -> bytes:
    data: bytes = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    return data
