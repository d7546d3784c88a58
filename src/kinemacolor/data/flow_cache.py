"""Optical flow between frames of a film, cached on disk and verified when it is read."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.metrics.motion import compute_optical_flow, find_visible_pixels
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import write_file_atomically

Float16Array = NDArray[np.float16]
FLOW_METHOD = "DIS medium 1, both ways"  # part of the cache key: change it when the method gives other numbers


class FlowPair(NamedTuple):
    """Flow between two frames, ``H W 2`` px (x, y) float16, and where both show the same, ``H W`` of 0 and 1.

    ``to_first`` leads from each pixel of the second frame to its position in the first, ``seen_in_second`` is its mask.
    """

    to_first: Float16Array
    seen_in_second: UInt8Array
    to_second: Float16Array
    seen_in_first: UInt8Array

    def swap(self) -> Self:
        """The same with the two frames in the other order."""
        return type(self)(self.to_second, self.seen_in_first, self.to_first, self.seen_in_second)


def compute_flow_pair(first: UInt8Array, second: UInt8Array) -> FlowPair:
    """Estimate the motion between two frames ``H W 3`` sRGB, both ways."""
    one, other = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False) for frame in (first, second))
    forward, backward = compute_optical_flow(one, other), compute_optical_flow(other, one)
    seen_in_second, seen_in_first = find_visible_pixels(forward, backward), find_visible_pixels(backward, forward)
    return FlowPair(
        backward.astype(np.float16),
        seen_in_second.astype(np.uint8),
        forward.astype(np.float16),
        seen_in_first.astype(np.uint8),
    )


@dataclass(frozen=True)
class FlowCache:
    """A cache of motion: one file for each pair of frames in ``folder``, named by a hash of the pair."""

    folder: Path

    def load_or_compute(self, digest: str, numbers: tuple[int, int], first: UInt8Array, second: UInt8Array) -> FlowPair:
        """Return the motion between two frames ``H W 3``, from the cache where possible.

        ``digest`` (of the source) and ``numbers`` name the frames; a pair in the other order has the same file. A
        missing or damaged file, or one of another pair, is made again. Raises ResourceError for disk errors.
        """
        if numbers[0] > numbers[1]:
            return self.load_or_compute(digest, numbers[::-1], second, first).swap()
        name = f"{FLOW_METHOD} {digest} {numbers[0]} {numbers[1]} {first.shape[0]}x{first.shape[1]}"
        key = hashlib.sha256(name.encode()).hexdigest()
        path = self.folder / key[:2] / f"{key}.npz"
        return _read_flow(path, key) or _compute_and_write(path, key, first, second)


def _compute_and_write(path: Path, key: str, first: UInt8Array, second: UInt8Array) -> FlowPair:
    """The motion of two frames, also written to ``path``: uncompressed, as float16 of flow does not shrink."""
    pair = compute_flow_pair(first, second)
    packed = {name: np.packbits(x, axis=1) if x.dtype == np.uint8 else x for name, x in pair._asdict().items()}
    with write_file_atomically(path) as stream:
        np.savez(stream, sha256=_hash_flow(key, pair), **packed)  # type: ignore[arg-type]
    return pair


def _read_flow(path: Path, key: str) -> FlowPair | None:
    """The motion in a file; None where it is missing, damaged or of another pair."""
    try:
        with translate_foreign_errors(lambda error: InputError(f"{path}: {error}")), np.load(path) as stored:
            arrays, sha256 = [stored[name] for name in FlowPair._fields], str(stored["sha256"])
            width = arrays[0].shape[1]
            pair = FlowPair(
                *(np.unpackbits(x, axis=1, count=width) if x.dtype == np.uint8 else x for x in arrays)  # type: ignore[arg-type]
            )
    except InputError:
        return None
    return pair if sha256 == _hash_flow(key, pair) else None


def _hash_flow(key: str, pair: FlowPair) -> str:
    return hashlib.sha256(key.encode() + b"".join(part.tobytes() for part in pair)).hexdigest()
