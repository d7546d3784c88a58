"""A painted plan is looked at: film and segments are read once, in step, and every shot is measured."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.inference.postprocess import Finish, Painted
from kinemacolor.plan.document import Plan, ShotEntry
from kinemacolor.plan.keyframe_selection import Views, suggest
from kinemacolor.plan.similarity import Looks
from kinemacolor.render.blend import Colored, color_frames
from kinemacolor.render.passes import Pass
from kinemacolor.render.renderer import Render
from kinemacolor.report.context import Scene, write_jpeg
from kinemacolor.report.limits import Limits, Verdict, judge
from kinemacolor.report.shot_metrics import Curves, Meter, ShotMeasures, shot_measures
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.prefetch import prefetch
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.registry import blank_model

VIEWS = 3  # frames of a shot that suggestions are chosen from
SUGGESTIONS = 5
LEAST_HELP = 0.01  # of all doubt: what a suggestion must take away


@dataclass(frozen=True)
class ShotReport:
    """One shot, counted from 1: frames ``first`` to ``last``, when it begins, and what was found.

    ``picture``: its ``least_sure`` frame gray, coloured, and how sure the model is; a file in the report's folder.
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
class Advice:
    """A frame that would help most as a reference, and the shots it would help.

    ``share``: of all doubt, that it may take away: what it shows the model of frames that are unsure.
    """

    frame: int
    seconds: float
    share: float
    shots: tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """What is known of a painted plan. ``references``: name to a file in the report's folder.

    ``picture_size``: rows and columns of the shots' pictures. ``from_start``: frames are numbered as in the film.
    """

    film: str
    model: str
    frames: int
    mean_confidence: float
    limits: Limits
    shots: tuple[ShotReport, ...]
    advice: tuple[Advice, ...]
    references: dict[str, str]
    picture_size: tuple[int, int]
    from_start: bool
    curves: Curves

    def by_need(self, word: str) -> list[ShotReport]:
        """The shots of one verdict, those that need a person most first."""
        return sorted(
            (shot for shot in self.shots if shot.verdict.word == word),
            key=lambda shot: (-shot.verdict.need, shot.number),
        )


