"""A film, references and options become a coloured film: checks first, then frames in a stream."""

import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kinemacolor.arrays import Bytes, Codes
from kinemacolor.errors import PartialError, ResourceError, UsageError
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions, SessionOptions
from kinemacolor.pipeline import prefetch
from kinemacolor.references.pictures import load_references
from kinemacolor.session import Session, choose_device
from kinemacolor.video.encoding import Encoder, choose_encoder, is_folder_name
from kinemacolor.video.info import FrameBlock, VideoInfo
from kinemacolor.video.output import partial_name
from kinemacolor.video.pictures import SUFFIXES
from kinemacolor.video.pixels import chroma_shape
from kinemacolor.video.reader import VideoReader, probe
from kinemacolor.video.writer import open_writer

HDR_TRANSFERS = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class Job:
    """One film to colorize. ``start_seconds`` and ``end_seconds`` cut it; the result starts at zero again.

    ``in_shot`` says that the references are frames of the film itself.
    """

    source: Path
    references: tuple[Path, ...]
    output: Path
    session: SessionOptions = field(default_factory=SessionOptions)
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    start_seconds: float = 0
    end_seconds: float | None = None
    in_shot: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Prepared:
    """A job that passed `preflight`: everything that could be known before the first frame."""

    job: Job
    info: VideoInfo
    encoder: Encoder
    references: list[Bytes]
    frames_expected: int | None
    warnings: list[str]


@dataclass(frozen=True)
class Report:
    """What was done. ``result`` is the file that was made, ``ended_early`` why it is not whole, if so."""

    source: str
    result: str
    model: str
    frames: int
    seconds: float
    mean_confidence: float
    corrupt_packets: int
    ended_early: str | None
    warnings: list[str]
    settings: dict[str, object]


class Progress(NamedTuple):
    """Frames done, frames expected (None: unknown), seconds since the first was asked for."""

    frames: int
    expected: int | None
    seconds: float


class _Frame(NamedTuple):
    luma: Codes
    chroma: Codes
    pts: int
    duration: int
    confidence: float


def default_output(source: Path) -> Path:
    """``film.mp4`` becomes ``film.color.mp4`` beside it; kinds that cannot be written become ``.mp4``."""
    if source.is_dir():
        folder = source.resolve()
        return folder.with_name(f"{folder.name}.color")
    suffix = source.suffix.lower()
    return source.with_name(f"{source.stem}.color{suffix if suffix in _KEPT_SUFFIXES else '.mp4'}")


_KEPT_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", *SUFFIXES)


def preflight(job: Job) -> Prepared:
    """Everything that can go wrong before the first frame does so here, with nothing written.

    Raises InputError, UsageError or ResourceError.
    """
    info = probe(job.source)
    references = load_references(job.references)
    if not references:
        raise UsageError("no reference: give a colour picture with -r")
    choose_device(job.session.device)
    check_target(job.output, (job.source, *job.references), overwrite=job.overwrite)
    _check_cut(job, info)
    encoder = choose_encoder(info, job.output, job.encoding)
    expected = _frames_expected(job, info)
    if expected is not None:
        _check_disk(info, encoder, job.output, expected)
    return Prepared(job, info, encoder, references, expected, _warnings(info, encoder))


def render(prepared: Prepared, model: Colorizer, on_progress: Callable[[Progress], None] | None = None) -> Report:
    """Colorize. The result has its name only when whole; else it stays as ``*.partial.*``.

    Raises PartialError, with the report as its second argument, where the source ended early.
    """
    job, info, encoder = prepared.job, prepared.info, prepared.encoder
    session = Session(
        model,
        prepared.references,
        height=info.height,
        width=info.width,
        options=job.session,
        pixel_aspect=info.sample_aspect,
        rotation=info.display_rotation,
        in_shot=job.in_shot,
    )
    started = time.monotonic()
    frames, trust = 0, 0.0
    reader = VideoReader(job.source, start_seconds=job.start_seconds, end_seconds=job.end_seconds)
    with reader, open_writer(job.output, info, encoder, job.start_seconds, job.end_seconds) as writer:
        blocks = prefetch(reader.blocks(model.spec.block))
        painted = prefetch(_paint(blocks, session, info, encoder))
        try:
            for frame in painted:
                writer.write(frame.luma, frame.chroma, frame.pts, frame.duration)
                frames, trust = frames + 1, trust + frame.confidence
                if on_progress:
                    on_progress(Progress(frames, prepared.frames_expected, time.monotonic() - started))
        finally:
            painted.close()
        if not frames:
            raise UsageError("there is no frame between --start and --end")
        if reader.ended_early is None:
            writer.commit()
    report = Report(
        source=str(job.source),
        result=str(job.output if reader.ended_early is None else writer.partial),
        model=model.spec.name,
        frames=frames,
        seconds=time.monotonic() - started,
        mean_confidence=trust / frames,
        corrupt_packets=reader.corrupt_packets,
        ended_early=reader.ended_early,
        warnings=[*model.notices, *prepared.warnings, *writer.warnings, *_reader_warnings(reader)],
        settings=_settings(prepared, session),
    )
    if report.ended_early:
        raise PartialError(f"{job.source.name} is cut off: {report.ended_early}. Kept: {report.result}", report)
    return report


