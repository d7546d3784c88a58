"""The film stays the film: what goes through reader and writer."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from kinemacolor.errors import InputError, ResourceError, UsageError
from kinemacolor.options import EncodingOptions
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.info import ColorTags, VideoInfo
from kinemacolor.video.orientation import Orientation
from kinemacolor.video.output import make_partial_path, translate_encoding_errors
from kinemacolor.video.pixels import extract_luma_codes, rescale_codes, view_plane
from kinemacolor.video.reader import VideoReader, probe_film
from kinemacolor.video.writer import open_writer
from support.films import SIZE, copy_with_chroma, luma_of, scene, write_film


def clock_of(path: Path) -> list[Fraction]:
    with VideoReader(path) as reader:
        return [pts * reader.info.time_base for block in reader.iter_blocks(4) for pts in block.pts]


def failures(source: Path, result: Path) -> list[str]:
    return [check.name for check in verify_film(source, result) if not check.passed]


PLANAR = ["gray", "gray10le", "yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le"]


@pytest.mark.parametrize("pix_fmt", [*PLANAR, "gray16le", "yuv420p16le", "yuvj420p", "yuva420p"])
def test_luma_survives_a_lossless_copy_bit_for_bit(tmp_path: Path, pix_fmt: str) -> None:
    codec = "mjpeg" if pix_fmt == "yuvj420p" else "ffv1"
    source = write_film(tmp_path / "in.mkv", codec=codec, pix_fmt=pix_fmt, time_base=Fraction(1, 1000))
    result = copy_with_chroma(source, tmp_path / "out.mkv", lossless=True)
    assert result.codec == "ffv1"
    assert result.depth == probe_film(source).depth
    assert np.array_equal(luma_of(source), luma_of(tmp_path / "out.mkv"))
    assert failures(source, tmp_path / "out.mkv") == []


FOREIGN = {"yuyv422": "yuv422p", "uyvy422": "yuv422p", "nv12": "yuv420p", "nv21": "yuv420p", "ya8": "gray"}
FOREIGN |= {"p010le": "yuv420p10le", "yuv420p10be": "yuv420p10le", "gray10be": "gray10le", "yuv422p16be": "yuv422p16le"}


@pytest.mark.parametrize(("foreign", "planar"), FOREIGN.items())
def test_luma_of_packed_and_foreign_formats_is_the_stored_one(foreign: str, planar: str) -> None:
    frame = av.VideoFrame(96, 72, planar)
    bits = frame.format.components[0].bits
    for index in range(len(frame.planes)):
        view = view_plane(frame, index)
        view[:] = np.random.default_rng(index).integers(0, 2**bits, view.shape)
    colors = ColorTags(matrix=1)
    assert np.array_equal(extract_luma_codes(frame.reformat(format=foreign), colors), view_plane(frame, 0))


@pytest.mark.parametrize(("codec", "pix_fmt"), [("ffv1", "bgr0"), ("png", "rgb24"), ("png", "rgb48be")])
def test_film_of_rgb_states_its_largest_difference(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    source = write_film(tmp_path / ("in.mkv" if codec == "ffv1" else "in.mov"), codec=codec, pix_fmt=pix_fmt)
    assert not probe_film(source).has_luma_plane
    result = copy_with_chroma(source, tmp_path / "out.mkv", lossless=True)
    assert result.colors.full_range
    assert result.depth == (16 if "48" in pix_fmt else 8)
    (luma,) = [check for check in verify_film(source, tmp_path / "out.mkv") if check.name == "luma"]
    assert luma.passed


def test_variable_frame_rate_keeps_every_timestamp(tmp_path: Path) -> None:
    ticks = [0, 16610, 19609, 22608, 40001, 43000, 95000]
    source = write_film(tmp_path / "in.mp4", pts=ticks)
    copy_with_chroma(source, tmp_path / "out.mp4")
    assert clock_of(tmp_path / "out.mp4") == [Fraction(tick, 90000) for tick in ticks]
    assert probe_film(tmp_path / "out.mp4").time_base == Fraction(1, 90000)
    copy_with_chroma(source, tmp_path / "out.mkv", lossless=True)
    for found, wanted in zip(clock_of(tmp_path / "out.mkv"), clock_of(source), strict=True):
        assert abs(found - wanted) <= Fraction(1, 2000)


def test_a_clock_that_starts_late_starts_late(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", pts=[90000, 93750, 97500])
    copy_with_chroma(source, tmp_path / "out.mp4")
    assert clock_of(tmp_path / "out.mp4") == clock_of(source)


def test_sound_tags_chapters_metadata_and_geometry_are_kept(tmp_path: Path) -> None:
    def prepare(container: Any, stream: Any) -> None:
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(4, 3)
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 5, 5, 4
        stream.set_display_rotation(90)
        container.metadata["title"] = "A test"
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}]
        )

    source = write_film(tmp_path / "in.mp4", sound=True, prepare=prepare)
    result = copy_with_chroma(source, tmp_path / "out.mp4")
    before = probe_film(source)
    assert (before.orientation, before.sample_aspect) == (Orientation(1), Fraction(4, 3))
    assert (result.orientation, result.sample_aspect) == (Orientation(1), Fraction(4, 3))
    assert result.colors == before.colors
    assert (before.colors.matrix, before.colors.primaries, before.colors.transfer) == (5, 5, 4)
    assert failures(source, tmp_path / "out.mp4") == []
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mp4")) as b:
        assert b.metadata["title"] == "A test"
        assert [c["metadata"] for c in b.chapters()] == [c["metadata"] for c in a.chapters()] == [{"title": "one"}]
        assert len(b.streams.audio) == 1


def test_unusual_metadata_survives_in_mp4(tmp_path: Path) -> None:
    source = write_film(
        tmp_path / "in.mp4",
        container_options={"movflags": "use_metadata_tags"},
        prepare=lambda container, stream: container.metadata.update({"com.example.reel": "7"}),
    )
    copy_with_chroma(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["com.example.reel"] == "7"


def with_subtitles_and_font(path: Path) -> Path:
    """A Matroska film with an SRT stream and an attached font."""
    silent = write_film(path.with_name("silent.mkv"), codec="ffv1", time_base=Fraction(1, 1000))
    lines = path.with_name("lines.srt")
    lines.write_text("1\n00:00:00,000 --> 00:00:00,200\nHello\n\n2\n00:00:00,210 --> 00:00:00,300\nDog\n")
    with av.open(str(silent)) as film, av.open(str(lines)) as text, av.open(str(path), "w") as target:
        copies = [target.add_stream_from_template(film.streams.video[0])]
        copies.append(target.add_stream_from_template(text.streams.subtitles[0]))
        target.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font")
        for source, copy in zip((film, text), copies, strict=True):
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = copy
                    target.mux(packet)
    return path


def test_subtitles_and_attachments_are_kept_where_the_container_can(tmp_path: Path) -> None:
    source = with_subtitles_and_font(tmp_path / "in.mkv")
    copy_with_chroma(source, tmp_path / "out.mkv", lossless=True)
    names = [check.name for check in verify_film(source, tmp_path / "out.mkv")]
    assert {"subtitle streams", "attachments"} <= set(names)
    assert failures(source, tmp_path / "out.mkv") == []


def test_attachments_have_the_same_bytes_every_time(tmp_path: Path) -> None:
    source = with_subtitles_and_font(tmp_path / "in.mkv")
    for name in ("one.mkv", "other.mkv"):
        copy_with_chroma(source, tmp_path / name, lossless=True)
    assert (tmp_path / "one.mkv").read_bytes() == (tmp_path / "other.mkv").read_bytes()


def with_cover(path: Path) -> Path:
    """A film with a picture attached as cover art."""
    film = write_film(path.with_name("bare.mp4"), sound=True)
    picture = path.with_name("cover.jpg")
    cv2.imwrite(str(picture), scene(0))
    with av.open(str(film)) as source, av.open(str(picture)) as cover, av.open(str(path), "w") as target:
        copies = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        art = target.add_stream_from_template(cover.streams.video[0])
        art.disposition = av.stream.Disposition.attached_pic
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
        packet = next(cover.demux())
        packet.stream = art
        target.mux(packet)
    return path


def test_cover_art_is_kept(tmp_path: Path) -> None:
    source = with_cover(tmp_path / "in.mp4")
    copy_with_chroma(source, tmp_path / "out.mp4")
    (cover,) = [check for check in verify_film(source, tmp_path / "out.mp4") if check.name == "cover art streams"]
    assert cover.passed
    assert failures(source, tmp_path / "out.mp4") == []


def remuxed(source: Path, target: Path, *, sound_later: int = 0, title: str | None = None) -> Path:
    """The same packets in a new file; the sound moved by some ticks of its clock."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        copies = {stream.index: after.add_stream_from_template(stream) for stream in before.streams}
        if title:
            after.metadata["title"] = title
        for packet in before.demux():
            if packet.dts is not None:
                if packet.stream.type == "audio":
                    packet.pts, packet.dts = packet.pts + sound_later, packet.dts + sound_later
                packet.stream = copies[packet.stream.index]
                after.mux(packet)
    return target


