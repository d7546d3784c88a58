"""The main job: one film is checked, planned and rendered. A run that was stopped continues where it was."""

import hashlib
import math
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kinemacolor.errors import InputError, PartialError, UsageError
from kinemacolor.models.catalog import check_fill, find_model
from kinemacolor.options import (
    DEFAULT_MODEL,
    DeliveryOptions,
    EncodingOptions,
    GapHandling,
    RenderOptions,
    check_options,
)
from kinemacolor.plan.document import Plan, check_seconds
from kinemacolor.plan.planner import PlanRequest, check_time_range, make_plan
from kinemacolor.references.load import ReferenceReader, check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.commit import find_finished
from kinemacolor.rendering.kept_luma import KeptLuma
from kinemacolor.rendering.output import (
    OutputSetup,
    OutputSpec,
    check_still_free,
    digest_request,
    make_output_spec,
    prepare_output,
)
from kinemacolor.rendering.output_names import check_output_name
from kinemacolor.rendering.ownership import own_outputs
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.rendering.temporary_folder import (
    REQUEST_NOTE,
    check_temporary_folder,
    delete_temporary_folder,
    mark_temporary_folder,
    remove_temporary_folder,
)
from kinemacolor.utils.checked_files import has_sha256, read_checked_json, write_checked_json
from kinemacolor.utils.files import compute_file_sha256, relate_path, remove_intruder, translate_disk_errors
from kinemacolor.utils.stages import Stages
from kinemacolor.video.geometry import make_film_geometry
from kinemacolor.video.images import find_pictures
from kinemacolor.video.picture_series import list_film_files, locate_film, stamp_film
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.manifest import weights_sha256

if TYPE_CHECKING:
    from kinemacolor.models.base import Colorizer

_PLAN_FILE, _LUMA_FOLDER = "plan.json", "luma"


@dataclass(frozen=True)
class ColorizeRequest:
    """A film to colorize, from ``start_seconds`` to ``end_seconds``; the timestamps of the result begin at 0.

    ``gaps`` is what becomes of numbered pictures that are missing. ``jobs``: how many processes paint, None: as many as
    are good on this machine.
    """

    source: Path
    references: tuple[ReferenceSpec, ...]
    output: Path
    model: str = DEFAULT_MODEL
    options: RenderOptions = field(default_factory=RenderOptions)
    device: str = "auto"
    engine: str = "auto"
    jobs: int | None = None
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    start_seconds: float = 0
    end_seconds: float | None = None
    overwrite: bool = False
    gaps: GapHandling = "error"

    @property
    def work_folder(self) -> Path:
        """The folder beside result or bag with plan and predictions; it is deleted when the film is written."""
        whole = (self.delivery.bag or self.output).absolute()
        return whole.with_name(f"{whole.name}.work")


