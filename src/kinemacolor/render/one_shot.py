"""The main job in one go: a film and pictures become a coloured film; what was done survives a stop."""

import hashlib
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kinemacolor.errors import PartialError, UsageError
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions, SessionOptions
from kinemacolor.plan.document import FilmOptions, Plan
from kinemacolor.plan.planner import Wish, make_plan, weights_sha256
from kinemacolor.references.load import check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.render.output import Prepared, Target, prepare
from kinemacolor.render.progress import Progress, Report
from kinemacolor.render.renderer import Render, render
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.geometry import compute_working_size
from kinemacolor.video.images import find_pictures
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import probe_film
from kinemacolor.weights.registry import blank_model

NOTE = "wish"  # in a work folder: what its plan was made for


@dataclass(frozen=True)
class Job:
    """One film to colorize. ``start_seconds`` and ``end_seconds`` cut it; the result starts at zero again."""

    source: Path
    references: tuple[ReferenceSpec, ...]
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
    info = probe_film(job.source)
    if not job.references:
        raise UsageError("no reference: give a colour picture with -r")
    check_reference_specs(job.references)
    _check_cut(job, info)
    if job.work.exists() and not (job.work / NOTE).is_file():
        raise UsageError(f"{job.work} is needed and not ours: move it away, or name another result with -o")
    rows, columns = compute_working_size(
        info.height, info.width, job.session.short_side or blank_model(model).spec.short_side
    )
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

    ``on_look`` is told how many frames were looked at. A run that was stopped has its plan already. Raises as
    `make_plan`.
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
    known, note, digest = job.work / "plan.json", job.work / NOTE, _digest(wish)
    if known.is_file() and note.is_file() and note.read_text() == digest:
        return Plan.read(known)
    with write_file_atomically(note) as stream:
        stream.write(b"looking")
    plan, _ = make_plan(wish, on_look)
    plan.write(known)
    with write_file_atomically(note) as stream:
        stream.write(digest.encode())
    return plan


def _digest(wish: Wish) -> str:
    """Tells one wish from another, and files that have changed from what they were."""
    paths = [wish.film, *(given.path for given in wish.given)]
    files = [file for path in paths for file in (find_pictures(path) or [path])]
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((wish, stamps, weights_sha256(wish.model))).encode()).hexdigest()


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
        return info.expected_frames
    if info.rate is None or info.duration_seconds is None:
        return None
    end = min(job.end_seconds or info.duration_seconds, info.duration_seconds)
    return max(1, round((end - job.start_seconds) * info.rate))
