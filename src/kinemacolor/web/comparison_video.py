"""The film that the page plays: small, gray on the left and colour on the right in one stream."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from uuid import uuid4

import av
import numpy as np

from kinemacolor.errors import InputError
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import iter_color_frames, to_display_gray
from kinemacolor.video.geometry import resize
from kinemacolor.video.info import ColorTags
from kinemacolor.video.output import NO_SPACE_ERRNOS, translate_encoding_errors
from kinemacolor.video.pixels import tag_colors
from kinemacolor.video.reader import VideoReader, open_film

MOST_ROWS, MOST_COLUMNS = 540, 1920  # of one half, px
BT709 = ColorTags(1, 1, 1)
PLAYED_SOUND = ("aac", "mp3", "mp3float")  # what browsers play in MP4
USUAL_RATE = Fraction(24)
# Quick to seek, and every packet in the order in which it is shown.
ENCODING = {"preset": "veryfast", "crf": "21", "g": "24", "bf": "0"}

Shown = tuple[UInt8Array, int, int]  # rows, columns, 3 in sRGB; pts and duration in ticks


@dataclass(frozen=True)
class Proxy:
    """What a player must know: ``height`` and ``width`` of one half in px, ``frames``, and how many a second."""

    height: int
    width: int
    frames: int
    rate: float


def write_proxy(
    source: Path,
    result: Path,
    output: Path,
    on_frame: Callable[[int], None] | None = None,
    *,
    start_seconds: float = 0,
    end_seconds: float | None = None,
) -> Proxy:
    """Write ``source`` in gray and ``result`` in colour, beside each other, as H.264 in MP4 with the source's sound.

    Both are upright with square pixels, at most 540 rows; the clock is the source's and starts at zero. ``result`` is
    made of the source's frames from ``start_seconds`` up to ``end_seconds``; the shorter of the two ends the film.
    ``on_frame`` is told how many frames are written. ``output`` is there whole or not at all.

    Raises InputError for films that cannot be read or hold no frame, ResourceError where no space is left,
    UsageError where ``output`` cannot be written.
    """
    output = output.absolute()
    new = output.with_name(f".{uuid4().hex}.{output.name}")
    try:
        with (
            VideoReader(source, start_seconds=start_seconds, end_seconds=end_seconds) as reader,
            translate_encoding_errors(output),
        ):
            proxy = _write(reader, result, new, on_frame)
            new.replace(output)
    finally:
        new.unlink(missing_ok=True)
    return proxy


def _write(reader: VideoReader, result: Path, output: Path, on_frame: Callable[[int], None] | None) -> Proxy:
    info, frames = reader.info, _side_by_side(reader, result)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{info.path.name} and {result.name} share no frame: choose a part that holds some")
    height, width = first[0].shape[:2]
    rate, count = info.rate or USUAL_RATE, 0

    def counted() -> Iterator[Shown]:
        nonlocal count
        for count, frame in enumerate(chain([first], frames), 1):
            yield frame
            if on_frame:
                on_frame(count)

    with ExitStack() as stack:
        target = stack.enter_context(av.open(str(output), "w", format="mp4", options={"movflags": "+faststart"}))
        stream = target.add_stream("libx264", rate=rate, options=ENCODING)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = info.time_base
        tag_colors(stream.codec_context, BT709)
        sound: Iterator[av.Packet[av.AudioStream]] = iter(())
        if not info.is_pictures:
            sound = _sound(stack.enter_context(open_film(info.path)), target, float(first[1] * info.time_base))
        waiting = next(sound, None)
        for picture in _encoded(counted(), stream, first[1]):
            until = _seconds(picture) + float((picture.duration or 0) * picture.time_base)
            while waiting is not None and _seconds(waiting) < until:
                target.mux(waiting)
                waiting = next(sound, None)
            target.mux(picture)
    return Proxy(height, width // 2, count, float(rate))


def _side_by_side(reader: VideoReader, result: Path) -> Iterator[Shown]:
    for block, color in zip(reader.iter_blocks(1), iter_color_frames(result), strict=False):
        gray = to_display_gray(block.luma_codes[0], reader.info)
        size = _half(gray.shape[0], gray.shape[1])
        left = np.repeat(resize(gray, size)[..., None], 3, 2)
        yield np.concatenate([left, resize(color, size)], 1), block.pts[0], block.durations[0]


def _half(rows: int, columns: int) -> tuple[int, int]:
    """Even rows and columns of one half, with the picture's aspect."""
    scale = min(1.0, MOST_ROWS / rows, MOST_COLUMNS / columns)
    return max(2, round(rows * scale / 2) * 2), max(2, round(columns * scale / 2) * 2)


def _encoded(frames: Iterator[Shown], stream: av.VideoStream, zero: int) -> Iterator["av.Packet[av.VideoStream]"]:
    for rgb, pts, duration in frames:
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
            format="yuv420p", dst_colorspace=BT709.matrix, src_color_range=2, dst_color_range=1
        )
        tag_colors(frame, BT709)
        frame.pts, frame.duration, frame.time_base = pts - zero, duration, stream.codec_context.time_base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound(
    source: av.container.InputContainer, target: av.container.OutputContainer, zero: float
) -> Iterator["av.Packet[av.AudioStream]"]:
    """The first sound of ``source`` from ``zero`` seconds of its clock on: copied where browsers play it, else AAC.

    The stream is added to ``target`` at once. Sound that cannot be read further ends early.
    """
    speaker = next((stream for stream in source.streams.audio if stream.codec_context is not None), None)
    if speaker is None:
        return iter(())
    if zero > 0:
        source.seek(int(zero * av.time_base))
    if speaker.codec_context.name in PLAYED_SOUND:
        return _copied(source, speaker, target.add_stream_from_template(speaker), zero)
    layout = "mono" if speaker.codec_context.channels == 1 else "stereo"
    return _as_aac(source, speaker, target.add_stream("aac", rate=48000, layout=layout), zero)


def _copied(
    source: av.container.InputContainer, speaker: av.AudioStream, copy: av.AudioStream, zero: float
) -> Iterator["av.Packet[av.AudioStream]"]:
    last = -1.0
    for packet in _packets(source, speaker):
        seconds = _seconds(packet) - zero
        if packet.pts is not None and seconds > last and seconds >= 0:
            shift, last = round(zero / packet.time_base), seconds
            packet.pts -= shift
            packet.dts = packet.pts
            packet.stream = copy
            yield packet


def _as_aac(
    source: av.container.InputContainer, speaker: av.AudioStream, encoder: av.AudioStream, zero: float
) -> Iterator["av.Packet[av.AudioStream]"]:
    for packet in _packets(source, speaker):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            if frame.pts is not None and frame.time_base and frame.pts * frame.time_base >= zero:
                frame.pts -= round(zero / frame.time_base)
                yield from encoder.encode(frame)
    yield from encoder.encode(None)


def _packets(source: av.container.InputContainer, speaker: av.AudioStream) -> Iterator["av.Packet[av.AudioStream]"]:
    try:
        for packet in source.demux(speaker):
            if packet.size:
                yield packet
    except (av.error.FFmpegError, OSError) as error:
        if error.errno in NO_SPACE_ERRNOS:
            raise


def _seconds(packet: "av.Packet[av.AudioStream] | av.Packet[av.VideoStream]") -> float:
    ticks = packet.pts if packet.pts is not None else packet.dts
    return float((ticks or 0) * packet.time_base)
