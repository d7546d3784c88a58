"""Preview pictures for a person: frames before and after colorization, and the confidence of the model."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.options import GapHandling, RenderOptions
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.disclosure import describe_picture
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import write_picture
from kinemacolor.video.reader import VideoReader

MAX_TILE_HEIGHT = 540  # px
TILE_GAP = 6  # px


def write_preview(
    film: Path,
    references: Sequence[UInt8Array],
    times_seconds: Sequence[float],
    output: Path,
    model: Colorizer,
    options: RenderOptions | None = None,
    *,
    device: str = "auto",
    gaps: GapHandling = "error",
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Write a picture with a row for each time: gray, colorized, confidence (white: sure), with ``fill`` filled part.

    ``references`` are sRGB pictures as `Session` takes them. Each frame is colorized without history. ``gaps`` is that
    of `probe_film`; ``on_frame`` gets the number of rows made so far, 0 at first.

    Raises UsageError for a time behind the end of the film.
    """
    rows: list[UInt8Array] = []
    for seconds in times_seconds:
        if on_frame:
            on_frame(len(rows))
        with VideoReader(film, start_seconds=seconds, gaps=gaps) as reader:
            block = next(reader.iter_blocks(1), None)
            if block is None:
                length = reader.info.duration_seconds
                raise UsageError(f"{film.name} has no frame at {seconds:g} s: it is {length} s long")
            info = reader.info
        gray = to_display_gray(block.luma_codes[0], info)
        size = {"height": gray.shape[0], "width": gray.shape[1]}
        session = Session(model, references, **size, options=options, device=device, engine="torch")  # compiles nothing
        shown = session.attribute_frame(gray)
        filled = [] if shown.filled is None else [session.geometry.upscale_field(shown.filled, gray.shape)]
        rows.append(tile_before_after(gray, shown.rgb, shown.confidence, *filled))
    if on_frame:
        on_frame(len(rows))
    write_picture(output, stack_rows(rows), describe_picture())


def tile_before_after(gray: UInt8Array, rgb: UInt8Array, *parts: Float32Array) -> UInt8Array:
    """Put gray ``H W``, sRGB ``H W 3`` and ``parts`` ``H W`` 0..1, as confidence, side by side, at most 540 px high."""
    scale = min(1.0, MAX_TILE_HEIGHT / gray.shape[0])
    size = round(gray.shape[0] * scale), round(gray.shape[1] * scale)
    grays = [
        np.repeat(one[..., None], 3, 2) for one in (gray, *((255 * part).round().astype(np.uint8) for part in parts))
    ]
    gap = np.full((size[0], TILE_GAP, 3), 255, np.uint8)
    tiles = [tile for one in (grays[0], rgb, *grays[1:]) for tile in (gap, resize(one, size))]
    return np.concatenate(tiles[1:], 1)


def stack_rows(rows: Sequence[UInt8Array]) -> UInt8Array:
    """Stack pictures of one width vertically, with white gaps."""
    gap = np.full((TILE_GAP, rows[0].shape[1], 3), 255, np.uint8)
    parts = [part for row in rows for part in (gap, row)]
    return np.concatenate(parts[1:])
