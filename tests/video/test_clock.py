"""Clocks that jump, pause and begin before zero: every frame and every packet is shown, in step."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from kinemacolor.options import EncodingOptions
from kinemacolor.video.clock import ClockJump, ClockRepair
from kinemacolor.video.container import has_steady_clock
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.packet_clock import PacketClock
from kinemacolor.video.random_access import FrameIndexBuilder, iter_range_blocks
from kinemacolor.video.reader import VideoReader, probe_film
from kinemacolor.video.writer import open_writer
from support.films import give_name, scene, write_film, write_with_chroma

MS = Fraction(1, 1000)


def recording(path: Path, frames: int, *, begin: float = 0, sound: str | None = "mp2", gain: float = 0.5) -> bytes:
    """A recording of 25 frames a second with sound, whose clock begins at ``begin`` seconds."""
    options = {"muxpreload": "0", "muxdelay": "0", "mpegts_copyts": "1"} if path.suffix == ".ts" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg2video", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.max_b_frames = 96, 64, "yuv420p", 0
        speaker = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        packets = []
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(index, (64, 96)), "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index + round(begin * 25), Fraction(1, 25)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        if speaker is not None:
            samples = (np.sin(np.arange(1920 * frames) / 20) * gain * 32767).astype(np.int16)[None]
            for index in range(samples.shape[1] // 1152):
                chunk = av.AudioFrame.from_ndarray(samples[:, index * 1152 : (index + 1) * 1152], "s16", "mono")
                chunk.sample_rate, chunk.pts = 48000, index * 1152 + round(begin * 48000)
                packets += speaker.encode(chunk)
        packets.sort(key=lambda packet: float(packet.dts * packet.time_base))
        container.mux(packets)
    return path.read_bytes()


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def packet_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(packet.pts * packet.time_base) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("result", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize(
    ("suffix", "begins"),
    [
        ("ts", (0, 0)),
        ("ts", (0.2, 0)),
        ("ts", (10, 2)),
        ("ts", (0, 20000)),
        ("vob", (0, 0)),
        ("vob", (7, 0)),
        ("ts", (0, 0, 0)),
    ],
)
def test_joined_recordings_go_on_at_their_rate_with_their_sound(
    tmp_path: Path, suffix: str, begins: Sequence[float], result: str
) -> None:
    parts = [recording(tmp_path / f"{n}.{suffix}", 20, begin=begin) for n, begin in enumerate(begins)]
    source = tmp_path / f"joined.{suffix}"
    source.write_bytes(b"".join(parts))
    warnings = write_with_chroma(source, tmp_path / result, preset="ultrafast")
    assert any("clock jumps" in warning and "at 0.80 s" in warning for warning in warnings), warnings
    times = frame_times(tmp_path / result)
    assert len(times) == 20 * len(parts)
    assert np.diff(times) == pytest.approx(0.04, abs=0.0011)
    sound = packet_times(tmp_path / result)
    assert len(sound) == len(packet_times(source))
    assert np.diff(sound).min() > -1e-9
    # Each part's sound begins as far from its pictures as it did alone.
    lags = [packet_times(tmp_path / f"{n}.{suffix}")[0] - frame_times(tmp_path / f"{n}.{suffix}")[0] for n in range(2)]
    apart = [min(abs(time - times[20 * part] - lags[0]) for time in sound) for part in range(len(parts))]
    assert max(apart) < 0.025


def test_a_jumping_film_can_be_cut_anywhere(tmp_path: Path) -> None:
    source = tmp_path / "joined.ts"
    source.write_bytes(recording(tmp_path / "a.ts", 20) + recording(tmp_path / "b.ts", 20))
    assert not has_steady_clock(source)
    assert has_steady_clock(tmp_path / "a.ts")
    with VideoReader(source) as reader:
        straight = [(block.pts[0], block.luma_codes.tobytes()) for block in reader.iter_blocks(1)]
    with VideoReader(source, start_seconds=1.0, end_seconds=1.4) as reader:
        found = [(block.pts[0], block.luma_codes.tobytes()) for block in reader.iter_blocks(1)]
        info = reader.info
    assert found == straight[25:35]
    output = tmp_path / "cut.mkv"
    writer = open_writer(output, info, choose_encoder(info, output, EncodingOptions()), 1.0, 1.4)
    with VideoReader(source, start_seconds=1.0, end_seconds=1.4) as reader, writer:
        for block in reader.iter_blocks(1):
            writer.write(
                block.luma_codes[0],
                np.full((2, 32, 48), 128, np.uint8),
                block.pts[0],
                block.durations[0],
                block.extras[0],
            )
        give_name(writer, output)
    assert frame_times(output) == pytest.approx([index / 25 for index in range(10)], abs=0.001)
    sound = packet_times(output)
    assert 0 <= sound[0] < 0.03
    assert 0.35 < sound[-1] < 0.4
    assert len(sound) == pytest.approx(0.4 * 48000 / 1152, abs=1.1)


def repaired(own: Sequence[int | None], usual: int = 10) -> tuple[list[int], int]:
    def make(pts: int | None) -> av.VideoFrame:
        frame = av.VideoFrame(16, 16, "gray")
        frame.pts = pts
        return frame

    repair = ClockRepair(usual, 36000)
    found = [frame.pts or 0 for frame in repair.iter_repaired(map(make, own))]
    return found, len(repair.jumps)


def test_clocks_are_repaired_only_where_they_jump() -> None:
    assert repaired([0, 10, 21, 29, 300, 5000]) == ([0, 10, 21, 29, 300, 5000], 0)  # varies, pauses
    assert repaired([0, 10, 20, 0, 10, 20]) == ([0, 10, 20, 30, 40, 50], 1)
    assert repaired([0, 10, 20, 900000, 900010]) == ([0, 10, 20, 30, 40], 1)
    assert repaired([0, 10, 5, 30, 40]) == ([0, 10, 20, 30, 40], 0)  # one wrong time among right ones
    assert repaired([0, 10, 900000, 30, 40]) == ([0, 10, 20, 30, 40], 0)
    assert repaired([None, None, None]) == ([0, 10, 20], 0)
    assert repaired([-20, -10, 0]) == ([-20, -10, 0], 0)
    assert repaired([0, 10, 20, 20, 30]) == ([0, 10, 20, 25, 30], 0)
    assert repaired([0, 10, 0, 10, 0, 10]) == ([0, 10, 20, 30, 40, 50], 2)
    assert repaired([5]) == ([5], 0)
    many = [number % 7 * 10 for number in range(1000)]
    found, _ = repaired(many)
    assert all(one < later for one, later in pairwise(found))


@pytest.mark.parametrize("result", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
@pytest.mark.parametrize("codec", ["mpeg4", "ffv1"])
def test_pictures_before_zero_are_all_shown(tmp_path: Path, codec: str, result: str) -> None:
    source = tmp_path / "early.mkv"
    film = write_film(
        tmp_path / "in.mkv",
        8,
        codec=codec,
        rate=Fraction(25),
        time_base=Fraction(1, 25),
        sound=True,
        options={"bf": "0"},
    )
    with av.open(str(film)) as before, av.open(str(source), "w", options={"avoid_negative_ts": "disabled"}) as after:
        copies = {one.index: after.add_stream_from_template(one, opaque=True) for one in before.streams}
        for packet in before.demux():
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - 200, packet.dts - 200, copies[packet.stream.index]
                after.mux(packet)
    warnings = write_with_chroma(source, tmp_path / result)
    assert any("before zero" in warning for warning in warnings)
    times = frame_times(tmp_path / result)
    assert times == pytest.approx([index / 25 for index in range(8)], abs=0.03)
    assert np.diff(times) == pytest.approx(0.04, abs=0.0011)
    if not result.endswith("webm"):
        lag = packet_times(film)[1] - frame_times(film)[0]
        assert packet_times(tmp_path / result)[1] - times[0] == pytest.approx(lag, abs=0.002)


def test_a_film_that_only_pauses_is_not_touched(tmp_path: Path) -> None:
    pts = [0, 40, 80, 120_000, 120_040, 3_000_000]
    source = write_film(tmp_path / "in.mkv", pts=pts, time_base=MS, rate=Fraction(25))
    with VideoReader(source) as reader:
        assert [block.pts[0] for block in reader.iter_blocks(1)] == pts
        assert reader.jumps == ()
    assert probe_film(source).rate is not None


def shifts(clock: PacketClock, times: Sequence[float], reached: float | None = None) -> list[float | None]:
    found = []
    for seconds in times:
        packet: Any = SimpleNamespace(dts=round(seconds * 1000), pts=None, time_base=MS, pos=None, stream=STREAM)
        shift = clock.find_shift(packet, reached)
        found.append(None if shift is None else round(shift, 3))
    return found


STREAM = SimpleNamespace(index=1)
JUMP = ClockJump(pts=2000, offset=1000, position=None)


def test_sound_waits_for_the_jump_of_the_pictures() -> None:
    clock = PacketClock(MS)
    assert shifts(clock, [0, 0.5, 1.0], reached=1.0) == [0, 0, 0]
    assert shifts(clock, [0], reached=1.0) == [None]
    clock.learn((JUMP,))
    assert shifts(clock, [0, 0.5], reached=1.0) == [1.0, 1.0]


def test_sound_that_jumps_alone_goes_on_and_one_wrong_time_moves_nothing() -> None:
    alone = PacketClock(MS)
    assert shifts(alone, [0, 0.5, 1.0, 0, 0.5], reached=None) == [0, 0, 0, 1.0, 1.0]
    wrong = PacketClock(MS)
    assert shifts(wrong, [0, 0.5, 1.0, 0.2, 1.5, 2.0], reached=9.0) == [0, 0, 0, 0.8, 0, 0]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_of_avi_are_timed_in_the_order_they_are_shown(tmp_path: Path, codec: str) -> None:
    """AVI numbers packets in the order of decoding, so that frames of H.264 come with times of others."""
    source = write_film(tmp_path / "in.avi", 40, codec=codec, time_base=Fraction(1, 24), options={"bf": "2"})
    with VideoReader(source) as reader:
        builder = FrameIndexBuilder(4)
        blocks = []
        for block in reader.iter_blocks(1):
            builder.add_block(block)
            blocks.append(block)
        assert reader.jumps == ()
        index = builder.build_index(reader)
    assert {later.pts[0] - one.pts[0] for one, later in pairwise(blocks)} == {1}
    (found,) = iter_range_blocks(source, index, 21, 25, 9)
    assert [plane.tobytes() for plane in found.luma_codes] == [b.luma_codes[0].tobytes() for b in blocks[21:25]]
    assert write_with_chroma(source, tmp_path / "out.mp4", preset="ultrafast") == []
