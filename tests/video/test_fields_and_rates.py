"""Order of fields and rate where headers do not say them, or say them wrongly."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.filter
import pytest

from kinemacolor.video.opening_frames import find_field_order
from kinemacolor.video.reader import VideoReader, probe_film
from support.films import copy_with_chroma, write_film, write_with_chroma

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
TOP_FIRST, BOTTOM_FIRST = 2, 3


def interlaced_film(path: Path, order: int, codec: str, pix_fmt: str, options: dict[str, str] | None = None) -> Path:
    """A film whose frames are marked, as a deck or a camera makes them."""
    flags = av.codec.context.Flags
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 72, pix_fmt
        stream.codec_context.field_order = order
        stream.codec_context.flags |= flags.interlaced_dct | flags.interlaced_me
        graph = av.filter.Graph()
        source = graph.add_buffer(width=96, height=72, format=stream.format, time_base=Fraction(1, 25))
        setter, sink = graph.add("setfield", "tff" if order == TOP_FIRST else "bff"), graph.add("buffersink")
        source.link_to(setter)
        setter.link_to(sink)
        graph.configure()
        for index in range(4):
            frame = av.VideoFrame(96, 72, pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            graph.push(frame)
            marked = graph.pull()
            assert isinstance(marked, av.VideoFrame)
            container.mux(stream.encode(marked))
        container.mux(stream.encode(None))
    return path


def header_order(path: Path) -> int:
    """What FFmpeg says of the stream, before any frame."""
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.field_order


MATRIX = [
    *((codec, suffix) for codec in ("h264", "h265") for suffix in ("mp4", "mov", "mkv")),
    *(("prores", suffix) for suffix in ("mov", "mkv")),
    ("ffv1", "mkv"),
]


@pytest.mark.parametrize("order", [TOP_FIRST, BOTTOM_FIRST])
@pytest.mark.parametrize(("codec", "suffix"), MATRIX)
def test_both_orders_of_fields_survive_every_codec_and_container(
    tmp_path: Path, codec: str, suffix: str, order: int
) -> None:
    source = interlaced_film(tmp_path / "in.mkv", order, "ffv1", "yuv422p")
    assert probe_film(source).field_order == order
    result = tmp_path / f"out.{suffix}"
    assert copy_with_chroma(source, result, vcodec=codec).field_order == order
    assert header_order(result) == order
    if codec != "h265":  # which says it in the container alone
        with av.open(str(result)) as container:
            frames = list(container.decode(video=0))
        assert all(frame.interlaced_frame for frame in frames)
        assert find_field_order(frames[-1:], 0) == order


def test_webm_cannot_say_that_a_film_is_interlaced(tmp_path: Path) -> None:
    source = interlaced_film(tmp_path / "in.mkv", TOP_FIRST, "ffv1", "yuv420p")
    (warning,) = write_with_chroma(source, tmp_path / "out.webm")
    assert "interlaced" in warning
    assert write_with_chroma(source, tmp_path / "out.mkv", vcodec="vp9") == []
    assert header_order(tmp_path / "out.mkv") == TOP_FIRST


@pytest.mark.parametrize("suffix", ["avi", "mov", "dv"])
def test_dv_is_bottom_field_first_though_no_header_says_so(tmp_path: Path, suffix: str) -> None:
    source = write_film(
        tmp_path / f"in.{suffix}",
        4,
        (480, 720),
        codec="dvvideo",
        pix_fmt="yuv411p",
        rate=NTSC,
        time_base=1 / NTSC,
    )
    info = probe_film(source)
    assert (info.is_interlaced, info.is_top_field_first, info.rate) == (True, False, NTSC)
    result = copy_with_chroma(source, tmp_path / "out.mp4", preset="ultrafast")
    assert (result.field_order, result.rate) == (BOTTOM_FIRST, NTSC)


def test_interlaced_frames_among_others_are_told(tmp_path: Path) -> None:
    """A film that begins with progressive frames; marks are set frame by frame (MPEG-2)."""
    source = interlaced_film(tmp_path / "fields.mkv", TOP_FIRST, "mpeg2video", "yuv420p", {"g": "1"})
    with VideoReader(source) as reader:
        list(reader.iter_blocks(4))
        assert reader.interlaced_frames == 4
        assert reader.describe_faults() == []


RAW = {
    "m2v": ("mpeg2video", {"format": "mpeg2video"}),
    "h264": ("libx264", {}),
    "hevc": ("libx265", {}),
    "m4v": ("mpeg4", {"format": "m4v"}),
}


def raw_film(path: Path, codec: str, rate: Fraction, **options: Any) -> Path:
    with av.open(str(path), "w", **options) as container:
        stream = container.add_stream(
            codec, rate=rate, options={"x265-params": "log-level=none"} if "265" in codec else {}
        )
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(8):
            frame = av.VideoFrame(96, 64, "yuv420p")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("rate", [FILM, Fraction(24), NTSC, Fraction(50)])
@pytest.mark.parametrize("suffix", RAW)
def test_raw_streams_have_their_own_rate(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    codec, options = RAW[suffix]
    source = raw_film(tmp_path / f"in.{suffix}", codec, rate, **options)
    assert probe_film(source).rate == rate
    result = tmp_path / "out.mp4"
    copy_with_chroma(source, result, preset="ultrafast")
    with av.open(str(result)) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    assert len(times) == 8
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert steps == pytest.approx([float(1 / rate)] * 7, abs=1e-4)


def test_a_film_of_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    pts = [0, 40, 80, 300, 340, 1000, 1040, 5000]
    source = write_film(tmp_path / "in.mkv", pts=pts, time_base=Fraction(1, 1000))
    assert write_with_chroma(source, tmp_path / "out.mkv") == []
    with VideoReader(tmp_path / "out.mkv") as reader:
        found = [block.pts[0] for block in reader.iter_blocks(1)]
    assert found == pts
