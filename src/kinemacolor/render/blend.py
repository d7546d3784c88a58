"""Painted passes become the colours of a film's frames, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kinemacolor.inference.postprocess import Finish, Painted
from kinemacolor.render.cache import LENGTH, WorkFolder
from kinemacolor.render.passes import Pass, Stretch
from kinemacolor.utils.arrays import Float32Array
from kinemacolor.video.geometry import resize

Ensure = Callable[[Pass, int], None]  # has a segment of a pass painted, and returns when it is
_DOUBT = 0.02  # confidence that is added, so that something counts where all are unsure


class Colored(NamedTuple):
    """The colours of a frame, with the gain, and how they are brought to the film's size."""

    painted: Painted
    finish: Finish


def color_frames(
    stretches: Sequence[Stretch], finishes: Sequence[Finish], work: WorkFolder, ensure: Ensure, begin: int = 0
) -> Iterator[Colored]:
    """Every frame of a film in order, from ``begin``. ``finishes``: one for each stretch."""
    shelf = _Shelf(work, ensure)
    for number, stretch in enumerate(stretches):
        for frame in range(max(begin, stretch.shot.first), stretch.shot.end):
            shelf.forget(frame)
            parts = [
                (share.weight(frame), finishes[other].gained(shelf.painted(share.source, frame)))
                for other in range(max(0, number - 1), min(len(stretches), number + 2))
                for share in stretches[other].shares
                if share.weight(frame) > 0
            ]
            yield Colored(blend(parts), finishes[number])


def blend(parts: Sequence[tuple[float, Painted]]) -> Painted:
    """The mean of what was painted, each pixel by weight and confidence. All take the size of the first."""
    if len(parts) == 1:
        return parts[0][1]
    size = parts[0][1].confidence.shape
    weights = np.array([weight for weight, _ in parts], np.float32) / sum(weight for weight, _ in parts)
    trust: Float32Array = np.stack([resize(painted.confidence, (size[0], size[1])) for _, painted in parts])
    chroma = np.stack([resize(painted.chroma, (size[0], size[1])) for _, painted in parts])
    counts = weights[:, None, None] * (trust + np.float32(_DOUBT))
    shares = counts / counts.sum(0)
    return Painted((shares[..., None] * chroma).sum(0), (shares * trust).sum(0))


class _Shelf:
    """The segment of each pass that was asked for last."""

    def __init__(self, work: WorkFolder, ensure: Ensure) -> None:
        self._work, self._ensure = work, ensure
        self._open: dict[Pass, tuple[int, list[Painted]]] = {}

    def painted(self, one: Pass, frame: int) -> Painted:
        segment, within = divmod(one.position(frame), LENGTH)
        known = self._open.get(one)
        if known is None or known[0] != segment:
            self._ensure(one, segment)
            known = segment, self._work.of(one.digest, len(one)).read(segment)
            self._open[one] = known
        return known[1][within]

    def forget(self, frame: int) -> None:
        """Passes that end before a frame."""
        for one in [one for one in self._open if one.end <= frame]:
            del self._open[one]
