"""Painting: the passes of a plan through the model, segment by segment, each once."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import cv2
import numpy as np
import torch

from kinemacolor.color import YCbCr
from kinemacolor.errors import InputError, Interrupted
from kinemacolor.inference.postprocess import Painted
from kinemacolor.inference.session import Session, complete
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import FilmEntry
from kinemacolor.references.load import load_reference
from kinemacolor.references.spec import Reference
from kinemacolor.render.cache import LENGTH, WorkFolder
from kinemacolor.render.passes import Pass
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.utils.prefetch import prefetch
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.random_access import RangeReader

SAME_MEAN, SAME_MOST = 0.5, 2.0  # 8-bit levels that copies of a frame differ by: in the mean, and in a tile
TILE = 4  # px
_LUMA = "film.luma"  # of the last frame that the model saw, in a snapshot


class _Seen(NamedTuple):
    """The last frame that the model was shown, ``h w`` codes, and what it made of it."""

    luma: UIntArray | None = None
    painted: Painted | None = None


class Painter:
    """Paints passes into folders of ``work``; `ensure` is the one thing that others ask of it.

    ``contents``: the sha256 that the reference files had when the render began.
    """

    def __init__(self, film: FilmEntry, model: Colorizer, work: WorkFolder, contents: Mapping[Path, str]) -> None:
        self._film, self._model, self._work, self._contents = film, model, work, contents
        self._running: tuple[Pass, Iterator[int]] | None = None
        self._open = ExitStack()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def ensure(self, one: Pass, segment: int, on_frames: Callable[[int], None] | None = None) -> None:
        """Make sure that a segment of a pass is painted.

        Raises InputError for a film or reference that is gone or has changed, ResourceError for the disk.
        """
        folder = self._work.of(one.digest, len(one))
        while folder.segments <= segment:
            if self._running is None or self._running[0] != one:
                self._open.close()
                self._running = one, self._paint(one)
            before = folder.painted
            next(self._running[1])
            if on_frames:
                on_frames(folder.painted - before)

    def stop(self) -> None:
        """From another thread: give up what is being painted, with an Interrupted in the thread that paints."""
        self._stopped.set()

    def _paint(self, one: Pass) -> Iterator[int]:
        """Stores segment after segment from where the pass stands; gives the frames painted so far."""
        folder = self._work.of(one.digest, len(one))
        state = folder.state()
        film = self._film
        reader = self._open.enter_context(RangeReader(film.path, film.index, start_seconds=film.start_seconds))
        session = self._session(one, reader)
        seen = _Seen()
        if state is not None:
            seen = _Seen(state.pop(_LUMA).numpy(), folder.read(folder.segments - 1)[-1])
            session.restore(state)
        pieces = prefetch(_pieces(one, reader, session.geometry, folder.painted))
        self._open.callback(pieces.close)
        for piece in pieces:
            painted, seen = self._color(piece, seen, session, reader.info.colors.build_ycbcr(reader.info.depth))
            folder.store(painted, session.snapshot() | {_LUMA: torch.from_numpy(seen.luma)})
            yield folder.painted

    def _color(
        self, piece: Sequence[UIntArray], seen: _Seen, session: Session, coding: YCbCr
    ) -> tuple[list[Painted], _Seen]:
        """A piece painted, each frame that is not the one before once; and what was seen last."""
        fresh: list[UIntArray] = []
        which: list[int] = []  # number of the fresh frame that each one is; -1: of the one seen before
        last = seen.luma
        for luma in piece:
            if last is None or not is_repeat(last, luma, coding.depth):
                fresh.append(luma)
                last = luma
            which.append(len(fresh) - 1)
        answers: list[Painted] = []
        for start in range(0, len(fresh), self._model.spec.block_size):
            if self._stopped.is_set():
                raise Interrupted("painting was stopped")
            answers += session.advance(np.stack(fresh[start : start + self._model.spec.block_size]), coding)
        painted = [answers[number] if number >= 0 else seen.painted for number in which]
        return painted, _Seen(last, painted[-1])  # type: ignore[return-value]

    def _session(self, one: Pass, reader: RangeReader) -> Session:
        info = reader.info
        return Session(
            self._model,
            [self._picture(reference, reader) for reference in one.references],
            height=info.height,
            width=info.width,
            options=one.options,
            pixel_aspect=info.sample_aspect,
            rotation=info.display_rotation,
            in_shot=one.begins_with_reference,
        )

    def _picture(self, reference: Reference, reader: RangeReader) -> UInt8Array:
        picture = picture_of(reference, reader)
        if compute_file_sha256(reference.path) != self._contents[reference.path]:
            raise InputError(f"the reference {reference.path} has changed since the render began: render again")
        return picture


def picture_of(reference: Reference, reader: RangeReader) -> UInt8Array:
    """A reference as a session takes it: what is painted on a frame of the film lies over that frame.

    Raises InputError where picture or film cannot be read.
    """
    picture = load_reference(reference.path)
    if picture.shape[2] == 4 and reference.frame is not None:
        (block,) = reader.iter_blocks(reference.frame, reference.frame + 1, 1)
        return complete(picture, to_display_gray(block.luma_codes[0], reader.info))
    return picture


def is_repeat(one: UIntArray, other: UIntArray, depth: int) -> bool:
    """Whether two frames ``h w`` are copies of each other, but for what a codec changes.

    So are the frames that make 24 of 16 a second, and fields that are shown again (pulldown).
    """
    difference = np.abs(one.astype(np.float32) - other) / 2 ** (depth - 8)
    return bool(difference.mean() <= SAME_MEAN and cv2.blur(difference, (TILE, TILE)).max() <= SAME_MOST)


def _pieces(one: Pass, reader: RangeReader, geometry: Geometry, done: int) -> Iterator[list[UIntArray]]:
    """What is left of a pass, a segment at a time in the order of painting, as codes at the working size."""
    for start in range(done, len(one), LENGTH):
        count = min(LENGTH, len(one) - start)
        first = one.end - start - count if one.backward else one.first + start
        blocks = reader.iter_blocks(first, first + count, 1)
        piece = [geometry.downscale_codes(_progressive(block.luma_codes[0], reader.info)) for block in blocks]
        yield piece[::-1] if one.backward else piece


def _progressive(luma: UIntArray, info: VideoInfo) -> UIntArray:
    """Of an interlaced frame the field that is shown first: one moment, and pulldown repeats it whole."""
    return luma[1 - info.is_top_field_first :: 2] if info.is_interlaced else luma
