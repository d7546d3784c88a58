"""Frames as they are shown, upright and with square pixels: full-range gray, or sRGB of films that have colour."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinemacolor.options import GapHandling
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import find_pictures, read_color_picture
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.picture_decoding import PictureDecoder
from kinemacolor.video.picture_series import PictureSeries, find_series
from kinemacolor.video.pixels import luma_codes_to_gray

if TYPE_CHECKING:
    import av

    from kinemacolor.video.reader import VideoReader


def to_display_gray(luma_codes: UIntArray, info: VideoInfo) -> UInt8Array:
    """Turn a stored luma plane ``H W`` into a gray picture, uint8 of full range, as it is shown."""
    gray = luma_codes_to_gray(luma_codes, info.depth, full_range=info.colors.full_range)
    upright = info.orientation.apply(gray)
    aspect = float(info.sample_aspect or 1)
    upright_aspect = 1 / aspect if info.orientation.is_sideways else aspect
    return resize(upright, (upright.shape[0], max(1, round(upright.shape[1] * upright_aspect))))


def iter_color_frames(path: Path) -> Iterator[UInt8Array]:
    """Yield every frame of a film, a picture or a folder of pictures, as it is shown; of a folder all pictures.

    A frame is ``H W 3``, sRGB uint8, upright and with square pixels. Raises InputError for what cannot be read.
    """
    if path.is_dir():
        yield from map(read_color_picture, find_pictures(path))
        return
    for _, picture in iter_numbered_frames(path):
        yield picture


def iter_numbered_frames(
    path: Path, wanted: Collection[int] | None = None, start_seconds: float = 0, gaps: GapHandling = "error"
) -> Iterator[tuple[int, UInt8Array]]:
    """Yield the ``wanted`` frames (None: all) with their numbers, counted from ``start_seconds``.

    Frames are those of `iter_color_frames`, but a folder must hold one series. Raises as `find_series`.
    """
    series = find_series(path, gaps)
    if series is not None:
        yield from _iter_numbered_pictures(series, wanted, start_seconds)
        return
    from kinemacolor.video.reader import VideoReader  # here, because pictures are read without PyAV

    with VideoReader(path, start_seconds=start_seconds) as reader:
        for number, frame in enumerate(reader.iter_frames()):
            if wanted is None or number in wanted:
                yield number, _to_upright_rgb(frame, reader)
            if wanted is not None and number >= max(wanted):
                return


def _iter_numbered_pictures(
    series: PictureSeries, wanted: Collection[int] | None, start_seconds: float
) -> Iterator[tuple[int, UInt8Array]]:
    with PictureDecoder() as decoder:
        for number, frame in enumerate(series.frames[series.find_first(start_seconds) :]):
            if wanted is not None and number not in wanted:
                continue
            if frame.page is None:
                yield number, read_color_picture(frame.path)
            else:
                yield number, decoder.decode(frame.path, frame.page).to_rgb_u8()


def _to_upright_rgb(frame: "av.VideoFrame", reader: "VideoReader") -> UInt8Array:
    """Turn a decoded frame into sRGB ``H W 3`` uint8, upright and with square pixels."""
    aspect = float(reader.info.sample_aspect or 1)
    rgb = _convert_to_rgb(frame, reader)
    square = resize(rgb, (rgb.shape[0], round(rgb.shape[1] * aspect)))
    return reader.info.orientation.apply(square)


def _convert_to_rgb(frame: "av.VideoFrame", reader: "VideoReader") -> UInt8Array:
    """Convert by the matrix and range of the film's own tags, which a frame may lack."""
    colors = reader.info.colors
    converted = frame.reformat(
        format="rgb24",
        src_colorspace=colors.matrix,
        dst_colorspace=colors.matrix,
        src_color_range=2 if colors.full_range else 1,
        dst_color_range=2,
    )
    return converted.to_ndarray().astype(np.uint8, copy=False)
