"""Optical flow between frames of a film, cached on disk and verified when it is read."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.metrics.motion import Motion
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.utils.files import write_file_atomically

Float16Array = NDArray[np.float16]
FLOW_METHOD = "DIS medium 1"  # part of the cache key: change it when the method gives other numbers


@dataclass(frozen=True)
class FlowCache:
    """A cache of flow and visibility: one file for each pair of frames in ``folder``, named by a hash of the pair."""

    folder: Path

    def load_or_compute(
        self, digest: str, numbers: tuple[int, int], first: UInt8Array, second: UInt8Array
    ) -> tuple[Float32Array, Float32Array]:
        """Return the flow from the second frame back to the first, and its visibility, from the cache where possible.

        Flow is ``H W 2`` px (x, y), rounded to float16; visibility is ``H W``, 1 where both frames show the same, else
        0. ``digest`` (of the source) and ``numbers`` name the two frames ``H W 3``. A missing or damaged file, or one
        of another pair, is made again. Raises ResourceError for disk errors.
        """
        name = f"{FLOW_METHOD} {digest} {numbers[0]} {numbers[1]} {first.shape[0]}x{first.shape[1]}"
        key = hashlib.sha256(name.encode()).hexdigest()
        path = self.folder / key[:2] / f"{key}.npz"
        cached = _read_flow(path, key) or _compute_and_write(path, key, first, second)
        flow, visibility = cached
        return flow.astype(np.float32), np.unpackbits(visibility, axis=1, count=flow.shape[1]).astype(np.float32)


def _compute_and_write(path: Path, key: str, first: UInt8Array, second: UInt8Array) -> tuple[Float16Array, UInt8Array]:
    """Flow and bit-packed visibility of two frames, also written to ``path``."""
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False) for frame in (first, second)]
    motion = Motion.from_frames(gray[0], gray[1])
    flow, visibility = motion.backward_flow.astype(np.float16), np.packbits(motion.visible, axis=1)
    with write_file_atomically(path) as stream:
        np.savez_compressed(stream, flow=flow, seen=visibility, sha256=_hash_flow(key, flow, visibility))
    return flow, visibility


def _read_flow(path: Path, key: str) -> tuple[Float16Array, UInt8Array] | None:
    """Flow and bit-packed visibility from a file; None where it is missing, damaged or of another pair."""
    try:
        with np.load(path) as stored:
            flow, visibility, sha256 = stored["flow"], stored["seen"], str(stored["sha256"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return (flow, visibility) if sha256 == _hash_flow(key, flow, visibility) else None


def _hash_flow(key: str, flow: Float16Array, visibility: UInt8Array) -> str:
    return hashlib.sha256(key.encode() + flow.tobytes() + visibility.tobytes()).hexdigest()
