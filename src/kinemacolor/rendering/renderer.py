"""Renders a plan: has missing predictions made, blends them, and writes the film, all as one stream."""

from array import array
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean

from kinemacolor.errors import InputError, PartialError, WeightsError
from kinemacolor.inference.postprocess import ChromaPostprocessor
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import film_sha256
from kinemacolor.references.load import ReferenceReader
from kinemacolor.references.spec import Reference
from kinemacolor.rendering.blend import iter_frame_predictions
from kinemacolor.rendering.cache import WorkFolder
from kinemacolor.rendering.commit import commit_outputs, make_sidecar_path, mark_started, write_sidecar
from kinemacolor.rendering.frame_writing import open_film_writer, write_frames
from kinemacolor.rendering.inference_pass import InferenceWorker
from kinemacolor.rendering.output import OutputSetup, check_still_free
from kinemacolor.rendering.ownership import lock_work_folder, own_outputs
from kinemacolor.rendering.passes import PAINTING_FORMAT, InferencePass, ShotPasses, build_shot_passes
from kinemacolor.rendering.progress import FilledShot, Progress, ProgressMeter, RenderReport
from kinemacolor.utils.device import choose_device
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.output import FilmWriter
from kinemacolor.video.picture_series import list_film_files, locate_film
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.manifest import weights_sha256

# Like `InferenceWorker.ensure_segment`: a pass, the number of a segment, and what gets the number of new frames.
EnsureSegmentWithProgress = Callable[[InferencePass, int, Callable[[int], None]], None]


class RenderPlan:
    """The passes of one plan, and the folder with their predictions.

    Raises InputError where film or references are not those that the plan was made for, WeightsError for other weights.
    """

    def __init__(
        self,
        plan: Plan,
        model: Colorizer,
        work: Path,
        *,
        device: str = "auto",
        references: ReferenceReader | None = None,
    ) -> None:
        self.plan, self.model, self.work, self.device = plan, model, WorkFolder(work), device
        self.references = references or ReferenceReader()
        self.reference_digests = check_inputs(plan, self.references)
        self.shot_passes = build_shot_passes(plan, self.reference_digests)
        distinct = {
            one.source.digest: one.source for shot_passes in self.shot_passes for one in shot_passes.weighted_passes
        }
        self.passes: list[InferencePass] = list(distinct.values())

    @property
    def frames_to_paint(self) -> int:
        """The number of frames of all passes; frames between two keyframes and in dissolves count twice."""
        return sum(map(len, self.passes))

    @property
    def frames_painted(self) -> int:
        """The number of these frames whose predictions are stored already."""
        return sum(self.work.pass_folder(one.digest, len(one)).frames_painted for one in self.passes)

    def make_postprocessors(self, info: VideoInfo) -> list[ChromaPostprocessor]:
        """Make the post-processing of each shot, for a film described by ``info``."""
        return [make_postprocessor(shot_passes, info, self.model, self.device) for shot_passes in self.shot_passes]

    def make_worker(self, info: VideoInfo) -> InferenceWorker:
        """Make what runs the model in this process; ``info`` describes the film."""
        return InferenceWorker(
            self.plan.film,
            self.model,
            self.work,
            self.reference_digests,
            references=self.references,
            device=self.device,
            info=info,
        )

    def check_stored_passes(self) -> str | None:
        """Check what is stored, and forget what is damaged, as `WorkFolder.check_passes`."""
        return self.work.check_passes((one.digest, len(one)) for one in self.passes)

    def prune_stale_passes(self) -> None:
        """Delete predictions that were made for an earlier state of the plan."""
        self.work.prune_passes({one.digest for one in self.passes})


def execute_render_plan(
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    on_progress: Callable[[Progress], None] | None = None,
    ensure_segment: EnsureSegmentWithProgress | None = None,
) -> RenderReport:
    """Paint what is missing and write the film, which is ``*.partial.*`` until it is whole.

    ``ensure_segment`` has segments painted elsewhere, as on a cluster; by default this process paints. Raises
    PartialError, with the report, where the source ends early; InputError where film or references change meanwhile.
    Predictions stay in the work folder in any case.
    """
    film, claim, work = render_plan.plan.film, output_setup.claim, render_plan.work
    stamps_before = _stamp_files(film.path)
    with own_outputs(claim.paths), lock_work_folder(work.folder), work.pin_torch_threads(), ExitStack() as open_now:
        check_still_free(output_setup)
        notes = [work.claim_format(PAINTING_FORMAT), render_plan.check_stored_passes()]
        meter = ProgressMeter(film.frames, render_plan.frames_to_paint, render_plan.frames_painted, on_progress)
        inference_worker = open_now.enter_context(render_plan.make_worker(output_setup.info))
        start, end, info = film.start_seconds, film.end_seconds, output_setup.info
        reader = open_now.enter_context(VideoReader(film.path, start_seconds=start, end_seconds=end, info=info))
        mark_started(claim)
        writers = {
            path: open_now.enter_context(open_film_writer(path, render_plan.plan, output_setup))
            for path in output_setup.encoders
        }
        paint = ensure_segment or inference_worker.ensure_segment
        predictions = iter_frame_predictions(
            render_plan.shot_passes,
            render_plan.make_postprocessors(output_setup.info),
            render_plan.work,
            lambda one, segment: paint(one, segment, meter.add_painted),
        )
        means = write_frames(reader, predictions, writers, output_setup, meter, inference_worker.request_stop)
        if _stamp_files(film.path) != stamps_before:
            raise InputError(f"{film.path} changed while it was read: make the plan again")
        report = _make_render_report(render_plan, output_setup, meter, reader, writers[claim.paths[0]], means)
        report.warnings.extend(note for note in notes if note)
        if reader.ended_early is None:
            commit_outputs(claim, writers.values(), report)
            render_plan.prune_stale_passes()
    if report.ended_early:
        if report.filled is not None:
            write_sidecar(report, make_sidecar_path(Path(report.result)))
        raise PartialError(f"{film.path.name} is cut off: {report.ended_early}. Kept: {report.result}", report)
    return report


