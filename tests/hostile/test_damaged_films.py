"""Damaged films, and files that only call themselves films: an error of ours, or what could be read of them."""

import gzip
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import cv2
import pytest

from kinemacolor.errors import InputError
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.info import ColorTags
from kinemacolor.video.pixels import extract_luma_codes
from kinemacolor.video.reader import VideoReader, probe_film
from support.film_facts import read_facts
from support.films import scene, write_with_chroma
from support.laws import WHOLE, away, find_any_ending, find_ending, judge, nothing_else_changes
from support.strange_cases import CONTAINERS, FAST, FilmCase
from support.strange_films import code_film, cut_off, damage, iter_sound, join_streams

TENTHS = [tenth / 10 for tenth in range(10)]
PLACES = [0.0, 0.003, 0.01, 0.03, 0.5, 0.9, 0.97, 0.995]  # of one turned byte: header, middle, index
ZEROS = [(0.02, 32), (0.3, 400), (0.6, 64), (0.95, 200)]
LARGE = ("dv", "dv in avi", "dv in mov", "y4m", "raw hevc")  # or slow to make; their kind is damaged in other cases
ENDINGS = {WHOLE, "InputError", "PartialError"}


def iter_damages(source: Path, folder: Path) -> Iterator[Path]:
    """The film cut off at every tenth, with a byte turned over, and with zeros in it."""
    for part in TENTHS:
        yield cut_off(folder / f"cut-{part}{source.suffix}", source, part)
    for place in PLACES:
        yield damage(folder / f"flip-{place}{source.suffix}", source, place)
    for place, zeros in ZEROS:
        yield damage(folder / f"zero-{place}{source.suffix}", source, place, zeros=zeros)


def pass_through(source: Path, result: Path) -> None:
    """Write what can be read, and check it; the check reads by itself, and may find less to read."""
    write_with_chroma(source, result, preset="ultrafast")
    with suppress(InputError):
        verify_film(source, result)


def count_frames(path: Path) -> int:
    with VideoReader(path) as reader:
        return sum(len(block) for block in reader.iter_blocks(8))


