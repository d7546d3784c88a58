"""Paints one pass, frame after frame, and has its segments stored by the way."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import YCbCr
from kinemacolor.errors import Interrupted
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.quantization import is_repeated_frame, prediction_from_codes, quantize_prediction
from kinemacolor.inference.session import FrameFeatures, Session
from kinemacolor.rendering.cache import PassFolder, PassStart
from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.stages import Stage, Stages, waiting_for_output

_BLOCKS_AHEAD = 2  # whose features are there before they are painted
_LAST_LUMA_KEY = "film.luma"  # of the last frame that the model saw, in a snapshot


class LastFrame(NamedTuple):
    """The last frame that the model has processed, as luma codes ``h w``, and the codes of its prediction."""

    luma_codes: UIntArray | None = None
    prediction_codes: UIntArray | None = None


class Block(NamedTuple):
    """Frames that the model takes at once: luma codes ``h w``, None for a frame that repeats the one before.

    ``fresh`` are those that do not, ``T h w``, None where there are none; ``features`` is what `Session.encode_frames`
    gave for them.
    """

    frames: Sequence[UIntArray | None]
    fresh: UIntArray | None
    features: FrameFeatures | None


class SegmentStore:
    """Stores segments in a thread of its own, one while the next one is painted."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._pool = ThreadPoolExecutor(1, "kinemacolor store")
        self._pending: Future[None] | None = None

    def put(self, folder: PassFolder, number: int, frames: Sequence[UIntArray], state: Mapping[str, Tensor]) -> None:
        """Have a segment stored, as `PassFolder.store_segment`, once the one before is. Raises the errors of that."""
        self.flush()
        self._pending = self._pool.submit(self._store, folder, number, frames, state)

    def flush(self) -> None:
        """Wait until all is stored. Raises as `PassFolder.store_segment`."""
        pending, self._pending = self._pending, None
        if pending:
            with waiting_for_output():
                pending.result()

    def close(self) -> None:
        """Wait for the thread, and end it."""
        self._pool.shutdown()

    def _store(self, folder: PassFolder, number: int, frames: Sequence[UIntArray], state: Mapping[str, Tensor]) -> None:
        with self._stages.measure("store", len(frames)):
            folder.store_segment(number, frames, state)


class PassPainter:
    """Paints a pass from segment ``next_segment`` on, with a session that is in the state after the one before.

    ``coding`` is that of the luma codes that it reads. ``encodes_ahead``: what of a frame does not depend on the one
    before is computed ahead, in another thread; it is of no use where other processes fill the cores.
    """

    def __init__(
        self,
        inference_pass: InferencePass,
        next_segment: int,
        last_frame: LastFrame,
        session: Session,
        coding: YCbCr,
        *,
        encodes_ahead: bool = True,
    ) -> None:
        self.inference_pass, self.next_segment = inference_pass, next_segment
        self._last, self._session, self._coding = last_frame, session, coding
        self._encodes_ahead = encodes_ahead
        self._read: tuple[Stage[UIntArray], Stage[Block]] | None = None

    def read_from(self, luma: Stage[UIntArray], stages: Stages) -> None:
        """Paint these luma codes ``h w``: the frames of the pass from ``next_segment`` on, in the order of painting."""
        blocks = self._iter_blocks(luma, self.next_segment * SEGMENT_FRAMES, self._last.luma_codes)
        self._read = luma, stages.start("features", blocks, ahead=_BLOCKS_AHEAD)

    def close(self) -> None:
        """Stop reading."""
        if self._read:
            luma, blocks = self._read
            luma.stop()  # the other stage may wait for it
            blocks.close()
            luma.close()

    def paint_segment(
        self, folder: PassFolder, store: SegmentStore, stopped: threading.Event, on_frames: Callable[[int], None]
    ) -> Iterator[ColorPrediction]:
        """Paint the next segment, and hand on each prediction, as it will be stored, once it is there.

        ``on_frames`` gets how many frames are new. Repeated frames are predicted once. The segment is on its way to the
        disk before its last prediction is handed on.

        Raises Interrupted once ``stopped`` is set, and as `SegmentStore.put`.
        """
        number, is_new = self.next_segment, not folder.has_segment(self.next_segment)
        count = min(SEGMENT_FRAMES, len(self.inference_pass) - number * SEGMENT_FRAMES)
        self.next_segment += 1
        painted: list[UIntArray] = []
        assert self._read is not None, "painted before read_from"
        while len(painted) < count:
            block = next(self._read[1])
            if stopped.is_set():
                raise Interrupted("painting was stopped")
            painted += self._predict_block(block)
            if len(painted) == count:
                state = self._session.snapshot_state() | {_LAST_LUMA_KEY: torch.from_numpy(self._last.luma_codes)}
                store.put(folder, number, painted, state)
            if is_new:
                on_frames(len(block.frames))
            yield from map(prediction_from_codes, painted[-len(block.frames) :])

    def _iter_blocks(self, luma: Iterator[UIntArray], first: int, last_codes: UIntArray | None) -> Iterator[Block]:
        """Read the pass from frame ``first`` on in blocks as the model takes them, of which none is in two segments.

        ``last_codes`` are those of the frame before, as far as there is one.
        """
        block_size = self._session.model.spec.block_size
        block: list[UIntArray | None] = []
        for end in range(first + 1, len(self.inference_pass) + 1):
            codes = next(luma)
            is_repeated = last_codes is not None and is_repeated_frame(last_codes, codes, self._coding.depth)
            last_codes = last_codes if is_repeated else codes
            block.append(None if is_repeated else codes)
            fresh = sum(one is not None for one in block)
            if fresh in (0, block_size) or end % SEGMENT_FRAMES == 0 or end == len(self.inference_pass):
                yield self._encode_block(block)
                block = []

    def _encode_block(self, frames: Sequence[UIntArray | None]) -> Block:
        fresh = [codes for codes in frames if codes is not None]
        if not fresh:
            return Block(frames, None, None)
        stacked = np.stack(fresh)
        features = self._session.encode_frames(stacked, self._coding) if self._encodes_ahead else None
        return Block(frames, stacked, features)

    def _predict_block(self, block: Block) -> list[UIntArray]:
        """Predict a block; gives the codes of its predictions."""
        predictions: Iterator[ColorPrediction] = iter(())
        if block.fresh is not None:
            predictions = iter(self._session.predict_frames(block.fresh, self._coding, block.features))
        found = []
        for codes in block.frames:
            if codes is not None:
                self._last = LastFrame(codes, quantize_prediction(next(predictions)))
            assert self._last.prediction_codes is not None
            found.append(self._last.prediction_codes)
        return found


class OpenSegment(Iterator[ColorPrediction]):
    """The predictions of a segment that is being painted, each as soon as it is there."""

    def __init__(self, predictions: Iterator[ColorPrediction]) -> None:
        self._ready: deque[ColorPrediction] = deque()
        self._rest = predictions

    def __next__(self) -> ColorPrediction:
        return self._ready.popleft() if self._ready else next(self._rest)

    def finish(self) -> None:
        """Paint what is missing, before something else is painted."""
        self._ready.extend(self._rest)


def restore_start(session: Session, start: PassStart) -> LastFrame | None:
    """Set a session to a stored state; gives the last frame before it, None where the state is none of this model."""
    state = dict(start.state)
    luma_codes = state.pop(_LAST_LUMA_KEY, None)
    if luma_codes is None or tuple(luma_codes.shape) != session.geometry.working_size:
        return None
    try:
        session.restore_state(state)
    except ValueError:
        return None
    return LastFrame(luma_codes.numpy(), quantize_prediction(start.last))
