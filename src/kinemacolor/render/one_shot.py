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
from kinemacolor.plan.planner import PlanRequest, make_plan, weights_sha256
from kinemacolor.references.load import check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.render.output import OutputSetup, OutputSpec, prepare_output
from kinemacolor.render.progress import Progress, RenderReport
from kinemacolor.render.renderer import RenderPlan, execute_render_plan
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.geometry import compute_working_size
from kinemacolor.video.images import find_pictures
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import probe_film
from kinemacolor.weights.registry import make_meta_model

REQUEST_NOTE = "wish"  # in a work folder: what its plan was made for


@dataclass(frozen=True)
class ColorizeRequest:
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
    def work_folder(self) -> Path:
        """What is kept until the film is done."""
        whole = self.output.absolute()
        return whole.with_name(f"{whole.name}.work")


def run_preflight_checks(request: ColorizeRequest, model: str) -> OutputSetup:
    """Everything that can go wrong before the first frame does so here, with nothing written.

    Raises InputError, UsageError or ResourceError.
    """
    info = probe_film(request.source)
    if not request.references:
        raise UsageError("no reference: give a colour picture with -r")
    check_reference_specs(request.references)
    _check_time_range(request, info)
    if request.work_folder.exists() and not (request.work_folder / REQUEST_NOTE).is_file():
        raise UsageError(f"{request.work_folder} is needed and not ours: move it away, or name another result with -o")
    rows, columns = compute_working_size(
        info.height, info.width, request.session.short_side or make_meta_model(model).spec.short_side
    )
    return prepare_output(
        info,
        OutputSpec(request.output, request.encoding, overwrite=request.overwrite),
        [request.source, *(spec.path for spec in request.references)],
        frames=_frames_expected(request, info),
        working_pixels=rows * columns,
        device=request.session.device,
        work_folder=request.work_folder,
    )


def plan_or_resume(request: ColorizeRequest, model: str, on_frame: Callable[[int], None] | None = None) -> Plan:
    """Find the shots, and choose a reference for each: a plan that nobody edits.

    ``on_look`` is told how many frames were looked at. A run that was stopped has its plan already. Raises as
    `make_plan`.
    """
    session_options = request.session
    options = FilmOptions(
        short_side=session_options.short_side,
        saturation=session_options.saturation,
        edge_filter=session_options.edge_filter,
        crop=session_options.crop,
        precision=session_options.precision,
    )
    plan_request = PlanRequest(
        request.source,
        request.references,
        request.work_folder / "stills",
        model,
        options,
        request.start_seconds,
        request.end_seconds,
    )
    plan_file, note, digest = (
        request.work_folder / "plan.json",
        request.work_folder / REQUEST_NOTE,
        _digest_request(plan_request),
    )
    if plan_file.is_file() and note.is_file() and note.read_text() == digest:
        return Plan.read(plan_file)
    with write_file_atomically(note) as stream:
        stream.write(b"looking")
    plan, _ = make_plan(plan_request, on_frame)
    plan.write(plan_file)
    with write_file_atomically(note) as stream:
        stream.write(digest.encode())
    return plan


def _digest_request(plan_request: PlanRequest) -> str:
    """Tells one wish from another, and files that have changed from what they were."""
    paths = [plan_request.film, *(spec.path for spec in plan_request.reference_specs)]
    files = [file for path in paths for file in (find_pictures(path) or [path])]
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((plan_request, stamps, weights_sha256(plan_request.model))).encode()).hexdigest()


def run_colorize_request(
    request: ColorizeRequest,
    plan: Plan,
    output_setup: OutputSetup,
    model: Colorizer,
    on_progress: Callable[[Progress], None] | None = None,
) -> RenderReport:
    """Paint and write what `look` planned. A run that was stopped goes on where it was. Raises as `render`."""
    try:
        report = execute_render_plan(
            RenderPlan(plan, model, request.work_folder, device=request.session.device), output_setup, on_progress
        )
    except PartialError:
        shutil.rmtree(request.work_folder)
        raise
    shutil.rmtree(request.work_folder)
    return report


def _check_time_range(request: ColorizeRequest, info: VideoInfo) -> None:
    end = math.inf if request.end_seconds is None else request.end_seconds
    if not 0 <= request.start_seconds < end:
        raise UsageError(f"--start {request.start_seconds:g} and --end {end:g} leave nothing between them")
    if info.duration_seconds is not None and request.start_seconds > info.duration_seconds:
        raise UsageError(
            f"--start {request.start_seconds:g} is behind the end of the film ({info.duration_seconds:.2f} s)"
        )


def _frames_expected(request: ColorizeRequest, info: VideoInfo) -> int | None:
    if not request.start_seconds and request.end_seconds is None:
        return info.expected_frames
    if info.rate is None or info.duration_seconds is None:
        return None
    end = min(request.end_seconds or info.duration_seconds, info.duration_seconds)
    return max(1, round((end - request.start_seconds) * info.rate))