class ColorizeRun:
    """Runs a request step by step: checks (the constructor), `make_plan`, `render`.

    The constructor finds everything that can be wrong before the first frame is read, and writes nothing; but where an
    earlier run of the same request was killed when all was painted, it gives the results their names. ``finished`` is
    the report of an earlier run whose results are whole: then there is nothing to do. Film and references are opened
    once for all steps. Raises InputError, UsageError or ResourceError.
    """

    def __init__(self, request: ColorizeRequest) -> None:
        self.request = request
        check_options(request.options)
        check_options(request.encoding)
        check_output_name(request.output)
        check_seconds(request.start_seconds, request.end_seconds)
        self._references, self._notes = ReferenceReader(), list[str]()
        self._luma: KeptLuma | None = None  # None where reading the film again costs no more
        self._stamps: list[tuple[int, int]] = []  # of the film, when its plan was made
        self._output_setup: OutputSetup | None = None
        with ExitStack() as on_failure:
            self._reader = on_failure.enter_context(
                VideoReader(
                    request.source,
                    start_seconds=request.start_seconds,
                    end_seconds=request.end_seconds,
                    gaps=request.gaps,
                )
            )
            self._check_request()
            output_spec = make_output_spec(
                request.output, request.encoding, request.delivery, overwrite=request.overwrite
            )
            digest = digest_request(output_spec, _digest_plan_request(self._plan_request, request.work_folder))
            self.finished = find_finished(output_spec.make_claim(digest, request.work_folder))
            if self.finished:
                remove_temporary_folder(request.work_folder, request.output, self.finished.warnings)
            else:
                self._output_setup = self._prepare_output(output_spec, digest)
                on_failure.pop_all()

    @property
    def output_setup(self) -> OutputSetup:
        """How the result will be written. Raises ValueError where the run is ``finished``."""
        if self._output_setup is None:
            raise ValueError("the results are whole already: there is nothing to write")
        return self._output_setup

    def _check_request(self) -> None:
        """Check what does not depend on the files to write. Raises as the constructor."""
        request = self.request
        if not request.references:
            raise UsageError("no reference: give a colour picture with -r")
        check_reference_specs(request.references, self._references)
        check_time_range(request.start_seconds, request.end_seconds, self._reader.info)
        check_temporary_folder(request.work_folder)
        check_fill(find_model(request.model).spec, fill=request.options.fill)

    def _prepare_output(self, output_spec: OutputSpec, digest: str) -> OutputSetup:
        """Return how the result will be written. Raises as the constructor."""
        request, info = self.request, self._reader.info
        spec = find_model(request.model).spec
        geometry = make_film_geometry(info, request.options.short_side or spec.short_side, crop=request.options.crop)
        luma = KeptLuma(request.work_folder / _LUMA_FOLDER, info, geometry)
        self._luma = luma if luma.is_worth_it else None
        return prepare_output(
            info,
            output_spec,
            [locate_film(request.source), *(spec.path for spec in request.references)],
            spec,
            frames=info.estimate_frames(request.start_seconds, request.end_seconds),
            working_pixels=math.prod(geometry.working_size),
            device=request.device,
            engine=request.engine,
            precision=request.options.precision,
            work_folder=request.work_folder,
            request=digest,
            luma_bytes=self._luma.frame_bytes if self._luma else 0,
        )

    @property
    def _plan_request(self) -> PlanRequest:
        request = self.request
        return PlanRequest(
            request.source,
            request.references,
            request.work_folder / "stills",
            request.model,
            request.options,
            request.start_seconds,
            request.end_seconds,
            gaps=request.gaps,
        )

    def make_plan(self, model: "Colorizer", on_frame: Callable[[int], None] | None = None) -> Plan:
        """Find the shots and choose references for each; a run that continues reads the plan it made before.

        ``model``: of the request; if it is `kinema`, its encoder finds similar pictures, and no other is loaded.
        ``on_frame`` (gets the number of frames read so far) and errors as in `planner.make_plan`; UsageError where
        another process writes this result.
        """
        folder, plan_request = self.request.work_folder, self._plan_request
        with own_outputs(self.output_setup.claim.paths):
            check_still_free(self.output_setup)
            if (kept := self._read_kept_plan()) is not None:
                self._reader.close()
                return kept
            from kinemacolor.plan.frame_encoder import make_frame_encoder  # torch comes with it

            encoder = make_frame_encoder(model)
            mark_temporary_folder(folder)
            with translate_disk_errors(plan_request.stills_folder):
                if plan_request.stills_folder.is_dir():  # may be damaged, and would not be replaced
                    shutil.rmtree(plan_request.stills_folder)
            luma, self._stamps = self._luma, stamp_film(plan_request.film)
            if luma:
                luma.start()
            try:
                plan, _ = make_plan(
                    plan_request,
                    on_frame,
                    encoder=encoder,
                    references=self._references,
                    reader=self._reader,
                    on_luma=luma.add_frame if luma else None,
                )
            except UsageError:  # as for a part without a frame: nothing goes on from here
                delete_temporary_folder(folder)
                raise
            if luma:
                luma.finish()
            if stamp_film(plan_request.film) != self._stamps:
                raise InputError(f"{plan_request.film} changed while it was read: do it again")
            with translate_disk_errors(folder):
                remove_intruder(folder / _PLAN_FILE)
            plan.write(folder / _PLAN_FILE)
            files = [folder / _PLAN_FILE, *sorted(plan_request.stills_folder.rglob("*.png"))]
            digests = {file.relative_to(folder).as_posix(): compute_file_sha256(file) for file in files}
            digest = _digest_plan_request(plan_request, folder)
            write_checked_json(folder / REQUEST_NOTE, {"request": digest, "files": digests})
        return plan

    def _read_kept_plan(self) -> Plan | None:
        """Read the plan of an earlier run of this request; None where there is none, or it is damaged."""
        folder = self.request.work_folder
        note = read_checked_json(folder / REQUEST_NOTE)
        digest = _digest_plan_request(self._plan_request, folder)
        if note is None or note.get("request") != digest:
            return None
        files = note.get("files")
        if isinstance(files, dict) and all(has_sha256(folder / name, sha256) for name, sha256 in files.items()):
            with suppress(InputError, UsageError):  # of another version
                return Plan.read(folder / _PLAN_FILE)
        self._notes.append(f"the plan kept in {folder} was damaged: made again")
        return None

    def render(
        self,
        plan: Plan,
        model: "Colorizer",
        on_progress: Callable[[Progress], None] | None = None,
        stages: Stages | None = None,
    ) -> RenderReport:
        """Paint and write the film; a run that was stopped continues where it was. ``stages`` as `execute_render_plan`.

        The work folder is deleted afterwards, also where the film is cut off. Raises as `execute_render_plan`.
        """
        from kinemacolor.rendering.renderer import RenderPlan  # torch comes with it
        from kinemacolor.rendering.side_by_side import render_in_jobs

        request = self.request
        try:
            render_plan = RenderPlan(
                plan,
                model,
                request.work_folder,
                device=request.device,
                engine=request.engine,
                references=self._references,
                is_film_checked=bool(self._stamps) and self._stamps == stamp_film(request.source),
                kept_luma=self._luma,
            )
            report = render_in_jobs(render_plan, self.output_setup, on_progress, request.jobs, stages)
        except PartialError:
            remove_temporary_folder(request.work_folder, request.output, [])
            raise
        report.warnings.extend(self._notes)
        remove_temporary_folder(request.work_folder, request.output, report.warnings)
        return report


