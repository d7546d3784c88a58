"""Writes the comparison video that the page plays: small, gray on the left and colour on the right in one stream."""

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
from kinemacolor.video.container import open_film, seek_before
from kinemacolor.video.display import iter_color_frames, to_display_gray
from kinemacolor.video.geometry import resize
from kinemacolor.video.info import ColorTags
from kinemacolor.video.output import NO_SPACE_ERRNOS, translate_encoding_errors
from kinemacolor.video.pixels import tag_colors
from kinemacolor.video.reader import VideoReader

MAX_ROWS, MAX_COLUMNS = 540, 1920  # of one half, px
BT709 = ColorTags(1, 1, 1)
BROWSER_AUDIO_CODECS = ("aac", "mp3", "mp3float")  # what browsers play in MP4
DEFAULT_RATE = Fraction(24)
# A keyframe every 24 frames, for seeking; no B-frames, so that packets come in the order of display.
ENCODING = {"preset": "veryfast", "crf": "21", "g": "24", "bf": "0"}

SideBySideFrame = tuple[UInt8Array, int, int]  # rows, columns, 3 in sRGB; pts and duration in ticks


@dataclass(frozen=True)
class ComparisonVideo:
    """What a player must know: ``height`` and ``width`` of one half in px, ``frames``, and ``rate`` in 1/s."""

    height: int
    width: int
    frames: int
    rate: float


def write_comparison_video(
    source: Path,
    result: Path,
    output: Path,
    on_frame: Callable[[int], None] | None = None,
    *,
    start_seconds: float = 0,
    end_seconds: float | None = None,
) -> ComparisonVideo:
    """Write ``source`` in gray and ``result`` in colour, side by side, as H.264 in MP4 with the source's sound.

    Both are upright with square pixels, at most 540 rows; timestamps are the source's, shifted to start at zero.
    ``result`` consists of the source's frames from ``start_seconds`` up to ``end_seconds``; the video ends with the
    shorter of the two. ``on_frame`` receives the number of frames written. ``output`` is written whole or not at all.

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
            video = _encode_comparison(reader, result, new, on_frame)
            new.replace(output)
    finally:
        new.unlink(missing_ok=True)
    return video


def _encode_comparison(
    reader: VideoReader, result: Path, output: Path, on_frame: Callable[[int], None] | None
) -> ComparisonVideo:
    """Encode all frames, and interleave the packets of sound by time."""
    info, frames = reader.info, _iter_side_by_side(reader, result)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{info.path.name} and {result.name} share no frame: choose a part that holds some")
    height, width = first[0].shape[:2]
    rate, count = info.rate or DEFAULT_RATE, 0

    def count_frames() -> Iterator[SideBySideFrame]:
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
        audio_packets: Iterator[av.Packet[av.AudioStream]] = iter(())
        if not info.is_pictures:
            audio_packets = _open_audio_packets(
                stack.enter_context(open_film(info.path)), target, float(first[1] * info.time_base)
            )
        next_audio = next(audio_packets, None)
        for video_packet in _iter_video_packets(count_frames(), stream, first[1]):
            until = _packet_seconds(video_packet) + float((video_packet.duration or 0) * video_packet.time_base)
            while next_audio is not None and _packet_seconds(next_audio) < until:
                target.mux(next_audio)
                next_audio = next(audio_packets, None)
            target.mux(video_packet)
    return ComparisonVideo(height, width // 2, count, float(rate))


def _iter_side_by_side(reader: VideoReader, result: Path) -> Iterator[SideBySideFrame]:
    """Join each frame of the source, in gray, with the same frame of the result, until one of the two ends."""
    for block, color in zip(reader.iter_blocks(1), iter_color_frames(result), strict=False):
        gray = to_display_gray(block.luma_codes[0], reader.info)
        size = _half_size(gray.shape[0], gray.shape[1])
        left = np.repeat(resize(gray, size)[..., None], 3, 2)
        yield np.concatenate([left, resize(color, size)], 1), block.pts[0], block.durations[0]


def _half_size(rows: int, columns: int) -> tuple[int, int]:
    """Return even rows and columns of one half, with the picture's aspect ratio: 4:2:0 needs even sizes."""
    scale = min(1.0, MAX_ROWS / rows, MAX_COLUMNS / columns)
    return max(2, round(rows * scale / 2) * 2), max(2, round(columns * scale / 2) * 2)


