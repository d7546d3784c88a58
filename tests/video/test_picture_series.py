"""Which pictures make a film: pages, series, gaps, strangers, patterns."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from kinemacolor.errors import InputError, UsageError
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.display import iter_color_frames, iter_numbered_frames
from kinemacolor.video.images import find_pictures
from kinemacolor.video.picture_series import choose_result_suffix, find_series, list_film_files, make_result_base
from kinemacolor.video.random_access import iter_range_blocks
from kinemacolor.video.reader import VideoReader, probe_film
from support.films import copy_with_chroma, luma_of, scene
from support.pictures import encode_picture, make_tiff, write_apng


def fill(folder: Path, *names: str) -> Path:
    """Pictures of these names in a folder; the first number of a name is the gray of its pixels."""
    folder.mkdir(exist_ok=True)
    for name in names:
        gray = int("".join(letter if letter.isdigit() else " " for letter in Path(name).stem).split()[-1] or 0) % 256
        cv2.imwrite(str(folder / name), np.full((64, 80), gray, np.uint8))
    return folder


def names_of(path: Path, gaps: str = "error") -> list[str]:
    series = find_series(path, gaps)  # type: ignore[arg-type]
    assert series
    return [frame.path.name for frame in series.frames]


@pytest.mark.parametrize(
    "names",
    [
        ["scan_9.png", "scan_10.png", "scan_11.png"],
        ["scan_9_v2.png", "scan_10_v2.png", "scan_11_v2.png"],
        ["reel2_0001_of_3.png", "reel2_0002_of_3.png", "reel2_0003_of_3.png"],
        ["frame_1_t0.040.png", "frame_2_t0.080.png", "frame_3_t0.120.png"],  # a time grows along
        ["shot1_000.png", "shot1_001.png", "shot2_002.png"],  # so does the number of the shot
        ["0.png", "1.png", "2.png"],
        ["A_0.PNG", "a_1.png", "a_2.png"],
        ["10.png", "20.png", "30.png", "40.png"],  # numbered in tens
        ["f_1.jpg", "f_2.jpeg", "f_3.JPG"],
    ],
)
def test_a_series_is_in_the_order_of_the_number_that_varies(tmp_path: Path, names: list[str]) -> None:
    fill(tmp_path, *reversed(names))
    for stranger in ("notes.txt", ".DS_Store", "Thumbs.db", "._f_1.png", ".hidden.png"):
        (tmp_path / stranger).write_bytes(b"no picture")
    assert names_of(tmp_path) == names
    assert probe_film(tmp_path).frames == len(names)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["shot1_000.png", "shot1_001.png", "shot2_000.png", "shot2_001.png", "shot2_002.png"],
            r"shot2_###\.png \(3 pictures, 0 to 2\), shot1_###\.png",
        ),
        (["f_1.png", "f_2.png", "f_3.png", "thumb_0.jpg"], r"f_#\.png \(3 pictures, 1 to 3\), thumb_0\.jpg\. Give one"),
        (["f_1.png", "f_2.png", "f_1.jpg", "f_2.jpg"], "holds more than one series"),
        (["1.png", "1.jpg"], "not numbered"),
        (["take1_1.png", "take1_2.png", "take2_1.png", "take2_2.png"], r"take1_#\.png"),
        (["1_take1.png", "2_take1.png", "3_take1.png", "1_take2.png", "2_take2.png"], r"#_take1\.png"),
        (["boat0a.png", "house0.png"], "not numbered"),
        (["f_1.png", "f_01.png"], "not numbered|same number"),
        (["f_1.png", "f_01.png", "f_2.png"], "same number"),
    ],
)
def test_several_series_and_strangers_are_a_question(tmp_path: Path, names: list[str], words: str) -> None:
    fill(tmp_path, *names)
    for look in (find_series, probe_film):
        with pytest.raises(UsageError, match=words):
            look(tmp_path)
    assert len(find_pictures(tmp_path)) == len(names)  # an album of references is no film


@pytest.mark.parametrize("pattern", ["shot1_*.png", "shot1_%03d.png", "shot1_%d.png", "shot1_###.png", "shot1_0?0.png"])
def test_a_pattern_names_one_series(tmp_path: Path, pattern: str) -> None:
    folder = fill(tmp_path / "scans", "shot1_000.png", "shot1_010.png", "shot1_020.png", "shot2_000.png", "thumb0.jpg")
    film = folder / pattern
    assert names_of(film) == ["shot1_000.png", "shot1_010.png", "shot1_020.png"]
    assert luma_of(film)[:, 0, 0].tolist() == [0, 10, 20]
    assert make_result_base(film).name.startswith("scans.shot1")
    assert make_result_base(film).parent == tmp_path
    assert choose_result_suffix(film) == ""
    assert list_film_files(film) == [folder / f"shot1_0{n}0.png" for n in range(3)]


def test_a_pattern_that_fits_nothing_says_so_and_a_file_of_that_name_is_no_pattern(tmp_path: Path) -> None:
    fill(tmp_path, "a_1.png")
    with pytest.raises(InputError, match="fits no picture"):
        probe_film(tmp_path / "b_%04d.png")
    for name in ("100%d.png", "what?.png", "#1.png", "a*.png"):
        (tmp_path / "a_1.png").replace(tmp_path / name)
        assert names_of(tmp_path / name) == [name]
        (tmp_path / name).replace(tmp_path / "a_1.png")


def test_gaps_are_named_and_held_or_skipped(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", *(f"f_{number:03d}.png" for number in (0, 1, 2, 6, 7, 9)))
    words = "4 pictures are missing, with the numbers 3 to 5, 8. Find them, or add --gaps hold"
    with pytest.raises(UsageError, match=words):
        probe_film(folder)
    held, skipped = probe_film(folder, "hold"), probe_film(folder, "skip")
    assert (held.frames, skipped.frames) == (10, 6)
    assert "the picture before each is shown" in str(held.gap_note)
    assert "the next follows at once" in str(skipped.gap_note)
    with VideoReader(folder, gaps="hold") as reader:
        blocks = list(reader.iter_blocks(4))
    assert np.concatenate([one.luma_codes[:, 0, 0] for one in blocks]).tolist() == [0, 1, 2, 2, 2, 2, 6, 7, 7, 9]
    assert [time for one in blocks for time in one.pts] == list(range(10))
    numbered = dict(iter_numbered_frames(folder, {4, 6}, gaps="hold"))
    assert [int(picture[0, 0, 0]) for picture in numbered.values()] == [2, 6]
    copy_with_chroma(folder, tmp_path / "out", gaps="hold")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"f_{n:03d}.png" for n in range(10)]
    failed = {one.name: one.detail for one in verify_film(folder, tmp_path / "out", "hold") if not one.passed}
    assert failed.keys() <= {"picture order"}, failed  # a constant chroma cannot be shown on black, and moves its luma
    assert [one.name for one in verify_film(folder, tmp_path / "out", "skip") if not one.passed]
    fill(folder, "f_900000000.png")
    with pytest.raises(UsageError, match="more than an hour"):
        find_series(folder, "hold")


def test_files_of_a_film_change_with_what_becomes_of_gaps(tmp_path: Path) -> None:
    fill(tmp_path, "1.png", "3.png")
    assert [file.name for file in list_film_files(tmp_path)] == ["1.png", "3.png"]
    assert [file.name for file in list_film_files(tmp_path, "hold")] == ["1.png", "1.png", "3.png"]


TIMES = [0, 100, 200, 300, 350, 400]  # ms


def test_an_animated_png_is_a_film_with_its_own_times_and_depth(tmp_path: Path) -> None:
    frames = [(scene(number).astype(np.uint16) * 200 + number) for number in range(6)]
    path = write_apng(tmp_path / "film.png", frames, "rgb48be", TIMES, 1000)
    info = probe_film(path)
    assert (info.depth, info.is_pictures) == (16, False)
    with VideoReader(path) as reader:
        blocks = list(reader.iter_blocks(1))
    assert [float(one.pts[0] * info.time_base) for one in blocks] == [time / 1000 for time in TIMES]
    assert len(list(iter_color_frames(path))) == 6
    copy_with_chroma(path, tmp_path / "out.mkv", lossless=True)
    assert [one.detail for one in verify_film(path, tmp_path / "out.mkv") if not one.passed] == []
    assert choose_result_suffix(path) == ".mp4"
    (tmp_path / "film.jpg").write_bytes(path.read_bytes())  # a name says nothing
    assert len(luma_of(tmp_path / "film.jpg")) == 6


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_animated_gif_and_webp_are_films_with_their_own_times(tmp_path: Path, kind: str) -> None:
    pictures = [Image.fromarray(np.repeat(scene(number)[..., :1], 3, 2)) for number in range(6)]
    path = tmp_path / f"film.{kind}"
    durations = [100, 100, 100, 50, 50, 200]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, lossless=True)
    info = probe_film(path)
    with VideoReader(path) as reader:
        blocks = list(reader.iter_blocks(1))
    assert [float(one.pts[0] * info.time_base) for one in blocks] == [time / 1000 for time in TIMES]
    if kind == "webp":
        assert float(blocks[-1].durations[0] * info.time_base) == 0.2
        assert info.duration_seconds == 0.6
        index = [(3, 6), (1, 2), (0, 6)]
        with VideoReader(path) as reader:
            for first, end in index:
                got = [frame.luma_codes for frame in reader.iter_pictures(first, end)]
                assert all(np.array_equal(got[n], scene(first + n)[..., 0]) for n in range(end - first))
    copy_with_chroma(path, tmp_path / "out.mkv", lossless=True)
    assert [one.detail for one in verify_film(path, tmp_path / "out.mkv") if not one.passed] == []
    assert len(list(iter_color_frames(path))) == 6
    assert choose_result_suffix(path) == ".mp4"


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_pages_of_a_tiff_are_frames(tmp_path: Path, bits: int) -> None:
    pages = [scene(number)[..., 0].astype(np.uint16) * (1 if bits == 8 else 2 ** (bits - 8)) for number in range(5)]
    thumbnail = pages[0][::4, ::4]
    path = tmp_path / "scan.tif"
    path.write_bytes(make_tiff([*pages, thumbnail], bits=bits, photometric=1, subfiles=[2] * 5 + [1], deflate=True))
    info = probe_film(path)
    assert (info.frames, info.depth, info.rate) == (5, bits, 24)
    assert np.array_equal(luma_of(path), np.stack(pages))
    index = build_index(path)
    assert np.array_equal(next(iter_range_blocks(path, index, 3, 4, 1)).luma_codes[0], pages[3])
    assert choose_result_suffix(path) == ""
    copy_with_chroma(path, tmp_path / "scan.color")
    made = sorted(file.name for file in (tmp_path / "scan.color").iterdir())
    assert made == [f"scan_{number:04d}.png" for number in range(1, 6)]
    assert probe_film(tmp_path / "scan.color").depth == (8 if bits == 8 else 16)
    copy_with_chroma(path, tmp_path / "out.mkv", lossless=True)
    assert [one.detail for one in verify_film(path, tmp_path / "out.mkv") if not one.passed] == []
    uneven = make_tiff([pages[0], thumbnail], bits=bits, photometric=1)
    path.write_bytes(uneven)
    with pytest.raises(InputError, match=r"scan\.tif, page 2, is 24x18"):
        luma_of(path)


def build_index(path: Path):  # type: ignore[no-untyped-def]
    from kinemacolor.video.random_access import FrameIndexBuilder

    builder = FrameIndexBuilder()
    with VideoReader(path) as reader:
        for block in reader.iter_blocks(2):
            builder.add_block(block)
        return builder.build_index(reader)


def test_pages_in_a_folder_are_not_lost_in_silence(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.tif").write_bytes(make_tiff([scene(0)[..., 0]] * 3, bits=8, photometric=1))
    with pytest.raises(InputError, match=r"0\.tif has 3 pages"):
        probe_film(tmp_path)


@pytest.mark.parametrize(("kind", "depth"), [("dpx", 10), ("exr", 16), ("jp2", 16), ("tif", 12)])
def test_folders_of_the_kinds_that_scanners_write(tmp_path: Path, kind: str, depth: int) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for number in range(9, 12):
        gray = (scene(number)[..., 0].astype(np.uint16) * 257) >> (16 - depth)
        color = np.repeat(gray[..., None], 3, 2)
        content = {
            "dpx": lambda color=color: encode_picture("dpx", color, "gbrp10le"),
            "exr": lambda gray=gray: encode_picture("exr", (gray / 65535).astype(np.float32), "grayf32le"),
            "jp2": lambda gray=gray: encode_picture("jpeg2000", gray, "gray16le"),
            "tif": lambda gray=gray: make_tiff([gray], bits=12, photometric=1),
        }[kind]()
        (folder / f"f_{number}.{kind}").write_bytes(content)
    info = probe_film(folder)
    assert (info.depth, info.frames) == (depth, 3)
    copy_with_chroma(folder, tmp_path / "scan.color")
    assert sorted(file.name for file in (tmp_path / "scan.color").iterdir()) == [f"f_{n}.png" for n in (10, 11, 9)]
    assert [one.detail for one in verify_film(folder, tmp_path / "scan.color") if not one.passed] == []
    copy_with_chroma(folder, tmp_path / "out.mkv", lossless=True)
    assert np.array_equal(luma_of(tmp_path / "out.mkv"), luma_of(folder))


def test_rates_and_times_of_pictures(tmp_path: Path) -> None:
    fill(tmp_path, "0.png", "1.png", "2.png")
    info = probe_film(tmp_path)
    assert (info.rate, info.time_base, info.duration_seconds) == (24, Fraction(1, 24), 0.125)
    assert [number for number, _ in iter_numbered_frames(tmp_path, start_seconds=1 / 24)] == [0, 1]
