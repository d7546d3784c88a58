"""What editors get: the same bytes every time, time code, ProRes, sequences of EXR, the layer of colour."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch

from kinemacolor.errors import UsageError
from kinemacolor.options import EncodingOptions
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.info import ColorTags
from kinemacolor.video.pixels import compute_chroma_shape, full_to_limited_range, make_layer_luma_codes, view_plane
from kinemacolor.video.reader import VideoReader, probe_film
from kinemacolor.video.timecode import advance_timecode, timecode_to_frames
from kinemacolor.video.timestamps import TimestampConverter
from kinemacolor.video.writer import open_writer
from support.films import SIZE, copy_with_chroma, give_name, luma_of, write_film, write_with_chroma

MS = Fraction(1, 1000)


def with_everything(folder: Path, name: str) -> Path:
    """A film with sound, chapters, a title, a time code."""

    def prepare(container: Any, stream: Any) -> None:
        container.metadata.update({"title": "A test", "timecode": "01:00:00:00"})
        title = {"title": "one"}
        chapter = {"id": 1, "start": 0, "end": 100, "time_base": MS, "metadata": title}
        container.set_chapters([chapter])

    # x264 uses memory that it has not set where a picture is 96 px wide (mbtree), and then its bytes vary.
    return write_film(folder / name, frames=24, size=(120, 320), sound=True, prepare=prepare)


KINDS = [("x.mp4", {}), ("x.mov", {}), ("x.mkv", {}), ("x.webm", {}), ("lossless.mkv", {"lossless": True})]
KINDS += [("dnxhr.mov", {"vcodec": "dnxhr"}), ("dnxhr.mxf", {}), ("prores.mxf", {"vcodec": "prores"})]
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
    assert timecode_to_frames(timecode, rate) == frames


@pytest.mark.parametrize(
    ("timecode", "rate"),
    [("01:00:00;00", 25), ("01:00:00:24", 24), ("one", 24), ("01:00:00:00", 18), ("01:00:00:00", None)],
)
def test_impossible_time_code_is_refused(timecode: str, rate: int | None) -> None:
    with pytest.raises(ValueError, match=r"(?i)time ?code|frame"):
        timecode_to_frames(timecode, rate and Fraction(rate))


def test_later_time_code_skips_dropped_numbers() -> None:
    assert advance_timecode("00:00:59:23", 1, Fraction(24)) == "00:01:00:00"
    assert advance_timecode("00:00:59;29", 1, Fraction(30000, 1001)) == "00:01:00;02"
    assert advance_timecode("00:09:59;29", 1, Fraction(30000, 1001)) == "00:10:00;00"


def coded(folder: Path, name: str, timecode: str, **options: Any) -> Path:
    return write_film(
        folder / name,
        prepare=lambda container, stream: container.metadata.update({"timecode": timecode}),
        **options,
    )


@pytest.mark.parametrize("result", ["x.mov", "x.mp4", "x.mkv", "x.mxf"])
@pytest.mark.parametrize("source", ["in.mov", "in.mp4", "in.mkv", "in.mxf"])
def test_time_code_is_found_and_kept(tmp_path: Path, source: str, result: str) -> None:
    how: dict[str, Any] = {"rate": Fraction(30000, 1001)}
    if source == "in.mxf":
        how |= {"codec": "mpeg2video", "time_base": Fraction(1001, 30000)}
    film = coded(tmp_path, source, "10:11:12;13", **how)
    assert probe_film(film).timecode == "10:11:12;13"
    options = {"vcodec": "prores"} if result == "x.mxf" else {}
    assert copy_with_chroma(film, tmp_path / result, **options).timecode == "10:11:12;13"
    layer = copy_with_chroma(film, tmp_path / f"layer-{result}", with_other_streams=False, **options)
    assert layer.timecode == "10:11:12;13"


def test_a_cut_begins_at_its_own_time_code(tmp_path: Path) -> None:
    film = coded(tmp_path, "in.mov", "01:00:00:22")
    info, output = probe_film(film), tmp_path / "out.mov"
    with open_writer(output, info, choose_encoder(info, output, EncodingOptions()), start_seconds=2.5 / 24) as writer:
        writer.write(np.zeros(SIZE, np.uint8), np.full((2, SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8), 11250, 3750)
        give_name(writer, output)
    assert probe_film(output).timecode == "01:00:01:01"


def test_nonsense_is_no_time_code(tmp_path: Path) -> None:
    assert probe_film(coded(tmp_path, "in.mkv", "soon", time_base=MS)).timecode is None
    assert probe_film(write_film(tmp_path / "bare.mov")).timecode is None


def planes_of(path: Path) -> list[list[np.ndarray]]:
    """Y, Cb and Cr of every frame."""
    with VideoReader(path) as reader:
        return [[view_plane(frame, index).copy() for index in range(3)] for frame in reader.iter_frames()]


def write_layer(source: Path, result: Path, layer: Path, **options: Any) -> None:
    """``result`` with colours that vary over time and space, and the layer that holds them alone."""
    info = probe_film(source)
    encoders = [choose_encoder(info, output, EncodingOptions(**options)) for output in (result, layer)]
    assert encoders[0] == encoders[1]
    shape = compute_chroma_shape(info.height, info.width, encoders[0].subsampling)
    dtype = np.uint8 if encoders[0].depth == 8 else np.uint16
    middle = 2 ** (encoders[0].depth - 1)
    ramp = np.linspace(-middle // 8, middle // 8, shape[0] * shape[1]).reshape(shape)
    with (
        VideoReader(source) as reader,
        open_writer(result, info, encoders[0]) as whole,
        open_writer(layer, info, encoders[1], with_other_streams=False) as alone,
    ):
        for block in reader.iter_blocks(1):
            chroma = np.stack([middle + ramp, middle - ramp + block.pts[0] % 3]).astype(dtype)
            whole.write(block.luma_codes[0], chroma, block.pts[0], block.durations[0])
            alone.write(make_layer_luma_codes(info), chroma, block.pts[0], block.durations[0])
        give_name(whole, result)
        give_name(alone, layer)


def test_layer_is_middle_gray_in_the_colours_of_the_result(tmp_path: Path) -> None:
    film = with_everything(tmp_path, "in.mov")
    write_layer(film, tmp_path / "out.mkv", tmp_path / "layer.mkv", lossless=True)
    for result, layer in zip(planes_of(tmp_path / "out.mkv"), planes_of(tmp_path / "layer.mkv"), strict=True):
        assert (layer[0] == 126).all()
        assert all(np.array_equal(result[index], layer[index]) for index in (1, 2))


def read_exr(path: Path) -> tuple[np.ndarray, str]:
    """R, G, B as they are stored, H W 3, and the pixel format."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    dtype = np.float16 if "f16" in frame.format.name else np.float32
    planes = [np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1) for plane in frame.planes]
    green, blue, red = (plane[:, : frame.width].astype(np.float64) for plane in planes)
    return np.stack([red, green, blue], -1), frame.format.name


