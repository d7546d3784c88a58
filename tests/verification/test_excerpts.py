"""`verify` compares a part of a film with that part, and writer and reader make it right."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from kinemacolor.errors import UsageError
from kinemacolor.verification.timecode import advance_timecode
from kinemacolor.verification.verify import verify_film
from kinemacolor.video import timecode
from support.films import luma_of, write_film, write_with_chroma
from support.kept_films import CASES, SRT, with_sound, with_subtitles
from support.remux import MS
from support.strange_films import code_film, join_bytes, join_streams

LATE = 1.4  # seconds, of the first picture of a transport stream
SPANS = [(0.125, None), (0, 0.25), (0.1, 0.3)]
COARSE = {"codec": "mpeg4", "time_base": Fraction(1, 24)}
CASE_OF = {case.name: case.make for case in CASES}


def faults(source: Path, result: Path, start: float, end: float | None) -> list[str]:
    checks = verify_film(source, result, "error", start, end)
    return [f"{check.name}: {check.detail}" for check in checks if not check.passed]


def film(name: str, **how: Any) -> Callable[[Path], Path]:
    return lambda folder: write_film(folder / name, 12, **how)


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("result", ["out.mkv", "out.mp4", "out.mov"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(film("film.mp4", sound=True), id="sound"),
        pytest.param(film("film.avi", sound=True, **COARSE), id="a clock of whole frames"),
        pytest.param(film("film.ts", sound=True, **COARSE | {"codec": "mpeg2video"}), id="begins late"),
        pytest.param(film("film.mkv", sound=True, time_base=MS, container_options={"live": "1"}), id="no index"),
        pytest.param(film("film.avi", sound=True, options={"bf": "2"}, **COARSE), id="B-frames in AVI"),
        pytest.param(lambda folder: with_sound(folder, "adpcm_ms", "film.avi"), id="sound in long packets"),
        pytest.param(lambda folder: with_sound(folder, "aac", "film.mp4", first=-24000), id="sound ends before"),
        *(pytest.param(CASE_OF[name], id=name) for name in ("pictures before zero", "time code", "chapters")),
    ],
)
def test_a_part_of_a_film_is_that_part(
    make: Callable[[Path], Path], result: str, span: tuple[float, float | None], tmp_path: Path
) -> None:
    source = make(tmp_path)
    write_with_chroma(source, tmp_path / result, start_seconds=span[0], end_seconds=span[1])
    assert faults(source, tmp_path / result, *span) == []


@pytest.mark.parametrize("result", ["out", "out.mkv"])
def test_a_part_of_numbered_pictures_is_that_part(result: str, tmp_path: Path) -> None:
    write_with_chroma(write_film(tmp_path / "film.mkv", 12, time_base=MS), tmp_path / "scan")
    write_with_chroma(tmp_path / "scan", tmp_path / result, start_seconds=0.1, end_seconds=0.3)
    assert faults(tmp_path / "scan", tmp_path / result, 0.1, 0.3) == []


@pytest.mark.parametrize("name", ["film.h264", "film.mkv", "film.ts"])
def test_a_late_part_is_decoded_from_a_key_frame_before_it(name: str, tmp_path: Path) -> None:
    options = {"g": "12", "bf": "0", "preset": "ultrafast"}
    source = code_film(tmp_path / name, 120, size=(64, 96), options=options)
    write_with_chroma(source, tmp_path / "out.mkv", start_seconds=3.5, end_seconds=4.5)
    assert faults(source, tmp_path / "out.mkv", 3.5, 4.5) == []


def test_what_is_missing_of_a_part_is_found(tmp_path: Path) -> None:
    """The sound of a transport stream once ended as much too early as its pictures begin late."""
    source = write_film(
        tmp_path / "film.ts", 12, codec="mpeg2video", rate=Fraction(24), time_base=Fraction(1, 24), sound=True
    )
    write_with_chroma(source, tmp_path / "out.mkv", start_seconds=0.1, end_seconds=0.3)
    names = [fault.partition(":")[0] for fault in faults(source, tmp_path / "out.mkv", 0.1, 0.4)]
    assert names == ["frames", "audio streams"]
    names = [fault.partition(":")[0] for fault in faults(source, tmp_path / "out.mkv", 0.15, 0.3)]
    assert {"frames", "timestamps", "audio streams"} <= set(names)
    silent = tmp_path / "silent.mkv"
    write_with_chroma(source, silent, start_seconds=0.1, end_seconds=0.3, with_other_streams=False)
    assert [fault.partition(":")[0] for fault in faults(source, silent, 0.1, 0.3)] == ["audio streams"]


def test_parts_that_follow_each_other_share_no_frame(tmp_path: Path) -> None:
    """The end that somebody types is the time of a frame, rounded, on a clock that begins at any time."""
    source = code_film(tmp_path / "film.ts", 60, codec="mpeg2video", size=(64, 96))
    for cut in (0.8, 0.8004, 0.7996, 1.6, 1.68):
        write_with_chroma(source, tmp_path / "one.mkv", end_seconds=cut)
        write_with_chroma(source, tmp_path / "two.mkv", start_seconds=cut)
        assert faults(source, tmp_path / "one.mkv", 0, cut) == faults(source, tmp_path / "two.mkv", cut, None) == []
        assert len(luma_of(tmp_path / "one.mkv")) == round(25 * cut)
        assert len(luma_of(tmp_path / "two.mkv")) == 60 - round(25 * cut)


@pytest.mark.parametrize(("rate", "sound"), [(Fraction(25), "pcm_s16le"), (Fraction(24000, 1001), "aac")])
@pytest.mark.parametrize("start", [0.1, 0.103, 0.115])
def test_sound_in_mxf_lasts_to_the_end_of_the_last_picture(
    rate: Fraction, sound: str, start: float, tmp_path: Path
) -> None:
    source = code_film(tmp_path / "film.mkv", 12, rate=rate, size=(128, 256), sound=sound, sound_seconds=0.7)
    write_with_chroma(source, tmp_path / "out.mxf", start_seconds=start, vcodec="dnxhr")
    assert faults(source, tmp_path / "out.mxf", start, None) == []


def test_a_subtitle_is_shown_where_a_part_begins_in_it(tmp_path: Path) -> None:
    source = with_subtitles(tmp_path, "srt", SRT)
    write_with_chroma(source, tmp_path / "out.mkv", start_seconds=0.05)
    assert faults(source, tmp_path / "out.mkv", 0.05, None) == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        spoken = [packet for packet in container.demux(subtitles=0) if packet.size]
    assert [bytes(packet) for packet in spoken] == [b"Hello", b"Dog"]
    assert [packet.pts for packet in spoken] == [0, 60]
    assert spoken[0].duration == 50
    write_with_chroma(source, tmp_path / "late.mkv", start_seconds=0.1)
    with av.open(str(tmp_path / "late.mkv")) as container:
        assert [bytes(packet) for packet in container.demux(subtitles=0) if packet.size] == [b"Dog"]
    assert faults(source, tmp_path / "late.mkv", 0.1, None) == []


def test_sound_of_a_part_lasts_as_long_as_its_pictures(tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mp4", 12, sound=True)
    late = join_streams(tmp_path / "late.mkv", source, shift=LATE)
    write_with_chroma(late, tmp_path / "out.mkv", end_seconds=0.25)
    assert faults(late, tmp_path / "out.mkv", 0, 0.25) == []


def test_of_joined_recordings_no_part_is_compared(tmp_path: Path) -> None:
    source = write_film(tmp_path / "one.ts", 24, codec="mpeg2video", rate=Fraction(24), time_base=Fraction(1, 24))
    joined = join_bytes(tmp_path / "two.ts", source, source)
    write_with_chroma(joined, tmp_path / "out.mkv", end_seconds=1.5)
    assert "excerpt: the source's clock jumps back" in faults(joined, tmp_path / "out.mkv", 0, 1.5)[0]


@pytest.mark.parametrize("span", [(-1, None), (1, 0.5), (0.5, 0.5), (float("nan"), None), (0, float("nan"))])
def test_a_part_that_is_none_is_refused(span: tuple[float, float | None], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", 2, time_base=MS)
    with pytest.raises(UsageError, match="start before the end"):
        verify_film(source, source, "error", *span)


@pytest.mark.parametrize("begin", ["00:00:00:00", "01:09:59:10", "00:00:59;28", "10:09:58;02", "23:59:59:20"])
def test_time_code_goes_on_as_it_is_counted(begin: str) -> None:
    """Two counts that share no code: that of the writer, and that of the check."""
    rate = Fraction(30000, 1001) if ";" in begin else Fraction(24)
    for frames in (0, 1, 7, 59, 1799, 17982, 107892, 3_000_000):
        wanted = timecode.advance_timecode(begin, frames, rate)
        assert advance_timecode(begin, frames, round(rate)) == wanted
