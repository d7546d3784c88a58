"""Results for editing stations: DNxHR and ProRes of every profile, in MOV and in MXF, which has no times."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from kinemacolor.errors import UsageError
from kinemacolor.options import EncodingOptions
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.editing_codecs import PROFILES, name_dnxhr_matrix
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.info import ColorTags
from kinemacolor.video.mxf import EDIT_RATES, check_is_even, find_edit_rate
from kinemacolor.video.reader import probe_film
from support.films import copy_with_chroma, luma_of, scene, write_film, write_with_chroma

SIZE = (120, 256)  # the smallest that DNxHR has
MS = Fraction(1, 1000)
NTSC = Fraction(30000, 1001)


def failures(source: Path, result: Path) -> list[str]:
    return [f"{check.name}: {check.detail}" for check in verify_film(source, result) if not check.passed]


def tagged(**values: Any) -> Any:
    """A title, a time code, and attributes of the encoder."""

    def prepare(container: Any, stream: Any) -> None:
        container.metadata.update({"title": "Ärmelkanal", "timecode": "01:00:00:00"})
        for name, value in values.items():
            setattr(stream.codec_context, name, value)

    return prepare


@pytest.mark.parametrize("suffix", [".mov", ".mxf"])
@pytest.mark.parametrize(
    ("vcodec", "profile"),
    [("dnxhr", name) for name in PROFILES["dnxhd"]] + [("prores", name) for name in PROFILES["prores_ks"]],
)
def test_every_profile_comes_back(tmp_path: Path, vcodec: str, profile: str, suffix: str) -> None:
    if (profile, suffix) == ("444", ".mxf"):
        pytest.skip("refused: FFmpeg's muxer says that it is R'G'B'")
    film = write_film(tmp_path / "in.mp4", 8, SIZE, sound=True, prepare=tagged())
    info = copy_with_chroma(film, tmp_path / f"out{suffix}", vcodec=vcodec, vprofile=profile)
    encoder = "dnxhd" if vcodec == "dnxhr" else "prores_ks"
    wanted = PROFILES[encoder][profile]
    assert info.codec_profile == wanted.decoded
    # FFmpeg reads ProRes 4444 as 12 bits.
    assert info.pixel_format in (wanted.pixel_format, wanted.pixel_format.replace("444p10", "444p12"))
    assert (info.timecode, info.rate) == ("01:00:00:00", 24)
    assert len(luma_of(tmp_path / f"out{suffix}")) == 8
    assert failures(film, tmp_path / f"out{suffix}") == []


@pytest.mark.parametrize(
    ("pix_fmt", "vcodec", "profile", "depth"),
    [
        ("gray", "dnxhr", "dnxhr_hq", 8),
        ("yuv420p", "dnxhr", "dnxhr_hq", 8),
        ("yuv420p10le", "dnxhr", "dnxhr_hqx", 10),
        ("gray12le", "dnxhr", "dnxhr_hqx", 10),
        ("yuv444p", "dnxhr", "dnxhr_444", 10),
        ("gray16le", "prores", "hq", 10),
        ("yuv444p10le", "prores", "4444", 10),
    ],
)
def test_the_profile_follows_the_film(tmp_path: Path, pix_fmt: str, vcodec: str, profile: str, depth: int) -> None:
    film = write_film(tmp_path / "in.mkv", 1, SIZE, codec="ffv1", pix_fmt=pix_fmt, time_base=MS)
    encoder = choose_encoder(probe_film(film), tmp_path / "x.mov", EncodingOptions(vcodec=vcodec))
    assert (encoder.options["profile"], encoder.depth) == (profile, depth)
    in_mxf = choose_encoder(probe_film(film), tmp_path / "x.mxf", EncodingOptions(vcodec=vcodec))
    assert in_mxf.options["profile"] == ("dnxhr_hq" if profile == "dnxhr_444" else profile)


@pytest.mark.parametrize("suffix", [".mov", ".mxf"])
@pytest.mark.parametrize("colors", [ColorTags(1, 1, 1), ColorTags(6, 6, 6), ColorTags(9, 9, 16), ColorTags(5, 5, 2)])
@pytest.mark.parametrize("full_range", [False, True])
def test_colour_tags_are_those_of_the_film(tmp_path: Path, suffix: str, colors: ColorTags, full_range: bool) -> None:
    """FFmpeg's encoder calls every frame of DNxHR BT.709, and programs believe frames."""
    tags = {"colorspace": colors.matrix, "color_primaries": colors.primaries, "color_trc": colors.transfer}
    film = write_film(
        *(tmp_path / "in.mkv", 4, SIZE),
        **{"codec": "ffv1", "time_base": MS, "prepare": tagged(color_range=1 + full_range, **tags)},
    )
    info = copy_with_chroma(film, tmp_path / f"out{suffix}", vcodec="dnxhr")
    assert info.colors.full_range == full_range
    assert {info.colors.matrix, colors.matrix} in ({1}, {9}, {5}, {6}, {5, 6})
    assert failures(film, tmp_path / f"out{suffix}") == []
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        frame = next(container.decode(video=0))
    assert frame.colorspace in (info.colors.matrix, 2)


