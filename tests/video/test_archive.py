"""The archive profile: FFV1 version 3, each frame for itself, in slices whose checksums find a changed byte."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import pytest

from kinemacolor.errors import UsageError
from kinemacolor.options import EncodingOptions
from kinemacolor.rendering.output import default_output_path
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.reader import probe_film
from support.ffv1_header import read_ffv1_header
from support.films import copy_with_chroma, scene, write_film
from support.plans import save

MS = Fraction(1, 1000)
FILMS = [("yuv420p", (64, 96), 8), ("yuv420p", (65, 97), 8), ("gray10le", (64, 96), 10), ("yuv422p12le", (63, 65), 12)]
FILMS += [("gray16le", (64, 96), 16), ("yuv444p16le", (35, 33), 16), ("gbrp14le", (64, 96), 14), ("gray", (6, 1000), 8)]


@pytest.mark.parametrize(("pix_fmt", "size", "depth"), FILMS)
def test_a_film_for_keeps_is_version_3_with_checksums_and_its_luma_is_exact(
    tmp_path: Path, pix_fmt: str, size: tuple[int, int], depth: int
) -> None:
    source = write_film(tmp_path / "in.mkv", 3, size, codec="ffv1", pix_fmt=pix_fmt, time_base=MS, sound=True)
    result = tmp_path / "out.mkv"
    copy_with_chroma(source, result, archive=True)
    with av.open(str(result)) as film:
        codec = film.streams.video[0].codec_context
        assert codec.name == "ffv1"
        header = read_ffv1_header(codec.extradata or b"")
        assert all(packet.is_keyframe for packet in film.demux(video=0) if packet.size)
    assert header[:3] == (3, 2, depth)
    assert header.slices == (4, 4) or min(size) < 16
    assert header.has_slice_checksums
    assert header.is_intra_only
    checks = {check.name: check for check in verify_film(source, result)}
    assert all(check.passed for check in checks.values())
    assert checks["luma"].passed


def test_a_changed_byte_of_a_picture_is_found_by_its_slice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write_film(tmp_path / "in.mkv", 3, codec="ffv1", time_base=MS)
    copy_with_chroma(source, result := tmp_path / "out.mkv", archive=True)
    with av.open(str(result)) as film:
        packet = bytes([*film.demux(video=0)][1])
    content = bytearray(result.read_bytes())
    content[content.index(packet) + len(packet) // 2] ^= 1
    (changed := tmp_path / "changed.mkv").write_bytes(content)

    def list_faults(path: Path) -> list[str]:
        with av.logging.Capture() as lines, av.open(str(path)) as film:
            film.streams.video[0].thread_count = 1
            frames = sum(1 for _ in film.decode(video=0))
        assert frames == 3
        return [text for level, name, text in lines if name == "ffv1" and level <= logging.CRITICAL]

    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        assert list_faults(result) == []
        assert "slice CRC mismatch" in "".join(list_faults(changed))
    finally:
        av.logging.set_level(level)
    assert not all(check.passed for check in verify_film(source, changed))


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("out.mp4", {}, r"name the result \*\.mkv, not \*\.mp4"),
        ("out.webm", {}, r"name the result \*\.mkv"),
        ("out.mkv", {"crf": 20}, "--archive.* has no --crf"),
        ("out.mkv", {"vcodec": "h264"}, "leave out --vcodec h264"),
        ("out.png", {}, "--archive is for films"),
        ("out", {}, "--archive is for films"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str, more: dict[str, object], reason: str) -> None:
    info = probe_film(write_film(tmp_path / "in.mkv", 2))
    with pytest.raises(UsageError, match=reason):
        choose_encoder(info, tmp_path / name, EncodingOptions(archive=True, **more))  # type: ignore[arg-type]


def test_lossless_in_matroska_is_stored_the_same(tmp_path: Path) -> None:
    info = probe_film(write_film(tmp_path / "in.mkv", 2))
    output = tmp_path / "out.mkv"
    archive = choose_encoder(info, output, EncodingOptions(archive=True, vcodec="ffv1"))
    assert archive == choose_encoder(info, output, EncodingOptions(lossless=True))
    assert archive == choose_encoder(info, output, EncodingOptions(vcodec="ffv1"))


def test_a_film_for_keeps_is_named_matroska(tmp_path: Path) -> None:
    archive = EncodingOptions(archive=True)
    film = write_film(tmp_path / "film.mp4", 2)
    assert default_output_path(film, encoding=archive).name == "film.color.mkv"
    (tmp_path / "scans").mkdir()
    save(tmp_path / "scans" / "1.png", scene(0))
    assert default_output_path(tmp_path / "scans", encoding=archive).name == "scans.color.mkv"
