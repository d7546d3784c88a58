"""Small films and pictures."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np

from kinemacolor.models.color2embed import Color2Embed, Color2EmbedOptions
from kinemacolor.options import EncodingOptions, GapHandling
from kinemacolor.video.disclosure import describe_result
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.output import FilmWriter
from kinemacolor.video.pixels import compute_chroma_shape
from kinemacolor.video.reader import VideoReader, probe_film
from kinemacolor.video.writer import open_writer

SIZE = (72, 96)  # rows, columns


def scene(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Frame ``index`` of a small colour film: soft shapes that drift, H W 3 uint8."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    columns = columns + 2 * index
    red = 128 + 90 * np.sin(columns / 17) * np.cos(rows / 13)
    green = 128 + 80 * np.sin(columns / 29 + 1)
    blue = 128 + 70 * np.cos(rows / 11 + columns / 41)
    texture = 25 * np.sin(columns / 2.3) * np.sin(rows / 3.1)
    return np.stack([red + texture, green + texture, blue + texture], -1).clip(0, 255).astype(np.uint8)


def load_script(path: str) -> ModuleType:
    """A program of the repository that lies outside of the package, as a module."""
    file = Path(__file__).parents[2] / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def write_film(
    path: Path,
    frames: int = 8,
    size: tuple[int, int] = SIZE,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 90000),
    rate: Fraction = Fraction(24),
    sound: bool = False,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    prepare: Callable[[Any, Any], None] | None = None,
    picture: Callable[[int], np.ndarray] | None = None,
) -> Path:
    """Encode the scene, or else ``picture`` of each number; ``prepare`` gets container and video stream at first."""
    ticks = list(pts) if pts is not None else [round(index / rate / time_base) for index in range(frames)]
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], pix_fmt
        stream.codec_context.time_base = stream.time_base = time_base
        speaker = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        if prepare:
            prepare(container, stream)
        for index, tick in enumerate(ticks):
            shown = picture(index) if picture else scene(index, size)
            frame = av.VideoFrame.from_ndarray(shown, "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = tick, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if speaker:
            tone = np.sin(np.arange(1024 * 20) / 20).astype(np.float32)[None]
            for index in range(20):
                chunk = av.AudioFrame.from_ndarray(tone[:, index * 1024 : (index + 1) * 1024], "fltp", "mono")
                chunk.sample_rate, chunk.pts = 48000, index * 1024
                container.mux(speaker.encode(chunk))
            container.mux(speaker.encode(None))
    return path


def copy_with_chroma(source: Path, output: Path, **options: Any) -> VideoInfo:
    """Write ``source`` again with a flat, slightly blue chroma; gives what the result is."""
    write_with_chroma(source, output, **options)
    return probe_film(output)


def give_name(writer: FilmWriter, output: Path) -> None:
    """Finish a result and name it, which a render does for all of its results at once."""
    writer.finish()
    writer.partial_path.replace(output)


def write_with_chroma(
    source: Path,
    output: Path,
    *,
    with_other_streams: bool = True,
    gaps: GapHandling = "error",
    start_seconds: float = 0,
    end_seconds: float | None = None,
    **options: Any,
) -> list[str]:
    """What `copy_with_chroma` writes; gives the warnings of writer and reader."""
    info = probe_film(source, gaps)
    encoder = choose_encoder(info, output, EncodingOptions(**options))
    size = compute_chroma_shape(info.height, info.width, encoder.subsampling)
    middle = 2 ** (encoder.depth - 1)
    chroma = np.full((2, *size), middle, np.uint8 if encoder.depth == 8 else np.uint16)
    chroma[0] += middle // 16
    part = {"start_seconds": start_seconds, "end_seconds": end_seconds}
    others: dict[str, Any] = {"with_other_streams": with_other_streams}
    opened = open_writer(output, info, encoder, **part, **others, words=describe_result())
    with VideoReader(source, info=info, **part) as reader, opened as writer:
        for block in reader.iter_blocks(3):
            for luma, *rest in zip(block.luma_codes, block.pts, block.durations, block.extras, strict=True):
                writer.write(luma, chroma, *rest)
        give_name(writer, output)
    return [*writer.warnings, *reader.describe_faults()]


def luma_of(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        return np.concatenate([block.luma_codes for block in reader.iter_blocks(4)])


@dataclass(frozen=True)
class TinyEmbedOptions(Color2EmbedOptions):
    width: float = 1 / 16


class TinyEmbed(Color2Embed):
    """Color2Embed at a sixteenth of its channels."""

    options_type = TinyEmbedOptions
