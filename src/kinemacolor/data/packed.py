"""A pack: all training data as one folder of small pictures, with all that was ever measured of them.

A machine that has a pack scans, hashes and embeds nothing, reads no film, and needs only OpenCV to decode. The folder
has ``sources.jsonl`` (a `Source` on each line, in the order of the index, with ``pictures``: the bytes of each of its
frames), ``pictures.bin`` (the frames as JPEG, one behind the other) and ``embeddings.npy`` (``S C``, float16). Digests
are those of the original files, so a run knows its data again, and the same films are held out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from itertools import accumulate
from os import cpu_count
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from kinemacolor.data.frame_cache import FrameCache
from kinemacolor.data.index import SourceIndex
from kinemacolor.data.sources import Source
from kinemacolor.errors import InputError, translate_foreign_errors, translate_read_errors
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize

SOURCES_FILE, PICTURES_FILE, EMBEDDINGS_FILE = "sources.jsonl", "pictures.bin", "embeddings.npy"
SOURCES_AT_ONCE = 64  # encoded in parallel; bounds the memory


class JpegQuality(NamedTuple):
    """The quality of a JPEG's luma and of its chroma, 1 to 100, as libjpeg counts.

    Colours are what is learned: in a file of one size, fine chroma and coarse luma have half of the error of ab (means
    over 4 x 4 px) that a WebP has, or a JPEG that treats both alike.
    """

    luma: int
    chroma: int


@dataclass(frozen=True)
class PictureSpan:
    """Where the pictures of a source lie in the file of pictures: the ``start``, and the bytes of each, in order."""

    start: int
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class PackedFrameCache(FrameCache):
    """Frames from a pack in ``folder``, decoded into memory at each call; nothing is written.

    A pack serves every ``size``: pictures of another one are scaled, as those of a film or photograph are.
    ``spans``: where the pictures of each source lie, by the digest of the source.
    """

    spans: Mapping[str, PictureSpan]

    def load_frames(self, source: Source) -> UInt8Array:
        """Return all frames ``T H W 3`` sRGB of a source, of the shape that `get_cached_shape` says.

        Raises InputError where the pack lacks the source or is damaged.
        """
        path, span = self.folder / PICTURES_FILE, self.spans.get(source.digest)
        if span is None:
            raise InputError(f"{self.folder} lacks {source.path}: pack again")
        with translate_read_errors(path), path.open("rb") as stream:
            stream.seek(span.start)
            content = stream.read(sum(span.lengths))
        shape = self.get_cached_shape(source)
        frames: UInt8Array = np.empty(shape, np.uint8)
        ends = list(accumulate(span.lengths))
        if len(ends) != len(frames):
            raise InputError(f"{self.folder} has {len(ends)} of {len(frames)} frames of {source.path}: pack again")
        for frame, length, end in zip(frames, span.lengths, ends, strict=True):
            data = np.frombuffer(content[end - length : end], np.uint8)
            bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
            if bgr is None:
                raise InputError(f"{path} is damaged: pack again")
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            frame[:] = resize(rgb, (shape[1], shape[2]))
        return frames


def write_pack(index: SourceIndex, frame_cache: FrameCache, folder: Path, quality: JpegQuality) -> int:
    """Write all sources of an index into ``folder`` at the size of ``frame_cache``; return the bytes of the pictures.

    Frames that are in the cache are taken from it, others are decoded, and the cache is left as it is. Raises
    InputError for a source that is missing or has changed, ResourceError for disk errors.
    """
    start = 0
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / SOURCES_FILE).open("w", encoding="utf-8") as rows,
            (folder / PICTURES_FILE).open("wb") as pictures,
        ):
            for source, encoded in _iter_encoded(index.sources, frame_cache, quality):
                lengths = [len(picture) for picture in encoded]
                row = asdict(source) | {"path": str(source.path), "pictures": lengths}
                rows.write(json.dumps(row) + "\n")
                pictures.writelines(encoded)
                start += sum(lengths)
        if index.embeddings is not None:
            np.save(folder / EMBEDDINGS_FILE, index.embeddings.astype(np.float16))
    return start


def read_pack(folder: Path, size: tuple[int, int]) -> tuple[SourceIndex, PackedFrameCache]:
    """Read the index of a pack, and the cache that gives its frames at the training ``size``.

    Raises InputError for a folder that is no pack, or whose files do not belong together.
    """
    path, names = folder / SOURCES_FILE, {field.name for field in fields(Source)}
    sources, spans, start = [], {}, 0
    with translate_foreign_errors(lambda error: InputError(f"{folder} is no whole pack ({error}): pack again")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            values = {name: row[name] for name in names} | {"path": Path(row["path"]), "cuts": tuple(row["cuts"])}
            sources.append(Source(**values))
            spans[row["digest"]] = PictureSpan(start, tuple(row["pictures"]))
            start += sum(row["pictures"])
        found = (folder / PICTURES_FILE).stat().st_size
        rows = folder / EMBEDDINGS_FILE
        embeddings = np.load(rows).astype(np.float32) if rows.is_file() else None
    if not sources or found != start or (embeddings is not None and len(embeddings) != len(sources)):
        raise InputError(f"{folder} is no whole pack: its files do not belong together")
    return SourceIndex(tuple(sources), (), embeddings), PackedFrameCache(folder, size, spans)


def _iter_encoded(
    sources: Iterable[Source], frame_cache: FrameCache, quality: JpegQuality
) -> Iterator[tuple[Source, list[bytes]]]:
    """Each source with its frames as JPEG, in order; threads do, because codecs let go of Python's lock."""
    remaining, tables = list(sources), [_get_quantization(quality.luma)[0], _get_quantization(quality.chroma)[1]]
    with ThreadPoolExecutor(cpu_count()) as pool:
        for first in range(0, len(remaining), SOURCES_AT_ONCE):
            chunk = remaining[first : first + SOURCES_AT_ONCE]
            yield from zip(chunk, pool.map(lambda one: _encode_source(one, frame_cache, tables), chunk), strict=True)


def _encode_source(source: Source, frame_cache: FrameCache, tables: list[list[int]]) -> list[bytes]:
    """The frames of a source as JPEG, at the size that training needs."""
    frames = frame_cache.find_frames(source)
    size = frame_cache.get_cached_shape(source)[1:3]
    encoded = []
    for frame in iter_color_frames(source.path) if frames is None else frames:
        target = BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(resize(frame, size)))
        picture.save(target, "JPEG", qtables=tables, subsampling="4:2:0", optimize=True, progressive=True)
        encoded.append(target.getvalue())
    if len(encoded) != source.frames:
        raise InputError(f"{source.path} has {len(encoded)} frames and had {source.frames}: scan again")
    return encoded


def _get_quantization(quality: int) -> Mapping[int, list[int]]:
    """The tables that libjpeg takes at a quality: 0 is that of luma, 1 that of chroma."""
    target = BytesIO()
    Image.new("RGB", (8, 8)).save(target, "JPEG", quality=quality)
    with Image.open(target, formats=("JPEG",)) as picture:
        tables: Mapping[int, list[int]] = picture.quantization  # type: ignore[attr-defined]
        return tables