def _paint(blocks: Iterator[FrameBlock], session: Session, info: VideoInfo, encoder: Encoder) -> Iterator[_Frame]:
    native, target = info.colors.coding(info.depth), info.colors.coding(encoder.depth)
    size = encode_size(info, encoder)
    for block in blocks:
        answers = session.advance(block.luma, native)
        for luma, pts, duration, painted in zip(block.luma, block.pts, block.durations, answers, strict=True):
            chroma = session.chroma_planes(luma, painted, size, native, target)
            yield _Frame(luma, chroma, pts, duration, float(painted.confidence.mean()))


def encode_size(info: VideoInfo, encoder: Encoder) -> tuple[int, int]:
    """Rows and columns of the chroma planes that the encoder takes."""
    return chroma_shape(info.height, info.width, encoder.subsampling)


def check_target(output: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Nothing that exists is lost by writing ``output`` and its ``*.partial.*``, and both can be written.

    Raises UsageError with a way out.
    """
    partial = partial_name(output)
    try:
        if not output.absolute().parent.is_dir():
            raise UsageError(f"the folder {output.parent} does not exist: make it first")
        for target in (output, partial):
            for path in inputs:
                if _overlap(target.resolve(), path.resolve()):
                    raise UsageError(f"{target} is an input of this job, or holds one: name another result with -o")
            if not target.exists():
                continue
            if target.is_dir() and (target == partial or next(target.iterdir(), None) is not None):
                raise UsageError(f"the folder {target} is not empty: name a new one with -o, or empty it")
            if not target.is_dir() and (is_folder_name(output) or not overwrite):
                raise UsageError(f"{target} exists: name another result with -o, or add --overwrite")
        trial = partial.with_name(f".{partial.name}.trial")
        trial.touch()
        trial.unlink()
    except OSError as error:
        reason = f"nothing can be written in {output.parent} ({error.strerror})"
        raise UsageError(f"{reason}: choose another folder") from error


def _overlap(target: Path, source: Path) -> bool:
    return target == source or target in source.parents or (source.is_dir() and source in target.parents)


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


def _check_disk(info: VideoInfo, encoder: Encoder, output: Path, frames: int) -> None:
    needed = info.width * info.height * frames * encoder.bits_per_pixel / 8
    free = shutil.disk_usage(output.parent).free
    if needed > free:
        raise ResourceError(
            f"the result may need {needed / 1e9:.1f} GB and {output.parent} has {free / 1e9:.1f} GB free: "
            f"free some, or choose another folder"
        )


def _warnings(info: VideoInfo, encoder: Encoder) -> list[str]:
    found = []
    if info.colors.transfer in HDR_TRANSFERS:
        found.append(
            f"the film is {HDR_TRANSFERS[info.colors.transfer]}: its luma is read as if it were standard, "
            f"so colours of bright parts are approximate"
        )
    if info.is_interlaced:
        found.append("the film is interlaced: it is coloured as whole frames, and its field order is kept")
    if info.has_alpha:
        found.append("the film's transparency is left out")
    if encoder.depth < info.depth:
        found.append(f"the result has {encoder.depth} bits, the film {info.depth}: --vcodec ffv1 (.mkv) keeps them all")
    if encoder.name == "libx264" and encoder.subsampling == "444":
        found.append("chroma is stored at full size (4:4:4), which some players cannot show")
    return found


def _reader_warnings(reader: VideoReader) -> list[str]:
    count = reader.corrupt_packets
    return [f"{count} damaged packet{'s' * (count > 1)} of the source could not be decoded"] if count else []


def _settings(prepared: Prepared, session: Session) -> dict[str, object]:
    job, encoder = prepared.job, prepared.encoder
    return {
        "references": [str(path) for path in job.references],
        "working_size": list(session.geometry.working),
        "saturation": session.saturation,
        "edge_filter": session.edge_filter,
        "crop": job.session.crop,
        "in_shot": job.in_shot,
        "precision": job.session.precision,
        "device": str(session.device),
        "encoder": encoder.name,
        "pixel_format": encoder.pixel_format,
        "encoder_options": encoder.options,
        "start_seconds": job.start_seconds,
        "end_seconds": job.end_seconds,
    }
