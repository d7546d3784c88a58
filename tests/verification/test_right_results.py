"""Results that are right although something in them differs: `verify` raises no false alarm, and says what it is."""

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from kinemacolor.errors import InputError
from kinemacolor.verification.check import Check
from kinemacolor.verification.excerpt import Excerpt
from kinemacolor.verification.verify import verify_film
from support.films import scene, write_film, write_with_chroma
from support.kept_films import SRT, lossless, with_sound, with_subtitles
from support.remux import MS


def check_named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def verify_right(source: Path, result: Path, **options: Any) -> list[Check]:
    """The checks of a result that reader and writer make of a source; all have to pass."""
    write_with_chroma(source, result, **options)
    checks = verify_film(source, result)
    assert [check for check in checks if not check.passed] == []
    return checks


def test_sound_that_is_packed_anew_is_compared_by_its_samples(tmp_path: Path) -> None:
    source = with_sound(tmp_path, "pcm_s16le", name="film.avi")
    checks = verify_right(source, tmp_path / "out.mov")
    assert "in its time" in check_named(checks, "audio streams").detail


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_sound_may_begin_long_before_the_pictures(tmp_path: Path, name: str) -> None:
    source = with_sound(tmp_path, "aac", name="film.mp4", first=-24000)
    checks = verify_right(source, tmp_path / name)
    assert ("all streams together" in check_named(checks, "timestamps").detail) == (name == "out.mkv")


@pytest.mark.parametrize("degrees", [90, 180, -90])
@pytest.mark.parametrize("options", [{}, {"vcodec": "exr"}])
def test_pictures_of_a_turned_film_are_upright(tmp_path: Path, degrees: int, options: dict) -> None:
    source = write_film(tmp_path / "in.mp4", prepare=lambda _, stream: stream.set_display_rotation(degrees), sound=True)
    checks = verify_right(source, tmp_path / "folder", **options)
    assert "aac" in check_named(checks, "all else").detail


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm"])
def test_what_a_container_cannot_hold_is_named(tmp_path: Path, name: str) -> None:
    checks = verify_right(with_subtitles(tmp_path, "srt", SRT), tmp_path / name)
    is_kept = name == "out.mkv"
    assert ("cannot hold subrip" in check_named(checks, "subtitle streams").detail) != is_kept


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_transport_stream_is_right_in_any_container(tmp_path: Path, name: str) -> None:
    source = write_film(
        tmp_path / "in.ts", codec="mpeg2video", rate=Fraction(24), time_base=Fraction(1, 24), sound=True
    )
    verify_right(source, tmp_path / name)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "gray16le", "bgr0", "yuva420p", "yuv422p10le"])
@pytest.mark.parametrize(
    ("name", "options"), [("out.mov", {"vcodec": "prores"}), ("out.mkv", {"lossless": True}), ("folder", {})]
)
def test_every_kind_of_pixels_is_right(tmp_path: Path, pix_fmt: str, name: str, options: dict) -> None:
    verify_right(lossless(tmp_path, pix_fmt=pix_fmt), tmp_path / name, **options)


@pytest.mark.parametrize("name", ["scan.tif", "scan.png", "turned.jpg", "turned.tif", "scan.webp"])
def test_photographs_are_right(tmp_path: Path, name: str) -> None:
    if name.startswith("turned"):
        image = Image.fromarray(scene(0)).convert("L" if name.endswith("tif") else "RGB")
        exif = image.getexif()
        exif[0x112] = 6  # turned by a quarter
        image.save(tmp_path / name, exif=exif)
    else:
        deep = scene(0).astype(np.uint16) * 257
        cv2.imwrite(str(tmp_path / name), scene(0) if name.endswith("webp") else deep)
    verify_right(tmp_path / name, tmp_path / "out.png")
    verify_right(tmp_path / name, tmp_path / "out.mkv", lossless=True)


def test_uneven_frames_and_late_clocks_are_right(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", pts=[90000, 106610, 109609, 112608, 130001, 185000], sound=True)
    for name in ("out.mp4", "out.mkv", "out.mov"):
        verify_right(source, tmp_path / name)


def test_damage_of_the_source_is_named_and_no_fault(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mkv", codec="mpeg4", time_base=MS, frames=40)
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    source.write_bytes(data)
    checks = verify_right(source, tmp_path / "out.mkv", lossless=True)
    assert "source" in check_named(checks, "damage of the source").name


def test_a_wrong_name_and_a_wrong_file_are_told(tmp_path: Path) -> None:
    film = lossless(tmp_path)
    (tmp_path / "text.mkv").write_text("no film")
    (tmp_path / "empty").mkdir()
    for name, words in (("missing.mp4", "does not exist"), ("text.mkv", "cannot be read"), ("empty", "no pictures")):
        for pair in ((film, tmp_path / name), (tmp_path / name, film)):
            with pytest.raises(InputError, match=words):
                verify_film(*pair)


def test_many_packets_do_not_wait(tmp_path: Path) -> None:
    """Packets are compared as they come: where streams lie side by side, few wait at a time."""
    from kinemacolor.verification.comparison import FilmComparison
    from kinemacolor.verification.reading import open_readings

    source = with_sound(tmp_path, "aac")
    make = partial(write_with_chroma, source)
    make(tmp_path / "out.mkv")
    with open_readings(source, tmp_path / "out.mkv", Excerpt()) as (one, other):
        comparison = FilmComparison(one, other)
        comparison.read()
        assert all(not waiting for reading in (one, other) for waiting in reading.queues.values())
