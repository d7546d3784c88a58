"""Paints the frames of a plan in any order: those that a render writes, one after the other as they are asked for."""

from collections import OrderedDict
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from kinemacolor.rendering.blend import FramePrediction, iter_frame_predictions
from kinemacolor.rendering.inference_pass import InferenceWorker
from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.utils.arrays import Size, UInt8Array, UIntArray
from kinemacolor.utils.stages import Stages
from kinemacolor.video.random_access import FrameSource

KEPT_PREDICTIONS = 64  # frames; more than a program asks for at once, and than lie in a segment


class RandomPainter:
    """Computes colours of single frames of ``render_plan``, which ``source`` has, bit for bit as `render` does.

    Frames in order cost what they cost in a render. A frame for itself costs those of its pass up to it, once: what
    was painted lies in the work folder, and is read from there. Some 64 predictions are in memory.
    """

    def __init__(self, render_plan: RenderPlan, source: FrameSource) -> None:
        self._render_plan, self._source = render_plan, source
        self._postprocessors = render_plan.make_postprocessors(source.info)
        self._coding = source.info.colors.build_ycbcr(source.info.depth)
        self._stages = Stages()
        self._worker = self._make_worker()
        self._known: OrderedDict[int, FramePrediction] = OrderedDict()
        self._following: Iterator[FramePrediction] | None = None
        self._next = 0  # number of the frame that `_following` gives

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.__exit__(None, None, None)
        self._stages.close()

    def compute_cbcr_codes(self, frame: int, luma_codes: UIntArray, size: Size) -> UIntArray:
        """Compute the Cb and Cr codes of a frame with these luma codes ``H W``: ``2 rows columns`` for ``size``.

        Raises as `InferenceWorker.open_segment`.
        """
        colors, postprocessor = self._predict(frame)
        return postprocessor.compute_cbcr_codes(luma_codes, colors, size, self._coding, self._coding)

    def compute_confidence(self, frame: int) -> UInt8Array:
        """Compute the confidence of a frame, ``H W``: 0 is none, 255 is 1. Raises as `compute_cbcr_codes`."""
        colors, postprocessor = self._predict(frame)
        info = self._source.info
        whole = postprocessor.geometry.upscale_field(colors.confidence, (info.height, info.width))
        codes: UInt8Array = np.rint(whole * 255).clip(0, 255).astype(np.uint8)
        return codes

    def _predict(self, frame: int) -> FramePrediction:
        """Return the prediction of a frame; frames that come soon after the last one are painted in order."""
        if frame not in self._known:
            following, self._following = self._following, None
            if following and not self._next <= frame < self._next + SEGMENT_FRAMES:
                self._replace_worker()  # or it would first finish the segments that it has begun
                following = None
            if following is None:
                following, self._next = self._start_at(frame), frame
            while self._next <= frame:
                self._known[self._next] = self._take(following)
                self._next += 1
                if len(self._known) > KEPT_PREDICTIONS:
                    self._known.popitem(last=False)
            self._following = following
        self._known.move_to_end(frame)
        return self._known[frame]

    def _start_at(self, frame: int) -> Iterator[FramePrediction]:
        return iter_frame_predictions(
            self._render_plan.shot_passes, self._postprocessors, lambda *asked: self._worker.open_segment(*asked), frame
        )

    def _take(self, following: Iterator[FramePrediction]) -> FramePrediction:
        """Take the next prediction; what painted is replaced where it failed, as it may have stopped anywhere."""
        try:
            return next(following)
        except BaseException:
            self._replace_worker()
            raise

    def _replace_worker(self) -> None:
        """Leave what was begun; whole segments are kept."""
        self._worker.__exit__(None, None, None)
        self._worker = self._make_worker()

    def _make_worker(self) -> InferenceWorker:
        return self._render_plan.make_worker(self._source.info, self._stages, source=self._source)
