"""Decoding of films: what a film is (`probe_film`), and its frames as a stream (`VideoReader`)."""

from collections.abc import Generator, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import av
import numpy as np

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.options import GapHandling
from kinemacolor.video.clock import MAX_PAUSE_SECONDS, ClockJump, ClockRepair, PacketLog
from kinemacolor.video.container import (
    describe_film,
    find_video_stream,
    has_decoding_times,
    has_guessed_times_after_seek,
    has_steady_clock,
    open_film,
    seek_before,
)
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS, FrameBlock, FrameExtras, StoredFrame, VideoInfo
from kinemacolor.video.opening_frames import FRAMES_LOOKED_AT
from kinemacolor.video.picture_series import find_series, probe_pictures
from kinemacolor.video.pixels import extract_luma_codes
from kinemacolor.video.side_data import make_carrier


def probe_film(path: Path, gaps: GapHandling = "error") -> VideoInfo:
    """Find out what a film, a picture or a series of numbered pictures is; decodes its first frame.

    ``gaps`` says what becomes of pictures that a series lacks.

    Raises InputError for what cannot be opened or holds no picture, UsageError as `find_series`.
    """
    with VideoReader(path, gaps=gaps) as reader:
        return reader.info


class _OpenedFilm(NamedTuple):
    """An open film, its picture stream, and the frames that are decoded from it."""

    container: av.container.InputContainer
    stream: av.VideoStream
    frames: Iterator[av.VideoFrame]


_LEAD_SECONDS = 3  # more than most program streams have between three key frames


