"""Small pictures in the folder ``look`` of a project, written whole; of each folder the newest are kept."""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.images import write_picture

REFERENCE_SIDE = 640  # px: the longer side of previews of references
MAX_CACHED_FILES = 200
MAX_CACHED_BYTES = 256 * 2**20  # of a folder; a frame at full size may take 20 MB


def fit_preview_size(shape: Sequence[int], longest_side: int) -> tuple[int, int]:
    """Return rows and columns of a preview whose longer side is at most ``longest_side`` px; ``shape``: ``H W ...``."""
    rows, columns = shape[:2]
    scale = min(1.0, longest_side / max(rows, columns))
    return max(1, round(rows * scale)), max(1, round(columns * scale))


def write_if_missing(path: Path, make: Callable[[], UInt8Array]) -> Path:
    """Write a picture if its file does not exist; the file's time is renewed, so that it is removed last."""
    if not renew(path):
        write_picture_file(path, make())
    return path


def renew(path: Path) -> bool:
    """Whether a picture is there; its time is renewed then: what was just named to somebody is removed last."""
    with suppress(OSError):  # it is gone, or the disk is read-only
        os.utime(path)
    return path.is_file()


def write_picture_file(path: Path, picture: UInt8Array, most: int = MAX_CACHED_FILES) -> None:
    """Write a picture ``H W``, ``H W 3`` or ``H W 4`` whole, then remove all but the newest ``most`` of its folder.

    Those are fewer where they take more than `MAX_CACHED_BYTES`.
    """
    rgb = np.dstack([picture] * 3) if picture.ndim == 2 else picture
    fresh = path.with_name(f".{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        with translate_disk_errors(path):
            path.parent.mkdir(exist_ok=True)
            write_picture(fresh, rgb)
            fresh.replace(path)
    finally:
        with suppress(OSError):  # there is one only where the disk is full
            fresh.unlink()
    _remove_oldest(path.parent, most)


def _remove_oldest(folder: Path, most: int) -> None:
    """Remove all but the newest ``most`` pictures; others may remove or write at the same time."""
    found = []
    for file in folder.glob("[!.]*"):
        with suppress(FileNotFoundError):
            status = file.stat()
            found.append((status.st_mtime_ns, status.st_size, file))
    taken = 0
    for number, (_, size, file) in enumerate(sorted(found, reverse=True)):
        taken += size
        if number and (number >= most or taken > MAX_CACHED_BYTES):
            file.unlink(missing_ok=True)
