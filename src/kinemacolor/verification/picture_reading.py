"""Pictures as a film: one, a folder of them, or a file of many pages, each page counted and read."""

import warnings
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.verification.excerpt import Excerpt
from kinemacolor.verification.facts import Damage, FilmHeader, FrameFact, PacketFact, PictureFacts
from kinemacolor.verification.film_reading import open_container
from kinemacolor.verification.luma import LumaPlane, get_luma_weights, luma_of_rgb, read_luma, read_rgb
from kinemacolor.verification.picture_lists import READ_BY_PILLOW, list_pictures
from kinemacolor.verification.side_data import find_turn, read_display_matrix

if TYPE_CHECKING:
    from PIL.Image import Image

_BT709 = 1
USUAL_RATE = Fraction(24)  # of pictures, which have no clock
_NEW_SUBFILE_TYPE, _REDUCED_COPY = 254, 1  # a tag of TIFF, and its bit
_LINEAR_LIGHT = (".exr",)


class PictureReading:
    """Reads pictures one after the other, in the order of the numbers in their names; they are turned upright.

    The interface is that of `FilmReading`. ``has_clock`` is true for one file of pages that says how long each is
    shown; without it the seconds of a frame are its number, counted from the first picture of all. Raises InputError
    for what cannot be read.
    """

    def __init__(self, path: Path, excerpt: Excerpt, *, hold_gaps: bool = False) -> None:
        self.path, self.damage, self.earliest_seconds, self.picture_packets = path, Damage(), 0.0, 0
        self.clock_slack = 0.0
        self.queues: dict[int, deque[PacketFact]] = {}
        self.files = list_pictures(path, hold_gaps=hold_gaps)
        if not self.files:
            raise InputError(f"the folder {path} holds no pictures: give a film, a picture or a folder of pictures")
        plane, seconds = next(_iter_pages(self.files[0], get_luma_weights(_BT709, 0)))
        self.has_clock = seconds is not None and len(self.files) == 1
        self.excerpt = excerpt
        self.span = excerpt.find_span(0.0, Fraction(1, 1000) if self.has_clock else 1 / USUAL_RATE)
        suffix = self.files[0].suffix.lower()
        self.header = FilmHeader("pictures")
        self.pictures = PictureFacts(
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
            pages = _iter_pages(file, weights)
            while True:
                try:
                    plane, seconds = next(pages)
                except StopIteration:
                    break
                except InputError as error:
                    if number == 0:
                        raise
                    self.damage.end = str(error)
                    return
                begin = reached if self.has_clock else float(number / USUAL_RATE)
                if self.span.is_behind(begin):
                    return
                if self.span.has_frame(begin):
                    yield FrameFact(begin - self.span.zero if self.has_clock else float(number), plane, "p", {})
                reached, number = reached + (seconds or 0), number + 1


def _iter_pages(file: Path, weights: tuple[float, float]) -> Iterator[tuple[LumaPlane, float | None]]:
    """Yield Y' of the pages of a picture at their own depth, and for how many seconds each is shown, where told."""
    pages = None
    with translate_foreign_errors(lambda error: InputError(f"{file} cannot be read as a picture ({error})")):
        if file.suffix.lower() in READ_BY_PILLOW:
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
        image.filename = ""  # else Pillow maps uncompressed pictures of TIFF into memory, turned ones by a wrong size
    pages = getattr(image, "n_frames", 1)
    bits = _read_depth(file, image)
    if image.format == "TIFF" and bits > 8 and pages > 1:
        return _iter_deep_pages(file, _find_whole_pages(image))
    return None if bits > 8 else _iter_pages_by_pillow(image, _find_whole_pages(image))


def _find_whole_pages(image: "Image") -> list[int]:
    """List the numbers of the pages, without the small copies that a TIFF may have of them."""
    found: list[int] = []
    numbers = range(getattr(image, "n_frames", 1))
    if image.format != "TIFF":
        return list(numbers)
    for number in numbers:
        image.seek(number)
        if not getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0) & _REDUCED_COPY:
            found.append(number)
    image.seek(0)
    return found


def _read_depth(file: Path, image: "Image") -> int:
    """Return the bits of a sample: Pillow says 8 of PNG and TIFF in R'G'B' whatever they hold."""
    if image.mode.startswith(("I", "F")):
        return 16
    if image.format == "PNG":
        with file.open("rb") as stream:
            return stream.read(25)[24]  # in the header chunk, which comes first
    stored = getattr(image, "tag_v2", {}).get(258, 8)  # TIFF: BitsPerSample
    return max(stored) if isinstance(stored, tuple) else int(stored)


def _iter_pages_by_pillow(image: "Image", pages: list[int]) -> Iterator[tuple[UIntArray, float | None]]:
    from PIL import ImageOps

    with image:
        is_gray = image.mode in ("1", "L", "LA") and not (len(pages) > 1 and image.format == "GIF")
        for number in pages:
            image.seek(number)
            # GIF gives its first page as palette and later ones as R'G'B'.
            upright = ImageOps.exif_transpose(image)
            milliseconds = image.info.get("duration") if len(pages) > 1 else None
            picture = np.array(upright.convert("L" if is_gray else "RGB"))
            yield picture, None if milliseconds is None else float(milliseconds) / 1000


def _iter_deep_pages(file: Path, pages: list[int]) -> Iterator[tuple[UIntArray, float | None]]:
    """Yield pages of more than 8 bits, which neither Pillow nor FFmpeg reads beyond the first."""
    import cv2

    for number in pages:
        _, found = cv2.imreadmulti(str(file), number, 1, flags=cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
        page = found[0].astype(np.uint16, copy=False)
        yield page if page.ndim == 2 else np.ascontiguousarray(page[..., ::-1]), None


def _iter_pages_by_ffmpeg(file: Path, weights: tuple[float, float]) -> Iterator[tuple[LumaPlane, float | None]]:
    with open_container(file) as container:
        has_clock = container.format.name == "apng"
        for frame in container.decode(video=0):
            upright = find_turn(read_display_matrix(frame)).apply
            # Of a picture all programs make R'G'B' first, also where it is stored as Y'CbCr.
            has_color = len(frame.format.components) > 2
            plane = luma_of_rgb(*read_rgb(frame), weights) if has_color else read_luma(frame, weights)
            seconds = float(frame.duration * (frame.time_base or 0)) if has_clock else None
            yield replace(plane, codes=upright(plane.codes)), seconds


def _read_pixel_aspect(file: Path) -> Fraction:
    with open_container(file) as container:
        return Fraction(container.streams.video[0].sample_aspect_ratio or 1)
