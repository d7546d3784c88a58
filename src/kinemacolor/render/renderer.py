"""A plan becomes a film: what is not painted yet is painted, and all is put together in a stream."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock, Timeout

from kinemacolor.errors import InputError, PartialError, UsageError, WeightsError
from kinemacolor.inference.postprocess import Finish
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import film_sha256, weights_sha256
from kinemacolor.references.load import load_reference
from kinemacolor.render.blend import Colored, color_frames
from kinemacolor.render.cache import WorkFolder
from kinemacolor.render.inference_pass import Painter
from kinemacolor.render.output import Prepared, announce, encode_size, settled
from kinemacolor.render.passes import Pass, Stretch, stretches
from kinemacolor.render.progress import Meter, Progress, Report
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.files import compute_file_sha256, translate_disk_errors
from kinemacolor.utils.prefetch import prefetch
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.images import find_pictures
from kinemacolor.video.info import FrameBlock, VideoInfo
from kinemacolor.video.output import FilmWriter
from kinemacolor.video.pixels import make_layer_luma_codes
from kinemacolor.video.reader import VideoReader
from kinemacolor.video.writer import open_writer

Paint = Callable[[Pass, int, Callable[[int], None]], None]  # as `Painter.ensure`


class _Frame(NamedTuple):
    luma: UIntArray
    chroma: UIntArray
    confidence: UIntArray | None
    pts: int
    duration: int
    trust: float


class Render:
    """The work of one plan: what is to paint, where it is kept, what is done already.

    Raises InputError where film or references are not what the plan was made for, WeightsError for other weights.
    """

    def __init__(self, plan: Plan, model: Colorizer, work: Path, *, device: str = "auto") -> None:
        self.plan, self.model, self.work = plan, model, WorkFolder(work)
        self.contents = check_inputs(plan)
        self.stretches = stretches(plan, self.contents, device)
        distinct = {share.source.digest: share.source for stretch in self.stretches for share in stretch.shares}
        self.passes: list[Pass] = list(distinct.values())

    @property
    def frames_to_paint(self) -> int:
        """Of all passes; those between two keyframes and in dissolves count twice."""
        return sum(map(len, self.passes))

    @property
    def frames_painted(self) -> int:
        """So many of them are kept already."""
        return sum(self.work.of(one.digest, len(one)).painted for one in self.passes)

    def finishes(self, info: VideoInfo) -> list[Finish]:
        """How the painted frames of each shot become the film's."""
        return [finish_of(stretch, info, self.model) for stretch in self.stretches]

    def prune(self) -> None:
        """Forget what was painted for an earlier state of the plan."""
        self.work.prune({one.digest for one in self.passes})


def render(
    job: Render, prepared: Prepared, on_progress: Callable[[Progress], None] | None = None, ensure: Paint | None = None
) -> Report:
    """Paint what is missing and write the film. It has its name only when whole; else it stays as ``*.partial.*``.

    ``ensure``: who paints, if not this process. Raises PartialError, with the report, where the source ends early;
    InputError where film or references change meanwhile. What was painted is kept in any case.
    """
    film, target = job.plan.film, prepared.target
    meter = Meter(film.frames, job.frames_to_paint, job.frames_painted, on_progress)
    before = _stamp(film.path)
    with locked(job.work.folder), job.work.same_threads(), ExitStack() as open_now:
        painter = open_now.enter_context(Painter(film, job.model, job.work, job.contents))
        reader = open_now.enter_context(
            VideoReader(film.path, start_seconds=film.start_seconds, end_seconds=film.end_seconds)
        )
        announce(job.work.folder, target)
        writers = {path: open_now.enter_context(_writer(path, job.plan, prepared)) for path in prepared.encoders}
        paint = ensure or painter.ensure
        colored = color_frames(
            job.stretches,
            job.finishes(prepared.info),
            job.work,
            lambda one, segment: paint(one, segment, meter.painted),
        )
        trust = _stream(reader, colored, writers, prepared, meter, painter.stop)
        if _stamp(film.path) != before:
            raise InputError(f"{film.path} changed while it was read: make the plan again")
        if reader.ended_early is None:
            for writer in writers.values():
                writer.commit()
            settled(job.work.folder)
            job.prune()
    report = _report(job, prepared, meter, reader, writers[target.output], trust)
    if report.ended_early:
        raise PartialError(f"{film.path.name} is cut off: {report.ended_early}. Kept: {report.result}", report)
    return report


def _writer(path: Path, plan: Plan, prepared: Prepared) -> FilmWriter:
    seconds = plan.film.start_seconds, plan.film.end_seconds
    main = path == prepared.target.output
    return open_writer(path, prepared.info, prepared.encoders[path], *seconds, with_other_streams=main)


def _stream(
    reader: VideoReader,
    colored: Iterator[Colored],
    writers: Mapping[Path, FilmWriter],
    prepared: Prepared,
    meter: Meter,
    stop: Callable[[], None],
) -> float:
    """Write every frame; gives the sum of their mean confidences. ``stop``: ends the painting."""
    trust = 0.0
    blocks, ahead = prefetch(reader.iter_blocks(1)), prefetch(colored, ahead=8)
    frames = prefetch(_coded(blocks, ahead, prepared), on_stop=stop)
    try:
        for frame in frames:
            _write(frame, writers, prepared)
            trust += frame.trust
            meter.assembled(1)
    finally:
        for stage in (frames, ahead, blocks):
            stage.close()
    return trust


