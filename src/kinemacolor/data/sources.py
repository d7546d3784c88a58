"""What there is to learn from: films and photographs, found and looked at."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch

from kinemacolor.color import rgb_to_lab
from kinemacolor.errors import InputError, translate_read_errors
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import PICTURE_SUFFIXES, find_pictures
from kinemacolor.video.reader import FILM_SUFFIXES

SourceKind = Literal["film", "photograph"]
FaultKind = Literal["unreadable", "gray", "duplicate", "near duplicate"]
THUMBNAIL_SIZE = (54, 96)  # rows and columns at which frames are looked at
HASH_SIDE = 11  # two gradients of 11 x 11 signs
CUT_THUMBNAIL_SIZE = (9, 16)  # rows and columns at which cuts are found: motion shows little
CUT_CHANGE, CUT_CONTRAST = 4.0, 1.75  # mean change in Lab units, and how much more than around it


@dataclass(frozen=True)
class Source:
    """A film (a file, or a folder of frames) or a photograph.

    ``group`` is what sampling is even over. ``origin`` is what it was cut from: two sources of one
    origin show the same things. ``height`` and ``width`` are upright, in px. Before the frames
    ``cuts`` another shot begins. ``chroma`` is the mean of |a| and |b| in Lab units. ``digest`` is
    the sha256 of the contents, ``gradients`` the signs of brightness steps in the middle frame, hex.
    """

    path: Path
    kind: SourceKind
    group: str
    origin: str
    frames: int
    height: int
    width: int
    cuts: tuple[int, ...]
    chroma: float
    digest: str
    gradients: str

    def list_shot_ranges(self) -> list[range]:
        """The frame numbers of each shot."""
        edges = (0, *self.cuts, self.frames)
        return [range(first, last) for first, last in pairwise(edges)]


@dataclass(frozen=True)
class UnscannedSource:
    """A source that nobody has looked at yet. ``stamp`` changes when its files do."""

    path: Path
    kind: SourceKind
    group: str
    origin: str
    stamp: str


@dataclass(frozen=True)
class SourceFault:
    """Something about a source that a person should know, and why."""

    path: Path
    kind: FaultKind
    detail: str


def find_sources(folder: Path, kind: SourceKind) -> list[UnscannedSource]:
    """The films (files, and folders of at least two pictures) or photographs in a folder, at any depth; or itself.

    A `manifest.csv` in it may name, in its first column, and tell where each comes from, in the column
    ``source``: that is the group then. Without it the folder is. Raises InputError for what cannot be
    read or holds nothing.
    """
    folder = folder.absolute()
    with translate_read_errors(folder):
        if not folder.exists():
            raise InputError(f"{folder} does not exist: give a folder of {kind}s")
        all_paths = [folder, *sorted(folder.rglob("*"))] if folder.is_dir() else [folder]
        visible_paths = [
            path for path in all_paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        ]
        paths = (
            [path for path in visible_paths if _is_film(path)] if kind == "film" else _select_pictures(visible_paths)
        )
        if not paths:
            raise InputError(f"{folder} holds no {kind}: give another folder")
        manifest_sources = _read_manifest(folder) or _read_manifest(folder.parent)
        return [_describe_source(path, kind, manifest_sources) for path in paths]


def scan_source(unscanned: UnscannedSource) -> Source | SourceFault:
    """Decode every frame of a source once; a Fault where that fails."""
    try:
        shape, statistics = _measure_frames(unscanned.path)
        digest = _hash_contents(unscanned.path)
    except InputError as error:
        return SourceFault(unscanned.path, "unreadable", str(error))
    return Source(
        path=unscanned.path,
        kind=unscanned.kind,
        group=unscanned.group,
        origin=unscanned.origin,
        frames=len(statistics),
        height=shape[0],
        width=shape[1],
        cuts=find_cuts(np.stack([glance.thumbnail_lab for glance in statistics])),
        chroma=float(np.mean([glance.mean_abs_ab for glance in statistics])),
        digest=digest,
        gradients=statistics[len(statistics) // 2].gradient_hash,
    )


def read_source_frame(source: Source, number: int) -> UInt8Array:
    """One frame ``H W 3`` sRGB of a source. Raises InputError."""
    pictures = find_pictures(source.path)
    frames = iter_color_frames(pictures[number]) if pictures else islice(iter_color_frames(source.path), number, None)
    frame = next(iter(frames), None)
    if frame is None:
        raise InputError(f"{source.path} has no frame {number} any more: scan again")
    return frame


def find_cuts(lab: Float32Array) -> tuple[int, ...]:
    """The frames of ``T h w 3`` (Lab, tiny) before which the picture changes much, and more than around it.

    Of 300 pairs of training clips put end to end all were told apart, and no clip was cut in itself.
    """
    change = np.abs(np.diff(lab, axis=0)).mean((1, 2, 3))
    padded = np.pad(change, 2)
    around = np.max([padded[step : len(change) + step] for step in (0, 1, 3, 4)], axis=0)
    cuts = (change > CUT_CHANGE) & (change > CUT_CONTRAST * (around + 0.5))
    return tuple(int(number) + 1 for number in np.flatnonzero(cuts))


def compute_gradient_hash(picture: UInt8Array) -> str:
    """The signs of brightness steps, across and down, in a picture of 12 x 11 and 11 x 12 (a dHash), as hex."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    across = resize(gray, (HASH_SIDE, HASH_SIDE + 1)).astype(int)
    down = resize(gray, (HASH_SIDE + 1, HASH_SIDE)).astype(int)
    signs = [np.diff(across, axis=1) > 0, np.diff(down, axis=0) > 0]
    return np.packbits(np.concatenate([part.ravel() for part in signs])).tobytes().hex()