def test_the_matrix_stands_in_the_frame() -> None:
    packet = bytes([0b1000_0001]) * 0x280
    assert [name_dnxhr_matrix(packet, matrix)[0x2C] for matrix in (1, 9, 10, 6, 2)] == [0x81, 0x83, 0x85, 0x87, 0x87]
    assert name_dnxhr_matrix(b"short", 6) == b"short"


@pytest.mark.parametrize("aspect", [Fraction(12, 11), Fraction(1), Fraction(64, 45)])
@pytest.mark.parametrize("vcodec", ["dnxhr", "prores"])
def test_the_pixel_aspect_is_in_the_header(tmp_path: Path, aspect: Fraction, vcodec: str) -> None:
    film = write_film(tmp_path / "in.mov", 3, SIZE, prepare=tagged(sample_aspect_ratio=aspect))
    assert copy_with_chroma(film, tmp_path / "out.mxf", vcodec=vcodec).sample_aspect == aspect
    assert failures(film, tmp_path / "out.mxf") == []


def list_umids(path: Path) -> set[bytes]:
    """The names of materials in a file, without the number of their package."""
    content = path.read_bytes()
    return {content[one.end() : one.end() + 12] for one in re.finditer(rb"\x06\x0a\x2b\x34.{8}\x13\0{3}", content)}


def test_each_content_has_a_name_of_its_own_and_the_same_one_again(tmp_path: Path) -> None:
    """Editing programs find a clip by it; FFmpeg gives all files the same one, or a random one."""
    one = write_film(tmp_path / "one.mp4", 4, SIZE, prepare=tagged())
    other = write_film(tmp_path / "other.mp4", 4, SIZE, prepare=tagged(), picture=lambda n: scene(n + 9, SIZE))
    found = []
    for source, name in ((one, "a"), (one, "b"), (other, "c")):
        write_with_chroma(source, tmp_path / f"{name}.mxf")
        umids = list_umids(tmp_path / f"{name}.mxf")
        assert len(umids) == 1, "header and frames disagree"
        found.append(umids.pop())
    assert found[0] == found[1] != found[2]
    assert found[0] != bytes(12)


