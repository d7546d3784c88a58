"""Making films as people have them: any container, fields, clocks, sound, subtitles, damage."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np

from support.films import scene

SMALL = (64, 96)  # rows, columns
NTSC = Fraction(30000, 1001)
MS = Fraction(1, 1000)
Prepare = Callable[[Any, Any], object]  # gets container and picture stream before the first frame


def code_film(
    path: Path,
    frames: int = 8,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = SMALL,
    rate: Fraction | int = 25,
    fields: str | None = None,
    sound: str | None = None,
    sound_seconds: float = 0.3,
    samples: int | None = None,
    container: str | None = None,
    options: dict[str, str] | None = None,
    mux_options: dict[str, str] | None = None,
    times: Sequence[Fraction | float] | None = None,
    time_base: Fraction | None = None,
    prepare: Prepare | None = None,
) -> Path:
    """Encode the scene; ``fields`` is "tff" or "bff", ``sound`` a codec with ``samples`` in a packet, ``times`` in s.

    Encoders run with one thread, so that the same call makes the same bytes.
    """
    rate = Fraction(rate)
    base = time_base or 1 / rate
    shown = times if times is not None else [index / rate for index in range(frames)]
    with av.open(str(path), "w", format=container, container_options=mux_options or {}) as film:
        stream: Any = film.add_stream(codec, rate=rate, options={"threads": "1", **(options or {})})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], pix_fmt
        stream.codec_context.time_base = stream.time_base = base
        if fields:
            stream.codec_context.field_order = 2 if fields == "tff" else 3
            stream.codec_context.flags |= av.codec.context.Flags.interlaced_dct
        speaker: Any = film.add_stream(sound, rate=48000, layout="mono") if sound else None
        if prepare:
            prepare(film, stream)
        if speaker:
            film.mux(list(iter_sound(speaker, sound_seconds, samples)))
        mark = _make_marker(fields, size, pix_fmt, base) if fields else None
        for index, seconds in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(scene(index, size), "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(Fraction(seconds) / base), base
            film.mux(stream.encode(mark(frame) if mark else frame))
        film.mux(stream.encode(None))
    return path


def iter_sound(speaker: Any, seconds: float, samples: int | None = None) -> Iterator[Any]:
    """A tone, encoded for a stream of 48 kHz mono."""
    tone = (8000 * np.sin(np.arange(round(48000 * seconds)) / 20)).astype(np.int16)[None]
    resampler = av.AudioResampler(speaker.format.name, speaker.layout.name, speaker.rate, samples or speaker.frame_size)
    whole = av.AudioFrame.from_ndarray(tone, "s16", "mono")
    whole.sample_rate, whole.pts = 48000, 0
    for part in [*resampler.resample(whole), *resampler.resample(None)]:
        yield from speaker.encode(part)
    yield from speaker.encode(None)


def _make_marker(
    fields: str, size: tuple[int, int], pix_fmt: str, base: Fraction
) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """FFmpeg's filter that marks frames as interlaced."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=size[1], height=size[0], format=pix_fmt, time_base=base)
    setter, sink = graph.add("setfield", fields), graph.add("buffersink")
    source.link_to(setter)
    setter.link_to(sink)
    graph.configure()

    def mark(frame: av.VideoFrame) -> av.VideoFrame:
        graph.push(frame)
        marked = graph.pull()
        assert isinstance(marked, av.VideoFrame)
        return marked

    return mark


def join_streams(
    path: Path,
    *sources: Path,
    attach: Sequence[tuple[str, str, bytes]] = (),
    cover: Path | None = None,
    shift: float = 0,
    mux_options: dict[str, str] | None = None,
    container: str | None = None,
) -> Path:
    """Copy all streams of some files into one, moved by ``shift`` seconds, with attachments and a cover picture."""
    with av.open(str(path), "w", format=container, container_options=mux_options or {}) as film:
        opened = [av.open(str(source)) for source in sources]
        copies = {
            (number, stream.index): film.add_stream_from_template(stream)
            for number, source in enumerate(opened)
            for stream in source.streams
        }
        for name, kind, data in attach:
            film.add_attachment(name, kind, data)
        art: Any = None
        if cover:
            with av.open(str(cover)) as picture:
                art = film.add_stream_from_template(picture.streams.video[0])
                art.disposition = av.stream.Disposition.attached_pic
                content = next(bytes(packet) for packet in picture.demux() if packet.size)
        packets = [
            (float((packet.dts or 0) * packet.time_base), number, packet)
            for number, source in enumerate(opened)
            for packet in source.demux()
            if packet.size
        ]
        if art:
            still = av.Packet(content)
            still.stream, still.pts, still.dts, still.time_base = art, 0, 0, MS
            film.mux(still)
        for _, number, packet in sorted(packets, key=lambda one: one[:2]):
            ticks = round(shift / float(packet.time_base))
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
            packet.stream = copies[number, packet.stream.index]
            film.mux(packet)
        for source in opened:
            source.close()
    return path


def join_bytes(path: Path, *sources: Path) -> Path:
    """One file after the other, as recorders and `cat` join films."""
    path.write_bytes(b"".join(source.read_bytes() for source in sources))
    return path


def write_subtitles(path: Path, *spans: tuple[float, float]) -> Path:
    """An SRT file with a line for each span of seconds."""

    def clock(seconds: float) -> str:
        return f"00:00:{seconds:06.3f}".replace(".", ",")

    lines = [f"{n}\n{clock(a)} --> {clock(b)}\nLine {n}\n" for n, (a, b) in enumerate(spans, 1)]
    path.write_text("\n".join(lines))
    return path


def add_captions(path: Path, plain: Path) -> Path:
    """Put closed captions (CEA-608 by ATSC A/53) before each picture of an Annex B stream of H.264."""
    user_data = bytes.fromhex("b50031") + b"GA94" + bytes.fromhex("03c1fffc9420ff")
    message = bytes([6, 4, len(user_data)]) + user_data + b"\x80"
    parts = plain.read_bytes().split(b"\x00\x00\x01")
    made = parts[:1]
    for part in parts[1:]:
        if part[:1] and part[0] & 31 in (1, 5) and len(part) > 1 and part[1] & 0x80:  # first slice of a picture
            made.append(message)
        made.append(part)
    path.write_bytes(b"\x00\x00\x01".join(made))
    return path


def cut_off(path: Path, whole: Path, part: float) -> Path:
    """The first part of a file, 0..1."""
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def damage(path: Path, whole: Path, at: float, *, zeros: int = 0) -> Path:
    """A file with one byte turned over, or so many zeros instead, at a part 0..1 of its length."""
    data = bytearray(whole.read_bytes())
    place = min(int(len(data) * at), len(data) - 1)
    if zeros:
        data[place : place + zeros] = bytes(min(zeros, len(data) - place))
    else:
        data[place] ^= 0xFF
    path.write_bytes(bytes(data))
    return path
