"""Small films, each with one thing that a result should keep: the lines of docs/kept.md."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from support.films import scene, write_film
from support.remux import CAPTION, LIGHT_LEVEL, MASTERING, MS, Damage, add_messages, make_captions, remux

FRAMES = 6
SIZE = (120, 256)  # rows and columns: the smallest that DNxHR has


@dataclass(frozen=True)
class Case:
    """A thing: its name, a function that makes a film with it in a folder, and the checks of `verify` that tell of it.

    ``warning_words`` are words of the writer's notes about it, in small letters.
    """

    name: str
    make: Callable[[Path], Path]
    checks: tuple[str, ...]
    warning_words: tuple[str, ...] = ("left out",)


def lossless(folder: Path, prepare: Callable[[Any, Any], None] | None = None, **options: Any) -> Path:
    """A film in FFV1."""
    settings = {"codec": "ffv1", "time_base": MS, "frames": FRAMES, "size": SIZE} | options
    return write_film(folder / "film.mkv", **settings, prepare=prepare)


def coded(
    folder: Path, prepare: Callable[[Any, Any], None] | None = None, name: str = "film.mp4", **options: Any
) -> Path:
    """A film in H.264."""
    return write_film(folder / name, **{"frames": FRAMES, "size": SIZE} | options, prepare=prepare)


def in_context(**values: Any) -> Callable[[Any, Any], None]:
    """Set attributes of the encoder."""

    def prepare(container: Any, stream: Any) -> None:
        for name, value in values.items():
            setattr(stream.codec_context, name, value)

    return prepare


def with_metadata(**tags: str) -> Callable[[Any, Any], None]:
    """Set metadata of the container."""
    return lambda container, stream: container.metadata.update(tags)


def with_chapters(container: Any, stream: Any) -> None:
    """Add two chapters."""
    spans = [("one", 0, 100), ("two", 100, 240)]
    container.set_chapters(
        [
            {"id": number, "start": start, "end": end, "time_base": MS, "metadata": {"title": title}}
            for number, (title, start, end) in enumerate(spans, 1)
        ]
    )


def with_messages(folder: Path, **payloads: bytes) -> Path:
    """A film in H.264 with messages beside each picture."""
    colors = in_context(color_primaries=9, color_trc=16, colorspace=9, color_range=1)
    bare = coded(folder, colors, "bare.mov", options={"bf": "0"})
    return remux(bare, folder / "film.mov", Damage({0: lambda packets: add_messages(packets, **payloads)}))


def with_sound(folder: Path, codec: str, name: str = "film.mkv", first: int = 0, tracks: int = 1) -> Path:
    """A film with a second of sound in each of ``tracks``, which begins ``first`` samples after zero."""
    with av.open(str(folder / name), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        speakers = [container.add_stream(codec, rate=48000, layout="stereo") for _ in range(tracks)]
        for speaker, language, title in zip(speakers, ("ger", "eng"), ("Original", "Commentary"), strict=False):
            if tracks > 1:
                speaker.metadata.update({"language": language, "title": title})
                speaker.disposition = Disposition.default if language == "eng" else Disposition(0)
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(scene(index, SIZE), "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for speaker in speakers:
            size = speaker.codec_context.frame_size or 960
            resampler = av.AudioResampler(format=speaker.codec_context.format, layout="stereo", rate=48000)
            for start in range(0, 12000, size):
                tone = (np.sin(np.arange(start, start + size) / 20) / 2).astype(np.float32)
                chunk = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
                chunk.sample_rate, chunk.pts = 48000, start + first
                for converted in resampler.resample(chunk):
                    container.mux(speaker.encode(converted))
            container.mux(speaker.encode(None))
    return folder / name


def with_subtitles(folder: Path, suffix: str, text: str) -> Path:
    """A film with subtitles from a text file."""
    silent, lines = lossless(folder), folder / f"lines.{suffix}"
    lines.write_text(text)
    with av.open(str(silent)) as film, av.open(str(lines)) as words, av.open(str(folder / "told.mkv"), "w") as target:
        inputs = [(film, film.streams.video[0]), (words, words.streams.subtitles[0])]
        copies = [target.add_stream_from_template(stream) for _, stream in inputs]
        for (source, _), copy in zip(inputs, copies, strict=True):
            for packet in source.demux():
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
    return folder / "told.mkv"


def with_attachment(folder: Path) -> Path:
    """A film with a font."""
    with av.open(str(lossless(folder))) as film, av.open(str(folder / "font.mkv"), "w") as target:
        copy = target.add_stream_from_template(film.streams.video[0])
        target.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font")
        for packet in film.demux():
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    return folder / "font.mkv"


def with_cover(folder: Path) -> Path:
    """A film with a picture attached."""
    cover = write_film(folder / "cover.mkv", 1, codec="mjpeg", pix_fmt="yuvj420p", time_base=MS)
    with (
        av.open(str(coded(folder))) as film,
        av.open(str(cover)) as art,
        av.open(str(folder / "art.mp4"), "w") as target,
    ):
        copies = [target.add_stream_from_template(source.streams.video[0]) for source in (film, art)]
        copies[1].disposition = Disposition.attached_pic
        for source, copy in zip((film, art), copies, strict=True):
            for packet in source.demux():
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
    return folder / "art.mp4"


SRT = "1\n00:00:00,000 --> 00:00:00,100\nHello\n\n2\n00:00:00,110 --> 00:00:00,200\nDog\n"
VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:00.100\nHello\n\n00:00:00.110 --> 00:00:00.200\nDog\n"
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:00.00,0:00:00.10,Default,,0,0,0,,Hello\nDialogue: 0,0:00:00.00,0:00:00.20,Default,,0,0,0,,Dog\n"
)
HDR10 = ("HDR10 mastering display", "HDR10 light level")
CASES = [
    Case("luma, 8 bits", lossless, ("luma", "frames")),
    Case("luma, 10 bits", partial(lossless, pix_fmt="yuv422p10le"), ("luma",)),
    Case("luma, full range", partial(lossless, prepare=in_context(color_range=2)), ("luma", "colour tags")),
    Case("luma of R'G'B'", partial(lossless, pix_fmt="bgr0"), ("luma",)),
    Case("odd size", partial(lossless, size=(121, 257)), ("luma", "geometry")),
    Case("transparency", partial(lossless, pix_fmt="yuva420p"), ("transparency",)),
    Case("pixel aspect 4:3", partial(coded, prepare=in_context(sample_aspect_ratio=Fraction(4, 3))), ("geometry",)),
    Case("rotation", partial(coded, prepare=lambda _, stream: stream.set_display_rotation(90)), ("geometry", "luma")),
    Case(
        "mirrored",
        partial(coded, prepare=lambda _, stream: stream.set_display_rotation(0, hflip=True)),
        ("geometry", "luma"),
    ),
    Case("variable frame rate", partial(coded, pts=[0, 16610, 19609, 22608, 40001, 95000]), ("timestamps", "frames")),
    Case("frame times in milliseconds", partial(lossless, rate=Fraction(24000, 1001)), ("timestamps",)),
    Case(
        "pictures before zero",
        partial(lossless, pts=[-200, -158, -117, -75, -33, 8], container_options={"avoid_negative_ts": "disabled"}),
        ("timestamps", "frames"),
    ),
    Case("top field first", partial(lossless, prepare=in_context(field_order=2)), ("field order",)),
    Case("bottom field first", partial(lossless, prepare=in_context(field_order=3)), ("field order",)),
    Case(
        "colour tags (BT.2020, PQ)",
        partial(lossless, prepare=in_context(color_primaries=9, color_trc=16, colorspace=9), pix_fmt="yuv420p10le"),
        ("colour tags",),
    ),
    Case("HDR10", partial(with_messages, mastering=MASTERING, light_level=LIGHT_LEVEL), HDR10, ("hdr", "master")),
    Case("captions (A53)", partial(with_messages, captions=make_captions(CAPTION * 2)), ("captions",), ("caption",)),
    *(
        Case(name, partial(with_sound, codec=codec), ("audio streams",))
        for name, codec in {
            "sound: AAC": "aac",
            "sound: AC-3": "ac3",
            "sound: FLAC": "flac",
            "sound: MP3": "libmp3lame",
            "sound: Opus": "libopus",
            "sound: PCM, 16 bits": "pcm_s16le",
            "sound: PCM, 24 bits": "pcm_s24le",
        }.items()
    ),
    Case("sound: ADPCM", partial(with_sound, codec="adpcm_ms", name="film.avi"), ("audio streams",)),
    Case(
        "sound that begins before zero", partial(with_sound, codec="aac", first=-24000), ("audio streams", "timestamps")
    ),
    Case("languages, titles, default track", partial(with_sound, codec="aac", tracks=2), ("stream tags",)),
    Case("subtitles: SRT", partial(with_subtitles, suffix="srt", text=SRT), ("subtitle streams",)),
    Case("subtitles: WebVTT", partial(with_subtitles, suffix="vtt", text=VTT), ("subtitle streams",)),
    Case("subtitles: ASS, two at one time", partial(with_subtitles, suffix="ass", text=ASS), ("subtitle streams",)),
    Case("attachment", with_attachment, ("attachments",)),
    Case("cover art", with_cover, ("cover art streams",)),
    Case("chapters", partial(coded, prepare=with_chapters), ("chapters",)),
    Case("title, comment", partial(coded, prepare=with_metadata(title="A", comment="B")), ("metadata",)),
    Case("other metadata", partial(lossless, prepare=with_metadata(reel="7")), ("metadata",)),
    Case("time code", partial(coded, name="film.mov", prepare=with_metadata(timecode="01:00:00:00")), ("time code",)),
]
