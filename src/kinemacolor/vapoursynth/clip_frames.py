"""The frames of a clip as the renderer reads them: asked for by number from the script that has them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from kinemacolor.errors import InputError
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.info import ColorTags, FrameBlock, StoredFrame, VideoInfo
from kinemacolor.video.reader import iter_frame_blocks

KEPT_FRAMES = 20  # more than are read ahead of the one that is painted


class ClipFormat(NamedTuple):
    """What a clip is: size in px, code points of ITU-T H.273 as `ColorTags`, ``field_order`` as `VideoInfo`."""

    width: int
    height: int
    depth: int
    subsampling: str
    matrix: int
    full_range: bool
    frames: int
    rate: tuple[int, int]
    sample_aspect: tuple[int, int]
    field_order: int

    def describe(self) -> VideoInfo:
        """Describe it as a film, whose clock ticks once a frame."""
        rate = Fraction(*self.rate)
        return VideoInfo(
            path=Path("the clip"),
            width=self.width,
            height=self.height,
            pixel_format="",
            depth=self.depth,
            subsampling=self.subsampling,
            has_luma_plane=True,
            has_alpha=False,
            time_base=1 / rate,
            rate=rate,
            frames=self.frames,
            duration_seconds=None,
            colors=ColorTags(self.matrix, full_range=self.full_range).with_default_matrix(self.height),
            sample_aspect=Fraction(*self.sample_aspect),
            field_order=self.field_order,
        )


class ClipFrames:
    """A `FrameSource` that has a clip's frames from ``ask``; keeps the last few. Threads may share it.

    ``ask`` gives the luma codes ``H W`` of a frame, and whether it begins a shot, None where the clip does not say.
    """

    def __init__(self, info: VideoInfo, ask: Callable[[int], tuple[UIntArray, bool | None]]) -> None:
        self._info, self._ask, self._lock = info, ask, threading.Lock()
        self._kept: OrderedDict[int, tuple[UIntArray, bool | None]] = OrderedDict()

    @property
    def info(self) -> VideoInfo:
        """What the clip is."""
        return self._info

    def read(self, frame: int) -> tuple[UIntArray, bool | None]:
        """Read what ``ask`` gives of a frame. Raises InputError for one of another size or depth."""
        with self._lock:
            if frame not in self._kept:
                found, info = self._ask(frame), self._info
                if found[0].shape != (info.height, info.width) or found[0].itemsize != 1 + (info.depth > 8):
                    raise InputError(f"frame {frame} of the clip has another size or format than the first")
                self._kept[frame] = found
                if len(self._kept) > KEPT_FRAMES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(frame)
            return self._kept[frame]

    def iter_blocks(self, first: int, end: int, size: int) -> Iterator[FrameBlock]:
        """As `FrameSource.iter_blocks`; raises as `read`."""
        return iter_frame_blocks((StoredFrame(self.read(at)[0], at, 1) for at in range(first, end)), size)

    def close(self) -> None:
        """Let go of all frames."""
        with self._lock:
            self._kept.clear()
