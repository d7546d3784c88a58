"""Builds the quality report of a plan: reads film and predictions once, side by side, and measures every shot."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction
from kinemacolor.plan.document import Plan, ShotEntry
from kinemacolor.plan.keyframe_selection import CandidateFrames, suggest_keyframes
from kinemacolor.plan.similarity import EmbeddingBuffer
from kinemacolor.rendering.blend import FramePrediction, iter_frame_predictions, open_stored
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.report.context import ReportContext, write_jpeg
from kinemacolor.report.limits import QUALITY_FAULTS, QualityFault, QualityLimits, Verdict, judge_shot
from kinemacolor.report.shot_metrics import FrameMeasures, MeasureCurves, ShotMeasures, ShotMeter, measure_shot
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.stages import Stages
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.registry import make_meta_model

FRAMES_PER_SHOT = 3  # frames of a shot that advice is chosen from
MAX_SUGGESTIONS = 5
MIN_HELP_SHARE = 0.01  # of all doubt: the least that an advised reference may take away


@dataclass(frozen=True)
class ShotReport:
    """One shot of a report: its number from 1, frames ``first`` to ``last``, start in seconds, measures and verdict.

    ``least_sure``: number of the frame with the lowest confidence. ``picture``: that frame gray, in colour, and its
    confidence, and with ``fill`` what is filled, side by side; a file in the report's folder.
    """

    number: int
    first: int
    last: int
    seconds: float
    references: tuple[str, ...]
    least_sure: int
    picture: str
    measures: ShotMeasures
    verdict: Verdict


@dataclass(frozen=True)
class ReferenceAdvice:
    """A frame that would help most as a reference, and the numbers of the shots that it would help.

    ``share``: part of all doubt (1 less confidence) that it may take away, by its similarity to unsure frames, 0..1.
    """

    frame: int
    seconds: float
    share: float
    shots: tuple[int, ...]


@dataclass(frozen=True)
class QualityReport:
    """All measures of the predictions for a plan.

    ``references``: name to a file in the report's folder. ``picture_size``: rows and columns of the shots' pictures.
    ``from_start``: the plan begins with the film, so its frames are numbered as in the film. ``filled``: the part 0..1
    of the film's colours that no reference shows; None without ``fill``.
    """

    film: str
    model: str
    frames: int
    mean_confidence: float
    limits: QualityLimits
    shots: tuple[ShotReport, ...]
    advice: tuple[ReferenceAdvice, ...]
    references: dict[str, str]
    picture_size: tuple[int, int]
    from_start: bool
    curves: MeasureCurves
    filled: float | None

    @property
    def faults(self) -> tuple[QualityFault, ...]:
        """The faults that shots of this film may have: ``filled`` only with ``fill``."""
        return tuple(fault for fault in QUALITY_FAULTS if fault.name != "filled" or self.filled is not None)

    @property
    def measured(self) -> tuple[str, ...]:
        """The names in `FrameMeasures` of what was measured of each frame: ``filled`` only with ``fill``."""
        return tuple(name for name in FrameMeasures._fields if name != "filled" or self.filled is not None)

    def shots_by_need(self, label: str) -> list[ShotReport]:
        """List the shots with one verdict (``pass`` or ``look``), those with the greatest need first."""
        return sorted(
            (shot for shot in self.shots if shot.verdict.label == label),
            key=lambda shot: (-shot.verdict.need, shot.number),
        )


def make_report(
    plan: Plan,
    work: Path,
    folder: Path,
    limits: QualityLimits | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> QualityReport:
    """Measure the predictions for a plan, and write pictures into ``folder``, which must exist.

    No model is run. Only one frame of the current shot is held in memory for its picture. Raises UsageError where a
    pass is not complete, and as `RenderPlan`.
    """
    render_plan = RenderPlan(plan, make_meta_model(plan.model), work)
    if render_plan.frames_painted < render_plan.frames_to_paint:
        raise UsageError(f"not all of the plan is painted in {work}: render it first, with `kinemacolor render`")
    film = plan.film
    with VideoReader(
        film.path, start_seconds=film.start_seconds, end_seconds=film.end_seconds, gaps=film.gaps
    ) as reader:
        postprocessors = render_plan.make_postprocessors(reader.info)
        builder = _ReportBuilder(
            plan, ReportContext.from_plan(plan, reader.info, folder), postprocessors, limits or QualityLimits(), folder
        )
        stored = iter_frame_predictions(render_plan.shot_passes, postprocessors, open_stored(render_plan.work))
        with Stages() as stages:
            blocks = stages.start("decode", reader.iter_blocks(1))
            predictions = stages.start("read", stored)
            for number, (block, prediction) in enumerate(zip(blocks, predictions, strict=True)):
                builder.add_frame(number, block.luma_codes[0], block.pts[0], prediction)
                if on_frame:
                    on_frame(number + 1)
    return builder.build_report()


class _FrameRecord(NamedTuple):
    """A frame with its luma codes and colours, from which its picture can be made later."""

    number: int
    confidence: float
    luma_codes: UIntArray
    colors: ColorPrediction


class _ReportBuilder:
    """Takes every frame of the film once, in order, and collects what the report needs of it."""

    def __init__(
        self,
        plan: Plan,
        context: ReportContext,
        postprocessors: Sequence[ChromaPostprocessor],
        limits: QualityLimits,
        folder: Path,
    ) -> None:
        self._plan, self._context, self._postprocessors = plan, context, postprocessors
        self._limits, self._folder = limits, folder
        self._curves, self._pts = MeasureCurves(), array("q")
        self._shots: list[ShotReport] = []
        self._embeddings = EmbeddingBuffer(sum(len(_spread_frames(shot)) for shot in plan.shots))
        self._embedded_frames: list[int] = []
        self._least_sure: _FrameRecord | None = None
        self._meter = self._make_shot_meter(0)

    def add_frame(self, number: int, luma_codes: UIntArray, pts: int, prediction: FramePrediction) -> None:
        """Measure the next frame; after the last frame of a shot, finish that shot's report."""
        context, shot = self._context, self._plan.shots[len(self._shots)]
        measured = self._meter.measure_frame(
            *context.resize_frame(context.small_geometry, luma_codes, prediction.colors)
        )
        self._curves.add(measured)
        self._pts.append(pts)
        if number in _spread_frames(shot):
            self._embeddings.add(context.encoder.encode_frame(context.to_gray(context.large_geometry, luma_codes)))
            self._embedded_frames.append(number)
        if self._least_sure is None or measured.confidence < self._least_sure.confidence:
            self._least_sure = _FrameRecord(number, measured.confidence, luma_codes, prediction.colors)
        if number == shot.last:
            self._close_shot(shot, self._least_sure)
            self._least_sure = None
            if number + 1 < self._plan.film.frames:
                self._meter = self._make_shot_meter(len(self._shots))

    def build_report(self) -> QualityReport:
        """Return the whole report, after every frame was added."""
        return QualityReport(
            film=self._plan.film.path.name,
            model=self._plan.model,
            frames=self._plan.film.frames,
            mean_confidence=self._mean_of("confidence"),
            limits=self._limits,
            shots=tuple(self._shots),
            advice=tuple(self._iter_advice()),
            references={name: known.picture for name, known in self._context.references.items()},
            picture_size=self._context.picture_size,
            from_start=self._plan.film.start_seconds == 0,
            curves=self._curves,
            filled=self._mean_of("filled") if self._plan.options.fill else None,
        )

    def _mean_of(self, name: str) -> float:
        """Return the mean of a measure over all frames."""
        return float(self._curves.values_of(name).mean(dtype=np.float64))

    def _make_shot_meter(self, shot: int) -> ShotMeter:
        """Make a meter that compares with the shot's references, at the saturation that the shot has."""
        saturation = self._postprocessors[shot].saturation
        palettes = [self._context.references[name].palette for name in self._plan.shots[shot].references]
        return ShotMeter([palette.with_saturation(saturation) for palette in palettes if palette], self._context.coding)

    def _close_shot(self, shot: ShotEntry, least_sure: _FrameRecord) -> None:
        number = len(self._shots) + 1
        picture = f"pictures/shot_{number:05d}.jpg"
        write_jpeg(self._folder / picture, self._context.compose_picture(least_sure.luma_codes, least_sure.colors))
        measures = measure_shot(self._curves, shot.first, shot.end, self._meter.confidence_p10)
        self._shots.append(
            ShotReport(
                number=number,
                first=shot.first,
                last=shot.last,
                seconds=self._seconds_at(shot.first),
                references=tuple(shot.references),
                least_sure=least_sure.number,
                picture=picture,
                measures=measures,
                verdict=judge_shot(measures, self._limits),
            )
        )

    def _iter_advice(self) -> Iterator[ReferenceAdvice]:
        """Choose the frames whose colours would help most: each embedded frame counts by the doubt in it."""
        owners, weights = [], []
        for number, shot in enumerate(self._plan.shots, 1):
            for _ in _spread_frames(shot):
                owners.append(number)
                weights.append((shot.end - shot.first) / self._plan.film.frames / len(_spread_frames(shot)))
        frames = self._embedded_frames
        candidates = CandidateFrames(frames, owners, self._embeddings, np.array(weights, np.float32))
        uncertainty = 1 - self._curves.values_of("confidence")[frames]
        known = [one.embedding for one in self._context.references.values()]
        total = max(float(candidates.weights @ uncertainty), 1e-6)
        for one in suggest_keyframes(candidates, MAX_SUGGESTIONS, known, uncertainty):
            if one.gain >= MIN_HELP_SHARE * total:
                yield ReferenceAdvice(one.frame, self._seconds_at(one.frame), one.gain / total, one.shots)

    def _seconds_at(self, frame: int) -> float:
        """Return the time of a frame, counted from the first frame of the plan."""
        return float(Fraction(self._pts[frame] - self._pts[0]) * self._context.info.time_base)


def _spread_frames(shot: ShotEntry) -> list[int]:
    """Return up to `FRAMES_PER_SHOT` frame numbers, spread evenly over a shot."""
    frames = shot.end - shot.first
    count = min(FRAMES_PER_SHOT, frames)
    return [shot.first + (2 * part + 1) * frames // (2 * count) for part in range(count)]