def with_sound(path: Path, begins: float, lasts: float, gap: float = 0.0, codec: str = "pcm_s16le", rate: int = 48000):
    """A second of pictures at 24 a second, and sound that begins then and lasts so long, with a gap in its middle."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        speaker = container.add_stream(codec, rate=rate, layout="stereo")
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(scene(number, SIZE), "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        count, done = round(lasts * rate), 0
        form = speaker.codec_context.format.name
        while done < count:
            size = min(1024, count - done)
            tone = np.sin(np.arange(done, done + size) / 20) * 0.4
            samples = np.stack([tone, -tone]).astype(np.float32)
            whole = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
            whole.sample_rate, whole.time_base = rate, Fraction(1, rate)
            (sound,) = av.AudioResampler(form, "stereo", rate).resample(whole)
            sound.pts = round((begins + (gap if done >= count // 2 else 0)) * rate) + done
            container.mux(speaker.encode(sound))
            done += size
        container.mux(speaker.encode(None))
    return path


@pytest.mark.parametrize(
    ("begins", "lasts", "gap", "codec"),
    [
        (0.0, 1.0, 0.0, "pcm_s16le"),
        (0.3, 0.4, 0.0, "pcm_s16le"),
        (0.0, 0.2, 0.0, "pcm_s24le"),
        (0.0, 2.0, 0.0, "pcm_f32le"),
        (0.1, 0.4, 0.3, "pcm_u8"),
        (0.0, 0.9, 0.0, "flac"),
    ],
)
def test_sound_lies_where_it_lay_and_lasts_as_long_as_the_pictures(
    tmp_path: Path, begins: float, lasts: float, gap: float, codec: str
) -> None:
    """Sound has no times in MXF; where it ends early FFmpeg's muxer leaves the other pictures out."""
    film = with_sound(tmp_path / "in.mkv", begins, lasts, gap, codec)
    write_with_chroma(film, tmp_path / "out.mxf")
    assert failures(film, tmp_path / "out.mxf") == []
    assert len(luma_of(tmp_path / "out.mxf")) == 24
    with av.open(str(tmp_path / "out.mxf")) as container:
        sound = np.concatenate([frame.to_ndarray()[0, ::2] for frame in container.decode(audio=0)]).astype(float)
    assert len(sound) == 48000
    heard = np.flatnonzero(sound) / 48000
    assert heard[0] == pytest.approx(begins, abs=0.002)
    assert heard[-1] == pytest.approx(min(1, begins + lasts + gap), abs=0.03)


def test_verify_hears_sound_that_is_elsewhere_or_other(tmp_path: Path) -> None:
    write_with_chroma(with_sound(tmp_path / "in.mkv", 0.3, 0.4), tmp_path / "out.mxf")
    for name, values in {"late": (0.31, 0.4), "short": (0.3, 0.3), "long": (0.3, 0.5)}.items():
        (found,) = failures(with_sound(tmp_path / f"{name}.mkv", *values), tmp_path / "out.mxf")
        assert "other samples at" in found
    (found,) = failures(with_sound(tmp_path / "film.mkv", 0.3, 0.4), with_sound(tmp_path / "mute.mkv", 0.3, 0.1))
    assert "audio streams" in found


def test_sound_of_another_rate_is_left_out_and_told(tmp_path: Path) -> None:
    film = with_sound(tmp_path / "in.mkv", 0.0, 1.0, rate=44100)
    (warning,) = write_with_chroma(film, tmp_path / "out.mxf")
    assert "audio stream 1 (pcm_s16le) is left out: mxf holds sound of 48000 Hz alone, .mov any" in warning
    assert failures(film, tmp_path / "out.mxf") == []


def test_what_mxf_has_no_place_for_is_told(tmp_path: Path) -> None:
    def prepare(container: Any, stream: Any) -> None:
        tagged()(container, stream)
        container.set_chapters([{"id": 1, "start": 0, "end": 90, "time_base": MS, "metadata": {"title": "one"}}])

    film = write_film(tmp_path / "in.mkv", 8, SIZE, time_base=MS, prepare=prepare)
    assert write_with_chroma(film, tmp_path / "out.mxf") == ["1 chapter left out: mxf cannot hold them"]
    assert failures(film, tmp_path / "out.mxf") == []
    with av.open(str(tmp_path / "out.mxf")) as container:
        assert container.metadata["comment_title"] == "Ärmelkanal"
    assert failures(tmp_path / "out.mxf", copy_of(tmp_path / "out.mxf", tmp_path / "back.mov")) == []
    with av.open(str(tmp_path / "back.mov")) as container:
        assert container.metadata["title"] == "Ärmelkanal"
        assert not any("umid" in key or "uid" in key for key in container.metadata)


def copy_of(source: Path, target: Path) -> Path:
    write_with_chroma(source, target)
    return target


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(25), NTSC, Fraction(60000, 1001)])
def test_times_that_matroska_rounded_are_even_again(tmp_path: Path, rate: Fraction) -> None:
    film = write_film(tmp_path / "in.mkv", 40, SIZE, codec="ffv1", time_base=MS, rate=rate)
    check_is_even(probe_film(film))
    info = copy_with_chroma(film, tmp_path / "out.mxf")
    assert (info.rate, info.time_base) == (rate, 1 / rate)
    assert failures(film, tmp_path / "out.mxf") == []


