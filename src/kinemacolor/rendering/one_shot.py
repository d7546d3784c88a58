"""One film in one go: checked, planned, painted and written; what was done survives a stop."""

import hashlib
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kinemacolor.errors import PartialError, UsageError
from kinemacolor.models.catalog import find_model
from kinemacolor.options import DEFAULT_MODEL, EncodingOptions, RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import PlanRequest, make_plan
from kinemacolor.plan.similarity import FrameEncoder
from kinemacolor.references.load import ReferenceReader, check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.output import OutputSpec, prepare_output
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.geometry import compute_working_size
from kinemacolor.video.images import find_pictures
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.manifest import weights_sha256

if TYPE_CHECKING:
    from kinemacolor.models.base import Colorizer

REQUEST_NOTE = "wish"  # in a work folder: what its plan was made for


@dataclass(frozen=True)
class ColorizeRequest:
    """One film to colorize. ``start_seconds`` and ``end_seconds`` cut it; the result starts at zero again."""

    source: Path
    references: tuple[ReferenceSpec, ...]
    output: Path
    model: str = DEFAULT_MODEL
    options: RenderOptions = field(default_factory=RenderOptions)
    device: str = "auto"
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    start_seconds: float = 0
    end_seconds: float | None = None
    overwrite: bool = False

    @property
    def work_folder(self) -> Path:
        """The folder beside the result that is kept until the film is done."""
        whole = self.output.absolute()
        return whole.with_name(f"{whole.name}.work")


class ColorizeRun:
    """A request on its way: everything that can go wrong does so here, before the first frame, with nothing written.

    The film is opened and the references are read once, for all the steps that follow: `make_plan`, then `render`.
    Raises InputError, UsageError or ResourceError.
    """

    def __init__(self, request: ColorizeRequest) -> None:
        self.request = request
        self._references = ReferenceReader()
        self._reader = VideoReader(request.source, start_seconds=request.start_seconds, end_seconds=request.end_seconds)
        info = self._reader.info
        if not request.references:
            raise UsageError("no reference: give a colour picture with -r")
        check_reference_specs(request.references, self._references)
        _check_time_range(request, info)
        if request.work_folder.exists() and not (request.work_folder / REQUEST_NOTE).is_file():
            raise UsageError(
                f"{request.work_folder} is needed and not ours: move it away, or name another result with -o"
            )
        short_side = request.options.short_side or find_model(request.model).spec.short_side
        rows, columns = compute_working_size(info.height, info.width, short_side)
        self.output_setup = prepare_output(
            info,
            OutputSpec(request.output, request.encoding, overwrite=request.overwrite),
            [request.source, *(spec.path for spec in request.references)],
            frames=_frames_expected(request, info),
            working_pixels=rows * columns,
            device=request.device,
            work_folder=request.work_folder,
        )

    def make_plan(self, encoder: FrameEncoder | None = None, on_frame: Callable[[int], None] | None = None) -> Plan:
        """Find the shots, and choose a reference for each: a plan that nobody edits.

        ``on_frame`` gets the number of frames read so far. A run that was stopped has its plan already. Raises as
        `make_plan`.
        """
        request = self.request
        plan_request = PlanRequest(
            request.source,
            request.references,
            request.work_folder / "stills",
            request.model,
            request.options,
            request.start_seconds,
            request.end_seconds,
        )
        plan_file, note = request.work_folder / "plan.json", request.work_folder / REQUEST_NOTE
        digest = _digest_request(plan_request)
        if plan_file.is_file() and note.is_file() and note.read_text() == digest:
            self._reader.close()
            return Plan.read(plan_file)
        with write_file_atomically(note) as stream:
            stream.write(b"looking")
        plan, _ = make_plan(plan_request, on_frame, encoder=encoder, references=self._references, reader=self._reader)
        plan.write(plan_file)
        with write_file_atomically(note) as stream:
            stream.write(digest.encode())
        return plan

    def render(
        self, plan: Plan, model: "Colorizer", on_progress: Callable[[Progress], None] | None = None
    ) -> RenderReport:
        """Paint and write the film. A run that was stopped goes on where it was. Raises as `execute_render_plan`."""
        from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan  # torch comes with it

        request = self.request
        try:
            render_plan = RenderPlan(
                plan, model, request.work_folder, device=request.device, references=self._references
            )
            report = execute_render_plan(render_plan, self.output_setup, on_progress)
        except PartialError:
            shutil.rmtree(request.work_folder)
            raise
        shutil.rmtree(request.work_folder)
        return report


def run_request(
    request: ColorizeRequest, model: "Colorizer | None" = None, on_progress: Callable[[Progress], None] | None = None
) -> RenderReport:
    """All steps of a request; the model is loaded once, for painting and for telling which pictures are alike.

    Raises as `ColorizeRun` and its methods.
    """
    run = ColorizeRun(request)
    from kinemacolor.plan.frame_encoder import make_frame_encoder
    from kinemacolor.weights.registry import load_model

    model = model or load_model(request.model)
    return run.render(run.make_plan(make_frame_encoder(model)), model, on_progress)


def _digest_request(plan_request: PlanRequest) -> str:
    """Tells one request from another, and files that have changed from what they were."""
    paths = [plan_request.film, *(spec.path for spec in plan_request.reference_specs)]
    files = [file for path in paths for file in (find_pictures(path) or [path])]
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((plan_request, stamps, weights_sha256(plan_request.model))).encode()).hexdigest()


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