@pytest.mark.parametrize(("pix_fmt", "stored"), [(None, "gbrpf16le"), ("gbrpf32le", "gbrpf32le")])
def test_exr_is_the_result_in_linear_light(tmp_path: Path, pix_fmt: str | None, stored: str) -> None:
    film = write_film(tmp_path / "in.mkv", frames=3, pix_fmt="yuv420p10le", time_base=MS)
    copy_with_chroma(film, tmp_path / "coded")
    write_with_chroma(film, tmp_path / "linear", vcodec="exr", pix_fmt=pix_fmt)
    assert [file.name for file in sorted((tmp_path / "linear").iterdir())] == [f"{n:06d}.exr" for n in range(3)]
    for number in range(3):
        coded = cv2.imread(str(tmp_path / f"coded/{number:06d}.png"), cv2.IMREAD_UNCHANGED)[..., ::-1] / 65535
        linear, found = read_exr(tmp_path / f"linear/{number:06d}.exr")
        assert found == stored
        assert linear.shape == coded.shape
        again = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
        assert np.abs(again - coded).max() < (1.7e-4 if pix_fmt is None else 1e-5)


def test_exr_is_upright_and_says_how_wide_its_pixels_are(tmp_path: Path) -> None:
    def prepare(container: Any, stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(90)

    film = write_film(tmp_path / "in.mp4", frames=1, prepare=prepare)
    write_with_chroma(film, tmp_path / "folder", vcodec="exr")
    (picture,) = (tmp_path / "folder").iterdir()
    assert read_exr(picture)[0].shape == (SIZE[1], SIZE[0], 3)
    with av.open(str(picture)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 4)


def test_folders_hold_tiff_too_and_no_films(tmp_path: Path, film: Path) -> None:
    copy_with_chroma(film, tmp_path / "tiff", vcodec="tiff")
    copy_with_chroma(film, tmp_path / "png", vcodec="png")
    names = [file.name for file in sorted((tmp_path / "tiff").iterdir())]
    assert names == [f"{n:06d}.tif" for n in range(8)]
    for name in names:
        tiff, png = (cv2.imread(str(tmp_path / at)) for at in (f"tiff/{name}", f"png/{name[:-4]}.png"))
        assert np.array_equal(tiff, png)
    with pytest.raises(UsageError, match="take png, tiff or exr"):
        choose_encoder(probe_film(film), tmp_path / "folder", EncodingOptions(vcodec="h264"))
    with pytest.raises(UsageError, match="EXR cannot store yuv420p"):
        choose_encoder(probe_film(film), tmp_path / "folder", EncodingOptions(vcodec="exr", pix_fmt="yuv420p"))


def tagged(container: Any, stream: Any) -> None:
    """BT.709, limited range, a time code."""
    context = stream.codec_context
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
    container.metadata["timecode"] = "01:00:00:00"


@pytest.mark.parametrize(
    ("pix_fmt", "profile", "stored"),
    [("yuv420p", "HQ", "yuv422p10le"), ("yuv422p10le", "HQ", "yuv422p10le"), ("yuv444p", "4444", "yuv444p12le")],
)
def test_prores_is_what_editors_expect(tmp_path: Path, pix_fmt: str, profile: str, stored: str) -> None:
    film = write_film(tmp_path / "in.mov", pix_fmt=pix_fmt, prepare=tagged, sound=True)
    info = copy_with_chroma(film, tmp_path / "out.mov", vcodec="prores")
    assert (info.codec, info.colors, info.timecode) == ("prores", ColorTags(1, 1, 1, False), "01:00:00:00")
    assert (info.rate, info.frames) == (24, 8)
    with av.open(str(tmp_path / "out.mov")) as container:
        context = container.streams.video[0].codec_context
        assert (context.profile, context.pix_fmt) == (profile, stored)  # FFmpeg reads 4444 as 12 bits
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)
    assert [check.name for check in verify_film(film, tmp_path / "out.mov") if not check.passed] == []


