"""Renders a plan: has missing predictions made, blends them, and writes the film, all as one stream."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock, Timeout

from kinemacolor.errors import InputError, PartialError, UsageError, WeightsError
from kinemacolor.inference.postprocess import ChromaPostprocessor
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import film_sha256
from kinemacolor.references.load import ReferenceReader
from kinemacolor.references.spec import Reference
from kinemacolor.rendering.blend import FramePrediction, iter_frame_predictions
from kinemacolor.rendering.cache import WorkFolder
from kinemacolor.rendering.inference_pass import InferenceWorker
from kinemacolor.rendering.output import OutputSetup, cbcr_plane_size, mark_finished, mark_started, write_sidecar
from kinemacolor.rendering.passes import PAINTING_FORMAT, InferencePass, ShotPasses, build_shot_passes
from kinemacolor.rendering.progress import FilledShot, Progress, ProgressMeter, RenderReport
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.utils.prefetch import prefetch
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.info import FrameBlock, FrameExtras, VideoInfo
from kinemacolor.video.output import FilmWriter
from kinemacolor.video.picture_series import list_film_files, locate_film
from kinemacolor.video.pixels import make_layer_luma_codes
from kinemacolor.video.reader import VideoReader
from kinemacolor.video.writer import open_writer
from kinemacolor.weights.manifest import weights_sha256

# Like `InferenceWorker.ensure_segment`: a pass, the number of a segment, and what gets the number of new frames.
EnsureSegmentWithProgress = Callable[[InferencePass, int, Callable[[int], None]], None]


class _EncodedFrame(NamedTuple):
    """One frame as it is written: codes of all planes, timestamp and duration in ticks, and what else the source's has.

    Also the means of its confidence and of its filled part, 0..1; nan where nothing fills.
    """

    luma_codes: UIntArray
    cbcr_codes: UIntArray
    confidence_codes: UIntArray | None
    pts: int
    duration: int
    extras: FrameExtras
    mean_confidence: float
    mean_filled: float


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
        return [make_postprocessor(shot_passes, info, self.model) for shot_passes in self.shot_passes]

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
    film, output_spec = render_plan.plan.film, output_setup.output_spec
    meter = ProgressMeter(film.frames, render_plan.frames_to_paint, render_plan.frames_painted, on_progress)
    stamps_before = _stamp_files(film.path)
    with lock_work_folder(render_plan.work.folder), render_plan.work.pin_torch_threads(), ExitStack() as open_now:
        repainted = render_plan.work.claim_format(PAINTING_FORMAT)
        inference_worker = open_now.enter_context(render_plan.make_worker(output_setup.info))
        start, end, info = film.start_seconds, film.end_seconds, output_setup.info
        reader = open_now.enter_context(VideoReader(film.path, start_seconds=start, end_seconds=end, info=info))
        mark_started(render_plan.work.folder, output_spec)
        writers = {
            path: open_now.enter_context(_open_film_writer(path, render_plan.plan, output_setup))
            for path in output_setup.encoders
        }
        paint = ensure_segment or inference_worker.ensure_segment
        predictions = iter_frame_predictions(
            render_plan.shot_passes,
            render_plan.make_postprocessors(output_setup.info),
            render_plan.work,
            lambda one, segment: paint(one, segment, meter.add_painted),
        )
        means = _write_frames(reader, predictions, writers, output_setup, meter, inference_worker.request_stop)
        if _stamp_files(film.path) != stamps_before:
            raise InputError(f"{film.path} changed while it was read: make the plan again")
        if reader.ended_early is None:
            for writer in writers.values():
                writer.commit()
            mark_finished(render_plan.work.folder)
            render_plan.prune_stale_passes()
    report = _make_render_report(render_plan, output_setup, meter, reader, writers[output_spec.output], means)
    report.warnings.extend([repainted] if repainted else [])
    write_sidecar(report)
    if report.ended_early:
        raise PartialError(f"{film.path.name} is cut off: {report.ended_early}. Kept: {report.result}", report)
    return report


def _open_film_writer(path: Path, plan: Plan, output_setup: OutputSetup) -> FilmWriter:
    """Open the writer of one output file; only the colorized film itself gets sound, subtitles and the rest."""
    seconds = plan.film.start_seconds, plan.film.end_seconds
    is_main = path == output_setup.output_spec.output
    return open_writer(path, output_setup.info, output_setup.encoders[path], *seconds, with_other_streams=is_main)


def _write_frames(
    reader: VideoReader,
    predictions: Iterator[FramePrediction],
    writers: Mapping[Path, FilmWriter],
    output_setup: OutputSetup,
    meter: ProgressMeter,
    stop: Callable[[], None],
) -> tuple["array[float]", "array[float]"]:
    """Write every frame; gives their mean confidences and filled parts. ``stop`` is called to end painting early."""
    confidences, filled = array("d"), array("d")
    blocks, ahead = prefetch(reader.iter_blocks(1)), prefetch(predictions, ahead=8)
    frames = prefetch(_iter_encoded_frames(blocks, ahead, output_setup), on_stop=stop)
    try:
        for frame in frames:
            _write_frame(frame, writers, output_setup)
            confidences.append(frame.mean_confidence)
            filled.append(frame.mean_filled)
            meter.add_assembled(1)
    finally:
        for stage in (frames, ahead, blocks):
            stage.close()
    return confidences, filled


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


@contextmanager
def lock_work_folder(work_folder: Path) -> Iterator[None]:
    """Hold the lock of a work folder, made if need be, so that no other process renders with it.

    Raises UsageError where another process does, ResourceError where the folder cannot be made.
    """
    with translate_disk_errors(work_folder):
        work_folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work_folder / "lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"{work_folder} is in use by another render: wait for it, or stop it") from error


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


def _iter_encoded_frames(
    blocks: Iterator[FrameBlock], predictions: Iterator[FramePrediction], output_setup: OutputSetup
) -> Iterator[_EncodedFrame]:
    """Combine the luma codes of each frame, unchanged, with the Cb and Cr codes of its prediction."""
    info, encoder = output_setup.info, output_setup.encoder
    source_coding, target_coding = info.colors.build_ycbcr(info.depth), info.colors.build_ycbcr(encoder.depth)
    size = cbcr_plane_size(info, encoder)
    for block in blocks:
        frame_prediction = next(predictions, None)
        if frame_prediction is None:
            raise InputError(f"{info.path} has more frames than the plan says: correct it, or make it again")
        colors, postprocessor = frame_prediction
        cbcr_codes = postprocessor.compute_cbcr_codes(block.luma_codes[0], colors, size, source_coding, target_coding)
        confidence_codes = None
        if output_setup.output_spec.confidence:
            full_confidence = postprocessor.geometry.upscale_field(colors.confidence, (info.height, info.width))
            confidence_codes = (
                source_coding.to_luma_codes(torch.from_numpy(full_confidence)).numpy().astype(block.luma_codes.dtype)
            )
        yield _EncodedFrame(
            block.luma_codes[0],
            cbcr_codes,
            confidence_codes,
            block.pts[0],
            block.durations[0],
            block.extras[0],
            float(colors.confidence.mean()),
            float("nan") if colors.filled is None else float(colors.filled.mean()),
        )
    if next(predictions, None) is not None:
        raise InputError(f"{info.path} has fewer frames than the plan says: correct it, or make it again")


def _write_frame(frame: _EncodedFrame, writers: Mapping[Path, FilmWriter], output_setup: OutputSetup) -> None:
    """Write a frame to each output: the film, the layer of colours, the confidence."""
    output_spec, middle = output_setup.output_spec, 2 ** (output_setup.encoder.depth - 1)
    writers[output_spec.output].write(frame.luma_codes, frame.cbcr_codes, frame.pts, frame.duration, frame.extras)
    if output_spec.layer:
        writers[output_spec.layer].write(
            make_layer_luma_codes(output_setup.info), frame.cbcr_codes, frame.pts, frame.duration
        )
    if output_spec.confidence and frame.confidence_codes is not None:
        neutral_cbcr = np.full_like(frame.cbcr_codes, middle)
        writers[output_spec.confidence].write(frame.confidence_codes, neutral_cbcr, frame.pts, frame.duration)


def make_postprocessor(shot_passes: ShotPasses, info: VideoInfo, model: Colorizer) -> ChromaPostprocessor:
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
    return ChromaPostprocessor.from_options(geometry, model.spec, options)


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
