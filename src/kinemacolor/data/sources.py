"""Sources of training data, films and photographs: finding and scanning them."""

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
from kinemacolor.video.images import FILM_SUFFIXES, PICTURE_SUFFIXES, find_pictures

SourceKind = Literal["film", "photograph"]
FaultKind = Literal["unreadable", "gray", "duplicate", "near duplicate", "held out"]
THUMBNAIL_SIZE = (54, 96)  # rows and columns at which frames are measured
HASH_SIDE = 11  # the hash has two directions of 11 x 11 signs
CUT_THUMBNAIL_SIZE = (9, 16)  # rows and columns at which cuts are found: motion changes little at this size
CUT_CHANGE, CUT_CONTRAST = 4.0, 1.75  # least mean change in Lab units; least ratio to the changes around it


@dataclass(frozen=True)
class Source:
    """A scanned film (a file, or a folder of frames) or photograph.

    ``group``: groups are sampled evenly. ``origin``: what the source was cut from; sources of one origin show the same
    things. ``height``, ``width``: px, upright. ``cuts``: numbers of the frames that begin a new shot. ``chroma``: mean
    of |a*| and |b*| in Lab units. ``digest``: sha256 of the contents. ``gradients``: `compute_gradient_hash` of the
    middle frame. The field names are those of ``index.jsonl`` in the cache.
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
        """List the frame numbers of each shot."""
        edges = (0, *self.cuts, self.frames)
        return [range(first, last) for first, last in pairwise(edges)]


@dataclass(frozen=True)
class UnscannedSource:
    """A source that was found but not read yet; ``stamp`` (of names, sizes and times) changes when its files do."""

    path: Path
    kind: SourceKind
    group: str
    origin: str
    stamp: str


@dataclass(frozen=True)
class SourceFault:
    """Why a source is unusable or questionable, for the user."""

    path: Path
    kind: FaultKind
    detail: str


def find_sources(folder: Path, kind: SourceKind) -> list[UnscannedSource]:
    """Find the films or the photographs in a folder, at any depth; ``folder`` may itself be one.

    Films are files, and folders of at least two pictures. A `manifest.csv` in the folder or its parent may give file
    names in its first column and where each comes from in the column ``source``, which is then the group (of a film
    also the origin). Without it the group is the folder. Raises InputError for a folder that cannot be read or holds
    no source.
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
    """Decode every frame of a source and measure it; a `SourceFault` where that fails."""
    try:
        shape, statistics = _measure_frames(unscanned.path)
        digest = compute_content_digest(unscanned.path)
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
        cuts=find_cuts(np.stack([frame.thumbnail_lab for frame in statistics])),
        chroma=float(np.mean([frame.mean_abs_ab for frame in statistics])),
        digest=digest,
        gradients=statistics[len(statistics) // 2].gradient_hash,
    )


def read_source_frame(source: Source, number: int) -> UInt8Array:
    """Read frame ``number`` of a source, ``H W 3`` sRGB. Raises InputError where it cannot be read."""
    pictures = find_pictures(source.path) if source.path.is_dir() else []
    frames = iter_color_frames(pictures[number]) if pictures else islice(iter_color_frames(source.path), number, None)
    frame = next(iter(frames), None)
    if frame is None:
        raise InputError(f"{source.path} has no frame {number} any more: scan again")
    return frame


def find_cuts(lab: Float32Array) -> tuple[int, ...]:
    """Find the cuts in tiny Lab frames ``T h w 3``: frames where the change is large, and larger than around it.

    Tried on 300 pairs of training clips put end to end: every join was found, and no clip was cut.
    """
    change = np.abs(np.diff(lab, axis=0)).mean((1, 2, 3))
    padded = np.pad(change, 2)
    around = np.max([padded[step : len(change) + step] for step in (0, 1, 3, 4)], axis=0)
    cuts = (change > CUT_CHANGE) & (change > CUT_CONTRAST * (around + 0.5))
    return tuple(int(number) + 1 for number in np.flatnonzero(cuts))


def compute_gradient_hash(picture: UInt8Array) -> str:
    """Compute a dHash as hex: signs of brightness differences, horizontal and vertical, of a tiny gray copy."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    across = resize(gray, (HASH_SIDE, HASH_SIDE + 1)).astype(int)
    down = resize(gray, (HASH_SIDE + 1, HASH_SIDE)).astype(int)
    signs = [np.diff(across, axis=1) > 0, np.diff(down, axis=0) > 0]
    return np.packbits(np.concatenate([part.ravel() for part in signs])).tobytes().hex()


def unpack_gradient_hashes(sources: Sequence[Source]) -> Float32Array:
    """Unpack the gradient hashes of sources to ``S N`` of -1 and 1, so that products count equal signs."""
    return unpack_hashes([source.gradients for source in sources])


def unpack_hashes(hashes: Sequence[str]) -> Float32Array:
    """Unpack gradient hashes to ``S N`` of -1 and 1."""
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8)
    bits = np.unpackbits(packed.reshape(len(hashes), -1), axis=1)[:, : 2 * HASH_SIDE**2]
    return bits.astype(np.float32) * 2 - 1


class _FrameStatistics(NamedTuple):
    """Measures of one frame: tiny Lab ``h w 3``, mean of |a*| and |b*|, `compute_gradient_hash`."""

    thumbnail_lab: Float32Array
    mean_abs_ab: float
    gradient_hash: str


def _measure_frames(path: Path) -> tuple[tuple[int, ...], list[_FrameStatistics]]:
    """Shape of a source's frames, and the measures of each. Raises InputError where shapes differ."""
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
    """Measures of one frame ``H W 3`` sRGB."""
    small = resize(frame, THUMBNAIL_SIZE)
    lab = rgb_to_lab(torch.from_numpy(small).permute(2, 0, 1).float() / 255).permute(1, 2, 0).numpy()
    return _FrameStatistics(
        resize(lab, CUT_THUMBNAIL_SIZE), float(np.abs(lab[..., 1:]).mean()), compute_gradient_hash(small)
    )


def compute_content_digest(path: Path) -> str:
    """Compute the sha256 of the sha256 of a file, or of those of a folder's pictures in their order.

    Raises InputError where it cannot be read.
    """
    total = hashlib.sha256()
    with translate_read_errors(path):
        for file in find_pictures(path) or [path]:
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def _is_film(path: Path) -> bool:
    """Whether a path is a film file or a folder of at least two pictures."""
    if path.is_dir():
        return len(find_pictures(path)) > 1
    return path.suffix.lower() in FILM_SUFFIXES


def _select_pictures(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]


def _read_manifest(folder: Path) -> Mapping[Path, str]:
    """The column ``source`` of a folder's manifest.csv by path; empty without a manifest."""
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
    """Group, origin and stamp of a found source."""
    source = manifest_sources.get(path)
    origin = source if source and kind == "film" else str(path)
    files = [(file.name, file.stat()) for file in find_pictures(path) or [path]]
    text = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in files)
    return UnscannedSource(
        path, kind, source or str(path.parent), origin, hashlib.sha256(text.encode()).hexdigest()[:16]
    )
