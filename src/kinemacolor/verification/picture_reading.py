"""Pictures as a film: one, a folder of them, or a file of many pages, each page counted and read."""

import re
import warnings
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinemacolor.errors import InputError, translate_foreign_errors, translate_read_errors
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.verification.facts import Damage, FilmHeader, FrameFact, PacketFact, PictureHeader
from kinemacolor.verification.film_reading import open_container
from kinemacolor.verification.luma import LumaPlane, get_luma_weights, luma_of_rgb, read_luma, read_rgb
from kinemacolor.verification.side_data import find_turn, read_display_matrix

if TYPE_CHECKING:
    from PIL.Image import Image

_READ_BY_FFMPEG = (".dpx", ".exr", ".jp2", ".j2k", ".j2c", ".jpf", ".pgm", ".ppm", ".pnm", ".cin", ".sgi")
_READ_BY_PILLOW = (".png", ".apng", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".tga", ".avif")
_BT709 = 1
_LINEAR_LIGHT = (".exr",)


class PictureReading:
    """Reads pictures one after the other, in the order of the numbers in their names; they are turned upright.

    The interface is that of `FilmReading`. ``has_clock`` is true for one file of pages that says how long each is
    shown; without it the seconds of a frame are its number. Raises InputError for what cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.damage, self.earliest_seconds, self.picture_packets = path, Damage(), 0.0, 0
        self.clock_slack = 0.0
        self.queues: dict[int, deque[PacketFact]] = {}
        self.files = list_pictures(path)
        if not self.files:
            raise InputError(f"the folder {path} holds no pictures: give a film, a picture or a folder of pictures")
        plane, seconds = next(_iter_pages(self.files[0], get_luma_weights(_BT709, 0)))
        self.has_clock = seconds is not None and len(self.files) == 1
        suffix = self.files[0].suffix.lower()
        self.header = FilmHeader("pictures")
        self.pictures = PictureHeader(
            codec=suffix[1:],
            pixel_format=f"{'rgb' if plane.is_computed else 'gray'}{plane.depth}",
            is_lossless=False,
            size=(plane.codes.shape[0], plane.codes.shape[1]),
            color_tags={"matrix": 2 if suffix == ".gif" else _BT709, "primaries": 1, "transfer": 13, "range": 2},
            is_rgb=plane.is_computed,
            pixel_aspect=_read_pixel_aspect(self.files[0]) if suffix in _LINEAR_LIGHT else Fraction(1),
        )

    def close(self) -> None:
        """There is nothing to close: each picture is read whole."""

    def keep_packets_of(self, indices: Collection[int]) -> None:
        """Pictures have no other streams."""

    def iter_frames(self, weights: tuple[float, float]) -> Iterator[FrameFact]:
        """Yield every page of every picture; ``weights`` are those of red and blue in Y'."""
        number, reached = 0, 0.0
        for file in self.files:
            for plane, seconds in _iter_pages(file, weights):
                yield FrameFact(reached if self.has_clock else float(number), plane, "p", {})
                reached, number = reached + (seconds or 0), number + 1


def is_picture(path: Path) -> bool:
    """Say whether a path is a picture by its name, or a folder."""
    return path.is_dir() or path.suffix.lower() in (*_READ_BY_FFMPEG, *_READ_BY_PILLOW)


def list_pictures(path: Path) -> list[Path]:
    """List the pictures of a folder, numbers in their names counted as numbers; of a picture, the picture."""
    if not path.is_dir():
        return [path]
    with translate_read_errors(path):
        files = [file for file in path.iterdir() if file.is_file() and is_picture(file) and file.name[0] != "."]
    # Text and numbers take turns in the parts, so that like is compared with like.
    return sorted(files, key=lambda file: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", file.stem)])


def _iter_pages(file: Path, weights: tuple[float, float]) -> Iterator[tuple[LumaPlane, float | None]]:
    """Yield Y' of the pages of a picture at their own depth, and for how many seconds each is shown, where told."""
    pages = None
    with translate_foreign_errors(lambda error: InputError(f"{file} cannot be read as a picture ({error})")):
        if file.suffix.lower() in _READ_BY_PILLOW:
            pages = _open_with_pillow(file)
        if pages is None:
            yield from _iter_pages_by_ffmpeg(file, weights)
            return
        for rgb, seconds in pages:
            yield luma_of_rgb(rgb, rgb.itemsize * 8, weights), seconds


def _open_with_pillow(file: Path) -> Iterator[tuple[UIntArray, float | None]] | None:
    """Return the pages as Pillow reads them; None for what it would cut down to 8 bits."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(file)
    pages = getattr(image, "n_frames", 1)
    bits = _read_depth(file, image)
    if bits > 8 and pages > 1:
        return _iter_deep_pages(file, pages)
    return None if bits > 8 else _iter_pages_by_pillow(image, pages)


def _read_depth(file: Path, image: "Image") -> int:
    """Return the bits of a sample: Pillow says 8 of PNG and TIFF in R'G'B' whatever they hold."""
    if image.mode.startswith(("I", "F")):
        return 16
    if image.format == "PNG":
        with file.open("rb") as stream:
            return stream.read(25)[24]  # in the header chunk, which comes first
    stored = getattr(image, "tag_v2", {}).get(258, 8)  # TIFF: BitsPerSample
    return max(stored) if isinstance(stored, tuple) else int(stored)


def _iter_pages_by_pillow(image: "Image", pages: int) -> Iterator[tuple[UIntArray, float | None]]:
    from PIL import ImageOps

    with image:
        is_gray = image.mode in ("1", "L", "LA") and not (pages > 1 and image.format == "GIF")
        for number in range(pages):
            image.seek(number)
            # GIF gives its first page as palette and later ones as R'G'B'.
            upright = ImageOps.exif_transpose(image)
            milliseconds = image.info.get("duration") if pages > 1 else None
            picture = np.array(upright.convert("L" if is_gray else "RGB"))
            yield picture, None if milliseconds is None else float(milliseconds) / 1000


def _iter_deep_pages(file: Path, pages: int) -> Iterator[tuple[UIntArray, float | None]]:
    """Yield pages of more than 8 bits, which neither Pillow nor FFmpeg reads beyond the first."""
    import cv2

    for number in range(pages):
        _, found = cv2.imreadmulti(str(file), number, 1, flags=cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
        page = found[0].astype(np.uint16, copy=False)
        yield page if page.ndim == 2 else np.ascontiguousarray(page[..., ::-1]), None


def _iter_pages_by_ffmpeg(file: Path, weights: tuple[float, float]) -> Iterator[tuple[LumaPlane, None]]:
    with open_container(file) as container:
        for frame in container.decode(video=0):
            upright = find_turn(read_display_matrix(frame)).apply
            # Of a picture all programs make R'G'B' first, also where it is stored as Y'CbCr.
            has_color = len(frame.format.components) > 2
            plane = luma_of_rgb(*read_rgb(frame), weights) if has_color else read_luma(frame, weights)
            yield replace(plane, codes=upright(plane.codes)), None


def _read_pixel_aspect(file: Path) -> Fraction:
    with open_container(file) as container:
        return Fraction(container.streams.video[0].sample_aspect_ratio or 1)
