"""Frames of a film as pictures that somebody colours."""

from collections.abc import Sequence
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.utils.files import writing
from kinemacolor.video.display import stills
from kinemacolor.video.images import write_picture


def extract_frames(film: Path, frames: Sequence[int], folder: Path, *, start_seconds: float = 0) -> list[Path]:
    """Write frames as ``ref_000123.png``: names that place them when the folder is given as a reference.

    Frames are counted from ``start_seconds``.

    Raises UsageError for frames that are not there or pictures that are there already, InputError for the film,
    ResourceError for the disk.
    """
    paths = {frame: folder / f"ref_{frame:06d}.png" for frame in frames}
    if known := [path for path in paths.values() if path.exists()]:
        raise UsageError(f"{known[0]} exists: it may be coloured already; name another folder")
    missing = set(frames)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for frame, picture in stills(film, set(frames), start_seconds):
        with writing(paths[frame]):
            write_picture(paths[frame], picture)
        missing.discard(frame)
    if missing:
        raise UsageError(f"{film.name} has no frame {min(missing)}: look at `kinemacolor shots`")
    return list(paths.values())
