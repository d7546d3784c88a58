"""Markers for editing programs: read back by OpenTimelineIO, and line by line."""

import re
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from kinemacolor.errors import UsageError
from kinemacolor.shots.markers import check_markers, write_markers
from kinemacolor.shots.shot import FrameClock, Marker, Shot

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
SHOTS = (Shot(0, 40), Shot(40, 100, "cut"), Shot(100, 2000, "dissolve", dissolve=10))
MARKERS = (
    Marker(1800, "green", "worth colouring", "takes away 12% of the doubt"),
    Marker(41, "red", "shot 2: unsure: mean confidence 0.21", "pale; a cast"),
    Marker(39, "yellow", "a | name\nof two\r\nlines\t|C:ResolveColorBlue", "tab\tand | bar |M:x"),
)
HOUR = FrameClock(FILM, 86400)


def written(path: Path, clock: FrameClock = HOUR, film: str = "Der Film.mov") -> str:
    write_markers(path, MARKERS, SHOTS, clock, Path(film))
    return path.read_text(encoding="utf-8")


def test_otio_has_each_marker_on_the_clip_of_its_shot(tmp_path: Path) -> None:
    written(tmp_path / "a.otio")
    timeline = otio.adapters.read_from_file(str(tmp_path / "a.otio"))
    clips = [child for child in timeline.video_tracks()[0] if isinstance(child, otio.schema.Clip)]
    found = [
        [(one.marked_range.start_time.value, one.color, one.name, one.comment) for one in clip.markers]
        for clip in clips
    ]
    later, first, hostile = MARKERS
    assert found == [
        [(86400 + 39, "YELLOW", hostile.name, hostile.comment)],
        [(86400 + 41, "RED", first.name, first.comment)],
        [(86400 + 1800, "GREEN", later.name, later.comment)],
    ]
    for clip in clips:
        for one in clip.markers:
            assert clip.source_range.contains(one.marked_range.start_time)
            assert one.marked_range.duration.value == 1


def test_a_timeline_without_markers_is_what_it_was(tmp_path: Path) -> None:
    from kinemacolor.shots.files import write_shots

    write_shots(tmp_path / "a.otio", SHOTS, HOUR, Path("film.mov"))
    write_markers(tmp_path / "b.otio", (), SHOTS, HOUR, Path("film.mov"))
    assert (tmp_path / "a.otio").read_bytes() == (tmp_path / "b.otio").read_bytes()


def test_edl_is_the_list_that_resolve_writes(tmp_path: Path) -> None:
    assert written(tmp_path / "a.edl") == (
        "TITLE: Der Film\nFCM: NON-DROP FRAME\n\n"
        "001  001      V     C        01:00:01:15 01:00:01:16 01:00:01:15 01:00:01:16\n"
        " tab and / bar /M:x |C:ResolveColorYellow |M:a / name of two lines /C:ResolveColorBlue |D:1\n\n"
        "002  001      V     C        01:00:01:17 01:00:01:18 01:00:01:17 01:00:01:18\n"
        " pale; a cast |C:ResolveColorRed |M:shot 2: unsure: mean confidence 0.21 |D:1\n\n"
        "003  001      V     C        01:01:15:00 01:01:15:01 01:01:15:00 01:01:15:01\n"
        " takes away 12% of the doubt |C:ResolveColorGreen |M:worth colouring |D:1\n\n"
    )


def test_drop_frame_and_a_film_without_time_code(tmp_path: Path) -> None:
    text = written(tmp_path / "drop.edl", FrameClock(NTSC, 107892, drop_frame=True), "two\nlines.mov")
    assert text.startswith("TITLE: two lines\nFCM: DROP FRAME\n")
    assert re.findall(r"V     C        (\S+)", text) == ["01:00:01;09", "01:00:01;11", "01:01:00;02"]
    bare = written(tmp_path / "bare.edl", FrameClock(Fraction(25)))
    assert re.findall(r"V     C        (\S+)", bare) == ["00:00:01:14", "00:00:01:16", "00:01:12:00"]


def test_txt_is_a_line_for_each_marker(tmp_path: Path) -> None:
    lines = [line.split("\t") for line in written(tmp_path / "a.txt").splitlines()]
    assert [line[:4] for line in lines] == [
        ["Kinemacolor", "01:00:01:15", "V1", "yellow"],
        ["Kinemacolor", "01:00:01:17", "V1", "red"],
        ["Kinemacolor", "01:01:15:00", "V1", "green"],
    ]
    assert {len(line) for line in lines} == {6}
    assert lines[1][4] == "shot 2: unsure: mean confidence 0.21: pale; a cast"


def test_what_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    slow = FrameClock(Fraction(18))
    for suffix in (".edl", ".txt"):
        with pytest.raises(UsageError, match=r"no time code at 18 frames a second, so write \.otio"):
            check_markers(tmp_path / f"a{suffix}", slow)
    check_markers(tmp_path / "a.otio", slow)
    written(tmp_path / "slow.otio", slow)
    with pytest.raises(UsageError, match=r"name it \*\.edl, \*\.otio, \*\.txt"):
        check_markers(tmp_path / "a.csv", HOUR)


def test_otio_without_its_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinemacolor.shots.files.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"kinemacolor\[editors\]"):
        check_markers(tmp_path / "a.otio", HOUR)
