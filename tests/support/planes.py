"""The planes of a film, as FFmpeg gives them."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from kinemacolor.video.pixels import view_plane


def read_planes(film: Path) -> Iterator[list[np.ndarray]]:
    """The three planes of each frame."""
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            yield [view_plane(frame, index).copy() for index in range(3)]
