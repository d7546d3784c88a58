"""Stores of decoded sources: frames, photographs and flow at the training size, as tensors for the maker of clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.data.flow_cache import FlowCache
from kinemacolor.data.frame_cache import FrameCache, resize_and_center_crop
from kinemacolor.data.sources import Source
from kinemacolor.data.warping import Window
from kinemacolor.utils.arrays import Size


class SourceStore(Protocol):
    """Where a maker of clips takes pixels from; tensors lie on ``device``."""

    @property
    def size(self) -> Size:
        """Rows and columns of clips."""

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""

    def get_shape(self, source: Source) -> tuple[int, int, int, int]:
        """Return frames, rows, columns and channels of a source as it is stored; nothing is read."""

    def read_frames(self, source: Source, numbers: Sequence[int], window: Window) -> Tensor:
        """Read a window of frames of a film, ``T 3 h w`` uint8 sRGB."""

    def read_photograph(self, source: Source) -> Tensor:
        """Read a photograph, ``3 H W`` uint8 sRGB."""

    def read_still(self, source: Source, number: int) -> Tensor:
        """Read a frame of any source, scaled to cover ``size`` and cropped to its centre: ``3 h w`` uint8 sRGB."""

    def read_flow(self, source: Source, pairs: Sequence[tuple[int, int]], window: Window) -> tuple[Tensor, Tensor]:
        """Read the flow of a window from the second to the first frame of pairs, ``T 2 h w`` px, and its visibility.

        Visibility is ``T 1 h w``: 1 where both frames show the same, else 0.
        """


@dataclass(frozen=True)
class DiskStore:
    """The store of processes that make clips: two caches on the disk, filled as clips are made; tensors on the CPU."""

    frame_cache: FrameCache
    flow_cache: FlowCache

    @property
    def size(self) -> Size:
        """Rows and columns of clips."""
        return self.frame_cache.size

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def get_shape(self, source: Source) -> tuple[int, int, int, int]:
        """Return frames, rows, columns and channels of a source as it is stored; nothing is read."""
        return self.frame_cache.get_cached_shape(source)

    def read_frames(self, source: Source, numbers: Sequence[int], window: Window) -> Tensor:
        """Read a window of frames of a film, ``T 3 h w`` uint8 sRGB. Raises what `FrameCache.load_frames` raises."""
        stored = self.frame_cache.load_frames(source)
        return _to_channels_first(np.stack([stored[(number, *window.slices)] for number in numbers]))

    def read_photograph(self, source: Source) -> Tensor:
        """Read a photograph, ``3 H W`` uint8 sRGB. Raises what `FrameCache.load_frames` raises."""
        return _to_channels_first(np.array(self.frame_cache.load_frames(source)))[0]

    def read_still(self, source: Source, number: int) -> Tensor:
        """Read a frame as `SourceStore.read_still` does. Raises what `FrameCache.load_frames` raises."""
        picture = resize_and_center_crop(self.frame_cache.load_frames(source)[number], self.size)
        return _to_channels_first(np.array(picture)[None])[0]

    def read_flow(self, source: Source, pairs: Sequence[tuple[int, int]], window: Window) -> tuple[Tensor, Tensor]:
        """Read flow and visibility as `SourceStore.read_flow` does. Raises ResourceError for disk errors."""
        frames = self.frame_cache.load_frames(source)
        motions = [
            self.flow_cache.load_or_compute(source.digest, pair, *(frames[number] for number in pair)) for pair in pairs
        ]
        flow = np.stack([motion.to_first[window.slices] for motion in motions])
        visibility = np.stack([motion.seen_in_second[window.slices] for motion in motions])
        return _to_channels_first(flow).float(), torch.from_numpy(visibility).float()[:, None]


def _to_channels_first(pictures: NDArray[Any]) -> Tensor:
    """``T H W C`` to a tensor ``T C H W``."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
