"""The main job in one go: a film and pictures become a coloured film; what was done survives a stop."""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kinemacolor.errors import PartialError, UsageError
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions, SessionOptions
from kinemacolor.plan.document import FilmOptions, Plan
from kinemacolor.plan.make import Wish, make_plan
from kinemacolor.references.given import Given
from kinemacolor.references.pictures import load_reference
from kinemacolor.render.film import Render, render
from kinemacolor.render.progress import Progress, Report
from kinemacolor.render.target import Prepared, Target, prepare
from kinemacolor.resample import working_size
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import probe
from kinemacolor.weights import blank_model


@dataclass(frozen=True)
class Job:
    """One film to colorize. ``start_seconds`` and ``end_seconds`` cut it; the result starts at zero again."""

    source: Path
    references: tuple[Given, ...]
    output: Path
    session: SessionOptions = field(default_factory=SessionOptions)
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    start_seconds: float = 0
    end_seconds: float | None = None
    overwrite: bool = False

    @property
    def work(self) -> Path:
        """What is kept until the film is done."""
        whole = self.output.absolute()
        return whole.with_name(f"{whole.name}.work")


def preflight(job: Job, model: str) -> Prepared:
    """Everything that can go wrong before the first frame does so here, with nothing written.

    Raises InputError, UsageError or ResourceError.
    """
    info = probe(job.source)
    if not job.references:
        raise UsageError("no reference: give a colour picture with -r")
    for given in job.references:
        if given.is_film:
            probe(given.path)
        else:
            for reference in given.pictures():
                load_reference(reference.path)
    _check_cut(job, info)
    rows, columns = working_size(info.height, info.width, job.session.short_side or blank_model(model).spec.short_side)
    return prepare(
        info,
        Target(job.output, job.encoding, overwrite=job.overwrite),
        [job.source, *(given.path for given in job.references)],
        frames=_frames_expected(job, info),
        working_pixels=rows * columns,
        device=job.session.device,
        work=job.work,
    )


def look(job: Job, model: str, on_look: Callable[[int], None] | None = None) -> Plan:
    """Find the shots, and choose a reference for each: a plan that nobody edits.

    ``on_look`` is told how many frames were looked at. Raises as `make_plan`.
    """
    session = job.session
    options = FilmOptions(
        short_side=session.short_side,
        saturation=session.saturation,
        edge_filter=session.edge_filter,
        crop=session.crop,
        precision=session.precision,
    )
    wish = Wish(job.source, job.references, job.work / "stills", model, options, job.start_seconds, job.end_seconds)
    return make_plan(wish, on_frame=on_look)[0]


def colorize(
    job: Job, plan: Plan, prepared: Prepared, model: Colorizer, on_progress: Callable[[Progress], None] | None = None
) -> Report:
    """Paint and write what `look` planned. A run that was stopped goes on where it was. Raises as `render`."""
    try:
        report = render(Render(plan, model, job.work, device=job.session.device), prepared, on_progress)
    except PartialError:
        shutil.rmtree(job.work)
        raise
    shutil.rmtree(job.work)
    return report


def _check_cut(job: Job, info: VideoInfo) -> None:
    end = math.inf if job.end_seconds is None else job.end_seconds
    if not 0 <= job.start_seconds < end:
        raise UsageError(f"--start {job.start_seconds:g} and --end {end:g} leave nothing between them")
    if info.duration_seconds is not None and job.start_seconds > info.duration_seconds:
        raise UsageError(f"--start {job.start_seconds:g} is behind the end of the film ({info.duration_seconds:.2f} s)")


def _frames_expected(job: Job, info: VideoInfo) -> int | None:
    if not job.start_seconds and job.end_seconds is None:
        return info.frames_expected
    if info.rate is None or info.duration_seconds is None:
        return None
    end = min(job.end_seconds or info.duration_seconds, info.duration_seconds)
    return max(1, round((end - job.start_seconds) * info.rate))
