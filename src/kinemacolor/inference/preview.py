"""Pictures for a person to look at: frames before and after, and where the model is unsure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.options import SessionOptions
from kinemacolor.references.load import load_references
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import write_picture
from kinemacolor.video.reader import VideoReader

TILE_SIDE = 540
GAP = 6


def preview_picture(
    film: Path,
    references: Sequence[Path],
    times_seconds: Sequence[float],
    output: Path,
    model: Colorizer,
    options: SessionOptions | None = None,
) -> None:
    """A row for each time: gray, coloured, confidence (white: sure). Each frame stands alone, without history.

    Raises UsageError for a time behind the end of the film.
    """
    pictures = load_references(references)
    rows = []
    for seconds in times_seconds:
        with VideoReader(film, start_seconds=seconds) as reader:
            block = next(reader.iter_blocks(1), None)
            if block is None:
                length = reader.info.duration_seconds
                raise UsageError(f"{film.name} has no frame at {seconds:g} s: it is {length} s long")
            info = reader.info
        luma = to_display_gray(block.luma_codes[0], info)
        session = Session(model, pictures, height=luma.shape[0], width=luma.shape[1], options=options)
        rgb, confidence = session.colorize(luma)
        rows.append(before_and_after(luma, rgb, confidence))
    write_picture(output, stack(rows))


def before_and_after(luma: UInt8Array, rgb: UInt8Array, confidence: Float32Array) -> UInt8Array:
    """Gray ``H W``, colour ``H W 3`` and confidence ``H W`` 0..1 side by side, at most 540 px high."""
    scale = min(1.0, TILE_SIDE / luma.shape[0])
    size = round(luma.shape[0] * scale), round(luma.shape[1] * scale)
    sure = (confidence * 255).round().astype(np.uint8)
    tiles = [np.repeat(luma[..., None], 3, 2), rgb, np.repeat(sure[..., None], 3, 2)]
    gap = np.full((size[0], GAP, 3), 255, np.uint8)
    shown = [resize(tile, size) for tile in tiles]
    return np.concatenate([shown[0], gap, shown[1], gap, shown[2]], 1)


def stack(rows: Sequence[UInt8Array]) -> UInt8Array:
    """Pictures of one width under each other, with gaps."""
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    parts = [part for row in rows for part in (gap, row)]
    return np.concatenate(parts[1:])
