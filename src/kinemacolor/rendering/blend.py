"""Painted passes become the colours of a film's frames, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction
from kinemacolor.rendering.cache import SEGMENT_FRAMES, WorkFolder
from kinemacolor.rendering.passes import InferencePass, ShotPasses
from kinemacolor.utils.arrays import Float32Array
from kinemacolor.video.geometry import resize

EnsureSegment = Callable[[InferencePass, int], None]  # has a segment of a pass painted, and returns when it is
_MIN_WEIGHT = 0.02  # confidence that is added, so that something counts where all are unsure


class FramePrediction(NamedTuple):
    """The colours of a frame, with the gain, and how they are brought to the film's size."""

    colors: ColorPrediction
    postprocessor: ChromaPostprocessor


def iter_frame_predictions(
    shot_passes: Sequence[ShotPasses],
    postprocessors: Sequence[ChromaPostprocessor],
    work: WorkFolder,
    ensure_segment: EnsureSegment,
    first_frame: int = 0,
) -> Iterator[FramePrediction]:
    """Every frame of a film in order, from ``begin``. ``finishes``: one for each stretch."""
    segments = _SegmentReader(work, ensure_segment)
    for shot_number, current in enumerate(shot_passes):
        for frame in range(max(first_frame, current.shot.first), current.shot.end):
            segments.drop_passes_before(frame)
            parts = [
                (
                    weighted_pass.weight_at(frame),
                    postprocessors[other].with_saturation(segments.read_prediction(weighted_pass.source, frame)),
                )
                for other in range(max(0, shot_number - 1), min(len(shot_passes), shot_number + 2))
                for weighted_pass in shot_passes[other].weighted_passes
                if weighted_pass.weight_at(frame) > 0
            ]
            yield FramePrediction(blend_predictions(parts), postprocessors[shot_number])


def blend_predictions(parts: Sequence[tuple[float, ColorPrediction]]) -> ColorPrediction:
    """The mean of what was painted, each pixel by weight and confidence. All take the size of the first."""
    if len(parts) == 1:
        return parts[0][1]
    size = parts[0][1].confidence.shape
    weights = np.array([weight for weight, _ in parts], np.float32) / sum(weight for weight, _ in parts)
    confidences: Float32Array = np.stack([resize(prediction.confidence, (size[0], size[1])) for _, prediction in parts])
    ab = np.stack([resize(painted.ab, (size[0], size[1])) for _, painted in parts])
    counts = weights[:, None, None] * (confidences + np.float32(_MIN_WEIGHT))
    shares = counts / counts.sum(0)
    return ColorPrediction((shares[..., None] * ab).sum(0), (shares * confidences).sum(0))


class _SegmentReader:
    """The segment of each pass that was asked for last."""

    def __init__(self, work: WorkFolder, ensure_segment: EnsureSegment) -> None:
        self._work, self._ensure_segment = work, ensure_segment
        self._segments: dict[InferencePass, tuple[int, list[ColorPrediction]]] = {}

    def read_prediction(self, inference_pass: InferencePass, frame: int) -> ColorPrediction:
        segment, within = divmod(inference_pass.painting_position(frame), SEGMENT_FRAMES)
        known = self._segments.get(inference_pass)
        if known is None or known[0] != segment:
            self._ensure_segment(inference_pass, segment)
            known = segment, self._work.pass_folder(inference_pass.digest, len(inference_pass)).read_segment(segment)
            self._segments[inference_pass] = known
        return known[1][within]

    def drop_passes_before(self, frame: int) -> None:
        """Passes that end before a frame."""
        for one in [one for one in self._segments if one.end <= frame]:
            del self._segments[one]
