"""Renders a plan: has missing predictions made, blends them, and writes the film, all as one stream."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean

import torch

from kinemacolor.errors import InputError, PartialError, UsageError, WeightsError
from kinemacolor.inference.batches import SharedBatch
from kinemacolor.inference.engines.choice import Runtime, choose_runtime
from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import film_sha256
from kinemacolor.references.load import ReferenceReader
from kinemacolor.references.spec import Reference
from kinemacolor.rendering.blend import iter_frame_predictions
from kinemacolor.rendering.cache import PassFolder, WorkFolder
from kinemacolor.rendering.commit import commit_outputs, mark_started
from kinemacolor.rendering.frame_writing import open_film_writer, write_frames
from kinemacolor.rendering.inference_pass import InferenceWorker, SegmentPainter
from kinemacolor.rendering.kept_luma import KeptLuma
from kinemacolor.rendering.output import OutputSetup, check_still_free
from kinemacolor.rendering.ownership import lock_work_folder, own_outputs
from kinemacolor.rendering.part_encoding import PartEncoder
from kinemacolor.rendering.parts import PartSettings, PartStore, find_parts_obstacle, plan_parts
from kinemacolor.rendering.passes import PAINTING_FORMAT, InferencePass, ShotPasses, build_shot_passes
from kinemacolor.rendering.progress import FilledShot, Progress, ProgressMeter, RenderReport
from kinemacolor.rendering.recording import draft_record, finish_record, sign_film, write_partial_record
from kinemacolor.utils.device import choose_device
from kinemacolor.utils.stages import Stages
from kinemacolor.video.geometry import make_film_geometry
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.output import FilmWriter
from kinemacolor.video.picture_series import locate_film, stamp_film
from kinemacolor.video.random_access import FrameSource
from kinemacolor.video.reader import VideoReader
from kinemacolor.video.writer import VideoWriter
from kinemacolor.weights.manifest import weights_sha256

_PREDICTIONS_AHEAD = 4  # of a frame each, at the working size
MIN_FRAMES_TO_COMPILE = 24  # compiling costs as much as is saved in 40 frames, in 3 if it is in the user's cache


class RenderPlan:
    """The passes of one plan, and the folder with their predictions; while it is rendered in ``parts`` also these.

    ``rows``: of the batch in which frames are painted, 1 where each is painted for itself.

    A caller that knows that the film is still that of the plan says so (``is_film_checked``): its file is not hashed
    then, and need not be there for who has the frames from elsewhere.
    ``kept_luma`` is what was kept when the plan was made. Engine and device of what is painted already are taken again,
    unless others are named or those cannot run here; ``torch_threads`` as in `WorkFolder`. Short films are painted in
    torch, which has nothing to compile.

    Raises InputError where film or references are not those that the plan was made for, WeightsError for other weights,
    UsageError as `choose_runtime`.
    """

    def __init__(
        self,
        plan: Plan,
        model: Colorizer,
        work: Path,
        *,
        device: str = "auto",
        engine: str = "auto",
        references: ReferenceReader | None = None,
        is_film_checked: bool = False,
        kept_luma: KeptLuma | None = None,
        torch_threads: int | None = None,
    ) -> None:
        self.plan, self.model = plan, model
        self.references, self.kept_luma = references or ReferenceReader(), kept_luma
        self.reference_digests = check_inputs(plan, self.references, is_film_checked=is_film_checked)
        self.shot_passes = build_shot_passes(plan, self.reference_digests)
        distinct = {
            one.source.digest: one.source for shot_passes in self.shot_passes for one in shot_passes.weighted_passes
        }
        self.passes: list[InferencePass] = list(distinct.values())
        runtime = self._choose_runtime(engine, device, WorkFolder(work).find_runtimes())
        self.work = WorkFolder(work, runtime, torch_threads)
        self.device = self.work.runtime.device if device == "auto" else device  # this may have a number: cuda:1
        self.parts: PartSettings | None = None
        self.rows = 1

    @property
    def frames_to_paint(self) -> int:
        """The number of frames of all passes; frames between two keyframes and in dissolves count twice."""
        return sum(map(len, self.passes))

    @property
    def frames_painted(self) -> int:
        """The number of these frames whose predictions are stored already."""
        return sum(folder.frames_painted for _, folder in self.iter_passes())

    def iter_passes(self) -> Iterator[tuple[InferencePass, PassFolder]]:
        """Iterate over the passes, each with the folder of its predictions."""
        return ((one, self.work.pass_folder(one.digest, len(one))) for one in self.passes)

    def make_postprocessors(self, info: VideoInfo) -> list[ChromaPostprocessor]:
        """Make the post-processing of each shot, for a film described by ``info``."""
        return [make_postprocessor(shot_passes, info, self.model, self.device) for shot_passes in self.shot_passes]

    def make_worker(
        self,
        info: VideoInfo,
        stages: Stages,
        others: SegmentPainter | None = None,
        source: FrameSource | None = None,
    ) -> InferenceWorker:
        """Make what runs the model in this process, beside ``others``.

        ``info`` describes the film, ``stages`` gets what it starts, ``source`` is that of `InferenceWorker`.
        """
        return InferenceWorker(
            self.plan.film,
            self.model,
            self.work,
            self.reference_digests,
            references=self.references,
            device=self.device,
            info=info,
            stages=stages,
            kept_luma=self.kept_luma,
            # Of as many rows as that of the others, for the same digits; nobody else joins it, so it never waits.
            shared_batch=SharedBatch(self.rows) if self.rows > 1 else None,
            others=others,
            source=source,
        )

    def check_stored_passes(self) -> str | None:
        """Check what is stored, and forget what is damaged, as `WorkFolder.check_passes`."""
        return self.work.check_passes((one.digest, len(one)) for one in self.passes)

    def _choose_runtime(self, engine: str, device: str, painted_with: Sequence[Runtime]) -> Runtime:
        """Choose engine and device of all passes, where some are ``painted_with`` others."""
        given, wish = (self.model.spec, self.plan.options.precision), Runtime(engine, device.partition(":")[0])
        for recorded in painted_with:
            if recorded.fits(wish):
                with suppress(UsageError):
                    return choose_runtime(recorded.engine, recorded.device if device == "auto" else device, *given)
        chosen = choose_runtime(engine, device, *given)
        is_worth_it = chosen.engine != "openvino" or self.frames_to_paint >= MIN_FRAMES_TO_COMPILE
        return chosen if is_worth_it or engine != "auto" else Runtime("torch", chosen.device)

    def prune_stale_passes(self) -> None:
        """Delete predictions that were made for an earlier state of the plan."""
        self.work.prune_passes({one.digest for one in self.passes})


def execute_render_plan(
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    on_progress: Callable[[Progress], None] | None = None,
    others: SegmentPainter | None = None,
    stages: Stages | None = None,
) -> RenderReport:
    """Paint what is missing and write the film, which is ``*.partial.*`` until it is whole.

    ``others`` paint, as in other processes; by default this process does. ``stages``, by default new ones, can be
    looked at afterwards, also for when each frame was worked on.

    Raises PartialError, with the report, where the source ends early; InputError where film or references change
    meanwhile. Predictions stay in the work folder in any case.
    """
    film, claim, work = render_plan.plan.film, output_setup.claim, render_plan.work
    stamps_before = stamp_film(film.path)
    with own_outputs(claim.paths, claim.bag), lock_work_folder(work.folder), ExitStack() as open_now:
        check_still_free(output_setup)
        notes = [work.claim_format(PAINTING_FORMAT), work.claim_runtime(), render_plan.check_stored_passes()]
        open_now.enter_context(work.pin_torch_threads())  # of what is kept, now that all else is forgotten
        output_setup, part_note = _choose_parts(render_plan, output_setup)
        notes.append(part_note)
        draft = draft_record(render_plan, output_setup)
        if render_plan.kept_luma and render_plan.frames_painted < render_plan.frames_to_paint:
            notes.append(render_plan.kept_luma.find_damage())
        meter = ProgressMeter(film.frames, render_plan.frames_to_paint, render_plan.frames_painted, on_progress)
        start, end, info = film.start_seconds, film.end_seconds, output_setup.info
        stages = stages or Stages()
        inference_worker = open_now.enter_context(render_plan.make_worker(info, stages, others))
        reader = open_now.enter_context(VideoReader(film.path, start_seconds=start, end_seconds=end, info=info))
        mark_started(claim)
        writers = {
            path: open_now.enter_context(open_film_writer(path, render_plan.plan, output_setup))
            for path in output_setup.encoders
        }
        open_now.enter_context(stages)  # entered last: its threads end before what they use is closed
        means = _assemble(render_plan, output_setup, inference_worker, reader, writers, stages, meter)
        stages.close()
        inference_worker.flush()
        if stamp_film(film.path) != stamps_before:
            raise InputError(f"{film.path} changed while it was read: make the plan again")
        report = _make_render_report(render_plan, output_setup, meter, reader, writers[claim.paths[0]], means, stages)
        report.warnings.extend(note for note in notes if note)
        if reader.ended_early is None:
            sign = partial(sign_film, render_plan, output_setup) if output_setup.signer else None
            record = partial(finish_record, draft, render_plan, output_setup, report)
            commit_outputs(claim, writers.values(), report, record, sign)
            render_plan.prune_stale_passes()
            PartStore(work.folder).remove()
    if report.ended_early:
        kept = "; ".join([report.result, *write_partial_record(draft, render_plan, output_setup, report)])
        raise PartialError(f"{film.path.name} is cut off: {report.ended_early}. Kept: {kept}", report)
    return report


def _choose_parts(render_plan: RenderPlan, output_setup: OutputSetup) -> tuple[OutputSetup, str | None]:
    """Divide a render into parts if that is wanted and can be; gives its encoder then, and words for a person."""
    work, film, path = render_plan.work, render_plan.plan.film, output_setup.output_spec.output
    if not output_setup.output_spec.encoding.parts:
        return output_setup, None
    if obstacle := find_parts_obstacle(film, output_setup):
        return output_setup, f"--parts has no effect: {obstacle}"
    painted_with = *work.runtime, torch.get_num_threads()
    render_plan.parts = plan_parts(render_plan.plan, render_plan.shot_passes, output_setup, painted_with)
    damage = PartStore(work.folder).check(render_plan.parts.parts)
    return replace(output_setup, encoders={path: render_plan.parts.encoder}), damage


def _assemble(
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    inference_worker: InferenceWorker,
    reader: VideoReader,
    writers: Mapping[Path, FilmWriter],
    stages: Stages,
    meter: ProgressMeter,
) -> tuple["array[float]", "array[float]"]:
    """Write the film, frame by frame or from parts; gives the mean confidences and filled parts of its frames."""
    shot_passes, postprocessors = render_plan.shot_passes, render_plan.make_postprocessors(output_setup.info)

    def open_segment(inference_pass: InferencePass, segment: int) -> Iterator[ColorPrediction]:
        return inference_worker.open_segment(inference_pass, segment, meter.add_painted)

    if render_plan.parts is None:
        predictions = iter_frame_predictions(shot_passes, postprocessors, open_segment)
        blocks = stages.start("decode", reader.iter_blocks(1))
        painted = stages.start("network", predictions, ahead=_PREDICTIONS_AHEAD, on_stop=inference_worker.request_stop)
        return write_frames(stages, blocks, painted, writers, output_setup, meter)
    film, settings, store = render_plan.plan.film, render_plan.parts, PartStore(render_plan.work.folder)
    writer = writers[settings.output]
    assert isinstance(writer, VideoWriter)
    part_encoder = PartEncoder(
        film,
        output_setup.info,
        settings,
        shot_passes,
        postprocessors,
        open_segment,
        store,
        inference_worker.request_stop,
    )
    joined = part_encoder.join_parts(
        writer, lambda part: inference_worker.wait_for_part(part, meter.add_painted), stages, meter
    )
    reader.corrupt_packets, reader.interlaced_frames = joined.corrupt_packets, joined.interlaced_frames
    return joined.confidences, joined.filled


def _make_render_report(
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    meter: ProgressMeter,
    reader: VideoReader,
    writer: FilmWriter,
    means: tuple["array[float]", "array[float]"],
    stages: Stages,
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
        stages=stages.times,
    )


def check_inputs(plan: Plan, references: ReferenceReader, *, is_film_checked: bool = False) -> dict[Path, str]:
    """Check that weights and film are those of the plan and references can be read; gives the sha256 of each reference.

    The film is not looked at where ``is_film_checked``. Raises as `RenderPlan`.
    """
    found = weights_sha256(plan.model)
    if found != plan.weights:
        raise WeightsError(
            f"the plan was made with other weights of {plan.model} than this machine has: make the plan again, "
            f"or put {found} in it"
        )
    if not is_film_checked:
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
    geometry = make_film_geometry(info, options.short_side or model.spec.short_side, crop=options.crop)
    return ChromaPostprocessor.from_options(geometry, model.spec, options, choose_device(device))


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
        **render_plan.work.runtime._asdict(),
        "fill": plan.options.fill,
        "references": [str(entry.path) for entry in plan.references.values()],
        "encoder": encoder.name,
        "pixel_format": encoder.pixel_format,
        "encoder_options": encoder.options,
        "start_seconds": plan.film.start_seconds,
        "end_seconds": plan.film.end_seconds,
    }