def run_request(
    request: ColorizeRequest,
    model: "Colorizer | None" = None,
    on_progress: Callable[[Progress], None] | None = None,
    stages: Stages | None = None,
) -> RenderReport:
    """Do all steps of a request. The model is loaded once, for painting and for the similarity of pictures.

    ``stages``: as `execute_render_plan`.

    Where an earlier run has finished the same request, its report comes back at once. Raises as `ColorizeRun` and its
    methods.
    """
    run = ColorizeRun(request)
    if run.finished:
        return run.finished
    from kinemacolor.weights.registry import load_model  # torch comes with it

    model = model or load_model(request.model)
    return run.render(run.make_plan(model), model, on_progress, stages)


def _digest_plan_request(plan_request: PlanRequest, work_folder: Path) -> str:
    """Compute a digest of a request, of the size and time of its files, and of the weights of its model.

    Where its files lie counts only in relation to the work folder, so that all may be moved together.
    """
    base = work_folder.absolute().parent.resolve()
    paths = [plan_request.film, *(spec.path for spec in plan_request.reference_specs)]
    files = [file for path in paths for file in (find_pictures(path) or list_film_files(path))]
    names = [relate_path(file.resolve(), base) for file in (*paths, *files)]
    stamps = [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    no_path = Path()
    placed = tuple(replace(spec, path=no_path) for spec in plan_request.reference_specs)
    decisive = replace(plan_request, film=no_path, reference_specs=placed, stills_folder=no_path)
    return hashlib.sha256(repr((decisive, names, stamps, weights_sha256(plan_request.model))).encode()).hexdigest()
