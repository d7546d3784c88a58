"""Luma codes at the working size that are kept when a film is read for the first time, so that it is read once less."""

import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from kinemacolor.rendering.passes import PAINTING_FORMAT
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.checked_files import has_sha256, read_checked_json, read_kept_file, write_checked_json
from kinemacolor.utils.files import remove_intruder, translate_disk_errors
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.info import VideoInfo

PIECE_FRAMES = 48  # frames that are compressed together
MIN_SIZE_RATIO = 4  # of the pixels of the film and of the working size: below it, to decode H.264 again costs no more
_INDEX_NAME = "index.json"


class KeptLuma:
    """Luma of the film ``info`` as a model sees it (``geometry``), in a folder, without loss.

    It is written frame by frame when the film is read for the first time: `start`, `add_frame`, `finish`. A piece is
    `PIECE_FRAMES` frames, each less the one before, compressed by zlib.
    """

    def __init__(self, folder: Path, info: VideoInfo, geometry: Geometry) -> None:
        self._folder, self._info, self.geometry = folder, info, geometry
        self._frames: list[UIntArray] = []
        self._digests: list[str] | None = None
        self._last: tuple[int, list[UIntArray]] = (-1, [])

    @property
    def frame_bytes(self) -> int:
        """The most bytes that a frame needs on disk."""
        return self.geometry.working_size[0] * self.geometry.working_size[1] * self._dtype.itemsize

    @property
    def is_worth_it(self) -> bool:
        """Whether to keep luma takes less time than to decode the film again."""
        rows, columns = self.geometry.working_size
        return self._info.width * self._info.height >= MIN_SIZE_RATIO * rows * columns

    def start(self) -> None:
        """Begin anew; whatever lies in place of the folder is removed. Raises ResourceError where the disk refuses."""
        self._frames, self._digests, self._last = [], [], (-1, [])
        with translate_disk_errors(self._folder):
            if not remove_intruder(self._folder):
                self._folder.unlink(missing_ok=True)
            self._folder.mkdir(parents=True)

    def add_frame(self, luma_codes: UIntArray) -> None:
        """Keep the next frame, luma codes ``H W`` as stored. Raises ResourceError where the disk is full or refuses."""
        self._frames.append(downscale_luma(luma_codes, self._info, self.geometry))
        if len(self._frames) == PIECE_FRAMES:
            self._write_piece()

    def finish(self) -> None:
        """Write what is left, and the list of all pieces, without which none counts. Raises as `add_frame`."""
        if self._frames:
            self._write_piece()
        write_checked_json(self._folder / _INDEX_NAME, self._describe_frames() | {"pieces": self._digests})

    def find_damage(self) -> str | None:
        """Check what an earlier run kept; gives words for a person about damage. Raises as `read_piece`."""
        if self._digests is not None:  # this run has written it
            return None
        digests = self._read_digests()
        if digests and all(has_sha256(self._piece_path(number), one) for number, one in enumerate(digests)):
            return None
        return f"luma kept in {self._folder} is missing or damaged: the film is read once more for it"

    def read_piece(self, number: int) -> list[UIntArray] | None:
        """Read the frames of a piece, luma codes ``h w``; None where it is missing or damaged.

        Raises ResourceError where memory or descriptors are used up.
        """
        if self._last[0] != number:
            if self._digests is None:
                self._digests = self._read_digests()
            data = read_kept_file(self._piece_path(number)) if number < len(self._digests) else None
            if data is None or hashlib.sha256(data).hexdigest() != self._digests[number]:
                return None
            codes = np.frombuffer(zlib.decompress(data), self._dtype).reshape(-1, *self.geometry.working_size)
            self._last = number, list(np.cumsum(codes, axis=0, dtype=self._dtype))
        return self._last[1]

    def _write_piece(self) -> None:
        frames = np.stack(self._frames)
        frames[1:] -= frames[:-1].copy()
        data = zlib.compress(frames.tobytes(), 1)
        assert self._digests is not None, "add_frame before start"
        with translate_disk_errors(self._folder):
            self._piece_path(len(self._digests)).write_bytes(data)  # its digest tells whether it lies there
        self._digests.append(hashlib.sha256(data).hexdigest())
        self._frames = []

    def _read_digests(self) -> list[str]:
        """Read the list of pieces; empty where it is missing, damaged, or one of other frames."""
        index = read_checked_json(self._folder / _INDEX_NAME) or {}
        digests = index.pop("pieces", None)
        return digests if isinstance(digests, list) and index == self._describe_frames() else []

    def _describe_frames(self) -> dict[str, object]:
        """Say what decides how frames are stored, ready for JSON."""
        size = list(self.geometry.working_size)
        return {"format": PAINTING_FORMAT, "size": size, "type": self._dtype.name}

    @property
    def _dtype(self) -> "np.dtype[np.unsignedinteger[Any]]":
        return np.dtype(np.uint8 if self._info.depth == 8 else np.uint16)

    def _piece_path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.luma"


def downscale_luma(luma_codes: UIntArray, info: VideoInfo, geometry: Geometry) -> UIntArray:
    """Scale stored luma codes ``H W`` to what a model sees: upright ``h w``; of an interlaced frame its first field.

    A field shows one moment, and pulldown repeats it whole, so that `is_repeated_frame` finds it.
    """
    seen = luma_codes[1 - info.is_top_field_first :: 2] if info.is_interlaced else luma_codes
    return geometry.downscale_codes(seen)
