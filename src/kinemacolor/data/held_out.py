"""Pictures that must never be learned from, and the training sources that show the same: refused, whatever their name.

A gradient hash (`compute_gradient_hash`) forgives scaling and compression, not cropping or mirroring. So every frame
that is held out is hashed whole, in slightly cropped and in mirrored copies, and compared with many frames of each
film: clips of one film may be cut anywhere. Of 30,000 pairs of training films of different origins none lies under the
limit but two films of one speaker in one room; under it lie all copies cropped by 5 % at any place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.data.index import NEAR_DUPLICATE_DIFFERENCE, SourceIndex
from kinemacolor.data.name_lists import LIST_SUFFIXES, find_named_paths, read_name_list
from kinemacolor.data.sources import (
    THUMBNAIL_SIZE,
    Source,
    SourceFault,
    UnscannedSource,
    compute_content_digest,
    compute_gradient_hash,
    find_sources,
    unpack_hashes,
)
from kinemacolor.errors import InputError, UsageError
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.utils.files import append_json_line, iter_json_lines
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import find_pictures

HELD_OUT_FRAMES, TRAINING_FRAMES = 512, 48  # most frames of a film that are hashed, evenly spaced
CROPS = (1.0, 0.95, 0.9)  # shares of height and width that copies of a held-out frame keep
LEAST_CONTRAST = 4.0  # standard deviation, in codes 0..255: black frames of a fade are all alike, and teach nothing
COPIES = "crops 1 0.95 0.9, 5 places, mirrored"  # part of the cache key: change it with what is hashed


@dataclass(frozen=True)
class HeldOutSource:
    """A film or photograph that is held out: the ``digests`` of its contents and of each picture, and ``hashes``.

    ``origin`` is what it was cut from. ``hashes`` are `compute_gradient_hash` of copies of its frames, ``frames`` the
    number of the frame of each.
    """

    path: Path
    origin: str
    digests: tuple[str, ...]
    hashes: tuple[str, ...]
    frames: tuple[int, ...]


def refuse_held_out(
    index: SourceIndex,
    paths: Sequence[Path],
    cache: Path,
    on_progress: Callable[[int, int | None], None] = lambda done, expected: None,
) -> SourceIndex:
    """Remove the sources from an index that show what is held out; faults name them.

    ``paths`` are folders of films and photographs, and lists (`name_lists`, .txt or .tsv) of names of what the index
    was made of. Hashes are kept in ``cache``. Raises InputError where something that is held out cannot be read, or
    a list names what the index does not know, ResourceError for disk errors, UsageError where nothing is left to learn
    from.
    """
    if not paths:
        return index
    unscanned = [one for path in paths for one in _find_held_out(path, index)]
    held_out = list(_hash_held_out(unscanned, cache))
    training_hashes = _hash_training_frames(index.sources, cache, on_progress)
    faults = _find_resemblances(index.sources, training_hashes, held_out)
    remaining = [number for number in range(len(index.sources)) if number not in faults]
    if not remaining:
        raise UsageError(f"all films and photographs are held out, such as {faults[0].path} ({faults[0].detail})")
    return replace(
        index,
        sources=tuple(index.sources[number] for number in remaining),
        faults=(*index.faults, *faults.values()),
        embeddings=None if index.embeddings is None else index.embeddings[remaining],
    )


def _find_resemblances(
    sources: Sequence[Source], training_hashes: Sequence[Sequence[str]], held_out: Sequence[HeldOutSource]
) -> dict[int, SourceFault]:
    """A fault for each source that resembles something held out, by its number; the nearest one is named."""
    digests = {digest: one.path for one in held_out for digest in one.digests}
    origins = {one.origin: one.path for one in held_out}
    owners = np.repeat(np.arange(len(sources)), [len(hashes) for hashes in training_hashes])
    signs = unpack_hashes([one for hashes in training_hashes for one in hashes])
    nearest = np.full(len(sources), 1.0)
    details = [""] * len(sources)
    for one in held_out:
        if not one.hashes:
            continue
        differ, where = _compare_signs(signs, unpack_hashes(one.hashes))
        closest = np.full(len(sources), 1.0)
        np.minimum.at(closest, owners, differ)
        for number in map(int, np.flatnonzero(closest < np.minimum(nearest, NEAR_DUPLICATE_DIFFERENCE))):
            row = np.flatnonzero((owners == number) & (differ == closest[number]))[0]
            nearest[number] = closest[number]
            frame = f", frame {one.frames[where[row]]}" if len(set(one.frames)) > 1 else ""
            details[number] = f"{1 - closest[number]:.0%} of its gradients are those of {one.path}{frame}"
    for number, source in enumerate(sources):
        if source.digest in digests:
            details[number] = f"the same as {digests[source.digest]}"
        elif source.origin in origins and not details[number]:
            details[number] = f"cut from the same film as {origins[source.origin]}"
    return {number: SourceFault(sources[number].path, "held out", text) for number, text in enumerate(details) if text}


def _compare_signs(
    signs: Float32Array, others: Float32Array, rows: int = 4096
) -> tuple[Float32Array, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """For each row of ``signs`` (-1 or 1) the share that differs from the nearest of ``others``, and which that is."""
    products = [signs[start : start + rows] @ others.T for start in range(0, len(signs), rows)]
    nearest = np.concatenate([part.argmax(1) for part in products])
    largest = np.concatenate([part.max(1) for part in products])
    return (1 - largest / signs.shape[1]) / 2, nearest


def _find_held_out(path: Path, index: SourceIndex) -> list[UnscannedSource]:
    """Find the films and photographs in a folder, or those that a list names."""
    if path.suffix.lower() not in LIST_SUFFIXES or path.is_dir():
        return _find_in_folder(path)
    names = list(dict.fromkeys(name for row in read_name_list(path) for name in row))
    # what was left out as a copy has a name too: what it is a copy of is in the index
    known = dict.fromkeys([*(source.path for source in index.sources), *(fault.path for fault in index.faults)])
    matches = find_named_paths(names, known, str(path))
    return [one for found in matches for match in found for one in _find_in_folder(match)]


def _find_in_folder(folder: Path) -> list[UnscannedSource]:
    """Find films and photographs in a folder that may hold both. Raises InputError where it holds neither."""
    found: list[UnscannedSource] = []
    try:
        found += find_sources(folder, "film")
    except InputError:
        return find_sources(folder, "photograph")
    films = {one.path for one in found}
    with suppress(InputError):  # films only, as files
        found += [one for one in find_sources(folder, "photograph") if one.path.parent not in films]
    return found


def _hash_held_out(unscanned: Sequence[UnscannedSource], cache: Path) -> Iterator[HeldOutSource]:
    """Hash the frames of all that is held out; unchanged ones are read from ``held-out.jsonl``."""
    path = cache / "held-out.jsonl"
    known = {(row.get("path"), row.get("stamp"), row.get("copies")): row for row in iter_json_lines(path)}
    for one in unscanned:
        row = known.get((str(one.path), one.stamp, COPIES))
        if row is None:
            row = {"path": str(one.path), "stamp": one.stamp, "copies": COPIES, **_hash_copies(one.path)}
            append_json_line(path, row)
        yield HeldOutSource(one.path, one.origin, tuple(row["digests"]), tuple(row["hashes"]), tuple(row["frames"]))


def _hash_copies(path: Path) -> dict[str, list[str] | list[int]]:
    """Digests of a source, hashes of the copies of its frames, and the frame of each copy."""
    pictures = find_pictures(path)
    # a folder of pictures may be an album, of which each counts; a file is a film
    sampled = enumerate(iter_color_frames(path)) if pictures else _sample_frames(path, HELD_OUT_FRAMES)
    rows = [(number, one) for number, frame in sampled for one in _iter_copy_hashes(frame)]
    digests = [compute_content_digest(one) for one in dict.fromkeys([path, *pictures])]
    return {"digests": digests, "hashes": [one for _, one in rows], "frames": [number for number, _ in rows]}


def _iter_copy_hashes(frame: UInt8Array) -> Iterator[str]:
    """Hashes of a frame ``H W 3`` and of its cropped and mirrored copies; none of a frame that shows nothing."""
    # four thumbnails wide: a crop of it is as sharp as a thumbnail of the crop, and far quicker made
    height, width = min(frame.shape[0], 4 * THUMBNAIL_SIZE[0]), min(frame.shape[1], 4 * THUMBNAIL_SIZE[1])
    small = resize(frame, (height, width))
    if cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).std() < LEAST_CONTRAST:
        return
    places = [(0.5, 0.5), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    for crop in CROPS:
        size = round(height * crop), round(width * crop)
        for down, across in places if crop < 1 else places[:1]:
            top, left = round((height - size[0]) * down), round((width - size[1]) * across)
            copy = resize(np.ascontiguousarray(small[top : top + size[0], left : left + size[1]]), THUMBNAIL_SIZE)
            yield compute_gradient_hash(copy)
            yield compute_gradient_hash(np.ascontiguousarray(copy[:, ::-1]))


def _hash_training_frames(
    sources: Sequence[Source], cache: Path, on_progress: Callable[[int, int | None], None]
) -> list[tuple[str, ...]]:
    """Hashes of many frames of each film, kept in ``frame-hashes.jsonl``; of a photograph the one that it has."""
    path = cache / "frame-hashes.jsonl"
    known: Mapping[str, tuple[str, ...]] = {
        row["digest"]: tuple(row["gradients"]) for row in iter_json_lines(path) if {"digest", "gradients"} <= {*row}
    }
    films = [source for source in sources if source.kind == "film" and source.digest not in known]
    added = {}
    for count, film in enumerate(films, 1):
        frames = _sample_frames(film.path, TRAINING_FRAMES)
        added[film.digest] = tuple(compute_gradient_hash(resize(frame, THUMBNAIL_SIZE)) for _, frame in frames)
        append_json_line(path, {"digest": film.digest, "gradients": added[film.digest]})
        on_progress(count, len(films))
    return [
        (source.gradients, *({**known, **added}[source.digest] if source.kind == "film" else ())) for source in sources
    ]


def _sample_frames(path: Path, most: int) -> Iterator[tuple[int, UInt8Array]]:
    """Numbers and frames of a film, at most ``most``, evenly spaced. Its length is counted by a first reading."""
    length = len(find_pictures(path)) or sum(1 for _ in iter_color_frames(path))
    step = -(-length // most)
    yield from islice(enumerate(iter_color_frames(path)), 0, None, max(1, step))