def _make_render_report(
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    meter: ProgressMeter,
    reader: VideoReader,
    writer: FilmWriter,
    means: tuple["array[float]", "array[float]"],
) -> RenderReport:
    plan, (confidences, filled) = render_plan.plan, means
    is_filled = plan.options.fill and len(filled) > 0
    return RenderReport(
        source=str(plan.film.path),
        result=str(output_setup.output_spec.output if reader.ended_early is None else writer.partial_path),
        model=plan.model,
        frames=meter.frames,
        painted=meter.frames_painted,
        shots=len(plan.shots),
        seconds=meter.elapsed_seconds,
        mean_confidence=sum(confidences) / max(meter.frames, 1),
        corrupt_packets=reader.corrupt_packets,
        ended_early=reader.ended_early,
        warnings=[*render_plan.model.notices, *output_setup.warnings, *writer.warnings, *reader.describe_faults()],
        settings=_describe_settings(render_plan, output_setup),
        filled=fmean(filled) if is_filled else None,
        filled_by_shot=tuple(
            FilledShot(shot.first, min(shot.end, len(filled)) - 1, fmean(filled[shot.first : shot.end]))
            for shot in plan.shots
            if is_filled and shot.first < len(filled)
        ),
    )


def check_inputs(plan: Plan, references: ReferenceReader) -> dict[Path, str]:
    """Check that weights and film are those of the plan and references can be read; gives the sha256 of each reference.

    Raises as `RenderPlan`.
    """
    found = weights_sha256(plan.model)
    if found != plan.weights:
        raise WeightsError(
            f"the plan was made with other weights of {plan.model} than this machine has: make the plan again, "
            f"or put {found} in it"
        )
    if not locate_film(plan.film.path).exists():
        raise InputError(f"{plan.film.path} does not exist: the plan needs it; correct its path in the plan")
    if film_sha256(plan.film.path, plan.film.gaps) != plan.film.sha256:
        raise InputError(f"{plan.film.path} is not the film that the plan was made for: make the plan again")
    paths = {plan.references[name].path for shot in plan.shots for name in shot.references}
    return {path: references.load(Reference(path)).sha256 for path in sorted(paths)}


def make_postprocessor(
    shot_passes: ShotPasses, info: VideoInfo, model: Colorizer, device: str = "cpu"
) -> ChromaPostprocessor:
    """Make the post-processing of a shot, for a film described by ``info``."""
    options = shot_passes.weighted_passes[0].source.options
    geometry = Geometry.from_frame_size(
        info.height,
        info.width,
        options.short_side or model.spec.short_side,
        pixel_aspect=info.sample_aspect,
        orientation=info.orientation,
        crop=options.crop,
    )
    return ChromaPostprocessor.from_options(geometry, model.spec, options, choose_device(device))


def _stamp_files(path: Path) -> list[tuple[int, int]]:
    """Return size and modification time (ns) of a film's file, or of each picture of a folder."""
    files = list_film_files(path)
    return [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _describe_settings(render_plan: RenderPlan, output_setup: OutputSetup) -> dict[str, object]:
    """Collect the settings that decided the result, ready for JSON; those of post-processing are the first shot's."""
    plan, encoder = render_plan.plan, output_setup.encoder
    first = render_plan.make_postprocessors(output_setup.info)[0]
    return {
        "working_size": list(first.geometry.working_size),
        "saturation": first.saturation,
        "edge_filter": first.edge_filter,
        "crop": plan.options.crop,
        "precision": plan.options.precision,
        "fill": plan.options.fill,
        "references": [str(entry.path) for entry in plan.references.values()],
        "encoder": encoder.name,
        "pixel_format": encoder.pixel_format,
        "encoder_options": encoder.options,
        "start_seconds": plan.film.start_seconds,
        "end_seconds": plan.film.end_seconds,
    }
