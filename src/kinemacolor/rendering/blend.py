"""Blends the predictions of passes to one prediction for each frame of a film, in order."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction, blend_predictions
from kinemacolor.rendering.cache import WorkFolder
from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.passes import InferencePass, ShotPasses

# Yields the predictions of a segment of a pass, in the order of painting, as they are stored.
OpenSegment = Callable[[InferencePass, int], Iterator[ColorPrediction]]


class FramePrediction(NamedTuple):
    """The blended prediction of a frame, saturation applied, and the post-processing that brings it to the film."""

    colors: ColorPrediction
    postprocessor: ChromaPostprocessor


def iter_frame_predictions(
    shot_passes: Sequence[ShotPasses],
    postprocessors: Sequence[ChromaPostprocessor],
    open_segment: OpenSegment,
    first_frame: int = 0,
) -> Iterator[FramePrediction]:
    """Yield the prediction of every frame of a film in order, from ``first_frame``.

    ``postprocessors``: one for each of ``shot_passes``. Passes of the shots before and after a shot count as well where
    a dissolve reaches into it.
    """
    segments = _SegmentReader(open_segment)
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


def open_stored(work: WorkFolder) -> OpenSegment:
    """Make what reads segments of ``work``, InputError where one is missing or damaged: nothing is painted."""
    return lambda one, segment: iter(work.pass_folder(one.digest, len(one)).read_segment(segment))


class _OpenedSegment:
    """A segment of a pass that is being read: its number, and what of it was taken and not yet asked for, by place."""

    def __init__(self, number: int, predictions: Iterator[ColorPrediction]) -> None:
        self.number = number
        self._predictions = enumerate(predictions)
        self._taken: dict[int, ColorPrediction] = {}

    def take(self, place: int) -> ColorPrediction:
        """Give the prediction at a place, which is asked for once."""
        while place not in self._taken:
            at, prediction = next(self._predictions)
            self._taken[at] = prediction
        return self._taken.pop(place)


class _SegmentReader:
    """Reads predictions frame by frame, each once; holds a segment of each pass open."""

    def __init__(self, open_segment: OpenSegment) -> None:
        self._open_segment = open_segment
        self._segments: dict[InferencePass, _OpenedSegment] = {}

    def read_prediction(self, inference_pass: InferencePass, frame: int) -> ColorPrediction:
        """Read the prediction of a pass for a frame; has it painted first if need be."""
        number, place = divmod(inference_pass.painting_position(frame), SEGMENT_FRAMES)
        known = self._segments.get(inference_pass)
        if known is None or known.number != number:
            known = _OpenedSegment(number, self._open_segment(inference_pass, number))
            self._segments[inference_pass] = known
        return known.take(place)

    def drop_passes_before(self, frame: int) -> None:
        """Free the segments of passes that end before a frame."""
        for one in [one for one in self._segments if one.end <= frame]:
            del self._segments[one]
