"""Which pictures make a film: one file with its pages, or one series of numbered files, in order and without gaps."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise, zip_longest
from pathlib import Path

from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.options import GapHandling
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.images import WRITABLE_PICTURE_SUFFIXES, find_pictures
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS, ColorTags, StoredFrame, VideoInfo
from kinemacolor.video.picture_decoding import PictureDecoder
from kinemacolor.video.picture_files import find_picture_kind, read_picture_header
from kinemacolor.video.picture_numbering import (
    NumberedPicture,
    describe_gaps,
    describe_question,
    find_step,
    split_into_series,
)

PICTURE_FRAME_RATE = Fraction(24)
MAX_HELD_PICTURES = 24 * 60 * 60  # an hour: numbers further apart are no numbers of frames
_PLACEHOLDER = re.compile(r"%0?[0-9]*d|#+|\*|\?")
_FFMPEG_ANIMATIONS = ("png", "gif")  # kinds whose animations FFmpeg reads, at their depth and with their times


@dataclass(frozen=True)
class SeriesFrame:
    """One frame of a film of pictures: its file, its page where the file has several, and its name without a suffix."""

    path: Path
    name: str
    page: int | None = None


@dataclass(frozen=True)
class PictureSeries:
    """A film of pictures: its frames, the times at which each is shown, and the end of the last, in ticks.

    ``gap_note`` says in words which numbers no file has, and what is shown there.
    """

    frames: tuple[SeriesFrame, ...]
    times: Sequence[int]
    time_base: Fraction = 1 / PICTURE_FRAME_RATE
    gap_note: str | None = None

    @property
    def files(self) -> list[Path]:
        """The files of all frames, in order; the file of a frame that is held is there each time."""
        return [frame.path for frame in self.frames] if self.frames[0].page is None else [self.frames[0].path]

    @property
    def rate(self) -> Fraction:
        """Frames in a second, on the mean."""
        return Fraction(len(self.frames)) / (self.times[-1] * self.time_base)

    def find_first(self, start_seconds: float) -> int:
        """Return the number of the first frame that is shown at a time or after it."""
        ticks = (start_seconds - TIME_TOLERANCE_SECONDS) / float(self.time_base)
        return min(bisect_left(self.times, ticks), len(self.frames))

    def iter_stored_frames(self, info: VideoInfo, numbers: Sequence[int]) -> Iterator[StoredFrame]:
        """Yield the frames with these numbers.

        Raises InputError for what cannot be read, or has another size or depth than ``info`` says.
        """
        held: tuple[SeriesFrame, UIntArray] | None = None
        with PictureDecoder() as decoder:
            for number in numbers:
                frame = self.frames[number]
                if held is None or (held[0].path, held[0].page) != (frame.path, frame.page):
                    picture = decoder.decode(frame.path, frame.page)
                    height, width = picture.pixels.shape[:2]
                    if (width, height, picture.depth) != (info.width, info.height, info.depth):
                        raise InputError(
                            f"{frame.path.name}{'' if frame.page is None else f', page {frame.page + 1},'} is "
                            f"{width}x{height} at {picture.depth} bits, the pictures before it "
                            f"{info.width}x{info.height} at {info.depth}: make them all alike"
                        )
                    held = frame, picture.compute_luma_codes(info.colors)
                yield StoredFrame(held[1], self.times[number], self.times[number + 1] - self.times[number])


def find_series(path: Path, gaps: GapHandling = "error") -> PictureSeries | None:
    """Find the pictures of a film: of a folder, of a pattern such as ``scans/shot1_*.png``, or of one picture file.

    None for all else: a film that FFmpeg reads, a folder without pictures, what does not exist. ``gaps`` says what
    becomes of numbers that are missing.

    Raises UsageError for a folder of several series or with strangers among its pictures, and for gaps where ``gaps``
    is "error"; InputError for a pattern that fits no picture, and for what cannot be read.
    """
    with translate_read_errors(path):
        is_folder, is_file = path.is_dir(), path.is_file()
    if is_file:
        return _find_pages(path)
    files = find_pictures(path) if is_folder else list_pattern_files(path)
    return _arrange_series(path, files, gaps) if files else None


def probe_pictures(path: Path, series: PictureSeries, gaps: GapHandling) -> VideoInfo:
    """Describe a film of pictures by its first one. Raises InputError where that cannot be read."""
    first = series.frames[0]
    with PictureDecoder() as decoder:
        picture = decoder.decode(first.path, first.page)
    height, width = picture.pixels.shape[:2]
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        pixel_format="gray" if picture.is_gray else "rgb",
        depth=picture.depth,
        subsampling="400" if picture.is_gray else "444",
        has_luma_plane=picture.is_gray,
        has_alpha=read_picture_header(first.path).has_alpha,
        time_base=series.time_base,
        rate=series.rate,
        frames=len(series.frames),
        duration_seconds=float(series.times[-1] * series.time_base),
        colors=ColorTags(matrix=1, primaries=1, transfer=13, full_range=True),
        codec=first.path.suffix[1:].lower(),
        is_pictures=True,
        gaps=gaps,
        gap_note=series.gap_note,
    )


def list_film_files(path: Path, gaps: GapHandling = "skip") -> list[Path]:
    """List the files that a film consists of, in the order of its frames. Raises as `find_series`."""
    series = find_series(path, gaps)
    return series.files if series else [path]


def stamp_film(path: Path) -> list[tuple[int, int]]:
    """Return size and modification time (ns) of a film's file, or of each picture of a series.

    Raises InputError where one is missing, and as `find_series`.
    """
    with translate_read_errors(path):
        stats = [file.stat() for file in list_film_files(path)]
    return [(one.st_size, one.st_mtime_ns) for one in stats]


def is_pattern(path: Path) -> bool:
    """Whether a path names pictures by a pattern: ``*``, ``?``, ``%04d`` or ``####`` in its last part.

    A file or folder of that very name is none.
    """
    return bool(_PLACEHOLDER.search(path.name)) and not path.exists()


def locate_film(path: Path) -> Path:
    """Return the file or folder that a film lies in: of a pattern its folder."""
    return path.parent if is_pattern(path) else path


def make_result_base(path: Path) -> Path:
    """Return the path, without suffix, beside which results of a film are named: of a folder beside the folder.

    Raises InputError for the folder without a name in which all others lie.
    """
    if (path.is_dir() or is_pattern(path)) and not locate_film(path).resolve().name:
        raise InputError(
            f"{path}: pictures in this folder are no film, for it has no name: put them into one of their own"
        )
    if is_pattern(path):
        folder = path.parent.resolve()
        stem = "_".join(part for part in _PLACEHOLDER.sub(" ", Path(path.name).stem).replace(".", " ").split())
        return folder.with_name(f"{folder.name}.{stem.strip('_-') or 'pictures'}")
    return path.resolve() if path.is_dir() else path.with_name(path.stem)


def choose_result_suffix(path: Path) -> str | None:
    """Return the suffix that the result of a film of pictures has: empty for a folder; None for any other film.

    Raises InputError for a picture that cannot be read.
    """
    kind = None if path.is_dir() or is_pattern(path) else find_picture_kind(path)
    if kind is None:
        return "" if path.is_dir() or is_pattern(path) else None
    if (header := read_picture_header(path)).pages > 1:
        return "" if kind == "tiff" else ".mp4"
    suffix = path.suffix.lower()
    return suffix if suffix in WRITABLE_PICTURE_SUFFIXES else ".png" if header.kind != "jpeg" else ".jpg"


def list_pattern_files(path: Path) -> list[Path]:
    """List the pictures that a pattern names, in natural order; nothing where the path is none.

    Raises InputError where no picture fits.
    """
    if not is_pattern(path):
        return []
    expression, end = "", 0
    for found in _PLACEHOLDER.finditer(path.name):
        expression += re.escape(path.name[end : found.start()])
        expression += {"*": ".*", "?": "."}.get(found[0], "[0-9]+")
        end = found.end()
    wanted = re.compile(expression + re.escape(path.name[end:]))
    files = [file for file in find_pictures(path.parent) if wanted.fullmatch(file.name)] if path.parent.is_dir() else []
    if not files:
        raise InputError(f"{path} fits no picture in {path.parent}: look at the names there")
    return files


def _find_pages(path: Path) -> PictureSeries | None:
    """The pages of a picture file; None for a film, and for animations that FFmpeg reads."""
    kind = find_picture_kind(path)
    if kind is None:
        return None
    header = read_picture_header(path)
    if header.pages == 1:
        return PictureSeries((SeriesFrame(path, path.stem),), range(2))
    if kind in _FFMPEG_ANIMATIONS:
        return None
    frames = tuple(SeriesFrame(path, f"{path.stem}_{page + 1:04d}", page) for page in range(header.pages))
    if header.durations_ms:
        return PictureSeries(frames, tuple(accumulate(header.durations_ms, initial=0)), Fraction(1, 1000))
    return PictureSeries(frames, range(header.pages + 1))


def _arrange_series(path: Path, files: Sequence[Path], gaps: GapHandling) -> PictureSeries:
    """Order the files of one series by the number that varies in their names, and treat what is missing."""
    series = split_into_series(files)
    if len(series) > 1:
        raise UsageError(describe_question(path, locate_film(path), series))
    (numbered,) = series
    for one, other in pairwise(numbered):
        if one.number == other.number:
            raise UsageError(
                f"{one.path.name} and {other.path.name} in {path} have the same number: take one of them away"
            )
    step = find_step([one.number for one in numbered])
    missing = tuple(
        (one.number + step, other.number - step)
        for one, other in pairwise(numbered)
        if other.number - one.number > step
    )
    if missing and gaps == "error":
        raise UsageError(
            f"{path}: {describe_gaps(missing, step)}. Find them, or add --gaps hold (shows the picture before, so that "
            f"sound and times stay) or --gaps skip (goes on with the next)"
        )
    frames = tuple(_iter_frames(numbered, step if gaps == "hold" else None))
    note = None
    if missing:
        shown = "the picture before each is shown in its place" if gaps == "hold" else "the next follows at once"
        note = f"{describe_gaps(missing, step)}: {shown}"
    return PictureSeries(frames, range(len(frames) + 1), gap_note=note)


def _iter_frames(numbered: Sequence[NumberedPicture], held_step: int | None) -> Iterator[SeriesFrame]:
    """Yield a frame for each file; with ``held_step`` also one for each number that is missing after it."""
    span = numbered[-1].number - numbered[0].number
    if held_step is not None and span // held_step - len(numbered) >= MAX_HELD_PICTURES:
        raise UsageError("more than an hour of pictures is missing: use --gaps skip, or look at their numbers")
    for one, following in zip_longest(numbered, numbered[1:]):
        yield SeriesFrame(one.path, one.path.stem)
        if held_step is not None and following is not None:
            for lost in range(one.number + held_step, following.number, held_step):
                yield SeriesFrame(one.path, one.rename(lost))
