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
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.session import Session, complete_reference
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import FilmEntry
from kinemacolor.references.load import LoadedReference, ReferenceReader
from kinemacolor.references.spec import Reference
from kinemacolor.rendering.cache import SEGMENT_FRAMES, WorkFolder
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.utils.prefetch import prefetch
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.random_access import RangeReader

MAX_REPEAT_MEAN, MAX_REPEAT_TILE = 0.5, 2.0  # 8-bit levels that copies of a frame differ by: in the mean, and in a tile
REPEAT_TILE_SIDE = 4  # px
_LAST_LUMA_KEY = "film.luma"  # of the last frame that the model saw, in a snapshot


class _LastFrame(NamedTuple):
    """The last frame that the model was shown, ``h w`` codes, and what it made of it."""

    luma_codes: UIntArray | None = None
    prediction: ColorPrediction | None = None


class InferenceWorker:
    """Runs passes and keeps what they paint in folders of ``work``; `ensure_segment` is what others ask of it.

    ``reference_digests``: the sha256 that the reference files had when the render began. ``references`` and ``info``
    (of the film) are given by who has read them before.
    """

    def __init__(
        self,
        film: FilmEntry,
        model: Colorizer,
        work: WorkFolder,
        reference_digests: Mapping[Path, str],
        *,
        references: ReferenceReader | None = None,
        device: str = "auto",
        info: VideoInfo | None = None,
    ) -> None:
        self._film, self._model, self._work, self._reference_digests = film, model, work, reference_digests
        self._references, self._device, self._info = references or ReferenceReader(), device, info
        self._reader: RangeReader | None = None
        self._running: tuple[InferencePass, Iterator[int]] | None = None
        self._open = ExitStack()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        if self._reader is not None:
            self._reader.close()

    def ensure_segment(
        self, inference_pass: InferencePass, segment: int, on_frames: Callable[[int], None] | None = None
    ) -> None:
        """Make sure that a segment of a pass is painted.

        Raises InputError for a film or reference that is gone or has changed, ResourceError for the disk.
        """
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        while folder.segment_count <= segment:
            if self._running is None or self._running[0] != inference_pass:
                self._open.close()
                self._running = inference_pass, self._iter_segments(inference_pass)
            before = folder.frames_painted
            next(self._running[1])
            if on_frames:
                on_frames(folder.frames_painted - before)

    def request_stop(self) -> None:
        """From another thread: give up what is being painted, with an Interrupted in the thread that paints."""
        self._stopped.set()

    def _iter_segments(self, inference_pass: InferencePass) -> Iterator[int]:
        """Stores segment after segment from where the pass stands; gives the frames painted so far."""
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        state = folder.load_state()
        reader = self._open_film()
        session = self._open_session(inference_pass, reader)
        last_frame = _LastFrame()
        if state is not None:
            last_frame = _LastFrame(
                state.pop(_LAST_LUMA_KEY).numpy(), folder.read_segment(folder.segment_count - 1)[-1]
            )
            session.restore_state(state)
        pieces = prefetch(_iter_pieces(inference_pass, reader, session.geometry, folder.frames_painted))
        self._open.callback(pieces.close)
        for piece in pieces:
            predictions, last_frame = self._predict_piece(
                piece, last_frame, session, reader.info.colors.build_ycbcr(reader.info.depth)
            )
            folder.append_segment(
                predictions, session.snapshot_state() | {_LAST_LUMA_KEY: torch.from_numpy(last_frame.luma_codes)}
            )
            yield folder.frames_painted

    def _predict_piece(
        self, piece: Sequence[UIntArray], last_frame: _LastFrame, session: Session, coding: YCbCr
    ) -> tuple[list[ColorPrediction], _LastFrame]:
        """A piece painted, each frame that is not the one before once; and what was seen last."""
        fresh: list[UIntArray] = []
        fresh_numbers: list[int] = []  # number of the fresh frame that each one is; -1: of the one seen before
        last_codes = last_frame.luma_codes
        for luma_codes in piece:
            if last_codes is None or not is_repeated_frame(last_codes, luma_codes, coding.depth):
                fresh.append(luma_codes)
                last_codes = luma_codes
            fresh_numbers.append(len(fresh) - 1)
        predictions: list[ColorPrediction] = []
        for start in range(0, len(fresh), self._model.spec.block_size):
            if self._stopped.is_set():
                raise Interrupted("painting was stopped")
            predictions += session.predict_frames(np.stack(fresh[start : start + self._model.spec.block_size]), coding)
        repeated = [predictions[number] if number >= 0 else last_frame.prediction for number in fresh_numbers]
        return repeated, _LastFrame(last_codes, repeated[-1])  # type: ignore[return-value]

    def _open_film(self) -> RangeReader:
        """One reader for all passes: a shot that follows another is read on without seeking."""
        if self._reader is None:
            film = self._film
            self._reader = RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds, info=self._info)
        return self._reader

    def _open_session(self, inference_pass: InferencePass, reader: RangeReader) -> Session:
        info = reader.info
        return Session(
            self._model,
            [self._load_unchanged_picture(reference, reader) for reference in inference_pass.references],
            height=info.height,
            width=info.width,
            options=inference_pass.options,
            device=self._device,
            pixel_aspect=info.sample_aspect,
            rotation=info.display_rotation,
            in_shot=inference_pass.has_reference_at_start,
        )

    def _load_unchanged_picture(self, reference: Reference, reader: RangeReader) -> UInt8Array:
        loaded = self._references.load(reference)
        if loaded.sha256 != self._reference_digests[reference.path]:
            raise InputError(f"the reference {reference.path} has changed since the render began: render again")
        return make_session_picture(loaded, reader)