def _iter_video_packets(
    frames: Iterator[SideBySideFrame], stream: av.VideoStream, first_pts: int
) -> Iterator["av.Packet[av.VideoStream]"]:
    for rgb, pts, duration in frames:
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
            format="yuv420p", dst_colorspace=BT709.matrix, src_color_range=2, dst_color_range=1
        )
        tag_colors(frame, BT709)
        frame.pts, frame.duration, frame.time_base = pts - first_pts, duration, stream.codec_context.time_base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _open_audio_packets(
    source: av.container.InputContainer, target: av.container.OutputContainer, start_seconds: float
) -> Iterator["av.Packet[av.AudioStream]"]:
    """Iterate over the first sound of ``source`` from ``start_seconds`` on: copied where browsers play it, else AAC.

    The stream is added to ``target`` at once. Sound that becomes unreadable ends early, without an error.
    """
    audio_stream = next((stream for stream in source.streams.audio if stream.codec_context is not None), None)
    if audio_stream is None:
        return iter(())
    if start_seconds > 0:
        seek_before(source, start_seconds)
    if audio_stream.codec_context.name in BROWSER_AUDIO_CODECS:
        return _iter_copied_packets(source, audio_stream, target.add_stream_from_template(audio_stream), start_seconds)
    layout = "mono" if audio_stream.codec_context.channels == 1 else "stereo"
    return _iter_aac_packets(source, audio_stream, target.add_stream("aac", rate=48000, layout=layout), start_seconds)


def _iter_copied_packets(
    source: av.container.InputContainer, audio_stream: av.AudioStream, copy: av.AudioStream, start_seconds: float
) -> Iterator["av.Packet[av.AudioStream]"]:
    """Copy packets with timestamps shifted to start at zero; those whose timestamps do not increase are dropped."""
    last = -1.0
    for packet in _iter_packets(source, audio_stream):
        seconds = _packet_seconds(packet) - start_seconds
        if packet.pts is not None and seconds > last and seconds >= 0:
            shift, last = round(start_seconds / packet.time_base), seconds
            packet.pts -= shift
            packet.dts = packet.pts
            packet.stream = copy
            yield packet


def _iter_aac_packets(
    source: av.container.InputContainer, audio_stream: av.AudioStream, encoder: av.AudioStream, start_seconds: float
) -> Iterator["av.Packet[av.AudioStream]"]:
    """Encode sound anew, with timestamps shifted to start at zero; damaged packets are dropped."""
    for packet in _iter_packets(source, audio_stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            if frame.pts is not None and frame.time_base and frame.pts * frame.time_base >= start_seconds:
                frame.pts -= round(start_seconds / frame.time_base)
                yield from encoder.encode(frame)
    yield from encoder.encode(None)


def _iter_packets(
    source: av.container.InputContainer, audio_stream: av.AudioStream
) -> Iterator["av.Packet[av.AudioStream]"]:
    """Read packets until the end or the first error; raises only where no disk space is left."""
    try:
        for packet in source.demux(audio_stream):
            if packet.size:
                yield packet
    except (av.error.FFmpegError, OSError) as error:
        if error.errno in NO_SPACE_ERRNOS:
            raise


def _packet_seconds(packet: "av.Packet[av.AudioStream] | av.Packet[av.VideoStream]") -> float:
    ticks = packet.pts if packet.pts is not None else packet.dts
    return float((ticks or 0) * packet.time_base)
