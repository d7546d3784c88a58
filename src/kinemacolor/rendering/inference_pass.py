"""Runs the passes of a plan through the model and stores their predictions, segment by segment, each once."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
from kinemacolor.rendering.cache import SEGMENT_FRAMES, PassStart, WorkFolder
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
    """The last frame that the model has processed, as luma codes ``h w``, and its prediction."""

    luma_codes: UIntArray | None = None
    prediction: ColorPrediction | None = None


@dataclass
class _RunningPass:
    """A pass that is being painted, the number of its ``next_segment``, and what paints it and each one after it."""

    inference_pass: InferencePass
    next_segment: int
    segments: Iterator[int]


class InferenceWorker:
    """Runs passes and stores their predictions in ``work``; callers ask for segments with `ensure_segment`.

    ``reference_digests`` has the sha256 of each reference file as it was when the render began. A caller that has read
    references or film before passes ``references`` and ``info``.
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
        self._running: _RunningPass | None = None
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
        """Paint a pass until a segment is stored; does nothing if it is. ``on_frames`` gets how many frames are new.

        Raises InputError for a film or reference that is missing or has changed, ResourceError where the disk is full
        or refuses, Interrupted after `request_stop`.
        """
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        if folder.has_segment(segment):
            return
        running = self._continue_pass(inference_pass, segment)
        while not folder.has_segment(segment):
            before = folder.frames_painted
            running.next_segment = next(running.segments)
            if on_frames:
                on_frames(folder.frames_painted - before)

    def request_stop(self) -> None:
        """Stop painting, from another thread: the thread that paints raises Interrupted."""
        self._stopped.set()

    def _continue_pass(self, inference_pass: InferencePass, segment: int) -> _RunningPass:
        """Return what paints a pass up to a segment: what runs already, or from the state stored nearest before it."""
        running = self._running
        if running and (running.inference_pass != inference_pass or running.next_segment > segment):
            running = None
        if running and running.next_segment == segment:
            return running
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        reader = self._open_film()
        session = self._open_session(inference_pass, reader)
        begin, last_frame = 0, _LastFrame()
        for start in folder.iter_starts(segment):
            if (restored := _restore_start(session, start)) is not None:
                begin, last_frame = start.segments, restored
                break
        if running and running.next_segment >= begin:
            return running
        self._running = None
        self._open.close()
        segments = self._iter_segments(inference_pass, begin, last_frame, session, reader)
        self._running = _RunningPass(inference_pass, begin, segments)
        return self._running

    def _iter_segments(
        self, inference_pass: InferencePass, begin: int, last_frame: _LastFrame, session: Session, reader: RangeReader
    ) -> Iterator[int]:
        """Paint and store the segments of a pass from number ``begin`` on; yields after each the number of the next."""
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        pieces = prefetch(_iter_pieces(inference_pass, reader, session.geometry, begin * SEGMENT_FRAMES))
        self._open.callback(pieces.close)
        for number, piece in enumerate(pieces, begin):
            predictions, last_frame = self._predict_piece(
                piece, last_frame, session, reader.info.colors.build_ycbcr(reader.info.depth)
            )
            state = session.snapshot_state() | {_LAST_LUMA_KEY: torch.from_numpy(last_frame.luma_codes)}
            folder.store_segment(number, predictions, state)
            yield number + 1

    def _predict_piece(
        self, piece: Sequence[UIntArray], last_frame: _LastFrame, session: Session, coding: YCbCr
    ) -> tuple[list[ColorPrediction], _LastFrame]:
        """Predict the frames of a piece, repeated frames only once; gives also the last frame processed."""
        fresh: list[UIntArray] = []
        fresh_numbers: list[int] = []  # for each frame its number, or that of what it repeats, in fresh; -1: last_frame
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
        """Return the one reader of all passes, so that consecutive shots are read without seeking."""
        if self._reader is None:
            film = self._film
            self._reader = RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds, info=self._info)
        return self._reader

    def _open_session(self, inference_pass: InferencePass, reader: RangeReader) -> Session:
        """Make a session for a pass, with its references and options."""
        info = reader.info
        return Session(
            self._model,
            [self._load_unchanged_picture(reference, reader) for reference in inference_pass.references],
            height=info.height,
            width=info.width,
            options=inference_pass.options,
            device=self._device,
            pixel_aspect=info.sample_aspect,
            orientation=info.orientation,
            in_shot=inference_pass.has_reference_at_start,
        )

    def _load_unchanged_picture(self, reference: Reference, reader: RangeReader) -> UInt8Array:
        """Load a reference as a session takes it. Raises InputError where its file has changed."""
        loaded = self._references.load(reference)
        if loaded.sha256 != self._reference_digests[reference.path]:
            raise InputError(f"the reference {reference.path} has changed since the render began: render again")
        return make_session_picture(loaded, reader)


def _restore_start(session: Session, start: PassStart) -> _LastFrame | None:
    """Set a session to a stored state; gives the last frame before it, None where the state is none of this model."""
    state = dict(start.state)
    luma_codes = state.pop(_LAST_LUMA_KEY, None)
    if luma_codes is None or tuple(luma_codes.shape) != session.geometry.working_size:
        return None
    try:
        session.restore_state(state)
    except ValueError:
        return None
    return _LastFrame(luma_codes.numpy(), start.last)


def make_session_picture(reference: LoadedReference, reader: RangeReader) -> UInt8Array:
    """Return a reference as a session takes it: a partial one that has a frame of the film is laid over that frame.

    Raises InputError where the film cannot be read.
    """
    if not reference.is_whole and reference.frame is not None:
        (block,) = reader.iter_blocks(reference.frame, reference.frame + 1, 1)
        return complete_reference(reference.image, to_display_gray(block.luma_codes[0], reader.info))
    return reference.image


def is_repeated_frame(one: UIntArray, other: UIntArray, depth: int) -> bool:
    """Whether two frames of codes ``h w`` are copies of each other, except for coding errors.

    Such are frames repeated to make 24 of 16 a second, and fields shown again (pulldown).
    """
    difference = np.abs(one.astype(np.float32) - other) / 2 ** (depth - 8)
    return bool(
        difference.mean() <= MAX_REPEAT_MEAN
        and cv2.blur(difference, (REPEAT_TILE_SIDE, REPEAT_TILE_SIDE)).max() <= MAX_REPEAT_TILE
    )


def _iter_pieces(
    inference_pass: InferencePass, reader: RangeReader, geometry: Geometry, begin: int
) -> Iterator[list[UIntArray]]:
    """Read a pass after ``begin`` frames, a segment at a time, in the order of painting: codes at the working size."""
    for start in range(begin, len(inference_pass), SEGMENT_FRAMES):
        count = min(SEGMENT_FRAMES, len(inference_pass) - start)
        first = inference_pass.end - start - count if inference_pass.is_backward else inference_pass.first + start
        blocks = reader.iter_blocks(first, first + count, 1)
        piece = [geometry.downscale_codes(_select_first_field(block.luma_codes[0], reader.info)) for block in blocks]
        yield piece[::-1] if inference_pass.is_backward else piece


def _select_first_field(luma_codes: UIntArray, info: VideoInfo) -> UIntArray:
    """Take from an interlaced frame the field that is shown first.

    A field shows one moment, and pulldown repeats it whole, so that `is_repeated_frame` finds it.
    """
    return luma_codes[1 - info.is_top_field_first :: 2] if info.is_interlaced else luma_codes