def test_ffv1_keeps_luma_tags_and_time_code(tmp_path: Path) -> None:
    film = write_film(tmp_path / "in.mov", prepare=tagged, sound=True)
    info = copy_with_chroma(film, tmp_path / "out.mkv", vcodec="ffv1")
    assert (info.codec, info.pixel_format, info.colors) == ("ffv1", "yuv420p", ColorTags(1, 1, 1, False))
    assert info.timecode == "01:00:00:00"
    assert np.array_equal(luma_of(film), luma_of(tmp_path / "out.mkv"))
    assert [check.name for check in verify_film(film, tmp_path / "out.mkv") if not check.passed] == []


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16le"])
def test_full_range_film_is_as_light_in_prores(tmp_path: Path, pix_fmt: str) -> None:
    """ProRes has no full range: what players make of the result is what they made of the film."""
    film = write_film(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, time_base=MS)
    assert probe_film(film).colors.full_range
    info = copy_with_chroma(film, tmp_path / "out.mov", vcodec="prores")
    assert not info.colors.full_range
    shown = info.colors.build_ycbcr(info.depth).to_luma(torch.from_numpy(luma_of(tmp_path / "out.mov")))
    assert np.abs(shown.numpy() - luma_of(film) / (2 ** probe_film(film).depth - 1)).max() < 0.01
    assert [check.name for check in verify_film(film, tmp_path / "out.mov") if not check.passed] == []


def test_narrowed_chroma_is_the_same_colour() -> None:
    full, limited = (ColorTags(1, full_range=how).build_ycbcr(10) for how in (True, False))
    chroma = np.array([[[512, 1023, 0]], [[512, 200, 700]]], np.uint16)
    luma = np.array([[400, 512, 600]], np.uint16)
    there = full.to_rgb(torch.from_numpy(luma)[None], torch.from_numpy(chroma))
    narrow_luma = full_to_limited_range(luma, 10, is_cbcr=False)
    narrow = full_to_limited_range(chroma, 10, is_cbcr=True)
    again = limited.to_rgb(torch.from_numpy(narrow_luma)[None], torch.from_numpy(narrow))
    assert (there - again).abs().max() < 2e-3


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(24), Fraction(30000, 1001), Fraction(25)])
def test_milliseconds_become_frames_of_one_length_in_quicktime(tmp_path: Path, rate: Fraction) -> None:
    film = write_film(tmp_path / "in.mkv", frames=60, rate=rate, time_base=MS, codec="ffv1")
    info = copy_with_chroma(film, tmp_path / "out.mov", vcodec="prores")
    assert info.rate == rate
    with VideoReader(tmp_path / "out.mov") as reader:
        times = [pts * info.time_base for block in reader.iter_blocks(9) for pts in block.pts]
    assert times == [number / rate for number in range(60)]
    assert [check.name for check in verify_film(film, tmp_path / "out.mov") if not check.passed] == []


def test_uneven_milliseconds_stay_where_they_are(tmp_path: Path) -> None:
    ticks = [0, 41, 42, 43, 83, 84, 500, 501, 1007]
    clock = TimestampConverter(replace(probe_film(write_film(tmp_path / "even.mkv")), time_base=MS), Path("x.mov"))
    assert [clock.convert_pts(tick, 0) / 3 for tick in ticks] == pytest.approx(
        [0, 125 / 3, 42, 43, 250 / 3, 84, 500, 501, 1007]
    )
    film = write_film(tmp_path / "in.mkv", pts=ticks, time_base=MS, codec="ffv1")
    copy_with_chroma(film, tmp_path / "out.mov", vcodec="prores")
    with VideoReader(tmp_path / "out.mov") as reader:
        times = [pts * reader.info.time_base for block in reader.iter_blocks(9) for pts in block.pts]
    assert all(abs(found - Fraction(tick, 1000)) < MS for found, tick in zip(times, ticks, strict=True))
    assert times == sorted(set(times))
