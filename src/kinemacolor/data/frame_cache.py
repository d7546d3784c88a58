"""Decoded frames at the training size, cached on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinemacolor.data.sources import Source
from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.utils.arrays import Size, UInt8Array
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize

PHOTOGRAPH_SCALE = 1.5  # photographs are cached larger than films by this factor: a virtual camera moves in them


def compute_cover_size(height: int, width: int, size: Size) -> Size:
    """Compute the smallest size of a scaled picture that covers ``size``; rows, columns."""
    scale = max(size[0] / height, size[1] / width)
    return max(size[0], round(height * scale)), max(size[1], round(width * scale))


def resize_and_center_crop(picture: UInt8Array, size: Size) -> UInt8Array:
    """Scale a picture to cover ``size`` and crop its centre."""
    whole = resize(picture, compute_cover_size(picture.shape[0], picture.shape[1], size))
    top, left = ((have - want) // 2 for have, want in zip(whole.shape, size, strict=False))
    return whole[top : top + size[0], left : left + size[1]]


@dataclass(frozen=True)
class FrameCache:
    """A cache of decoded frames: one file for each source in ``folder``, named by the digest of its contents.

    A film is scaled to cover ``size``; a photograph to cover `PHOTOGRAPH_SCALE` times that, and is never enlarged.
    """

    folder: Path
    size: Size

    def get_cached_shape(self, source: Source) -> tuple[int, int, int, int]:
        """Return frames, rows, columns and channels of a source's cached array (uint8: their product is its bytes)."""
        if source.kind == "film":
            return (source.frames, *compute_cover_size(source.height, source.width, self.size), 3)
        target_size = round(self.size[0] * PHOTOGRAPH_SCALE), round(self.size[1] * PHOTOGRAPH_SCALE)
        cover_size = compute_cover_size(source.height, source.width, target_size)
        return (1, *(cover_size if cover_size[0] < source.height else (source.height, source.width)), 3)

    def load_frames(self, source: Source) -> UInt8Array:
        """Return all frames ``T H W 3`` sRGB of a source as a memory map, decoding them on the first call.

        Raises InputError where the source is missing or has changed, ResourceError for disk errors.
        """
        stored = self.find_frames(source)
        if stored is not None:
            return stored
        self._decode_and_write(source, self._path_of(source))
        written: UInt8Array = np.load(self._path_of(source), mmap_mode="r")
        return written

    def find_frames(self, source: Source) -> UInt8Array | None:
        """Return what `load_frames` does where the frames are in the cache, else None."""
        try:
            with translate_foreign_errors(lambda error: InputError(f"{source.path}: {error}")):
                stored: UInt8Array = np.load(self._path_of(source), mmap_mode="r")
        except InputError:
            return None
        return stored if stored.shape == self.get_cached_shape(source) and stored.dtype == np.uint8 else None

    def _path_of(self, source: Source) -> Path:
        return self.folder / f"{self.size[0]}x{self.size[1]}" / source.digest[:2] / f"{source.digest}.npy"

    def _decode_and_write(self, source: Source, path: Path) -> None:
        """Decode and resize all frames into one .npy file, frame by frame."""
        shape = self.get_cached_shape(source)
        size, count = (shape[1], shape[2]), 0
        with write_file_atomically(path) as stream:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            for frame in iter_color_frames(source.path):
                stream.write(resize(frame, size).tobytes())
                count += 1
            if count != source.frames:
                raise InputError(f"{source.path} has {count} frames and had {source.frames}: scan again")
