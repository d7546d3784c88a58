"""What editors get: the same bytes every time, time code, ProRes, sequences of EXR, the layer of colour."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from conftest import SIZE, copy_with_chroma, write_film
from kinemacolor.options import EncodingOptions
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.layer import layer_luma
from kinemacolor.video.pixels import chroma_shape, plane_view
from kinemacolor.video.reader import VideoReader, probe
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


def planes_of(path: Path) -> list[list[np.ndarray]]:
    """Y, Cb and Cr of every frame."""
    with VideoReader(path) as reader:
        return [[plane_view(frame, index).copy() for index in range(3)] for frame in reader.frames()]


def write_layer(source: Path, result: Path, layer: Path, **options: Any) -> None:
    """``result`` with colours that vary over time and space, and the layer that holds them alone."""
    info = probe(source)
    encoders = [choose_encoder(info, output, EncodingOptions(**options)) for output in (result, layer)]
    assert encoders[0] == encoders[1]
    shape = chroma_shape(info.height, info.width, encoders[0].subsampling)
    dtype = np.uint8 if encoders[0].depth == 8 else np.uint16
    middle = 2 ** (encoders[0].depth - 1)
    ramp = np.linspace(-middle // 8, middle // 8, shape[0] * shape[1]).reshape(shape)
    with (
        VideoReader(source) as reader,
        open_writer(result, info, encoders[0]) as whole,
        open_writer(layer, info, encoders[1], with_other_streams=False) as alone,
    ):
        for block in reader.blocks(1):
            chroma = np.stack([middle + ramp, middle - ramp + block.pts[0] % 3]).astype(dtype)
            whole.write(block.luma[0], chroma, block.pts[0], block.durations[0])
            alone.write(layer_luma(info), chroma, block.pts[0], block.durations[0])
        whole.commit()
        alone.commit()


def filters_in_the_guide() -> tuple[str, str]:
    """The pixel format and the planes of the ffmpeg command in docs/editors.md."""
    text = (Path(__file__).parents[1] / "docs/editors.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"\[0:v\]format=(\w+)\[film\];\[film\]\[1:v\]mergeplanes=(\w+:\w+)", text)
    return found


def recombine(film: Path, layer: Path) -> list[list[np.ndarray]]:
    """What the ffmpeg command in docs/editors.md makes of a film and its layer."""
    pixel_format, planes = filters_in_the_guide()
    graph = av.filter.Graph()
    with av.open(str(film)) as below, av.open(str(layer)) as above:
        inputs = [graph.add_buffer(template=container.streams.video[0]) for container in (below, above)]
        converted, merged = graph.add("format", pixel_format), graph.add("mergeplanes", planes)
        inputs[0].link_to(converted)
        converted.link_to(merged, 0, 0)
        inputs[1].link_to(merged, 0, 1)
        merged.link_to(graph.add("buffersink"))
        graph.configure()
        found = []
        for one, other in zip(below.decode(video=0), above.decode(video=0), strict=True):
            inputs[0].push(one)
            inputs[1].push(other)
            found.append(graph.vpull())
    return [[plane_view(frame, index).copy() for index in range(3)] for frame in found]


def test_layer_is_middle_gray_in_the_colours_of_the_result(tmp_path: Path) -> None:
    film = with_everything(tmp_path, "in.mov")
    write_layer(film, tmp_path / "out.mkv", tmp_path / "layer.mkv", lossless=True)
    for result, layer in zip(planes_of(tmp_path / "out.mkv"), planes_of(tmp_path / "layer.mkv"), strict=True):
        assert (layer[0] == 126).all()
        assert all(np.array_equal(result[index], layer[index]) for index in (1, 2))


def test_film_and_layer_recombine_as_the_guide_says(tmp_path: Path) -> None:
    film = with_everything(tmp_path, "in.mov")
    write_layer(film, tmp_path / "out.mov", tmp_path / "layer.mov", vcodec="prores")
    straight = planes_of(tmp_path / "out.mov")
    luma = planes_of(film)
    for number, planes in enumerate(recombine(film, tmp_path / "layer.mov")):
        assert np.array_equal(planes[0], luma[number][0].astype(np.uint16) * 4)
        for index in (1, 2):
            assert np.abs(planes[index].astype(int) - straight[number][index]).mean() < 2
