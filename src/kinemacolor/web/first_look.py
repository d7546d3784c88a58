"""Finds an early frame that shows what a film is like, before anything is known of its shots. Loads no torch."""

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.errors import InputError
from kinemacolor.references.load import load_reference, rgb_to_gray
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.display import iter_numbered_frames, to_display_gray
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import read_picture_size
from kinemacolor.video.reader import VideoReader
from kinemacolor.web.frame_answers import FirstLook
from kinemacolor.web.frame_passes import Stamp, hash_words, stamp_file
from kinemacolor.web.frame_reading import LONGEST_SIDE
from kinemacolor.web.picture_cache import fit_preview_size, renew, write_picture_file
from kinemacolor.web.project import Project

LOOKED_AT_SECONDS = 10.0  # of the film's beginning
SEARCH_SECONDS = 3.0  # that looking may take
PROBES_PER_SECOND = 2.0  # of the film's time
TELLING = 30.0  # what `measure_contrast` gives for a frame with which the search may end
DARK, BRIGHT = 24, 231  # gray levels: a frame that is all below or above shows nothing
MAX_COMPARED = 12  # references
MAX_PLAIN_SHARE = 0.75  # of a frame that may be so: titles and leader are black with a little white


def find_telling_frame(
    film: Path, start_seconds: float = 0, end_seconds: float | None = None
) -> tuple[int, float, UInt8Array]:
    """Find an early frame that shows something: its number, its time in seconds, and the frame, gray ``H W``.

    The first with much contrast that is no title, leader or black; else the best of the beginning. Both numbers are
    counted from ``start_seconds``. Raises InputError where the film cannot be read, or has no frame there.
    """
    best: tuple[float, int, float, UInt8Array] | None = None
    deadline, next_probe = time.monotonic() + SEARCH_SECONDS, 0.0
    with VideoReader(film, start_seconds=start_seconds, end_seconds=end_seconds) as reader:
        rate = float(reader.info.rate or 24)
        for number, block in enumerate(reader.iter_blocks(1)):
            seconds = number / rate
            if best and (seconds > LOOKED_AT_SECONDS or time.monotonic() > deadline):
                break
            if seconds < next_probe:
                continue
            next_probe = seconds + 1 / PROBES_PER_SECOND
            gray = to_display_gray(block.luma_codes[0], reader.info)
            contrast = measure_contrast(gray)
            if best is None or contrast > best[0]:
                best = contrast, number, seconds, gray
            if best[0] >= TELLING:
                break
    if best is None:
        raise InputError("this part of the film has no frame: choose a longer one")
    return best[1:]


def measure_contrast(gray: UInt8Array) -> float:
    """Return the standard deviation of gray ``H W``, less where most of it is plain black or white."""
    small = resize(gray, fit_preview_size(gray.shape, 160))
    plain = float(max((small < DARK).mean(), (small > BRIGHT).mean()))
    return float(small.std()) * max(0.0, 1 - max(0.0, plain - MAX_PLAIN_SHARE) / (1 - MAX_PLAIN_SHARE))


def save_first_look(project: Project) -> FirstLook:
    """Save an early, telling frame in gray, once for all. Raises InputError where the film cannot be read."""
    entry = project.entry
    stem = hash_words("first", str(entry.film), entry.start_seconds, entry.end_seconds)
    for file in (project.folder / "look").glob(f"{stem}-*-gray.png"):
        renew(file)
        frame, milliseconds = (int(part) for part in file.stem.split("-")[1:3])
        return FirstLook(frame, milliseconds / 1000, read_picture_size(file), file)
    frame, seconds, gray = find_telling_frame(project.film, entry.start_seconds, entry.end_seconds)
    small = resize(gray, fit_preview_size(gray.shape, LONGEST_SIDE))
    path = project.folder / "look" / f"{stem}-{frame}-{round(1000 * seconds)}-gray.png"
    write_picture_file(path, small)
    return FirstLook(frame, round(seconds, 3), (small.shape[0], small.shape[1]), path)


def choose_alike(gray: UInt8Array, references: Sequence[Path]) -> Path | None:
    """Choose the reference whose grays are most like those of a frame ``H W``; each is opened once.

    Of a film one early frame counts. None where no picture is whole. Raises InputError for what cannot be read.
    """
    wanted, described = (
        _describe(gray),
        {path: _describe_file(path, stamp_file(path)) for path in references[:MAX_COMPARED]},
    )
    whole = {path: float(one @ wanted) for path, one in described.items() if one is not None}
    return max(whole, key=whole.__getitem__, default=None)


@lru_cache(maxsize=1024)
def _describe_file(path: Path, stamp: Stamp) -> Float32Array | None:
    """Describe a reference as `_describe` does; None where its picture is not whole."""
    picture = read_whole_picture(path)
    return _describe(rgb_to_gray(picture)) if picture.shape[2] == 3 else None


def read_whole_picture(path: Path) -> UInt8Array:
    """Read a reference: its picture, of a film an early frame. Raises InputError for what cannot be read."""
    if not ReferenceSpec(path).is_film:
        return load_reference(path)
    number = find_telling_frame(path)[0]
    return next(picture for _, picture in iter_numbered_frames(path, [number]))


def _describe(gray: UInt8Array) -> Float32Array:
    """Return the grays of a picture at 24 x 24 px, and how often each occurs, as one vector of length 1."""
    small = cv2.resize(gray, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
    layout = (small - small.mean()).ravel() / max(1e-3, float(small.std()) * 24)
    counts = np.sqrt(np.histogram(gray, 32, (0, 256))[0] / gray.size)
    return np.asarray(np.concatenate([layout, counts]) / np.sqrt(2), np.float32)