class VideoReader:
    """Reads the frames of a film from ``start_seconds`` up to ``end_seconds``, each decoded once.

    ``info``: what `probe_film` said of the film, where that is known; without it the film is opened at once, and the
    first reading goes on from the frames that were decoded to describe it. After `iter_blocks` has
    ended, ``corrupt_packets`` counts the packets that had to be skipped, and
    ``ended_early`` says in words why the film stopped before its own end; None if it did not. ``jumps`` lists where
    its clock jumps, as that of joined recordings does: there it goes on at the film's rate. ``has_own_times`` is false
    once a frame got another time than the file gives it. ``interlaced_frames`` counts the frames that say of
    themselves that they have two fields. ``gaps`` is that of `probe_film`; ``info`` has it too.
    """

    def __init__(
        self,
        path: Path,
        *,
        start_seconds: float = 0,
        end_seconds: float | None = None,
        info: VideoInfo | None = None,
        gaps: GapHandling = "error",
    ) -> None:
        self.start_seconds = start_seconds
        self.end_seconds = end_seconds
        self.corrupt_packets = 0
        self.ended_early: str | None = None
        self.jumps: tuple[ClockJump, ...] = ()
        self.has_own_times = True
        self.interlaced_frames = 0
        self._container: av.container.InputContainer | None = None
        self._probed: _OpenedFilm | None = None  # what the first reading takes over
        self._decoded, self._reached = 0, 0.0  # frames and seconds of the reading
        self._packets = PacketLog()
        self._series = find_series(path, info.gaps if info else gaps) if info is None or info.is_pictures else None
        if info is not None:
            self.info = info
        elif self._series:
            self.info = probe_pictures(path, self._series, gaps)
        else:
            self.info = self._probe(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the film, wherever reading stands; a later reading opens it again."""
        self._probed = None
        if self._container is not None:
            self._container.close()

    def describe_faults(self) -> list[str]:
        """Say in words what the user should know of the reading so far, but that the film ended early."""
        count, info, found = self.corrupt_packets, self.info, []
        if count:
            found.append(f"{count} damaged packet{'s' * (count > 1)} of the source could not be decoded")
        if self.jumps:
            seconds = float(self.jumps[0].pts * info.time_base) - info.origin_seconds
            times = f"{len(self.jumps)} times, first" if len(self.jumps) > 1 else "once,"
            found.append(
                f"the film's clock jumps {times} at {seconds:.2f} s (joined recordings?): it goes on at the film's rate"
            )
        if self.interlaced_frames and not info.is_interlaced:
            found.append(
                f"{self.interlaced_frames} frames are interlaced, the film as a whole is not: coded as progressive"
            )
        return found

    def _probe(self, path: Path) -> VideoInfo:
        """Open a film and describe it by its first frame; what is open stays for the first reading."""
        container, stream = self._open_stream(path)
        frames = self._iter_decoded(container, stream)
        first = list(islice(frames, FRAMES_LOOKED_AT))
        if not first:
            container.close()
            raise InputError(f"{path} holds no frame that can be decoded ({stream.codec_context.name})")
        self._probed = _OpenedFilm(container, stream, chain(first, frames))
        return describe_film(path, container, stream, first)

    def iter_blocks(self, size: int) -> Iterator[FrameBlock]:
        """Yield blocks of ``size`` frames, the last one perhaps shorter.

        Raises InputError where the size or the pixel format changes in the middle of the film.
        """
        return iter_frame_blocks(
            self.iter_pictures() if self.info.is_pictures else map(self.to_stored_frame, self.iter_frames()), size
        )

    def iter_pictures(self, first: int = 0, end: int | None = None) -> Iterator[StoredFrame]:
        """Yield frames ``first`` up to ``end`` (not in it) of a film of pictures, counted from ``start_seconds``.

        Raises InputError where one has another size or depth than the first.
        """
        if self._series is None:
            return
        wanted = [
            number
            for number in range(len(self._series.frames))
            if self._is_in_range(float(self._series.times[number] * self._series.time_base))
        ]
        yield from self._series.iter_stored_frames(self.info, wanted[first:end])

    def to_stored_frame(self, frame: av.VideoFrame) -> StoredFrame:
        """Return what the result needs of a decoded frame."""
        extras = FrameExtras(make_carrier(frame), self.jumps)
        return StoredFrame(extract_luma_codes(frame, self.info.colors), frame.pts or 0, frame.duration, extras)

    def iter_frames(self) -> Generator[av.VideoFrame, None, None]:
        """Yield the decoded frames of a film that is no folder of pictures, each with a pts and a duration."""
        info = self.info
        container, _, decoded = self._open_before_start()
        with container:
            for frame in self._iter_timestamped(decoded):
                seconds = float((frame.pts or 0) * info.time_base) - info.origin_seconds
                if self._is_behind_end(seconds):
                    return
                if self._is_in_range(seconds):
                    self._check_frame_format(frame, seconds)
                    yield frame
            self.ended_early = self.ended_early or self._describe_shortfall(container)

    def iter_frames_from(self, pts: int, sought: int) -> Generator[av.VideoFrame, None, None]:
        """Yield the frames of `iter_frames` from the one at exactly ``pts`` on.

        Yields nothing if seeking to ``sought``, a pts at or before it, does not lead to that frame.
        """
        info = self.info
        opened = self._start_reading(seeks=True)
        with opened.container:
            if not seek_before(opened.container, sought * info.time_base, opened.stream):
                return
            for frame in self._iter_timestamped(_iter_exactly_from(pts, _iter_surely_timed(opened))):
                self._check_frame_format(frame, float((frame.pts or 0) * info.time_base) - info.origin_seconds)
                yield frame

    def _open_before_start(self) -> "_OpenedFilm":
        """The film from a frame at or before ``start_seconds``, found by seeking; else from its first one."""
        opened = self._start_reading(seeks=self.start_seconds > 0)
        if not (self.start_seconds > 0 and has_steady_clock(self.info.path)):
            return opened
        self.corrupt_packets, self.ended_early = 0, None
        wanted = self.start_seconds + self.info.origin_seconds
        lead = _LEAD_SECONDS if has_guessed_times_after_seek(opened.container) else 0
        if seek_before(opened.container, wanted - lead, opened.stream):
            frames = _iter_surely_timed(opened)
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts * self.info.time_base <= wanted:
                return opened._replace(frames=chain([first], frames))
        opened.container.close()
        self.corrupt_packets, self.ended_early = 0, None
        return self._start_reading(seeks=True)

    def _start_reading(self, *, seeks: bool) -> "_OpenedFilm":
        """The film as `_probe` left it, or opened anew.

        Before seeking always anew: a decoder that has decoded and was flushed may go on otherwise than a fresh one
        where the film is damaged.
        """
        opened, self._probed = self._probed, None
        if opened is not None and seeks:
            opened.container.close()
            opened, self.corrupt_packets, self.ended_early = None, 0, None
        if opened is None:
            container, stream = self._open_stream(self.info.path)
            opened = _OpenedFilm(container, stream, self._iter_decoded(container, stream))
        return opened

    def _open_stream(self, path: Path) -> tuple[av.container.InputContainer, av.VideoStream]:
        """Open a film to be decoded by several threads."""
        self._container = container = open_film(path)
        stream = find_video_stream(container, path)
        stream.codec_context.thread_type = "AUTO"
        return container, stream

    def _iter_timestamped(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Give every frame a pts that grows and a duration; where the clock jumps it goes on at the film's rate."""
        info = self.info
        usual_duration = max(1, round(1 / (info.rate * info.time_base))) if info.rate else 1
        max_pause = max(round(MAX_PAUSE_SECONDS / info.time_base), 1000 * usual_duration)
        repair = ClockRepair(usual_duration, max_pause, self._packets.positions)
        self.jumps, self.interlaced_frames = (), 0
        for frame in repair.iter_repaired(frames):
            self.jumps = repair.jumps
            self.has_own_times = not (repair.has_changed_times or self._packets.has_changed_times)
            self.interlaced_frames += frame.interlaced_frame
            yield frame

    def _check_frame_format(self, frame: av.VideoFrame, seconds: float) -> None:
        info = self.info
        if (frame.width, frame.height, frame.format.name) != (info.width, info.height, info.pixel_format):
            raise InputError(
                f"{info.path.name}: at {seconds:.2f} s the picture becomes {frame.width}x{frame.height} "
                f"{frame.format.name} (before: {info.width}x{info.height} {info.pixel_format}): split the film there"
            )

    def _is_behind_end(self, seconds: float) -> bool:
        return self.end_seconds is not None and seconds >= self.end_seconds - TIME_TOLERANCE_SECONDS

    def _is_in_range(self, seconds: float) -> bool:
        # Without a start nothing is left out, though a frame may lie before where headers say that the film begins.
        is_too_early = self.start_seconds > 0 and seconds < self.start_seconds - TIME_TOLERANCE_SECONDS
        return not is_too_early and not self._is_behind_end(seconds)

    def _iter_decoded(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """Yield every frame that can be decoded; damage is counted in ``corrupt_packets``, never raised."""
        self._decoded, self._reached = 0, 0.0
        self._packets.start(has_decoding_times=has_decoding_times(container, stream))
        packets = container.demux()
        while True:
            try:
                with translate_foreign_errors(lambda error: InputError(str(error))):
                    packet = next(packets, None)
            except InputError as error:
                self.ended_early = f"the file cannot be read beyond {self._reached:.2f} s ({error})"
                break
            if packet is None:
                break
            if packet.pts is not None:
                self._reached = max(self._reached, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream.index != stream.index:
                continue
            self._packets.note(packet)
            try:
                with translate_foreign_errors(lambda error: InputError(str(error))):
                    frames = packet.decode()
            except InputError:
                self.corrupt_packets += 1
                continue
            self.corrupt_packets += packet.is_corrupt
            self._decoded += len(frames)
            for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    self._packets.time_frame(frame)
                    yield frame

    def _describe_shortfall(self, container: av.container.InputContainer) -> str | None:
        """Say in words what is missing at the end of a film, None if nothing is.

        A truncated Matroska file ends like a whole one, so this compares with what the header claims.
        """
        decoded, reached = self._decoded, self._reached
        if self.start_seconds > 0:
            decoded = self.info.frames or 0  # the count is not known after a seek
        missing = (self.info.frames or 0) - decoded - self.corrupt_packets
        if missing > 0 and reached < (self.info.duration_seconds or 0) - 0.25:
            return f"the film ends after {decoded} of {self.info.frames} frames"
        claimed = (container.duration or 0) / av.time_base + max(0, (container.start_time or 0) / av.time_base)
        slack = max(0.5, 3 / float(self.info.rate or 10))
        if claimed - reached > slack:
            return f"the file ends at {reached:.2f} s of {claimed:.2f} s"
        return None


def iter_frame_blocks(frames: Iterable[StoredFrame], size: int) -> Iterator[FrameBlock]:
    """Gather frames into blocks of ``size``, the last one perhaps shorter."""
    pending: list[StoredFrame] = []
    for frame in frames:
        pending.append(frame)
        if len(pending) == size:
            yield _make_block(pending)
            pending = []
    if pending:
        yield _make_block(pending)


def _make_block(frames: list[StoredFrame]) -> FrameBlock:
    luma_codes, pts, durations, extras = zip(*frames, strict=True)
    return FrameBlock(np.stack(luma_codes), tuple(pts), tuple(durations), tuple(extras))


def _iter_surely_timed(opened: _OpenedFilm) -> Iterator[av.VideoFrame]:
    """Yield frames after a seek, from the first one on whose time is no guess."""
    key_frames = 2 if has_guessed_times_after_seek(opened.container) else 0
    for frame in opened.frames:
        key_frames -= frame.key_frame
        if key_frames <= 0:
            yield frame
            yield from opened.frames


def _iter_exactly_from(pts: int, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield frames from the one at ``pts`` on, if it is a key frame or follows one; else nothing.

    Frames shown before the first key frame may refer to frames that were not decoded (open groups of pictures).
    """
    is_decodable = False
    for frame in frames:
        is_decodable = is_decodable or (frame.key_frame and not frame.is_corrupt)
        if frame.pts is None or frame.pts > pts:
            return
        if is_decodable and frame.pts == pts:
            yield frame
            yield from frames
