"""Frames by number: any stretch of a film, the same bit for bit as when the film is read from its beginning."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from kinemacolor.errors import InputError
from kinemacolor.video.info import FrameBlock, VideoInfo
from kinemacolor.video.reader import StoredFrame, VideoReader, in_blocks

EVERY = 48


@dataclass(frozen=True)
class FrameIndex:
    """Where frames lie: ``anchors`` are the pts, in ticks, of frames 0, ``every``, 2 ``every`` and so on.

    Frames are counted from where the reading begins. Anchors may be missing at the end, or all of them: then
    more is decoded to get there.
    """

    anchors: tuple[int, ...]
    frames: int
    every: int = EVERY


@dataclass
class IndexBuilder:
    """Makes a `FrameIndex` of the blocks of one reading: `add` each, in order, then ask for `index`."""

    every: int = EVERY
    frames: int = 0
    anchors: list[int] = field(default_factory=list)

    def add(self, block: FrameBlock) -> None:
        first = -self.frames % self.every
        self.anchors.extend(block.pts[first :: self.every])
        self.frames += len(block)

    def index(self, reader: VideoReader) -> FrameIndex:
        """That of what ``reader`` has read. Where its clock begins again a pts means two places, and none is kept."""
        return FrameIndex(() if reader.clock_jumped else tuple(self.anchors), self.frames, self.every)


class RangeReader:
    """Stretches of a film by the numbers of their frames, cheapest one after the other.

    Elsewhere it seeks to the anchor before, and counts from there. A container that does not find an anchor
    exactly is sought ever further before it, and at last read from its beginning: always right, sometimes slow.
    """

    def __init__(self, path: Path, index: FrameIndex, *, start_seconds: float = 0) -> None:
        self.index = index
        self._reader = VideoReader(path, start_seconds=start_seconds)
        self._opened: Generator[av.VideoFrame, None, None] | None = None
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._next = index.frames  # number of the frame that `_frames` gives next

    @property
    def info(self) -> VideoInfo:
        return self._reader.info

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def blocks(self, first: int, end: int, size: int) -> Iterator[FrameBlock]:
        """Frames ``first`` up to ``end``, which is not in it, in blocks of ``size``, the last one perhaps shorter.

        Raises ValueError for numbers that the index does not have, InputError where the film is not the one that
        was indexed.
        """
        if not 0 <= first <= end <= self.index.frames:
            raise ValueError(f"frames {first} to {end} were wanted of {self.index.frames}")
        return in_blocks(self._stored(first, end), size)

    def _stored(self, first: int, end: int) -> Iterator[StoredFrame]:
        if first < end and not self.info.is_pictures:
            self._go_to(first)
        pictures = self._reader.pictures(first, end)
        for number in range(first, end):
            frame = next(pictures, None) if self.info.is_pictures else self._reader.stored(self._take())
            if frame is None:
                raise self._shorter(number)
            yield frame

    def _go_to(self, first: int) -> None:
        anchor = min(first // self.index.every, len(self.index.anchors) - 1)
        if not anchor * self.index.every <= self._next <= first:
            self._seek(anchor)
        while self._next < first:
            self._take()

    def _seek(self, anchor: int) -> None:
        before = 1
        while anchor >= before:
            sought = self.index.anchors[anchor - before + 1]
            frame = next(self._open(self._reader.frames_from(self.index.anchors[anchor], sought)), None)
            if frame is not None:
                self._frames, self._next = chain([frame], self._frames), anchor * self.index.every
                return
            before *= 2
        self._open(self._reader.frames())
        self._next = 0

    def _open(self, frames: Generator[av.VideoFrame, None, None]) -> Iterator[av.VideoFrame]:
        self._close()
        self._opened = self._frames = frames
        return frames

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def _take(self) -> av.VideoFrame:
        frame = next(self._frames, None)
        number, path = self._next, self.info.path
        if frame is None:
            raise self._shorter(number)
        anchor, beside = divmod(number, self.index.every)
        if beside == 0 and anchor < len(self.index.anchors) and frame.pts != self.index.anchors[anchor]:
            raise InputError(f"{path}: frame {number} has another time than it had: it was changed, look again")
        self._next += 1
        return frame

    def _shorter(self, number: int) -> InputError:
        return InputError(
            f"{self.info.path} ends before frame {number}, it had {self.index.frames}: it was changed, look again"
        )


def read_range(
    path: Path, index: FrameIndex, first: int, end: int, block: int, *, start_seconds: float = 0
) -> Iterator[FrameBlock]:
    """Frames ``first`` up to ``end`` of a film in blocks: `RangeReader` for one stretch alone."""
    with RangeReader(path, index, start_seconds=start_seconds) as reader:
        yield from reader.blocks(first, end, block)