def test_verify_sees_sound_that_moved_and_titles_that_went(tmp_path: Path, film: Path) -> None:
    titled = remuxed(film, tmp_path / "titled.mp4", title="A film")
    assert failures(titled, remuxed(titled, tmp_path / "same.mp4", title="A film")) == []
    assert failures(titled, remuxed(titled, tmp_path / "bare.mp4")) == ["metadata"]
    assert failures(film, remuxed(film, tmp_path / "late.mp4", sound_later=4800)) == ["audio streams"]


def test_streams_that_the_container_cannot_hold_are_named(tmp_path: Path) -> None:
    source = with_subtitles_and_font(tmp_path / "in.mkv")
    info = probe_film(source)
    encoder = choose_encoder(info, tmp_path / "out.mp4", EncodingOptions())
    with open_writer(tmp_path / "out.mp4", info, encoder) as writer:
        writer.write(luma_of(source)[0], np.full((2, SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8), 0, 1)
    assert any("subrip" in warning and "left out" in warning for warning in writer.warnings)
    assert any("attachment" in warning for warning in writer.warnings)


@pytest.mark.parametrize(
    ("order", "name", "options"),
    [
        (2, "out.mkv", {"lossless": True}),
        (3, "out.mkv", {"lossless": True}),
        (3, "h264.mkv", {}),
        (2, "h264.mp4", {}),
        (2, "out.mov", {"vcodec": "prores"}),
    ],
)
def test_field_order_is_kept(tmp_path: Path, order: int, name: str, options: dict) -> None:
    def prepare(container: Any, stream: Any) -> None:
        stream.codec_context.field_order = order

    source = write_film(tmp_path / "in.mkv", codec="ffv1", time_base=Fraction(1, 1000), prepare=prepare)
    assert probe_film(source).field_order == order
    assert copy_with_chroma(source, tmp_path / name, **options).field_order == order
    with av.open(str(tmp_path / name)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    assert failures(source, tmp_path / name) == []


def choice(info: VideoInfo, name: str, **options: Any) -> tuple[str, str]:
    encoder = choose_encoder(info, Path(name), EncodingOptions(**options))
    return encoder.name, encoder.pixel_format


def test_the_codec_follows_container_depth_and_size(tmp_path: Path) -> None:
    eight = probe_film(write_film(tmp_path / "a.mp4"))
    ten = probe_film(write_film(tmp_path / "b.mp4", pix_fmt="yuv420p10le"))
    twelve = probe_film(write_film(tmp_path / "c.mkv", codec="ffv1", pix_fmt="gray12le", time_base=Fraction(1, 1000)))
    odd = probe_film(write_film(tmp_path / "d.mkv", size=(71, 95), codec="ffv1", time_base=Fraction(1, 1000)))
    assert choice(eight, "x.mp4") == choice(eight, "x.mov") == choice(eight, "x.mkv") == ("libx264", "yuv420p")
    assert choice(ten, "x.mp4") == ("libx264", "yuv420p10le")
    assert choice(eight, "x.mkv", lossless=True) == ("ffv1", "yuv420p")
    assert choice(twelve, "x.mkv", lossless=True) == ("ffv1", "yuv420p12le")
    assert choice(eight, "x.mov", vcodec="prores") == ("prores_ks", "yuv422p10le")
    assert choice(odd, "x.mp4") == ("libx264", "yuv444p")
    assert choice(eight, "x.webm") == ("libvpx-vp9", "yuv420p")
    assert choice(eight, "x.mkv", vcodec="ffv1", pix_fmt="yuv444p16le") == ("ffv1", "yuv444p16le")
    assert choice(eight, "folder")[0] == "pictures"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("x.mp4", {"vcodec": "nonsense"}, "no encoder"),
        ("x.mp4", {"vcodec": "aac"}, "does not encode pictures"),
        ("x.webm", {"vcodec": "h264"}, "cannot hold"),
        ("x.mp4", {"pix_fmt": "yuv410p"}, "cannot store"),
        ("x.mp4", {"pix_fmt": "gray"}, "no colour"),
        ("x.xyz", {}, "no container"),
        ("x.avi", {}, "no container"),
        ("x.mkv", {"vcodec": "rawvideo"}, "does not say"),
        ("x.mp4", {"preset": "nonsense"}, "refuses"),
        ("x.mov", {"vcodec": "prores", "crf": 10}, "no --crf"),
        ("x.mov", {"vcodec": "prores", "lossless": True}, "not lossless"),
        ("x.mkv", {"lossless": True, "crf": 1, "vcodec": "h264"}, "no --crf"),
        ("x.png", {}, "one picture"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_way_out(film: Path, name: str, options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_encoder(probe_film(film), Path(name), EncodingOptions(**options))


def test_an_unknown_preset_brings_no_lines_of_the_encoder(film: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for codec in ("h264", "h265"):
        with pytest.raises(UsageError, match=r"refuses --preset 'nonsense': give one of ultrafast, .*placebo"):
            choose_encoder(probe_film(film), Path("x.mkv"), EncodingOptions(vcodec=codec, preset="nonsense"))
    assert capfd.readouterr() == ("", "")


def test_h264_can_be_lossless(tmp_path: Path, film: Path) -> None:
    copy_with_chroma(film, tmp_path / "out.mp4", lossless=True)
    assert np.array_equal(luma_of(film), luma_of(tmp_path / "out.mp4"))


def test_prores_holds_eight_bit_luma_in_ten(tmp_path: Path, film: Path) -> None:
    assert copy_with_chroma(film, tmp_path / "out.mov", vcodec="prores").depth == 10
    assert failures(film, tmp_path / "out.mov") == []


@pytest.mark.parametrize("full_range", [False, True])
def test_depths_rescale_and_come_back(full_range: bool) -> None:
    codes = np.arange(256, dtype=np.uint8)
    for depth in (9, 10, 12, 16):
        deep = rescale_codes(codes, 8, depth, full_range=full_range)
        assert deep.dtype == np.uint16
        assert np.array_equal(rescale_codes(deep, depth, 8, full_range=full_range), codes)
    assert rescale_codes(codes, 8, 10, full_range=False)[235] == 940
    assert rescale_codes(codes, 8, 10, full_range=True)[255] == 1023


def test_start_and_end_choose_frames(film: Path) -> None:
    with VideoReader(film, start_seconds=2 / 24, end_seconds=5 / 24) as reader:
        found = [pts * reader.info.time_base for block in reader.iter_blocks(1) for pts in block.pts]
    assert found == [Fraction(index, 24) for index in (2, 3, 4)]
    assert reader.ended_early is None


def test_numbered_pictures_are_a_film_in_order_of_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for number in (11, 9, 10):
        cv2.imwrite(str(folder / f"frame_{number}.png"), np.full((64, 80), number * 1000, np.uint16))
    (folder / "notes.txt").write_text("not a picture")
    info = probe_film(folder)
    assert (info.depth, info.frames, info.width, info.height) == (16, 3, 80, 64)
    assert luma_of(folder)[:, 0, 0].tolist() == [9000, 10000, 11000]
    copy_with_chroma(folder, tmp_path / "coloured")
    assert sorted(file.name for file in (tmp_path / "coloured").iterdir()) == [f"frame_{n}.png" for n in (10, 11, 9)]
    result = cv2.imread(str(tmp_path / "coloured" / "frame_10.png"), cv2.IMREAD_UNCHANGED)
    assert result.dtype == np.uint16
    assert np.abs(luma_of(tmp_path / "coloured")[1].astype(int) - 10000).max() <= 2
    copy_with_chroma(folder, tmp_path / "film.mkv", lossless=True)
    assert np.array_equal(luma_of(tmp_path / "film.mkv"), luma_of(folder))


def test_an_uneven_folder_names_the_odd_picture(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((64, 64), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((64, 70), np.uint8))
    with pytest.raises(InputError, match=r"1\.png is 70x64"):
        luma_of(tmp_path)


def test_true_colours_of_a_film_are_read_right(tmp_path: Path) -> None:
    """BT.709 limited range, high quality: the decoded sRGB is the one that was encoded."""

    def prepare(container: Any, stream: Any) -> None:
        stream.codec_context.color_range, stream.codec_context.colorspace = 2, 5

    source = write_film(tmp_path / "in.mp4", options={"crf": "1"}, pix_fmt="yuvj444p", prepare=prepare)
    frames = list(iter_color_frames(source))
    assert len(frames) == 8
    assert np.abs(frames[3].astype(int) - scene(3).astype(int)).mean() < 3


def test_full_disks_are_told_from_other_refusals(tmp_path: Path) -> None:
    for name, end in (("a.mp4", "free some"), ("a.partial.mp4", "is kept there"), ("a.partial", "is kept there")):
        with pytest.raises(ResourceError, match=f"no space .*{end}$"), translate_encoding_errors(tmp_path / name):
            raise OSError(28, "No space left on device")
    with pytest.raises(ResourceError, match="the disk refuses"), translate_encoding_errors(tmp_path):
        raise PermissionError(13, "denied")
    with pytest.raises(UsageError, match="cannot be written"), translate_encoding_errors(tmp_path):
        raise OSError(22, "Invalid argument")
    assert make_partial_path(Path("/a/film.color.mp4")) == Path("/a/film.color.partial.mp4")


@pytest.mark.parametrize("name", ["out.mkv", "out.mov"])
def test_pictures_alone_keep_the_metadata_and_nothing_else(tmp_path: Path, name: str) -> None:
    def prepare(container: Any, stream: Any) -> None:
        container.metadata.update({"title": "A test", "timecode": "01:00:00:00"})
        chapter = {"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}
        container.set_chapters([chapter])

    source = write_film(tmp_path / "in.mov", sound=True, prepare=prepare)
    copy_with_chroma(source, tmp_path / name, with_other_streams=False)
    assert clock_of(tmp_path / name) == pytest.approx(clock_of(source), abs=0.001)
    with av.open(str(tmp_path / name)) as container:
        assert [stream.type for stream in container.streams if stream.type != "data"] == ["video"]
        assert not container.chapters()
        assert container.metadata["title"] == "A test"
    attached = with_subtitles_and_font(tmp_path / "in.mkv")
    copy_with_chroma(attached, tmp_path / f"bare.{name}", with_other_streams=False)
    with av.open(str(tmp_path / f"bare.{name}")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_reader_that_was_closed_opens_again_and_one_that_knows_its_film_gives_the_same(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 12)
    with VideoReader(film) as reader:
        info = reader.info
    whole = [block.pts for block in reader.iter_blocks(4)]
    assert len(whole) == 3
    for start in (0, 0.2):
        probed, told = VideoReader(film, start_seconds=start), VideoReader(film, start_seconds=start, info=info)
        for one, other in zip(probed.iter_blocks(1), told.iter_blocks(1), strict=True):
            assert one.pts == other.pts
            assert np.array_equal(one.luma_codes[0], other.luma_codes[0])
