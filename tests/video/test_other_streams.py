"""Packets of equal times, chapters, strange streams: what is copied, and how it is named where it is not."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from kinemacolor.verification.intended import is_kept_value
from kinemacolor.verification.verify import verify_film
from support.films import write_film, write_with_chroma
from support.kept_films import with_sound

MS = Fraction(1, 1000)


SRT = """1
00:00:00,000 --> 00:00:00,200
A

2
00:00:00,000 --> 00:00:00,100
B

3
00:00:00,150 --> 00:00:00,200
C
"""
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Text
Dialogue: 0,0:00:00.00,0:00:00.20,Default,A
Dialogue: 0,0:00:00.00,0:00:00.10,Default,B
Dialogue: 0,0:00:00.00,0:00:00.30,Default,C
Dialogue: 0,0:00:00.15,0:00:00.20,Default,D
"""


def film_with_texts(folder: Path, name: str, text: str) -> Path:
    silent = write_film(folder / "silent.mkv", codec="ffv1", time_base=MS)
    lines, path = folder / name, folder / "in.mkv"
    lines.write_text(text)
    with av.open(str(silent)) as film, av.open(str(lines)) as texts, av.open(str(path), "w") as target:
        copies = [target.add_stream_from_template(one.streams[0], opaque=True) for one in (film, texts)]
        for source, copy in zip((film, texts), copies, strict=True):
            for packet in source.demux():
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
    return path


def texts_in(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        (stream,) = container.streams.subtitles
        return [(round(1000 * p.pts * p.time_base), bytes(p)) for p in container.demux(stream) if p.size]


@pytest.mark.parametrize(("name", "text", "count"), [("a.srt", SRT, 3), ("a.ass", ASS, 4)])
def test_lines_of_equal_time_are_all_kept(tmp_path: Path, name: str, text: str, count: int) -> None:
    source = film_with_texts(tmp_path, name, text)
    assert write_with_chroma(source, tmp_path / "out.mkv") == []
    assert texts_in(tmp_path / "out.mkv") == texts_in(source)
    assert len(texts_in(source)) == count


def film_with_sound_at(path: Path, times: Callable[[int], int]) -> Path:
    """A film whose packets of sound, of 21 ms, are moved to other ``times`` in ms by their own."""
    sound = write_film(path.with_name("sound.mkv"), codec="ffv1", time_base=MS, sound=True)
    with av.open(str(sound)) as before, av.open(str(path), "w") as after:
        copies = {one.index: after.add_stream_from_template(one, opaque=True) for one in before.streams}
        for packet in before.demux():
            if packet.size:
                if packet.stream.type == "audio":
                    packet.pts = packet.dts = times(packet.dts)
                packet.stream = copies[packet.stream.index]
                after.mux(packet)
    return path


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "out.mov"])
def test_sound_of_equal_time_is_kept(tmp_path: Path, name: str) -> None:
    """As TrueHD is, which has many packets in a millisecond."""
    source = film_with_sound_at(tmp_path / "equal.mkv", lambda time: time // 50 * 50)
    assert write_with_chroma(source, tmp_path / name) == []
    assert packets_in(tmp_path / name) == packets_in(source)


def packets_in(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("name", ["out.mov", "out.mp4", "out.mkv"])
def test_a_chapter_track_is_no_data_that_was_left_out(tmp_path: Path, name: str) -> None:
    def prepare(container: Any, stream: Any) -> None:
        container.metadata["timecode"] = "01:00:00:00"
        container.set_chapters(
            [
                {
                    "id": number,
                    "start": 100 * number,
                    "end": 100 * number + 100,
                    "time_base": MS,
                    "metadata": {"title": "a"},
                }
                for number in range(3)
            ]
        )

    source = write_film(tmp_path / "in.mov", sound=True, prepare=prepare)
    assert write_with_chroma(source, tmp_path / name) == []
    with av.open(str(tmp_path / name)) as container:
        assert len(container.chapters()) == 3


@pytest.mark.parametrize("source", ["in.mp4", "in.mov", "in.mkv"])
@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_titles_and_languages_of_streams_are_kept(tmp_path: Path, source: str, name: str) -> None:
    film = with_sound(tmp_path, "aac", source, tracks=2)
    write_with_chroma(film, tmp_path / name)
    assert [check for check in verify_film(film, tmp_path / name) if not check.passed] == []
    with av.open(str(tmp_path / name)) as result:
        tags = [stream.metadata for stream in result.streams.audio]
    assert [(one["language"], one.get("title", one.get("name"))) for one in tags] == [
        ("ger", "Original"),
        ("eng", "Commentary"),
    ]


@pytest.mark.parametrize(("code", "written"), [("deu", "ger"), ("swe", "sve"), ("cze", "ces"), ("ita", "ita")])
def test_quicktime_has_the_code_that_it_can_for_a_language(tmp_path: Path, code: str, written: str) -> None:
    film = write_film(tmp_path / "in.mp4", prepare=lambda _, stream: stream.metadata.update(language=code))
    write_with_chroma(film, tmp_path / "out.mov")
    with av.open(str(tmp_path / "out.mov")) as result:
        assert result.streams.video[0].metadata["language"] == written
    assert [check for check in verify_film(film, tmp_path / "out.mov") if not check.passed] == []


@pytest.mark.parametrize("source", ["in.mp4", "in.mkv"])
@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_tags_of_a_film_are_kept_where_quicktime_has_fewer(tmp_path: Path, source: str, name: str) -> None:
    keys = ("title", "artist", "album_artist", "composer", "grouping", "lyrics", "description", "synopsis", "show")
    tags = {key: f"its {key}" for key in (*keys, "episode_id", "network")}
    tags |= {"location": "+48.1+011.5/", "creation_time": "1981-05-01T10:00:00Z"}
    film = write_film(tmp_path / source, sound=True, prepare=lambda container, _: container.metadata.update(tags))
    write_with_chroma(film, tmp_path / name)
    assert [check for check in verify_film(film, tmp_path / name) if not check.passed] == []
    with av.open(str(tmp_path / name)) as result:
        found = {key.lower(): value for key, value in result.metadata.items()}
    assert {key: value for key, value in tags.items() if found.get(key) != value}.keys() <= {
        "location",
        "creation_time",
    }


def test_a_tag_that_says_something_else_is_no_kept_one() -> None:
    place, time = "+48.1+011.5/", "1981-05-01T10:00:00Z"
    assert is_kept_value("location-eng", place, "+48.1000+011.5000/")
    assert is_kept_value("creation_time", time, "1981-05-01T10:00:00.000000Z")
    for other in ("+48.1000+011.6000/", "+48.1000+011.5000+020.0000/", "+48.1", ""):
        assert not is_kept_value("location", place, other)
    for other in ("1981-05-01T11:00:00Z", "1981", ""):
        assert not is_kept_value("creation_time", time, other)
    assert not is_kept_value("title", "A", "a")
