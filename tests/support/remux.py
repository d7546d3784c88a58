"""Films that have everything, and copies of them in which one thing is damaged on purpose."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import AttachmentStream, Disposition

from support.films import SIZE, scene

MS = Fraction(1, 1000)
CAPTION = b"\xfc\x80\x80"
MASTERING = (
    np.array([13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450], ">u2").tobytes()
    + np.array([10_000_000, 50], ">u4").tobytes()
)
LIGHT_LEVEL = np.array([1000, 400], ">u2").tobytes()
SRT = "1\n00:00:00,000 --> 00:00:00,200\nHello\n\n2\n00:00:00,210 --> 00:00:00,300\nDog\n"


@dataclass(frozen=True)
class Damage:
    """What to do otherwise in a copy, each a function or None.

    ``packets`` gets the packets of one stream, as (bytes, pts, duration), and gives those to write; ``stream`` gets the
    new stream and its number; ``metadata``, ``chapters`` and ``attachment`` get what there is, and give what to write.
    """

    packets: dict[int, Callable[[list[tuple[bytes, int, int]]], Iterable[tuple[bytes, int, int]]]] | None = None
    stream: Callable[[Any, int], None] | None = None
    without: int | None = None
    metadata: Callable[[dict[str, str]], dict[str, str]] = lambda found: found
    chapters: Callable[[list[Any]], list[Any]] = lambda found: found
    attachment: Callable[[bytes], bytes | None] = lambda found: found


def remux(source: Path, target: Path, damage: Damage) -> Path:
    """Copy a film packet by packet, but for the damage; packets that B-frames reorder are none of its business."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        copies = {}
        for stream in before.streams:
            if isinstance(stream, AttachmentStream):
                if (data := damage.attachment(stream.data)) is not None:
                    after.add_attachment(stream.name or "", stream.mimetype or "", data)
            elif stream.index != damage.without and stream.type != "data":
                copies[stream.index] = copy = after.add_stream_from_template(stream)
                copy.time_base, copy.disposition = stream.time_base, stream.disposition
                copy.metadata.update(stream.metadata)
                if damage.stream:
                    damage.stream(copy, stream.index)
        after.metadata.update(damage.metadata(dict(before.metadata)))
        after.set_chapters(damage.chapters(list(before.chapters())))
        found: dict[int, list[tuple[bytes, int, int]]] = {index: [] for index in copies}
        keys: dict[int, list[bool]] = {index: [] for index in copies}
        for packet in before.demux():
            if packet.size and packet.stream.index in copies:
                found[packet.stream.index].append((bytes(packet), packet.pts, packet.duration))
                keys[packet.stream.index].append(packet.is_keyframe)
        changes = damage.packets or {}
        written = []
        for index, packets in found.items():
            time_base = before.streams[index].time_base
            for number, (data, pts, duration) in enumerate(changes.get(index, list)(packets)):
                new = av.Packet(data)
                new.pts = new.dts = pts
                new.duration, new.time_base, new.stream = duration, time_base, copies[index]
                new.is_keyframe = keys[index][min(number, len(keys[index]) - 1)]
                written.append((float(pts * time_base), index, number, new))
        for *_, new in sorted(written, key=lambda item: item[:3]):
            after.mux(new)
    return target


def write_rich_film(path: Path, *, codec: str = "ffv1", frames: int = 8, **options: str) -> Path:
    """A Matroska film with two sound tracks, subtitles, a font, chapters, tags, a time code."""
    lines = path.with_suffix(".srt")
    lines.write_text(SRT)
    with av.open(str(lines)) as text, av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        context = stream.codec_context
        context.time_base, context.max_b_frames, context.gop_size = MS, 0, 1  # each packet is a picture of its own
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 5, 1, 6, 1
        speakers = [container.add_stream("pcm_s16le", rate=48000, layout="mono") for _ in range(2)]
        for speaker, language, title in zip(speakers, ("ger", "eng"), ("Original", "Commentary"), strict=True):
            speaker.metadata.update({"language": language, "title": title})
        speakers[0].disposition = Disposition.default
        subtitles = container.add_stream_from_template(text.streams.subtitles[0])
        subtitles.metadata["language"] = "eng"
        container.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font")
        container.metadata.update({"title": "A film", "comment": "rich", "timecode": "01:00:00:00"})
        titles = [("one", 0, 150), ("two", 150, 333)]
        container.set_chapters(
            [
                {"id": number, "start": start, "end": end, "time_base": MS, "metadata": {"title": title}}
                for number, (title, start, end) in enumerate(titles, 1)
            ]
        )
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(4 * index), "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(index * 1000 / 24), MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for number, speaker in enumerate(speakers):
            for index in range(17):
                tone = np.sin(np.arange(index * 960, (index + 1) * 960) / (20 + number)) * 20000
                chunk = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None], "s16", "mono")
                chunk.sample_rate, chunk.pts = 48000, index * 960
                container.mux(speaker.encode(chunk))
            container.mux(speaker.encode(None))
        for packet in text.demux():
            if packet.size:
                packet.stream = subtitles
                container.mux(packet)
    return path


def add_messages(packets: list[tuple[bytes, int, int]], **payloads: bytes) -> list[tuple[bytes, int, int]]:
    """Put captions and HDR10 into every packet of H.264, as messages beside the picture (SEI, ITU-T H.264 annex D)."""
    messages = b""
    for name, kind in (("captions", 4), ("mastering", 137), ("light_level", 144)):
        if payload := payloads.get(name):
            messages += _make_message(kind, payload)
    return [(messages + data, pts, duration) for data, pts, duration in packets]


def make_captions(data: bytes) -> bytes:
    """The payload that ATSC A/53 describes, for ``data`` of three bytes each."""
    return b"\xb5\x00\x31GA94\x03" + bytes([0xC0 | len(data) // 3, 0xFF]) + data + b"\xff"


def _make_message(kind: int, payload: bytes) -> bytes:
    unit = bytes([kind, len(payload)]) + payload + b"\x80"
    protected = bytearray()
    for byte in unit:
        if protected[-2:] == b"\x00\x00" and byte <= 3:
            protected.append(3)
        protected.append(byte)
    return (len(protected) + 1).to_bytes(4, "big") + b"\x06" + bytes(protected)