def make_session_picture(reference: LoadedReference, reader: RangeReader) -> UInt8Array:
    """A reference as a session takes it: what is painted on a frame of the film lies over that frame.

    Raises InputError where the film cannot be read.
    """
    if not reference.is_whole and reference.frame is not None:
        (block,) = reader.iter_blocks(reference.frame, reference.frame + 1, 1)
        return complete_reference(reference.image, to_display_gray(block.luma_codes[0], reader.info))
    return reference.image


def is_repeated_frame(one: UIntArray, other: UIntArray, depth: int) -> bool:
    """Whether two frames ``h w`` are copies of each other, but for what a codec changes.

    So are the frames that make 24 of 16 a second, and fields that are shown again (pulldown).
    """
    difference = np.abs(one.astype(np.float32) - other) / 2 ** (depth - 8)
    return bool(
        difference.mean() <= MAX_REPEAT_MEAN
        and cv2.blur(difference, (REPEAT_TILE_SIDE, REPEAT_TILE_SIDE)).max() <= MAX_REPEAT_TILE
    )


def _iter_pieces(
    inference_pass: InferencePass, reader: RangeReader, geometry: Geometry, frames_painted: int
) -> Iterator[list[UIntArray]]:
    """What is left of a pass, a segment at a time in the order of painting, as codes at the working size."""
    for start in range(frames_painted, len(inference_pass), SEGMENT_FRAMES):
        count = min(SEGMENT_FRAMES, len(inference_pass) - start)
        first = inference_pass.end - start - count if inference_pass.is_backward else inference_pass.first + start
        blocks = reader.iter_blocks(first, first + count, 1)
        piece = [geometry.downscale_codes(_select_first_field(block.luma_codes[0], reader.info)) for block in blocks]
        yield piece[::-1] if inference_pass.is_backward else piece


def _select_first_field(luma_codes: UIntArray, info: VideoInfo) -> UIntArray:
    """Of an interlaced frame the field that is shown first: one moment, and pulldown repeats it whole."""
    return luma_codes[1 - info.is_top_field_first :: 2] if info.is_interlaced else luma_codes
