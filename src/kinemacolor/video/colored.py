"""Films that have colour, as sRGB frames: truth for evaluation, stills for references."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from kinemacolor.arrays import Bytes
from kinemacolor.resample import resize
from kinemacolor.video.pictures import find_pictures, read_reference
from kinemacolor.video.reader import VideoReader


def colored_frames(path: Path) -> Iterator[Bytes]:
    """Every frame ``H W 3`` sRGB uint8 of a film, a picture or a folder of numbered pictures.

    Upright and with square pixels, as it is shown.

    Raises InputError for what cannot be read.
    """
    pictures = find_pictures(path)
    if pictures:
        yield from (read_reference(picture) for picture in pictures)
        return
    with VideoReader(path) as reader:
        turns, aspect = round(reader.info.display_rotation / 90) % 4, float(reader.info.sample_aspect or 1)
        for frame in reader.frames():
            rgb = _rgb(frame, reader)
            square = resize(rgb, (rgb.shape[0], round(rgb.shape[1] * aspect)))
            yield np.ascontiguousarray(np.rot90(square, turns))


def _rgb(frame: av.VideoFrame, reader: VideoReader) -> Bytes:
    colors = reader.info.colors
    converted = frame.reformat(
        format="rgb24",
        src_colorspace=colors.matrix,
        dst_colorspace=colors.matrix,
        src_color_range=2 if colors.full_range else 1,
        dst_color_range=2,
    )
    return converted.to_ndarray().astype(np.uint8, copy=False)