def unpack_gradient_hashes(sources: Sequence[Source]) -> Float32Array:
    """``S N`` of `gradients` as -1 and 1, so that a product tells how many agree."""
    packed = np.frombuffer(bytes.fromhex("".join(source.gradients for source in sources)), np.uint8)
    bits = np.unpackbits(packed.reshape(len(sources), -1), axis=1)[:, : 2 * HASH_SIDE**2]
    return bits.astype(np.float32) * 2 - 1


class _FrameStatistics(NamedTuple):
    """Little of a frame: tiny Lab ``h w 3``, mean |ab|, `gradients`."""

    thumbnail_lab: Float32Array
    mean_abs_ab: float
    gradient_hash: str


def _measure_frames(path: Path) -> tuple[tuple[int, ...], list[_FrameStatistics]]:
    """The size of the frames of a source, and a glance at each."""
    shape: tuple[int, ...] = ()
    statistics = []
    for number, frame in enumerate(iter_color_frames(path)):
        if shape and frame.shape != shape:
            size, before = (f"{x[1]}x{x[0]}" for x in (frame.shape, shape))
            raise InputError(f"{path}: frame {number} is {size}, those before it {before}: make them all alike")
        shape = frame.shape
        statistics.append(_measure_frame(frame))
    if not statistics:
        raise InputError(f"{path} holds no frame that can be decoded")
    return shape, statistics


def _measure_frame(frame: UInt8Array) -> _FrameStatistics:
    small = resize(frame, THUMBNAIL_SIZE)
    lab = rgb_to_lab(torch.from_numpy(small).permute(2, 0, 1).float() / 255).permute(1, 2, 0).numpy()
    return _FrameStatistics(
        resize(lab, CUT_THUMBNAIL_SIZE), float(np.abs(lab[..., 1:]).mean()), compute_gradient_hash(small)
    )


def _hash_contents(path: Path) -> str:
    """The sha256 of a file, or of the contents of a folder's pictures in their order."""
    total = hashlib.sha256()
    with translate_read_errors(path):
        for file in find_pictures(path) or [path]:
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def _is_film(path: Path) -> bool:
    if path.is_dir():
        return len(find_pictures(path)) > 1
    return path.suffix.lower() in FILM_SUFFIXES


def _select_pictures(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]


def _read_manifest(folder: Path) -> Mapping[Path, str]:
    """Paths and their sources; empty where there is no such list."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}): mend it, or take it away") from error
    names = [next(iter(row.values())) for row in rows]
    return {folder / str(name): str(row["source"]) for name, row in zip(names, rows, strict=True) if row.get("source")}


def _describe_source(path: Path, kind: SourceKind, manifest_sources: Mapping[Path, str]) -> UnscannedSource:
    source = manifest_sources.get(path)
    origin = source if source and kind == "film" else str(path)
    files = [(file.name, file.stat()) for file in find_pictures(path) or [path]]
    text = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in files)
    return UnscannedSource(
        path, kind, source or str(path.parent), origin, hashlib.sha256(text.encode()).hexdigest()[:16]
    )
