"""Shots to cut clips from: frames in order, and the optical flow between them. `FilmShot` is a film's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from kinemacolor.data.sources import Source
from kinemacolor.data.store import SourceStore
from kinemacolor.data.warping import Window
from kinemacolor.utils.arrays import Size


class TrainingShot(Protocol):
    """A shot with frames 0..length-1 of one ``size``; windows are given within these frames."""

    @property
    def size(self) -> Size:
        """Rows and columns of a frame."""

    @property
    def length(self) -> int:
        """Number of frames."""

    def render_frames(self, numbers: Sequence[int], window: Window) -> Tensor:
        """Compute a window of the frames ``numbers``: ``T 3 h w`` float32, sRGB 0..255."""

    def compute_flow(self, numbers: Sequence[int], window: Window) -> tuple[Tensor, Tensor]:
        """Compute the flow of a window from each of the frames ``numbers``, but the first, back to the one before.

        Flow is ``T-1 2 h w`` px (x, y); visibility ``T-1 1 h w``: 1 where both show the same in the window, else 0.
        """


@dataclass(frozen=True)
class FilmShot:
    """A film's shot: the ``frame_numbers`` of ``source`` in the ``store``, of which a window ``view`` is seen."""

    store: SourceStore
    source: Source
    frame_numbers: range
    view: Window

    @property
    def size(self) -> Size:
        """Rows and columns of a frame."""
        return self.view.size

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.frame_numbers)

    def render_frames(self, numbers: Sequence[int], window: Window) -> Tensor:
        """Read a window of the frames ``numbers``: ``T 3 h w`` float32, sRGB 0..255."""
        stored = [self.frame_numbers[number] for number in numbers]
        return self.store.read_frames(self.source, stored, self.view.shift(window)).float()

    def compute_flow(self, numbers: Sequence[int], window: Window) -> tuple[Tensor, Tensor]:
        """Read the flow of a window, ``T-1 2 h w`` px, and its visibility, ``T-1 1 h w``: see `TrainingShot`."""
        pairs = [(self.frame_numbers[first], self.frame_numbers[second]) for first, second in pairwise(numbers)]
        flow, visibility = self.store.read_flow(self.source, pairs, self.view.shift(window))
        there = window.make_grid(flow.device) + flow.permute(0, 2, 3, 1)
        return flow, visibility * window.contains(there)[:, None]


def make_no_flow(window: Window, device: torch.device) -> tuple[Tensor, Tensor]:
    """Flow and visibility of a clip of one frame: empty."""
    return torch.zeros(0, 2, *window.size, device=device), torch.zeros(0, 1, *window.size, device=device)
