"""What editors get: the same bytes every time, time code, ProRes, sequences of EXR, the layer of colour."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import SIZE, copy_with_chroma, write_film
from kinemacolor.options import EncodingOptions
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.reader import probe
from kinemacolor.video.timecode import frames_at, later
from kinemacolor.video.writer import open_writer


def with_everything(folder: Path, name: str) -> Path:
    """A film with sound, chapters, a title, a time code."""

    def prepare(container: Any, stream: Any) -> None:
        container.metadata.update({"title": "A test", "timecode": "01:00:00:00"})
        title = {"title": "one"}
        chapter = {"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": title}
        container.set_chapters([chapter])

    # x264 uses memory that it has not set where a picture is 96 px wide (mbtree), and then its bytes vary.
    return write_film(folder / name, frames=24, size=(72, 320), sound=True, prepare=prepare)


KINDS = [("x.mp4", {}), ("x.mov", {}), ("x.mkv", {}), ("x.webm", {}), ("lossless.mkv", {"lossless": True})]
KINDS += [("prores.mov", {"vcodec": "prores"}), ("h265.mkv", {"vcodec": "h265"}), ("lossless.mp4", {"lossless": True})]


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_the_same_frames_make_the_same_bytes(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    source = with_everything(tmp_path, "in.mov")
    copy_with_chroma(source, tmp_path / name, **options)
    first = (tmp_path / name).read_bytes()
    copy_with_chroma(source, tmp_path / f"again.{name}", **options)
    assert (tmp_path / f"again.{name}").read_bytes() == first


@pytest.mark.parametrize(
    ("timecode", "rate", "frames"),
    [
        ("01:00:00:00", Fraction(24), 86400),
        ("01:00:00:00", Fraction(24000, 1001), 86400),
        ("01:00:00:00", Fraction(2398, 100), 86400),
        ("01:00:00:00", Fraction(30000, 1001), 108000),
        ("01:00:00;00", Fraction(30000, 1001), 107892),
        ("00:01:00;02", Fraction(2997, 100), 1800),
        ("01:00:00.00", Fraction(60000, 1001), 215784),
        ("10:00:00:24", Fraction(25), 900024),
        (None, Fraction(25), 0),
    ],
)
def test_time_code_is_a_number_of_frames(timecode: str | None, rate: Fraction, frames: int) -> None:
    assert frames_at(timecode, rate) == frames


@pytest.mark.parametrize(
    ("timecode", "rate"),
    [("01:00:00;00", 25), ("01:00:00:24", 24), ("one", 24), ("01:00:00:00", 18), ("01:00:00:00", None)],
)
def test_impossible_time_code_is_refused(timecode: str, rate: int | None) -> None:
    with pytest.raises(ValueError, match=r"(?i)time ?code|frame"):
        frames_at(timecode, rate and Fraction(rate))


def test_later_time_code_skips_dropped_numbers() -> None:
    assert later("00:00:59:23", 1, Fraction(24)) == "00:01:00:00"
    assert later("00:00:59;29", 1, Fraction(30000, 1001)) == "00:01:00;02"
    assert later("00:09:59;29", 1, Fraction(30000, 1001)) == "00:10:00;00"


def coded(folder: Path, name: str, timecode: str, **options: Any) -> Path:
    return write_film(
        folder / name,
        prepare=lambda container, stream: container.metadata.update({"timecode": timecode}),
        **options,
    )


@pytest.mark.parametrize("result", ["x.mov", "x.mp4", "x.mkv"])
@pytest.mark.parametrize("source", ["in.mov", "in.mp4", "in.mkv", "in.mxf"])
def test_time_code_is_found_and_kept(tmp_path: Path, source: str, result: str) -> None:
    how: dict[str, Any] = {"rate": Fraction(30000, 1001)}
    if source == "in.mxf":
        how |= {"codec": "mpeg2video", "time_base": Fraction(1001, 30000)}
    film = coded(tmp_path, source, "10:11:12;13", **how)
    assert probe(film).timecode == "10:11:12;13"
    assert copy_with_chroma(film, tmp_path / result).timecode == "10:11:12;13"
    assert copy_with_chroma(film, tmp_path / f"layer-{result}", with_other_streams=False).timecode == "10:11:12;13"


def test_a_cut_begins_at_its_own_time_code(tmp_path: Path) -> None:
    film = coded(tmp_path, "in.mov", "01:00:00:22")
    info, output = probe(film), tmp_path / "out.mov"
    with open_writer(output, info, choose_encoder(info, output, EncodingOptions()), start_seconds=2.5 / 24) as writer:
        writer.write(np.zeros(SIZE, np.uint8), np.full((2, SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8), 11250, 3750)
        writer.commit()
    assert probe(output).timecode == "01:00:01:01"


def test_nonsense_is_no_time_code(tmp_path: Path) -> None:
    assert probe(coded(tmp_path, "in.mkv", "soon", time_base=Fraction(1, 1000))).timecode is None
    assert probe(write_film(tmp_path / "bare.mov")).timecode is None