@pytest.mark.parametrize("case", [case for case in CONTAINERS if case.name not in LARGE], ids=lambda case: case.name)
def test_a_damaged_film_is_read_as_far_as_it_goes(
    case: FilmCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, results = tmp_path / "given", tmp_path / "results"
    given.mkdir()
    results.mkdir()
    damaged = list(iter_damages(case.make(given), given))
    endings: Counter[str] = Counter()
    faults = []
    with away(tmp_path / "away", monkeypatch) as elsewhere, nothing_else_changes(given, results, elsewhere):
        for source in damaged:
            result = results / f"{source.stem}.mkv"
            ending = find_any_ending(pass_through, source, result)
            endings[ending.kind] += 1
            if ending.kind not in ENDINGS:
                faults.append(f"{source.name}: {ending.kind}: {ending.message}")
            if ending.kind == WHOLE:
                assert read_facts(result).frames == count_frames(source), source.name
            else:
                assert not result.exists(), f"{source.name}: a result that is not whole has its name"
    assert endings["InputError"] > 0, "an empty file is no film"
    judge(faults)


def test_a_cut_off_film_is_told_from_a_whole_one(tmp_path: Path) -> None:
    """Of MP4 and Matroska the header says how long they should be."""
    film = code_film(tmp_path / "in.mkv", 100, options=FAST)
    with VideoReader(cut_off(tmp_path / "cut.mkv", film, 0.6)) as reader:
        assert 0 < sum(len(block) for block in reader.iter_blocks(8)) < 100
        assert reader.ended_early


HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.3,\n{other}\n#EXT-X-ENDLIST\n"
DASH = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>'
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
SCRIPTS = {
    "text.mp4": "This is a letter, not a film.\n" * 50,
    "page.mkv": "<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "data.mov": '{"a": [1, 2, 3]}',
    "playlist.mp4": HLS,
    "list.mkv": "ffconcat version 1.0\nfile {other}\n",
    "stream.mov": SDP,
    "dash.mp4": DASH,
    "meta.mp4": ";FFMETADATA1\ntitle=x\n",
    "lines.mkv": "1\n00:00:00,000 --> 00:00:01,000\nHello\n",
    "vobsub.mkv": "# VobSub index file, v7\nid: en, index: 0\n",
    "ramp.avi": "#EXTM3U\nconcat:{other}|{other}\n",
    "svg.mp4": '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><image href="file:///etc/hostname"/></svg>',
    "ansi.mkv": "\x1b[31mred\x1b[0m" * 20,
    "sami.mp4": "<SAMI><BODY><SYNC Start=0><P>x</SAMI>",
}


@pytest.mark.parametrize(
    "name",
    SCRIPTS,
)
def test_a_script_with_the_name_of_a_film_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them may lead to another file: what a film shows is in it."""
    given = tmp_path / "given"
    given.mkdir()
    code_film(given / "other.ts", options=FAST)
    (given / name).write_text(SCRIPTS[name].format(other="other.ts") if "{other}" in SCRIPTS[name] else SCRIPTS[name])
    with away(tmp_path / "away", monkeypatch) as elsewhere, nothing_else_changes(given, tmp_path, elsewhere):
        assert find_ending(probe_film, given / name).kind == "InputError"


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    code_film(tmp_path / "real.mp4", options=FAST)
    content = (tmp_path / "real.mp4").read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "zeros.mkv").write_bytes(bytes(4096))
    (tmp_path / "noise.avi").write_bytes(bytes(range(7, 251, 3)) * 40)
    (tmp_path / "packed.mp4").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "zipped.mov", "w") as archive:
        archive.writestr("film.mp4", content)
    for name in ("empty.mp4", "zeros.mkv", "noise.avi", "packed.mp4", "zipped.mov", "missing.mp4"):
        assert find_ending(probe_film, tmp_path / name).kind == "InputError", name


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    for name, codec in {"a.wav": "pcm_s16le", "a.mp3": "libmp3lame", "a.m4a": "aac", "a.mka": "flac"}.items():
        with av.open(str(tmp_path / name), "w") as container:
            speaker = container.add_stream(codec, rate=48000, layout="mono")
            container.mux(list(iter_sound(speaker, 0.3)))
        ending = find_ending(probe_film, tmp_path / name)
        assert ending.kind == "InputError", name
        assert "no picture" in ending.message or "sound" in ending.message
    cv2.imwrite(str(tmp_path / "cover.png"), scene(1, (32, 32)))
    covered = join_streams(tmp_path / "covered.mp4", tmp_path / "a.m4a", cover=tmp_path / "cover.png")
    assert find_ending(probe_film, covered).kind == "InputError", "a cover is no moving picture"


def test_a_film_with_the_name_of_a_picture_is_refused_or_read_whole(tmp_path: Path) -> None:
    content = code_film(tmp_path / "real.mp4", options=FAST).read_bytes()
    for name in ("film.png", "film.jpg", "film.tif"):
        (tmp_path / name).write_bytes(content)
        ending = find_ending(count_frames, tmp_path / name)
        assert (ending.kind, ending.value) in ((WHOLE, 8), ("InputError", None)), name


def test_folders_pipes_and_links_with_the_name_of_a_film(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "lost.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "circle.mp4").symlink_to(tmp_path / "circle.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("folder.mp4", "lost.mp4", "circle.mp4"):
        assert find_ending(probe_film, tmp_path / name).kind == "InputError", name


@pytest.mark.parametrize("pixel_format", ["gbrp10le", "yuv420p10le", "gray10le", "yuv444p12le"])
def test_no_code_is_beyond_the_depth(pixel_format: str) -> None:
    """A damaged film of 10 bits in words of 16 can hold more: x264 ends the whole process over such a sample."""
    frame = av.VideoFrame(96, 64, pixel_format)
    for plane in frame.planes:
        plane.update(b"\xff" * plane.buffer_size)
    codes = extract_luma_codes(frame, ColorTags(matrix=1))
    assert codes.max() < 2 ** frame.format.components[0].bits
