"""Films and photographs in an archive, no larger than training needs them."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2

from gpu_transfer.archive import ArchiveWriter
from kinemacolor.data.frame_cache import PHOTOGRAPH_SCALE, compute_cover_size
from kinemacolor.data.sources import SourceKind, find_sources
from kinemacolor.errors import KinemacolorError
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import find_pictures

JPEG_QUALITY = 92
SIZE_TOLERANCE = 1.05  # a source up to this factor higher than needed is not scaled down


class ArchivedFolder(NamedTuple):
    """A folder of sources in an archive: its path there, how many sources it has, how many were scaled down."""

    path: str
    sources: int
    downscaled: int


def add_source_folder(
    archive: ArchiveWriter, folder: Path, prefix: str, kind: SourceKind, size: tuple[int, int]
) -> ArchivedFolder:
    """Add all films or photographs of ``folder``, and its manifest, to the archive.

    It keeps its name below ``prefix``, because groups are named by folders. ``size``: rows and columns of a training
    frame.
    """
    folder = folder.absolute()
    for parent, name in ((folder, f"{folder.name}/manifest.csv"), (folder.parent, "manifest.csv")):
        if (parent / "manifest.csv").is_file():
            archive.add_file(f"{prefix}/{name}", parent / "manifest.csv")
    sources, downscaled = find_sources(folder, kind), 0
    for source in sources:
        path = PurePosixPath(prefix, *source.path.relative_to(folder.parent).parts)
        pictures = downscale_source(source.path, kind, size)
        downscaled += pictures is not None
        files: Mapping[str, Path | bytes] = list_source_files(source.path) if pictures is None else pictures
        for name, content in files.items():
            archive.add_file(path / name if name else path, content)
    return ArchivedFolder(f"{prefix}/{folder.name}", len(sources), downscaled)


def list_source_files(path: Path) -> dict[str, Path]:
    """List the files of a source by their names in its folder; a source that is one file has the name ``""``."""
    return {file.name: file for file in find_pictures(path)} if path.is_dir() else {"": path}


def downscale_source(path: Path, kind: SourceKind, size: tuple[int, int]) -> dict[str, bytes] | None:
    """Encode a source as JPEGs of the size that training needs, by name as in `list_source_files`.

    A film becomes a folder of frames. None where this saves neither pixels nor bytes, and where the source cannot be
    read: it then travels as it is, and training reports it.
    """
    if kind == "photograph":
        size = round(size[0] * PHOTOGRAPH_SCALE), round(size[1] * PHOTOGRAPH_SCALE)
    pictures: dict[str, bytes] = {}
    try:
        for number, frame in enumerate(iter_color_frames(path)):
            least = compute_cover_size(frame.shape[0], frame.shape[1], size)
            if least[0] * SIZE_TOLERANCE >= frame.shape[0]:
                return None
            bgr = cv2.cvtColor(resize(frame, least), cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
            pictures["" if kind == "photograph" else f"{number:06}.jpg"] = jpeg
    except KinemacolorError:
        return None
    if len(pictures) < (2 if kind == "film" else 1):
        return None
    bytes_before = sum(file.stat().st_size for file in list_source_files(path).values())
    return pictures if sum(map(len, pictures.values())) < bytes_before else None