def make_report(
    plan: Plan,
    work: Path,
    folder: Path,
    limits: Limits | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Report:
    """Measure what was painted for a plan; pictures are written into ``folder``, which is there.

    Nothing is painted. Of pictures only those of one frame of the shot that is read are kept in memory.
    Raises UsageError where something is not painted yet, and as `Render`.
    """
    job = Render(plan, blank_model(plan.model), work)
    if job.frames_painted < job.frames_to_paint:
        raise UsageError(f"not all of the plan is painted in {work}: render it first, with `kinemacolor render`")
    film = plan.film
    with VideoReader(film.path, start_seconds=film.start_seconds, end_seconds=film.end_seconds) as reader:
        finishes = job.finishes(reader.info)
        watch = _Watch(plan, Scene.of(plan, reader.info, folder), finishes, limits or Limits(), folder)
        blocks = prefetch(reader.iter_blocks(1), ahead=8)
        colored = prefetch(color_frames(job.stretches, finishes, job.work, _is_there), ahead=8)
        try:
            for number, (block, one) in enumerate(zip(blocks, colored, strict=True)):
                watch.see(number, block.luma_codes[0], block.pts[0], one)
                if on_frame:
                    on_frame(number + 1)
        finally:
            blocks.close()
            colored.close()
    return watch.report()


class _Moment(NamedTuple):
    """A frame as it was read, to be shown later."""

    number: int
    confidence: float
    luma: UIntArray
    painted: Painted


class _Watch:
    """Sees every frame of the film once, in order, and keeps what the report needs of it."""

    def __init__(self, plan: Plan, scene: Scene, finishes: Sequence[Finish], limits: Limits, folder: Path) -> None:
        self._plan, self._scene, self._finishes = plan, scene, finishes
        self._limits, self._folder = limits, folder
        self._curves, self._pts = Curves(), array("q")
        self._shots: list[ShotReport] = []
        self._looks = Looks(sum(len(_spread(shot)) for shot in plan.shots))
        self._looked: list[int] = []
        self._least: _Moment | None = None
        self._meter = self._meter_of(0)

    def see(self, number: int, luma: UIntArray, pts: int, one: Colored) -> None:
        """The next frame."""
        scene, shot = self._scene, self._plan.shots[len(self._shots)]
        measured = self._meter.measure(*scene.at(scene.small, luma, one.painted))
        self._curves.add(measured)
        self._pts.append(pts)
        if number in _spread(shot):
            self._looks.add(scene.eye.look(scene.gray(scene.large, luma)))
            self._looked.append(number)
        if self._least is None or measured.confidence < self._least.confidence:
            self._least = _Moment(number, measured.confidence, luma, one.painted)
        if number == shot.last:
            self._close(shot, self._least)
            self._least = None
            if number + 1 < self._plan.film.frames:
                self._meter = self._meter_of(len(self._shots))

    def report(self) -> Report:
        """All of it, when every frame was seen."""
        return Report(
            film=self._plan.film.path.name,
            model=self._plan.model,
            frames=self._plan.film.frames,
            mean_confidence=float(self._curves.of("confidence").mean(dtype=np.float64)),
            limits=self._limits,
            shots=tuple(self._shots),
            advice=tuple(self._advice()),
            references={name: known.picture for name, known in self._scene.references.items()},
            picture_size=self._scene.picture_size,
            from_start=self._plan.film.start_seconds == 0,
            curves=self._curves,
        )

    def _meter_of(self, shot: int) -> Meter:
        gain = self._finishes[shot].saturation
        palettes = [self._scene.references[name].palette for name in self._plan.shots[shot].references]
        return Meter([palette.gained(gain) for palette in palettes if palette], self._scene.coding)

    def _close(self, shot: ShotEntry, least: _Moment) -> None:
        number = len(self._shots) + 1
        picture = f"pictures/shot_{number:05d}.jpg"
        write_jpeg(self._folder / picture, self._scene.shown(least.luma, least.painted))
        measures = shot_measures(self._curves, shot.first, shot.end, self._meter.confidence_p10)
        self._shots.append(
            ShotReport(
                number=number,
                first=shot.first,
                last=shot.last,
                seconds=self._seconds(shot.first),
                references=tuple(shot.references),
                least_sure=least.number,
                picture=picture,
                measures=measures,
                verdict=judge(measures, self._limits),
            )
        )

    def _advice(self) -> Iterator[Advice]:
        """Where a reference is missed: every look counts by how unsure the model was there."""
        owners, weights = [], []
        for number, shot in enumerate(self._plan.shots, 1):
            for _ in _spread(shot):
                owners.append(number)
                weights.append((shot.end - shot.first) / self._plan.film.frames / len(_spread(shot)))
        frames = self._looked
        views = Views(frames, owners, self._looks, np.array(weights, np.float32))
        doubt = 1 - self._curves.of("confidence")[frames]
        known = [one.look for one in self._scene.references.values()]
        total = max(float(views.weights @ doubt), 1e-6)
        for one in suggest(views, SUGGESTIONS, known, doubt):
            if one.gain >= LEAST_HELP * total:
                yield Advice(one.frame, self._seconds(one.frame), one.gain / total, one.shots)

    def _seconds(self, frame: int) -> float:
        """From the first frame of the plan."""
        return float(Fraction(self._pts[frame] - self._pts[0]) * self._scene.info.time_base)


def _is_there(one: Pass, segment: int) -> None:
    """All is painted: that was looked at before."""


def _spread(shot: ShotEntry) -> list[int]:
    """Up to three frames, evenly over a shot."""
    frames = shot.end - shot.first
    count = min(VIEWS, frames)
    return [shot.first + (2 * part + 1) * frames // (2 * count) for part in range(count)]
