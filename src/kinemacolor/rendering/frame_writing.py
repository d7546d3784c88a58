"""Writes the frames of a film: luma codes as they came, with the Cb and Cr codes of their predictions."""

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from kinemacolor.errors import InputError
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.blend import FramePrediction
from kinemacolor.rendering.output import OutputSetup, cbcr_plane_size
from kinemacolor.rendering.progress import ProgressMeter
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.stages import Stages
from kinemacolor.video.disclosure import describe_result
from kinemacolor.video.encoding import EncoderSettings
from kinemacolor.video.info import FrameBlock, FrameExtras, VideoInfo
from kinemacolor.video.output import FilmWriter
from kinemacolor.video.pixels import make_layer_luma_codes
from kinemacolor.video.writer import open_writer


class EncodedFrame(NamedTuple):
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


def open_film_writer(path: Path, plan: Plan, output_setup: OutputSetup) -> FilmWriter:
    """Open the writer of one output file; only the colorized film itself gets sound, subtitles and the rest."""
    seconds = plan.film.start_seconds, plan.film.end_seconds
    role = next(role for role, one in output_setup.output_spec.results if one == path)
    encoder = output_setup.encoders[path]
    return open_writer(
        path,
        output_setup.info,
        encoder,
        *seconds,
        with_other_streams=role == "film",
        words=describe_result(role),
        frame_names=output_setup.output_spec.frame_names,
    )


def write_frames(
    stages: Stages,
    blocks: Iterator[FrameBlock],
    predictions: Iterator[FramePrediction],
    writers: Mapping[Path, FilmWriter],
    output_setup: OutputSetup,
    meter: ProgressMeter,
) -> tuple["array[float]", "array[float]"]:
    """Write every frame, through two stages; gives their mean confidences and filled parts."""
    confidences, filled = array("d"), array("d")
    with_confidence = output_setup.output_spec.confidence is not None
    encoded = iter_encoded_frames(blocks, predictions, output_setup.info, output_setup.encoder, with_confidence)
    frames = stages.start("chroma", encoded)
    for mean_confidence, mean_filled in stages.start("encode", _iter_written_frames(frames, writers, output_setup)):
        confidences.append(mean_confidence)
        filled.append(mean_filled)
        meter.add_assembled(1)
    return confidences, filled


def iter_encoded_frames(
    blocks: Iterator[FrameBlock],
    predictions: Iterator[FramePrediction],
    info: VideoInfo,
    encoder: EncoderSettings,
    with_confidence: bool = False,
) -> Iterator[EncodedFrame]:
    """Combine the luma codes of each frame, unchanged, with the Cb and Cr codes of its prediction.

    Raises InputError where there are more frames than predictions, or fewer.
    """
    source_coding, target_coding = info.colors.build_ycbcr(info.depth), info.colors.build_ycbcr(encoder.depth)
    size = cbcr_plane_size(info, encoder)
    for block in blocks:
        frame_prediction = next(predictions, None)
        if frame_prediction is None:
            raise InputError(f"{info.path} has more frames than the plan says: correct it, or make it again")
        colors, postprocessor = frame_prediction
        cbcr_codes = postprocessor.compute_cbcr_codes(block.luma_codes[0], colors, size, source_coding, target_coding)
        confidence_codes = None
        if with_confidence:
            full_confidence = postprocessor.geometry.upscale_field(colors.confidence, (info.height, info.width))
            confidence_codes = (
                source_coding.to_luma_codes(torch.from_numpy(full_confidence)).numpy().astype(block.luma_codes.dtype)
            )
        yield EncodedFrame(
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


def _iter_written_frames(
    frames: Iterator[EncodedFrame], writers: Mapping[Path, FilmWriter], output_setup: OutputSetup
) -> Iterator[tuple[float, float]]:
    """Write frames; yields of each, once it is written, the means of its confidence and of its filled part."""
    for frame in frames:
        _write_frame(frame, writers, output_setup)
        yield frame.mean_confidence, frame.mean_filled


def _write_frame(frame: EncodedFrame, writers: Mapping[Path, FilmWriter], output_setup: OutputSetup) -> None:
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
