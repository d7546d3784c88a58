"""The main job: one film is checked, planned and rendered. A run that was stopped continues where it was."""

import hashlib
import math
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kinemacolor.errors import PartialError, UsageError
from kinemacolor.models.catalog import check_fill, find_model
from kinemacolor.options import DEFAULT_MODEL, EncodingOptions, GapHandling, RenderOptions, check_options
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import PlanRequest, make_plan
from kinemacolor.references.load import ReferenceReader, check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.output import OutputSetup, OutputSpec, prepare_output
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.geometry import compute_working_size
from kinemacolor.video.images import find_pictures
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.picture_series import list_film_files, locate_film
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.manifest import weights_sha256

if TYPE_CHECKING:
    from kinemacolor.models.base import Colorizer

REQUEST_NOTE = "wish"  # file of a work folder with the digest of the request that its plan was made for


@dataclass(frozen=True)
class ColorizeRequest:
    """A film to colorize, from ``start_seconds`` to ``end_seconds``; the timestamps of the result begin at 0.

    ``gaps`` is what becomes of numbered pictures that are missing.
    """

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
    gaps: GapHandling = "error"

    @property
    def work_folder(self) -> Path:
        """The folder beside the result with plan and predictions; it is deleted when the film is written."""
        whole = self.output.absolute()
        return whole.with_name(f"{whole.name}.work")


class ColorizeRun:
    """Runs a request step by step: checks (the constructor), `make_plan`, `render`.

    The constructor finds everything that can be wrong before the first frame is read, and writes nothing. Film and
    references are opened once for all steps. Raises InputError, UsageError or ResourceError.
    """

    def __init__(self, request: ColorizeRequest) -> None:
        self.request = request
        check_options(request.options)
        check_options(request.encoding)
        self._references = ReferenceReader()
        with ExitStack() as on_failure:
            self._reader = on_failure.enter_context(
                VideoReader(
                    request.source,
                    start_seconds=request.start_seconds,
                    end_seconds=request.end_seconds,
                    gaps=request.gaps,
                )
            )
            self.output_setup = self._check_request()
            on_failure.pop_all()

    def _check_request(self) -> OutputSetup:
        """Return how the result will be written. Raises as the constructor."""
        request, info = self.request, self._reader.info
        if not request.references:
            raise UsageError("no reference: give a colour picture with -r")
        check_reference_specs(request.references, self._references)
        _check_time_range(request, info)
        if request.work_folder.exists() and not (request.work_folder / REQUEST_NOTE).is_file():
            raise UsageError(
                f"{request.work_folder} is needed and not ours: move it away, or name another result with -o"
            )
        spec = find_model(request.model).spec
        check_fill(spec, fill=request.options.fill)
        short_side = request.options.short_side or spec.short_side
        rows, columns = compute_working_size(info.height, info.width, short_side)
        return prepare_output(
            info,
            OutputSpec(request.output, request.encoding, overwrite=request.overwrite),
            [locate_film(request.source), *(spec.path for spec in request.references)],
            frames=_frames_expected(request, info),
            working_pixels=rows * columns,
            device=request.device,
            work_folder=request.work_folder,
        )

    def make_plan(self, model: "Colorizer", on_frame: Callable[[int], None] | None = None) -> Plan:
        """Find the shots and choose references for each; a run that continues reads the plan it made before.

        ``model``: of the request; if it is `kinema`, its encoder finds similar pictures, and no other is loaded.
        ``on_frame`` (gets the number of frames read so far) and errors as in `planner.make_plan`.
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
            gaps=request.gaps,
        )
        plan_file, note = request.work_folder / "plan.json", request.work_folder / REQUEST_NOTE
        digest = _digest_request(plan_request)
        if plan_file.is_file() and note.is_file() and note.read_text() == digest:
            self._reader.close()
            return Plan.read(plan_file)
        from kinemacolor.plan.frame_encoder import make_frame_encoder  # torch comes with it

        encoder = make_frame_encoder(model)
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
        """Paint and write the film; a run that was stopped continues where it was.

        The work folder is deleted afterwards, also where the film is cut off. Raises as `execute_render_plan`.
        """
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
    """Do all steps of a request. The model is loaded once, for painting and for the similarity of pictures.

    Raises as `ColorizeRun` and its methods.
    """
    run = ColorizeRun(request)
    from kinemacolor.weights.registry import load_model  # torch comes with it

    model = model or load_model(request.model)
    return run.render(run.make_plan(model), model, on_progress)


def _digest_request(plan_request: PlanRequest) -> str:
    """Compute a digest of a request, of the size and time of its files, and of the weights of its model."""
    paths = [plan_request.film, *(spec.path for spec in plan_request.reference_specs)]
    files = [file for path in paths for file in (find_pictures(path) or list_film_files(path))]
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((plan_request, stamps, weights_sha256(plan_request.model))).encode()).hexdigest()


def _check_time_range(request: ColorizeRequest, info: VideoInfo) -> None:
    """Raise UsageError where no part of the film lies between --start and --end."""
    end = math.inf if request.end_seconds is None else request.end_seconds
    if not 0 <= request.start_seconds < end:
        raise UsageError(f"--start {request.start_seconds:g} and --end {end:g} leave nothing between them")
    if info.duration_seconds is not None and request.start_seconds > info.duration_seconds:
        raise UsageError(
            f"--start {request.start_seconds:g} is behind the end of the film ({info.duration_seconds:.2f} s)"
        )


def _frames_expected(request: ColorizeRequest, info: VideoInfo) -> int | None:
    """Estimate the number of frames of the result from rate and duration; None where they are unknown."""
    if not request.start_seconds and request.end_seconds is None:
        return info.expected_frames
    if info.rate is None or info.duration_seconds is None:
        return None
    end = min(request.end_seconds or info.duration_seconds, info.duration_seconds)
    return max(1, round((end - request.start_seconds) * info.rate))