def test_a_film_of_variable_rate_is_refused_before_and_while_it_is_written(tmp_path: Path) -> None:
    film = write_film(tmp_path / "in.mkv", size=SIZE, codec="ffv1", time_base=MS, pts=[0, 42, 83, 200, 242, 283])
    with pytest.raises(UsageError, match=r"at 0\.200 s.*name it \.mov"):
        check_is_even(replace(probe_film(film), rate=Fraction(24)))
    even = write_film(tmp_path / "even.mkv", 6, SIZE, codec="ffv1", time_base=MS)
    info = probe_film(even)
    encoder = choose_encoder(info, tmp_path / "out.mxf", EncodingOptions())
    from kinemacolor.video.writer import open_writer

    with open_writer(tmp_path / "out.mxf", info, encoder) as writer:
        planes = np.zeros(SIZE, np.uint8), np.full((2, SIZE[0], SIZE[1] // 2), 128, np.uint8)
        writer.write(*planes, 0, 42)
        with pytest.raises(UsageError, match="not equally long"):
            writer.write(*planes, 125, 42)


def test_rates_are_those_of_stations() -> None:
    assert find_edit_rate(Fraction(2398, 100)) == Fraction(24000, 1001)
    assert find_edit_rate(Fraction(2997, 100)) == NTSC
    assert find_edit_rate(Fraction(24)) == 24
    assert [find_edit_rate(rate) for rate in (None, Fraction(18), Fraction(16), Fraction(2405, 100))] == [None] * 4
    assert all(find_edit_rate(rate) == rate for rate in EDIT_RATES)


@pytest.mark.parametrize(
    ("name", "options", "film", "words"),
    [
        (
            "x.mxf",
            {},
            {"rate": Fraction(18)},
            "the film has 18 frames a second on average, .mxf can have 23.976, 24",
        ),
        ("x.mxf", {"vcodec": "h264"}, {}, "cannot hold h264"),
        ("x.mxf", {}, {"display_matrix": (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)}, "turned or mirrored"),
        ("x.mxf", {"vcodec": "prores"}, {"field_order": 2}, "interlaced"),
        ("x.mov", {"vcodec": "dnxhr"}, {"field_order": 3}, "interlaced.*--vcodec prores"),
        ("x.mov", {"vcodec": "dnxhr"}, {"width": 254}, "256x120 at least, the film has 254x120"),
        ("x.mov", {"vcodec": "dnxhr", "vprofile": "4444"}, {}, "dnxhr has no profile '4444': take one of hq, sq, lb"),
        ("x.mov", {"vcodec": "prores", "vprofile": "hqx"}, {}, "prores has no profile 'hqx'"),
        ("x.mxf", {"vprofile": "444"}, {}, "dnxhr has no profile '444' in mxf: take one of hq, sq, lb, hqx"),
        ("x.mov", {"vprofile": "hq"}, {}, "libx264 has no --vprofile"),
        ("x.mov", {"vcodec": "dnxhr", "vprofile": "hqx", "pix_fmt": "yuv422p"}, {}, "profile hqx cannot store yuv422p"),
        ("x.mov", {"vcodec": "dnxhr", "pix_fmt": "gbrp10le"}, {}, "cannot store gbrp10le"),
        ("x.mkv", {"vcodec": "dnxhr"}, {}, "cannot hold dnxhr"),
        ("x.mov", {"vcodec": "dnxhr", "lossless": True}, {}, "not lossless"),
        ("folder", {"vprofile": "hq"}, {}, "pictures have no --vprofile"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(
    tmp_path: Path, name: str, options: dict[str, Any], film: dict[str, Any], words: str
) -> None:
    info = replace(probe_film(write_film(tmp_path / "in.mp4", 2, SIZE)), **film)
    with pytest.raises(UsageError, match=words):
        choose_encoder(info, Path(name), EncodingOptions(**options))
