"""The films of the corpus that are whole but strange, each with what must come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2

from support.films import scene
from support.strange_films import (
    NTSC,
    SMALL,
    add_captions,
    code_film,
    join_bytes,
    join_streams,
    write_subtitles,
)

FAST = {"preset": "ultrafast", "bf": "0"}
FILM_RATE = Fraction(24000, 1001)
DV_SIZE = (480, 720)
HDR10 = (
    "log-level=error:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
)
MIRRORS = {  # FFmpeg's order of the numbers; 1 << 16 is one
    "hflip": (-1, 0, 0, 1),
    "vflip": (1, 0, 0, -1),
    "transpose": (0, 1, 1, 0),
    "anti-transpose": (0, -1, -1, 0),
    "quarter": (0, 1, -1, 0),
    "half": (-1, 0, 0, -1),
}


@dataclass(frozen=True)
class FilmCase:
    """A film that is made in a folder, and what is known of its result.

    ``frames`` are those of the result, ``rate`` that of most of its steps, ``fields`` the order of all frames.
    ``keeps`` are kinds of side data and ``packets`` numbers of packets that the result must have as the source has.
    """

    name: str
    make: Callable[[Path], Path]
    frames: int = 8
    output: str = ".mkv"
    encoding: Mapping[str, Any] = field(default_factory=dict)
    rate: Fraction | None = None
    fields: str | None = None
    keeps: tuple[str, ...] = ()
    packets: Mapping[str, int] = field(default_factory=dict)


def plain(name: str, frames: int = 8, **how: Any) -> Callable[[Path], Path]:
    """A maker of one coded film."""
    return lambda folder: code_film(folder / name, frames, **how)


def _mirrored(folder: Path, numbers: tuple[int, int, int, int], suffix: str) -> Path:
    a, b, c, d = (number << 16 for number in numbers)
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return code_film(
        folder / f"in{suffix}", 3, options=FAST, prepare=lambda _, stream: stream.set_display_matrix(matrix)
    )


def _with_subtitles(folder: Path, *spans: tuple[float, float], suffix: str = ".mkv") -> Path:
    film = code_film(folder / "plain.mp4", options=FAST, sound="aac")
    return join_streams(folder / f"in{suffix}", film, write_subtitles(folder / "lines.srt", *spans))


def _with_cover(folder: Path) -> Path:
    cv2.imwrite(str(folder / "cover.png"), scene(1, (32, 32)))
    film = code_film(folder / "plain.mp4", options=FAST, sound="aac")
    return join_streams(folder / "in.mp4", film, cover=folder / "cover.png")


def _before_zero(folder: Path, suffix: str) -> Path:
    film = code_film(folder / "plain.avi", codec="mpeg4", options={"bf": "0"})
    return join_streams(folder / f"in{suffix}", film, shift=-0.2, mux_options={"avoid_negative_ts": "disabled"})


def _joined(folder: Path, suffix: str, container: str, frames: int, **how: Any) -> Path:
    part = code_film(folder / f"part{suffix}", frames, codec="mpeg2video", container=container, **how)
    return join_bytes(folder / f"in{suffix}", part, part)


def _captioned(folder: Path) -> Path:
    raw = code_film(folder / "raw.h264", container="h264", options=FAST)
    return join_streams(folder / "in.mkv", add_captions(folder / "cc.h264", raw))


def _with_chapters(container: Any, stream: Any) -> None:
    title = "Ünïcode — 章 🎞"
    container.metadata.update({"title": title, "comment": "x" * 4000})
    spans = [(0, 100), (100, 200)]
    container.set_chapters(
        [
            {"id": n, "start": a, "end": b, "time_base": Fraction(1, 1000), "metadata": {"title": f"{title} {n}"}}
            for n, (a, b) in enumerate(spans)
        ]
    )


RAW = {"container": "h264", "options": FAST, "rate": FILM_RATE}
M2V = {"codec": "mpeg2video", "container": "mpeg2video", "rate": FILM_RATE}
DV = {"codec": "dvvideo", "pix_fmt": "yuv411p", "size": DV_SIZE, "rate": NTSC}
TWINS, TENTH_MS = [0, 0.04, 0.0402, 0.08], Fraction(1, 10000)  # milliseconds in Matroska, which takes two for one
VFR = [0, 0.1, 0.11, 0.5, 0.51, 0.9, 2, 2.04]

CONTAINERS = [
    FilmCase("mp4", plain("in.mp4", options=FAST, sound="aac"), output=".mp4", packets={"audio": 16}),
    FilmCase("mov", plain("in.mov", codec="mjpeg", pix_fmt="yuvj420p", sound="pcm_s16le"), output=".mov"),
    FilmCase("mkv", plain("in.mkv", codec="ffv1", sound="flac"), packets={"audio": 4}),
    FilmCase("webm", plain("in.webm", codec="libvpx-vp9", options={"cpu-used": "8"}, sound="libopus"), output=".webm"),
    FilmCase("avi", plain("in.avi", codec="mpeg4", sound="pcm_s16le")),
    FilmCase("ts", plain("in.ts", options=FAST, sound="aac"), packets={"audio": 16}),
    FilmCase("m2ts", plain("in.m2ts", container="mpegts", options=FAST, sound="ac3"), packets={"audio": 10}),
    FilmCase("vob", plain("in.vob", codec="mpeg2video", container="vob", sound="ac3")),
    FilmCase("mpg", plain("in.mpg", codec="mpeg1video", container="mpeg", sound="mp2")),
    FilmCase("flv", plain("in.flv", codec="flv", sound="libmp3lame")),
    FilmCase("wmv", plain("in.wmv", codec="wmv2", container="asf", sound="libmp3lame")),
    FilmCase("3gp", plain("in.3gp", codec="mpeg4", sound="aac")),
    FilmCase("mxf", plain("in.mxf", codec="mpeg2video", sound="pcm_s16le")),
    FilmCase("ogv", plain("in.ogv", codec="libvpx", container="ogg")),
    FilmCase("nut", plain("in.nut", codec="ffv1")),
    FilmCase("ivf", plain("in.ivf", codec="libvpx-vp9", options={"cpu-used": "8"})),
    FilmCase("y4m", plain("in.y4m", codec="wrapped_avframe", container="yuv4mpegpipe")),
    FilmCase("mjpeg", plain("in.mjpeg", codec="mjpeg", pix_fmt="yuvj420p", container="mjpeg")),
    FilmCase("gif", plain("in.gif", codec="gif", pix_fmt="rgb8")),
    FilmCase("dv", plain("in.dv", 2, container="dv", **DV), 2, rate=NTSC, fields="bff"),
    FilmCase("dv in avi", plain("in.avi", 2, **DV), 2, rate=NTSC, fields="bff"),
    FilmCase("dv in mov", plain("in.mov", 2, **DV), 2, rate=NTSC, fields="bff"),
    FilmCase("raw h264", plain("in.h264", **RAW), rate=FILM_RATE),
    FilmCase("raw m2v", plain("in.m2v", **M2V), rate=FILM_RATE),
    FilmCase(
        "raw hevc", plain("in.hevc", codec="libx265", container="hevc", options={"x265-params": "log-level=error"})
    ),
]
SOUND_AND_TEXT = [
    FilmCase(
        "lines at one time",
        lambda folder: _with_subtitles(folder, (0, 0.2), (0, 0.1), (0.1, 0.2)),
        packets={"subtitle": 3, "audio": 16},
    ),
    FilmCase("lines behind the end", lambda f: _with_subtitles(f, (0, 0.1), (5, 6)), packets={"subtitle": 2}),
    FilmCase("cover", _with_cover, output=".mp4", packets={"video": 1, "audio": 16}),
    FilmCase("captions", _captioned, keeps=("A53_CC",)),
    FilmCase(
        "HDR10",
        plain("in.mkv", codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": HDR10}),
        encoding={"vcodec": "h265"},
        keeps=("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"),
    ),
    FilmCase("chapters", plain("in.mkv", codec="ffv1", prepare=_with_chapters)),
    FilmCase("chapters in mp4", plain("in.mp4", options=FAST, prepare=_with_chapters), output=".mp4"),
    FilmCase(
        "PCM in packets of 1920",
        plain("in.mkv", codec="ffv1", sound="pcm_s16le", samples=1920),
        output=".mp4",
    ),
    FilmCase("sound longer than the film", plain("in.mkv", options=FAST, sound="aac", sound_seconds=3)),
    FilmCase("8 bits of PCM", plain("in.avi", codec="mpeg4", sound="pcm_u8")),
]
CLOCKS = [
    FilmCase("times that vary", plain("in.mkv", codec="ffv1", times=VFR, time_base=Fraction(1, 1000))),
    FilmCase("times that vary in mp4", plain("in.mp4", options=FAST, times=VFR, time_base=Fraction(1, 90000))),
    FilmCase("late start", plain("in.mkv", codec="ffv1", times=[7200 + n / 25 for n in range(8)])),
    FilmCase("one frame", plain("in.mp4", 1, options=FAST), 1, output=".mp4"),
    FilmCase("a pause of an hour", plain("in.mkv", codec="ffv1", times=[0, 0.04, 0.08, 3600, 3600.04]), 5),
    FilmCase("two frames at one time", plain("in.mkv", codec="ffv1", times=TWINS, time_base=TENTH_MS), 4),
    FilmCase("before zero", lambda f: _before_zero(f, ".mkv"), output=".mp4"),
    FilmCase("before zero to mkv", lambda f: _before_zero(f, ".mkv")),
    FilmCase("joined ts", lambda f: _joined(f, ".ts", "mpegts", 60), 120, rate=Fraction(25), output=".mp4"),
    FilmCase("joined vob", lambda f: _joined(f, ".vob", "vob", 20), 40, rate=Fraction(25), output=".mp4"),
]
PICTURES = [
    FilmCase(f"mirror {name}", lambda f, m=numbers: _mirrored(f, m, ".mp4"), 3, output=".mp4")
    for name, numbers in MIRRORS.items()
] + [
    FilmCase("odd size", plain("in.mkv", 3, codec="ffv1", size=(65, 97), pix_fmt="yuv420p"), 3),
    FilmCase("2 x 2", plain("in.mkv", 3, codec="ffv1", size=(2, 2)), 3),
    FilmCase("1 x 1", plain("in.mkv", 3, codec="ffv1", size=(1, 1), pix_fmt="yuv444p"), 3, encoding={"lossless": True}),
    FilmCase("a line", plain("in.mkv", 3, codec="ffv1", size=(2, 1000)), 3),
    FilmCase("10 bits", plain("in.mkv", 3, codec="ffv1", pix_fmt="yuv422p10le"), 3, encoding={"lossless": True}),
    FilmCase("16 bits of gray", plain("in.mkv", 3, codec="ffv1", pix_fmt="gray16le"), 3, encoding={"lossless": True}),
    FilmCase("full range", plain("in.avi", 3, codec="mjpeg", pix_fmt="yuvj422p"), 3, output=".mov"),
    FilmCase("rgb", plain("in.mkv", 3, codec="ffv1", pix_fmt="bgr0"), 3),
    FilmCase("deep rgb", plain("in.mkv", 3, codec="ffv1", pix_fmt="gbrp10le"), 3, encoding={"lossless": True}),
    FilmCase("alpha", plain("in.mkv", 3, codec="ffv1", pix_fmt="yuva420p"), 3),
    FilmCase("argb", plain("in.mov", 3, codec="qtrle", pix_fmt="argb"), 3, output=".mov"),
    FilmCase("prores with alpha", plain("in.mov", 3, codec="prores_ks", pix_fmt="yuva444p10le"), 3, output=".mov"),
    FilmCase("cinepak", plain("in.mov", 3, codec="cinepak", pix_fmt="rgb24"), 3, output=".mov"),
    FilmCase("4:1:1", plain("in.avi", 3, codec="ffv1", pix_fmt="yuv411p"), 3),
    FilmCase("4:1:0", plain("in.avi", 3, codec="ffv1", pix_fmt="yuv410p"), 3),
    FilmCase("4:4:0", plain("in.mkv", 3, codec="ffv1", pix_fmt="yuv440p"), 3),
]
FIELDS = [
    FilmCase(
        f"{order} to {name}",
        plain("in.mkv", 4, codec="ffv1", fields=order),
        4,
        output=suffix,
        encoding=encoding,
        fields=order,
    )
    for order in ("tff", "bff")
    for name, suffix, encoding in (
        ("h264 in mp4", ".mp4", {}),
        ("h264 in mov", ".mov", {}),
        ("h264 in mkv", ".mkv", {}),
        ("ffv1 in mkv", ".mkv", {"lossless": True}),
        ("prores in mov", ".mov", {"vcodec": "prores"}),
    )
] + [
    FilmCase("tff in vob", plain("in.vob", codec="mpeg2video", container="vob", fields="tff"), fields="tff"),
    FilmCase("bff in ts", plain("in.ts", codec="mpeg2video", fields="bff"), fields="bff"),
    FilmCase("tff in mp4", plain("in.mp4", options=FAST, fields="tff"), fields="tff"),
    FilmCase("bff in mov", plain("in.mov", codec="prores_ks", pix_fmt="yuv422p10le", fields="bff"), fields="bff"),
]
WHOLE_FILMS = [*CONTAINERS, *SOUND_AND_TEXT, *CLOCKS, *PICTURES, *FIELDS]
assert len({case.name for case in WHOLE_FILMS}) == len(WHOLE_FILMS), "a name stands for one case"
assert SMALL == (64, 96), "sizes of the corpus are meant for this"
