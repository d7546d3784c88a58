"""Frames and time codes that people write, to the exact frame."""

from fractions import Fraction
from pathlib import Path

import pytest

from kinemacolor.errors import UsageError
from kinemacolor.utils.times import parse_time_point
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import VideoReader, probe_film
from kinemacolor.video.time_points import find_end_seconds, find_seconds
from support.films import write_film

MS = Fraction(1, 1000)
NTSC = Fraction(30000, 1001)


def at(text: str, info: VideoInfo) -> float:
    return find_seconds(parse_time_point(text, "--start"), info)


def pts_of(path: Path, start: float = 0, end: float | None = None) -> list[int]:
    with VideoReader(path, start_seconds=start, end_seconds=end) as reader:
        return [pts for block in reader.iter_blocks(1) for pts in block.pts]


def films(folder: Path) -> dict[str, Path]:
    varying = [0, 40, 41, 90, 400, 433, 900, 905, 1300, 1333, 1400, 1401]
    folder.joinpath("scans").mkdir()
    for number in range(12):
        write_film(
            folder / "scans" / f"{number}.png", 1, codec="png", pix_fmt="rgb24", container_options={"update": "1"}
        )
    return {
        "24": write_film(folder / "a.mp4", 12),
        "23.976 in ms": write_film(folder / "b.mkv", 12, rate=Fraction(24000, 1001), time_base=MS),
        "29.97": write_film(folder / "c.mov", 12, rate=NTSC),
        "varying": write_film(folder / "d.mkv", pts=varying, time_base=MS),
        "B-frames": write_film(folder / "e.mp4", 12, options={"bf": "3", "b-pyramid": "normal"}),
        "begins late": write_film(folder / "f.mkv", pts=[700 + 42 * number for number in range(12)], time_base=MS),
        "avi": write_film(folder / "g.avi", 12, codec="mpeg4", time_base=Fraction(1, 24)),
        "interlaced": write_film(folder / "h.mkv", 12, options={"flags": "+ildct+ilme"}),
        "scans": folder / "scans",
    }


def test_a_frame_is_hit_exactly_in_every_film(tmp_path: Path) -> None:
    """From --start on, and up to --end, which is left out."""
    for name, path in films(tmp_path).items():
        info, every = probe_film(path), pts_of(path)
        assert len(every) == 12, name
        for number in range(12):
            seconds = at(f"{number}f", info)
            assert pts_of(path, seconds) == every[number:], (name, number)
            end = find_end_seconds(parse_time_point(f"{number}f", "--end"), info)
            if number:
                assert pts_of(path, 0, end) == every[:number], (name, number)
        assert find_end_seconds(parse_time_point("12f", "--end"), info) is None
        with pytest.raises(UsageError, match=r"--start 12f: .* has no such frame, its last one is 11"):
            at("12f", info)
        with pytest.raises(UsageError, match="last one is 11"):
            find_end_seconds(parse_time_point("13f", "--end"), info)


@pytest.mark.parametrize(
    ("film_begins", "rate", "text", "frame"),
    [
        ("01:00:00:00", Fraction(24), "01:00:00:05", 5),
        ("01:00:00:00", Fraction(24), "1:0:0:5", 5),
        ("10:00:59;28", NTSC, "10:01:00;03", 3),
        ("10:00:59;28", NTSC, "10:01:00:03", 3),
        (None, Fraction(24), "00:00:00:07", 7),
        (None, NTSC, "00:00:00;07", 7),
        ("23:59:59:20", Fraction(24), "23:59:59:23", 3),
        ("23:59:59:20", Fraction(24), "00:00:00:02", 6),
        ("23:59:59;25", NTSC, "00:00:00;02", 7),
    ],
)
def test_time_code_names_a_frame(
    tmp_path: Path, film_begins: str | None, rate: Fraction, text: str, frame: int
) -> None:
    tags = {"timecode": film_begins} if film_begins else {}
    path = write_film(tmp_path / "a.mov", 12, rate=rate, prepare=lambda film, _: film.metadata.update(tags))
    assert pts_of(path, at(text, probe_film(path))) == pts_of(path)[frame:]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("00:59:59:23", "lies before in.mov, which begins at 01:00:00:00"),
        ("01:00:02:00", "which is frame 48: in.mov has no such frame, its last one is 7"),
        ("01:00:00:24", "is no time code at 24 frames a second"),
        ("01:00:00;05", "is drop-frame, the film's time code 01:00:00:00 is not"),
        ("99:59:59:23", "no such frame"),
    ],
)
def test_a_time_code_that_the_film_has_not_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = write_film(tmp_path / "in.mov", prepare=lambda film, _: film.metadata.update({"timecode": "01:00:00:00"}))
    with pytest.raises(UsageError, match=said):
        at(text, probe_film(path))


@pytest.mark.parametrize(
    "text", ["", "f", "-5f", "-1", "1e30", "nan", "inf", "1:nan", "1.5f", "9999999999f", "a:b:c:d", "1:2:3:4:5", "1e8"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--start .*(is no time|beyond the end of any film)"):
        parse_time_point(text, "--start")
