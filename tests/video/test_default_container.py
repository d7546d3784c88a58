"""Without -o the result is in a container that holds what the source has; what no container holds is named."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from kinemacolor.errors import InputError, UsageError
from kinemacolor.options import EncodingOptions
from kinemacolor.rendering.output import default_output_path
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.reader import probe_film
from support.films import copy_with_chroma, write_film, write_with_chroma


def _noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(-9000, 9000, (1, 2 * 1024)).astype(np.int16)


def film_with_sound(path: Path, codec: str, sound: str, format: str | None = None, rate: int = 48000) -> Path:  # noqa: A002
    size = (720, 480) if codec == "dvvideo" else (176, 144)
    pix_fmt = {"dvvideo": "yuv411p", "prores_ks": "yuv422p10le", "flv": "yuv420p"}.get(codec, "yuv420p")
    frame_rate = Fraction(30000, 1001) if codec == "dvvideo" else Fraction(25)
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=frame_rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        speaker = container.add_stream(sound, rate=rate)
        assert isinstance(speaker, av.AudioStream)
        speaker.bit_rate = 128000
        packets = []
        for index in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), 9 * index, np.uint8), "rgb24")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, 1 / frame_rate
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for index in range(8):
            chunk = av.AudioFrame.from_ndarray(_noise(index), "s16", "stereo")
            chunk.sample_rate, chunk.pts, chunk.time_base = rate, index * 1024, Fraction(1, rate)
            packets += speaker.encode(chunk)
        packets += speaker.encode(None)
        packets.sort(key=lambda packet: float((packet.dts or 0) * packet.time_base))
        container.mux(packets)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "sound", "wanted"),
    [
        ("a.avi", "mpeg4", "pcm_u8", ".mkv"),
        ("a.avi", "mpeg4", "ac3", ".mp4"),
        ("a.flv", "libx264", "aac", ".mp4"),
        ("a.ts", "libx264", "aac", ".mp4"),
        ("a.ts", "mpeg2video", "mp2", ".mkv"),
        ("a.vob", "mpeg2video", "ac3", ".mkv"),
        ("a.avi", "dvvideo", "pcm_s16le", ".mkv"),
        ("a.mxf", "mpeg2video", "pcm_s16le", ".mkv"),
        ("a.mov", "prores_ks", "pcm_s16le", ".mov"),
        ("a.mkv", "libx264", "aac", ".mkv"),
        ("a.mp4", "libx264", "aac", ".mp4"),
        ("a.webm", "libvpx-vp9", "libopus", ".webm"),
    ],
)
def test_the_default_result_holds_the_sound(tmp_path: Path, name: str, codec: str, sound: str, wanted: str) -> None:
    source = film_with_sound(tmp_path / name, codec, sound, rate=44100 if "swf" in sound else 48000)
    output = default_output_path(source)
    assert output.name == f"a.color{wanted}"
    assert write_with_chroma(source, output, preset="ultrafast") == []
    with av.open(str(source)) as before, av.open(str(output)) as after:
        codecs = [one.streams.audio[0].codec_context.codec.canonical_name for one in (before, after)]
        counts = [sum(bool(packet.size) for packet in one.demux(audio=0)) for one in (before, after)]
    assert codecs[0] == codecs[1]
    assert counts[1] >= counts[0] > 0


def samples_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])


@pytest.mark.parametrize(
    ("name", "codec", "sound", "pcm"),
    [
        ("a.avi", "mpeg4", "adpcm_ms", "pcm_s16le"),
        ("a.avi", "mpeg4", "pcm_mulaw", "pcm_s16le"),
        ("a.wmv", "wmv2", "wmav2", "pcm_f32le"),
        ("a.flv", "flv", "adpcm_swf", "pcm_s16le"),
        ("a.nut", "libx264", "adpcm_yamaha", "pcm_s16le"),
    ],
)
def test_sound_that_no_container_holds_is_kept_as_samples(
    tmp_path: Path, name: str, codec: str, sound: str, pcm: str
) -> None:
    source = film_with_sound(tmp_path / name, codec, sound, rate=44100 if "swf" in sound else 48000)
    output = default_output_path(source)
    assert output.suffix == ".mkv"
    (warning,) = write_with_chroma(source, output, preset="ultrafast")
    assert f"is stored as {pcm}" in warning
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.name == pcm
    wanted, found = samples_of(source), samples_of(output)
    assert np.array_equal(np.sort(wanted), np.sort(found))  # planar becomes packed
    (note,) = write_with_chroma(source, tmp_path / "other.mp4", preset="ultrafast")
    assert f"is stored as {pcm}" in note
    assert np.array_equal(np.sort(wanted), np.sort(samples_of(tmp_path / "other.mp4")))


@pytest.mark.parametrize(
    ("profile", "pix_fmt"),
    [("proxy", "yuv422p10le"), ("standard", "yuv422p10le"), ("hq", "yuv422p10le"), ("4444", "yuv444p10le")],
)
def test_prores_stays_prores_of_its_profile(tmp_path: Path, profile: str, pix_fmt: str) -> None:
    source = write_film(tmp_path / "in.mov", codec="prores_ks", pix_fmt=pix_fmt, options={"profile": profile})
    before = probe_film(source)
    after = copy_with_chroma(source, default_output_path(source))
    assert (after.codec, after.codec_profile) == ("prores", before.codec_profile)
    assert after.subsampling == before.subsampling


@pytest.mark.parametrize("suffix", [".mov", ".mxf"])
@pytest.mark.parametrize(("profile", "pix_fmt"), [("sq", "yuv422p"), ("hqx", "yuv422p10le"), ("444", "yuv444p10le")])
def test_dnxhr_stays_dnxhr_of_its_profile(tmp_path: Path, profile: str, pix_fmt: str, suffix: str) -> None:
    how: dict[str, Any] = {"codec": "dnxhd", "pix_fmt": pix_fmt, "options": {"profile": f"dnxhr_{profile}"}}
    source = write_film(tmp_path / f"in{suffix}", 3, (120, 256), time_base=Fraction(1, 24), **how)
    output = default_output_path(source)
    assert output.suffix == suffix
    after = copy_with_chroma(source, output)
    # FFmpeg's muxer of MXF takes 4:4:4 for R'G'B'.
    wanted = "hqx" if (profile, suffix) == ("444", ".mxf") else profile
    assert (after.codec, after.codec_profile) == ("dnxhd", f"DNXHR {wanted.upper()}")


def test_a_name_without_a_film_is_named_by_its_suffix_and_no_film_is_told(tmp_path: Path) -> None:
    assert default_output_path(tmp_path / "old.ogv").name == "old.color.mp4"
    (tmp_path / "text.avi").write_text("no film")
    with pytest.raises(InputError, match="film"):
        default_output_path(tmp_path / "text.avi")


def test_dnxhd_takes_any_size_that_it_can_and_says_what_it_cannot(tmp_path: Path) -> None:
    large = probe_film(write_film(tmp_path / "a.mp4", 1, (240, 320)))
    encoder = choose_encoder(large, tmp_path / "x.mov", EncodingOptions(vcodec="dnxhd"))
    assert (encoder.pixel_format, encoder.options["profile"]) == ("yuv422p", "dnxhr_hq")
    small = probe_film(write_film(tmp_path / "b.mp4", 1))
    with pytest.raises(UsageError, match=r"256x120 at least, the film has 96x72: use --vcodec prores"):
        choose_encoder(small, tmp_path / "x.mov", EncodingOptions(vcodec="dnxhd"))


def test_an_encoder_that_refuses_names_the_formats_it_takes(tmp_path: Path) -> None:
    odd = probe_film(write_film(tmp_path / "odd.mkv", 1, (71, 95), codec="ffv1", time_base=Fraction(1, 1000)))
    with pytest.raises(UsageError, match=r"mpeg2video|takes --pix-fmt|even"):
        choose_encoder(odd, tmp_path / "x.mkv", EncodingOptions(vcodec="libx264", pix_fmt="yuv420p"))
    with pytest.raises(UsageError, match=r"refuses --preset .*give one of"):
        choose_encoder(odd, tmp_path / "x.mkv", EncodingOptions(preset="nonsense"))