def _report(
    job: Render, prepared: Prepared, meter: Meter, reader: VideoReader, writer: FilmWriter, trust: float
) -> Report:
    plan = job.plan
    return Report(
        source=str(plan.film.path),
        result=str(prepared.target.output if reader.ended_early is None else writer.partial_path),
        model=plan.model,
        frames=meter.frames,
        painted=meter.frames_painted,
        shots=len(plan.shots),
        seconds=meter.seconds,
        mean_confidence=trust / max(meter.frames, 1),
        corrupt_packets=reader.corrupt_packets,
        ended_early=reader.ended_early,
        warnings=[*job.model.notices, *prepared.warnings, *writer.warnings, *_reader_warnings(reader)],
        settings=_settings(job, prepared),
    )


@contextmanager
def locked(work: Path) -> Iterator[None]:
    """Nobody else renders with this folder meanwhile.

    Raises UsageError where somebody does.
    """
    with translate_disk_errors(work):
        work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / "lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"{work} is in use by another render: wait for it, or stop it") from error


def check_inputs(plan: Plan) -> dict[Path, str]:
    """The sha256 of every reference's file, after all is found to be what the plan was made for. Raises as `Render`."""
    found = weights_sha256(plan.model)
    if found != plan.weights:
        raise WeightsError(
            f"the plan was made with other weights of {plan.model} than this machine has: make the plan again, "
            f"or put {found} in it"
        )
    if not plan.film.path.exists():
        raise InputError(f"{plan.film.path} does not exist: the plan needs it; correct its path in the plan")
    if film_sha256(plan.film.path) != plan.film.sha256:
        raise InputError(f"{plan.film.path} is not the film that the plan was made for: make the plan again")
    paths = {plan.references[name].path for shot in plan.shots for name in shot.references}
    for path in paths:
        load_reference(path)
    return {path: compute_file_sha256(path) for path in paths}


def _coded(blocks: Iterator[FrameBlock], colored: Iterator[Colored], prepared: Prepared) -> Iterator[_Frame]:
    """Luma as it stands in the film, with the codes of its colours."""
    info, encoder = prepared.info, prepared.encoder
    native, coding = info.colors.build_ycbcr(info.depth), info.colors.build_ycbcr(encoder.depth)
    size = encode_size(info, encoder)
    for block in blocks:
        one = next(colored, None)
        if one is None:
            raise InputError(f"{info.path} has more frames than the plan says: correct it, or make it again")
        painted, finish = one
        chroma = finish.chroma_planes(block.luma_codes[0], painted, size, native, coding)
        sure = None
        if prepared.target.confidence:
            whole = finish.geometry.upscale_field(painted.confidence, (info.height, info.width))
            sure = native.to_luma_codes(torch.from_numpy(whole)).numpy().astype(block.luma_codes.dtype)
        yield _Frame(
            block.luma_codes[0], chroma, sure, block.pts[0], block.durations[0], float(painted.confidence.mean())
        )
    if next(colored, None) is not None:
        raise InputError(f"{info.path} has fewer frames than the plan says: correct it, or make it again")


def _write(frame: _Frame, writers: Mapping[Path, FilmWriter], prepared: Prepared) -> None:
    target, middle = prepared.target, 2 ** (prepared.encoder.depth - 1)
    writers[target.output].write(frame.luma, frame.chroma, frame.pts, frame.duration)
    if target.layer:
        writers[target.layer].write(make_layer_luma_codes(prepared.info), frame.chroma, frame.pts, frame.duration)
    if target.confidence and frame.confidence is not None:
        none = np.full_like(frame.chroma, middle)
        writers[target.confidence].write(frame.confidence, none, frame.pts, frame.duration)


def finish_of(stretch: Stretch, info: VideoInfo, model: Colorizer) -> Finish:
    """How painted frames of a shot become the film's."""
    options = stretch.shares[0].source.options
    geometry = Geometry.from_frame_size(
        info.height,
        info.width,
        options.short_side or model.spec.short_side,
        pixel_aspect=info.sample_aspect,
        rotation=info.display_rotation,
        crop=options.crop,
    )
    return Finish.of(geometry, model.spec, options)


def _stamp(path: Path) -> list[tuple[int, int]]:
    files = find_pictures(path) or [path]
    return [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _reader_warnings(reader: VideoReader) -> list[str]:
    count = reader.corrupt_packets
    return [f"{count} damaged packet{'s' * (count > 1)} of the source could not be decoded"] if count else []


def _settings(job: Render, prepared: Prepared) -> dict[str, object]:
    plan, encoder = job.plan, prepared.encoder
    first = job.finishes(prepared.info)[0]
    return {
        "working_size": list(first.geometry.working_size),
        "saturation": first.saturation,
        "edge_filter": first.edge_filter,
        "crop": plan.options.crop,
        "precision": plan.options.precision,
        "references": [str(entry.path) for entry in plan.references.values()],
        "encoder": encoder.name,
        "pixel_format": encoder.pixel_format,
        "encoder_options": encoder.options,
        "start_seconds": plan.film.start_seconds,
        "end_seconds": plan.film.end_seconds,
    }
