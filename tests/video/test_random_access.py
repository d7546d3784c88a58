"""Any stretch of a film is, bit for bit, what a reading from its beginning gives."""

import random
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kinemacolor.errors import InputError
from kinemacolor.video.info import FrameBlock
from kinemacolor.video.random_access import FrameIndex, FrameIndexBuilder, RangeReader, iter_range_blocks
from kinemacolor.video.reader import VideoReader
from support.films import scene, write_film
from support.strange_films import code_film

FRAMES, EVERY = 25, 4
MS = Fraction(1, 1000)


def look(path: Path, start_seconds: float = 0, size: int = 7) -> tuple[list[FrameBlock], FrameIndex]:
    """Every frame by itself, read from the beginning, and the index made on the way."""
    builder = FrameIndexBuilder(EVERY)
    single: list[FrameBlock] = []
    with VideoReader(path, start_seconds=start_seconds) as reader:
        for block in reader.iter_blocks(size):
            builder.add_block(block)
            for index in range(len(block)):
                part = slice(index, index + 1)
                single.append(FrameBlock(block.luma_codes[part], block.pts[part], block.durations[part]))
        return single, builder.build_index(reader)


def assert_same(found: list[FrameBlock], wanted: list[FrameBlock]) -> None:
    assert [pts for block in found for pts in block.pts] == [block.pts[0] for block in wanted]
    assert [ticks for block in found for ticks in block.durations] == [block.durations[0] for block in wanted]
    for luma, alone in zip((luma for block in found for luma in block.luma_codes), wanted, strict=True):
        assert np.array_equal(luma, alone.luma_codes[0])


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets one entry for every frame decoded after this."""
    decoded: list[int] = []
    honest = VideoReader._iter_decoded

    def counted(self: VideoReader, *arguments: Any) -> Any:
        for frame in honest(self, *arguments):
            decoded.append(1)
            yield frame

    monkeypatch.setattr(VideoReader, "_iter_decoded", counted)
    return decoded


X264 = {"bf": "3", "g": "6", "b-adapt": "0", "sc_threshold": "0"}
MPEG2 = {"codec": "mpeg2video", "rate": Fraction(25), "time_base": Fraction(1, 25), "options": {"bf": "2", "g": "6"}}
FILMS: dict[str, dict[str, Any]] = {
    "b-frames.mp4": {"options": X264},
    "b-frames.mkv": {"options": X264, "time_base": MS},
    "open.mkv": {"options": X264 | {"x264-params": "open-gop=1"}, "time_base": MS},
    "open.mp4": {"options": X264 | {"x264-params": "open-gop=1"}},
    "refresh.mp4": {"options": {"g": "6", "intra-refresh": "1", "bf": "0"}},
    "long.mp4": {"options": {"g": "250"}},
    "open265.mp4": {"codec": "libx265", "options": {"x265-params": "open-gop=1:keyint=6:bframes=3:log-level=error"}},
    "variable.mp4": {"pts": [n * 3750 + 997 * (n % 3) for n in range(FRAMES)], "options": X264},
    "late.mp4": {"pts": [900000 + n * 3750 for n in range(FRAMES)], "options": X264},
    "intra.mkv": {"codec": "ffv1", "time_base": MS},
    "prores.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "6", "deadline": "realtime"}, "time_base": MS},
    "open.ts": MPEG2,
    "open.mpg": MPEG2,
    "undated.avi": {
        "codec": "mpeg4",
        "rate": Fraction(24),
        "options": {"bf": "2", "g": "6"},
        "time_base": Fraction(1, 24),
    },
}


def make_film(folder: Path, name: str) -> Path:
    return write_film(folder / name, frames=FRAMES, size=(64, 80), **FILMS[name])


@pytest.mark.parametrize("name", FILMS)
def test_every_stretch_is_that_of_a_straight_reading(tmp_path: Path, name: str) -> None:
    film = make_film(tmp_path, name)
    straight, index = look(film)
    assert index == FrameIndex(tuple(block.pts[0] for block in straight[::EVERY]), FRAMES, EVERY)
    stretches = [(first, end) for first in range(FRAMES) for end in range(first + 1, FRAMES + 1)]
    random.Random(0).shuffle(stretches)
    with RangeReader(film, index) as reader:
        for first, end in stretches:
            assert_same(list(reader.iter_blocks(first, end, 5)), straight[first:end])
    for first, end in stretches[:8]:
        assert_same(list(iter_range_blocks(film, index, first, end, 3)), straight[first:end])


@pytest.mark.parametrize("name", ["open.mkv", "open.ts", "late.mp4", "intra.mkv"])
def test_numbers_count_from_where_the_reading_begins(tmp_path: Path, name: str) -> None:
    film = make_film(tmp_path, name)
    start = 9 / 24
    straight, index = look(film, start)
    assert 0 < index.frames < FRAMES
    for first in range(index.frames):
        found = list(iter_range_blocks(film, index, first, index.frames, 4, start_seconds=start))
        assert_same(found, straight[first:])


@pytest.mark.parametrize("single", [False, True])
def test_pictures_are_read_by_number(tmp_path: Path, single: bool) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), scene(number)[..., 0])
    path, start = (folder / "3.png", 0.0) if single else (folder, 1 / 24)
    straight, index = look(path, start)
    assert index.frames == (1 if single else 5)
    for first, end in pairwise(range(index.frames + 1)):
        assert_same(list(iter_range_blocks(path, index, first, end, 2, start_seconds=start)), straight[first:end])
    if not single:
        (folder / "5.png").unlink()
        with pytest.raises(InputError, match="ends before frame 4"):
            list(iter_range_blocks(path, index, 2, 5, 2, start_seconds=start))


def test_stretches_in_order_decode_every_frame_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_film(tmp_path, "b-frames.mp4")
    straight, index = look(film)
    decoded = count_decoded(monkeypatch)
    with RangeReader(film, index) as reader:
        for first in range(0, FRAMES, 3):
            assert_same(list(reader.iter_blocks(first, min(first + 3, FRAMES), 3)), straight[first : first + 3])
    assert len(decoded) == FRAMES


def test_stretches_backward_cost_no_more_than_their_group_of_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path, "b-frames.mp4")
    straight, index = look(film)
    decoded = count_decoded(monkeypatch)
    with RangeReader(film, index) as reader:
        for first in reversed(range(0, FRAMES, 3)):
            before = len(decoded)
            assert_same(list(reader.iter_blocks(first, min(first + 3, FRAMES), 3)), straight[first : first + 3])
            assert len(decoded) - before <= 6 + EVERY + 3


def test_a_pts_that_is_not_there_is_not_believed(tmp_path: Path) -> None:
    """Anchors that the container does not find again: earlier ones, at last the beginning."""
    film = make_film(tmp_path, "b-frames.mp4")
    straight, index = look(film)
    assert_same(list(iter_range_blocks(film, FrameIndex((), FRAMES, EVERY), 17, 20, 5)), straight[17:20])
    moved = FrameIndex((index.anchors[0], *(pts + 1 for pts in index.anchors[1:])), FRAMES, EVERY)
    assert_same(list(iter_range_blocks(film, moved, 1, 3, 5)), straight[1:3])
    with pytest.raises(InputError, match="frame 4 has another time"):
        list(iter_range_blocks(film, moved, 17, 20, 5))


def test_a_film_that_was_changed_is_told(tmp_path: Path) -> None:
    film = make_film(tmp_path, "intra.mkv")
    _, index = look(film)
    write_film(film, frames=20, codec="ffv1", time_base=MS, size=(64, 80))
    with pytest.raises(InputError, match="ends before frame 20"):
        list(iter_range_blocks(film, index, 18, FRAMES, 4))
    with pytest.raises(ValueError, match="of 25"):
        list(iter_range_blocks(film, index, 18, FRAMES + 1, 4))


def test_a_damaged_film_is_counted_the_same_from_anywhere(tmp_path: Path) -> None:
    film = make_film(tmp_path, "b-frames.mkv")
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    film.write_bytes(data)
    straight, index = look(film)
    hurt = range(6, 12)  # FFmpeg conceals them, with several threads not always alike
    for first in range(FRAMES):
        (found,) = iter_range_blocks(film, index, first, FRAMES, FRAMES)
        assert found.pts == tuple(block.pts[0] for block in straight[first:])
        for number in set(range(first, FRAMES)) - set(hurt):
            assert np.array_equal(found.luma_codes[number - first], straight[number].luma_codes[0])


def test_joined_recordings_are_read_from_their_beginning(tmp_path: Path) -> None:
    """A clock that begins again means two frames by one pts: nothing is sought."""
    parts = []
    for name in ("a.ts", "b.ts"):
        film = write_film(
            tmp_path / name, frames=60, size=(64, 80), codec="mpeg2video", rate=Fraction(25), time_base=Fraction(1, 25)
        )
        parts.append(film.read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    straight, index = look(joined)
    assert index.frames == 120
    assert {later.pts[0] - one.pts[0] for one, later in pairwise(straight)} == {3600}
    assert index.anchors == ()
    assert_same(list(iter_range_blocks(joined, index, 40, 44, 9)), straight[40:44])


@pytest.mark.parametrize("size", [(64, 96), (240, 320)], ids=["many frames in one packet", "some in several"])
def test_a_program_stream_is_entered_at_no_guessed_time(tmp_path: Path, size: tuple[int, int]) -> None:
    """Where FFmpeg begins to read in the middle of a VOB it guesses times, and was off by a frame for a second."""
    path = code_film(tmp_path / "film.vob", 240, codec="mpeg2video", size=size, sound="ac3", sound_seconds=9.6)
    with VideoReader(path) as reader:
        frames = [(frame.pts, frame.to_ndarray()) for frame in reader.iter_frames()]
        for number in range(4, len(frames), 9):
            pts, picture = frames[number]
            assert pts is not None
            for back in (0, 0.5, 1.5):
                found = next(reader.iter_frames_from(pts, pts - round(back * 90000)), None)
                assert found is None or (found.to_ndarray() == picture).all(), (number, back)
            start = float(pts * reader.info.time_base) - reader.info.origin_seconds
            first = next(VideoReader(path, start_seconds=start, info=reader.info).iter_frames())
            assert (first.pts, (first.to_ndarray() == picture).all()) == (pts, True), number
