"""Frames by number: any range of a film, bit for bit the same as when the film is read from its beginning."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av

from kinemacolor.errors import InputError
from kinemacolor.options import GapHandling
from kinemacolor.video.info import FrameBlock, StoredFrame, VideoInfo
from kinemacolor.video.reader import VideoReader, iter_frame_blocks

ANCHOR_INTERVAL = 48  # frames


@dataclass(frozen=True)
class FrameIndex:
    """Where the frames of a film lie, as found by reading it once.

    ``anchors`` are the pts, in ticks, of frames 0, ``every``, 2 ``every`` and so on, ``frames`` the number of all
    frames, counted from where the reading began. Anchors may be missing at the end, or all of them: then more is
    decoded to reach a frame. ``gaps`` is what became of numbered pictures that are missing.
    """

    anchors: tuple[int, ...]
    frames: int
    every: int = ANCHOR_INTERVAL
    gaps: GapHandling = "error"


@dataclass
class FrameIndexBuilder:
    """Builds a `FrameIndex` while a film is read: pass each block to `add_block`, in order, then call `build_index`."""

    every: int = ANCHOR_INTERVAL
    frames: int = 0
    anchors: list[int] = field(default_factory=list)

    def add_block(self, block: FrameBlock) -> None:
        """Count the next block of the reading, and note the pts of its anchors."""
        first = -self.frames % self.every
        self.anchors.extend(block.pts[first :: self.every])
        self.frames += len(block)

    def build_index(self, reader: VideoReader) -> FrameIndex:
        """Return the index of what ``reader`` has read.

        It has no anchors where times had to be repaired: a time in the file may then mean another frame, or two.
        """
        anchors = tuple(self.anchors) if reader.has_own_times else ()
        return FrameIndex(anchors, self.frames, self.every, reader.info.gaps)


class FrameSource(Protocol):
    """Frames of a film by number: a `RangeReader`, or another program that has them."""

    @property
    def info(self) -> VideoInfo:
        """What the film is."""
        ...

    def iter_blocks(self, first: int, end: int, size: int) -> Iterator[FrameBlock]:
        """Yield frames ``first`` up to ``end`` (not in it) in blocks of ``size``, the last one perhaps shorter."""
        ...

    def close(self) -> None:
        """Let go of the film."""
        ...


class RangeReader:
    """Reads ranges of a film by frame numbers; ranges that follow each other are read without seeking.

    For any other it seeks to the anchor before the range, and counts from there. Where a container does not find
    that anchor exactly it seeks further and further before it, and at last reads from the beginning: always right,
    sometimes slow. ``interlaced_frames`` counts the frames that it gave and that say that they have two fields.
    """

    def __init__(
        self, path: Path, index: FrameIndex, *, start_seconds: float = 0, info: VideoInfo | None = None
    ) -> None:
        self.index = index
        self._reader = VideoReader(path, start_seconds=start_seconds, info=info, gaps=index.gaps)
        self._open_frames: Generator[av.VideoFrame, None, None] | None = None
        self._frames: Iterator[av.VideoFrame] = iter(())
        self.interlaced_frames = 0
        self._next_number = index.frames  # number of the frame that `_frames` gives next

    @property
    def info(self) -> VideoInfo:
        """What the film is."""
        return self._reader.info

    @property
    def corrupt_packets(self) -> int:
        """The number of packets that could not be decoded on the way to the last range that was sought."""
        return self._reader.corrupt_packets

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the film."""
        self._stop_decoding()
        self._reader.close()

    def iter_blocks(self, first: int, end: int, size: int) -> Iterator[FrameBlock]:
        """Yield frames ``first`` up to ``end`` (not in it) in blocks of ``size``, the last one perhaps shorter.

        Raises ValueError for numbers that the index does not have, InputError where the film is not the one that
        was indexed.
        """
        if not 0 <= first <= end <= self.index.frames:
            raise ValueError(f"frames {first} to {end} were wanted of {self.index.frames}")
        return iter_frame_blocks(self._iter_stored_frames(first, end), size)

    def _iter_stored_frames(self, first: int, end: int) -> Iterator[StoredFrame]:
        if first < end and not self.info.is_pictures:
            self._move_to_frame(first)
        pictures = self._reader.iter_pictures(first, end)
        for number in range(first, end):
            frame = next(pictures, None) if self.info.is_pictures else self._take_stored_frame()
            if frame is None:
                raise self._make_length_error(number)
            yield frame

    def _take_stored_frame(self) -> StoredFrame:
        frame = self._take_frame()
        self.interlaced_frames += frame.interlaced_frame
        return self._reader.to_stored_frame(frame)

    def _move_to_frame(self, first: int) -> None:
        """Make ``first`` the next frame: by reading on if that is no longer than from the anchor before it."""
        anchor = min(first // self.index.every, len(self.index.anchors) - 1)
        if not anchor * self.index.every <= self._next_number <= first:
            self._seek_anchor(anchor)
        while self._next_number < first:
            self._take_frame()

    def _seek_anchor(self, anchor: int) -> None:
        """Make the frame of this anchor the next one, or frame 0 where no seeking leads to it."""
        before = 1
        while anchor >= before:
            sought = self.index.anchors[anchor - before + 1]
            frame = next(self._start_decoding(self._reader.iter_frames_from(self.index.anchors[anchor], sought)), None)
            if frame is not None:
                self._frames, self._next_number = chain([frame], self._frames), anchor * self.index.every
                return
            before *= 2
        self._start_decoding(self._reader.iter_frames())
        self._next_number = 0

    def _start_decoding(self, frames: Generator[av.VideoFrame, None, None]) -> Iterator[av.VideoFrame]:
        self._stop_decoding()
        self._open_frames = self._frames = frames
        return frames

    def _stop_decoding(self) -> None:
        if self._open_frames is not None:
            self._open_frames.close()

    def _take_frame(self) -> av.VideoFrame:
        """Decode the next frame; InputError where its pts is not the one in the index."""
        frame = next(self._frames, None)
        number, path = self._next_number, self.info.path
        if frame is None:
            raise self._make_length_error(number)
        anchor, offset = divmod(number, self.index.every)
        if offset == 0 and anchor < len(self.index.anchors) and frame.pts != self.index.anchors[anchor]:
            raise InputError(f"{path}: frame {number} has another time than it had: it was changed, look again")
        self._next_number += 1
        return frame

    def _make_length_error(self, number: int) -> InputError:
        return InputError(
            f"{self.info.path} ends before frame {number}, it had {self.index.frames}: it was changed, look again"
        )


def iter_range_blocks(
    path: Path, index: FrameIndex, first: int, end: int, block: int, *, start_seconds: float = 0
) -> Iterator[FrameBlock]:
    """Yield frames ``first`` up to ``end`` (not in it) in blocks of ``block``: a `RangeReader` for one range alone."""
    with RangeReader(path, index, start_seconds=start_seconds) as reader:
        yield from reader.iter_blocks(first, end, block)
