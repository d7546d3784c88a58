"""Captions, HDR10 and other side data of frames: kept where the encoder writes it, named where it does not."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest

from kinemacolor.video.reader import VideoReader, probe_film
from kinemacolor.video.side_data import build_side_data_options
from support.films import copy_with_chroma, write_film, write_with_chroma

MS = Fraction(1, 1000)
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def hdr_film(path: Path) -> Path:
    params = f"log-level=none:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:master-display={DISPLAY}"
    return write_film(
        path,
        codec="libx265",
        pix_fmt="yuv420p10le",
        time_base=MS,
        options={"x265-params": f"{params}:max-cll=1000,400"},
    )


def side_data_in(path: Path) -> dict[str, bytes]:
    """Of the first frame, as FFmpeg reports it, without our reader."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return {one.type.name: bytes(one) for one in frame.side_data}


def hdr_of(path: Path) -> tuple[list[float], tuple[int, ...]]:
    found = side_data_in(path)
    numbers = struct.unpack("<20i", found["MASTERING_DISPLAY_METADATA"][:80])
    values = [numbers[index] / numbers[index + 1] for index in range(0, 20, 2)]
    return values, struct.unpack("<2I", found["CONTENT_LIGHT_LEVEL"][:8])


@pytest.mark.parametrize(
    ("codec", "name"), [("h265", "out.mkv"), ("h265", "out.mp4"), ("h264", "out.mp4"), ("av1", "out.mkv")]
)
def test_hdr10_is_kept(tmp_path: Path, codec: str, name: str) -> None:
    source = hdr_film(tmp_path / "in.mkv")
    assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= probe_film(source).side_data.keys()
    assert write_with_chroma(source, tmp_path / name, vcodec=codec) == []
    (wanted, light), (found, found_light) = hdr_of(source), hdr_of(tmp_path / name)
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4)
    assert found_light == light == (1000, 400)


def test_hdr10_that_an_encoder_does_not_write_is_told(tmp_path: Path) -> None:
    source = hdr_film(tmp_path / "in.mkv")
    warnings = write_with_chroma(source, tmp_path / "out.mkv", lossless=True)
    lost = {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} - side_data_in(tmp_path / "out.mkv").keys()
    assert len(warnings) == len(lost)
    assert all("of 8 frames left out" in warning for warning in warnings)


def caption_sei(number: int) -> bytes:
    """An SEI message of ATSC A/53 captions with one pair of bytes, as broadcasters put it into H.264."""
    pair = bytes([0xFC, 0x94, 0x20 + number])
    payload = b"\xb5\x00\x31GA94\x03" + bytes([0xC1, 0xFF]) + pair + b"\xff"
    return b"\x00\x00\x00\x01\x06\x04" + bytes([len(payload)]) + payload + b"\x80"


def captioned_film(path: Path, captioned: range = range(8)) -> Path:
    """An H.264 film whose frames carry captions, put in front of the first slice of each."""
    silent = write_film(path.with_name("silent.ts"), options={"bf": "0"})
    with av.open(str(silent)) as before, av.open(str(path), "w") as after:
        copy = after.add_stream_from_template(before.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in before.demux(video=0) if p.size):
            data = bytes(packet)
            # The first unit is an access unit delimiter, six bytes; captions have to follow it.
            at = 6 if data[4] & 31 == 9 else 0
            extra = caption_sei(number) if number in captioned else b""
            changed = av.Packet(data[:at] + extra + data[at:])
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = packet.is_keyframe, copy
            after.mux(changed)
    return path


def captions_in(path: Path) -> list[bytes | None]:
    with av.open(str(path)) as container:
        return [
            next((bytes(one) for one in frame.side_data if one.type.name == "A53_CC"), None)
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize(("codec", "name"), [("h264", "out.mp4"), ("h264", "out.mkv"), ("h265", "out.mkv")])
@pytest.mark.parametrize("captioned", [range(8), range(6, 8)])
def test_captions_are_kept_frame_by_frame(tmp_path: Path, codec: str, name: str, captioned: range) -> None:
    source = captioned_film(tmp_path / "in.ts", captioned)
    assert [one is not None for one in captions_in(source)] == [number in captioned for number in range(8)]
    assert write_with_chroma(source, tmp_path / name, vcodec=codec) == []
    assert captions_in(tmp_path / name) == captions_in(source)


def test_captions_that_an_encoder_does_not_write_are_counted(tmp_path: Path) -> None:
    source = captioned_film(tmp_path / "in.ts", range(5))
    (warning,) = write_with_chroma(source, tmp_path / "out.mkv", lossless=True)
    assert warning.startswith("closed captions of 5 frames left out")


def test_frames_with_side_data_have_the_same_pictures(tmp_path: Path) -> None:
    """The carrier of side data is a frame too: nothing of its picture, kind or marks may reach the result."""
    plain = write_film(tmp_path / "plain.ts", options={"bf": "0"})
    captioned = captioned_film(tmp_path / "in.ts")
    for name, source in (("one.mp4", plain), ("other.mp4", captioned)):
        copy_with_chroma(source, tmp_path / name, crf=10)
    frames = []
    for name in ("one.mp4", "other.mp4"):
        with VideoReader(tmp_path / name) as reader:
            frames.append([(f.pict_type, f.pts, [bytes(p) for p in f.planes]) for f in reader.iter_frames()])
    assert frames[0] == frames[1]


def test_options_of_side_data() -> None:
    assert build_side_data_options("ffv1", {}) == {}
    light = {"CONTENT_LIGHT_LEVEL": struct.pack("<2I", 600, 120)}
    assert build_side_data_options("libx264", light) == {"x264-params": "cll=600,120"}
    assert build_side_data_options("libsvtav1", light) == {"svtav1-params": "content-light=600,120"}
    assert build_side_data_options("libx264", {"SEI_UNREGISTERED": b"x"}) == {"udu_sei": "1"}
    no_colors = {"MASTERING_DISPLAY_METADATA": struct.pack("<22i", *[0, 1] * 10, 0, 1)}
    assert build_side_data_options("libx264", no_colors) == {}


def cropped_film(path: Path) -> Path:
    """A Matroska film whose header crops eight rows above and below; bytes are put where a void was."""
    data = bytearray(
        write_film(path, codec="ffv1", time_base=MS, container_options={"fflags": "+bitexact"}).read_bytes()
    )
    behind_video = bytes.fromhex("55ee8100ec01000000000000020000")
    at = data.index(behind_video, data.index(bytes.fromhex("1654ae6b")))
    video = data.rindex(bytes.fromhex("e08ab08160ba8148"), 0, at)
    data[video + 1] += 8
    data[at : at + len(behind_video)] = bytes.fromhex("54bb810854aa8108" + "55ee8100ec8100")
    checksum = data.index(bytes.fromhex("bf84"), data.index(bytes.fromhex("1654ae6b")))
    data[checksum] = 0xEC
    path.write_bytes(data)
    return path


def test_a_crop_of_the_container_is_told(tmp_path: Path) -> None:
    source = cropped_film(tmp_path / "in.mkv")
    info = probe_film(source)
    assert "FRAME_CROPPING" in info.side_data
    assert info.height == 72
    for name in ("out.mkv", "out.mp4"):
        assert write_with_chroma(source, tmp_path / name) == [
            "the container's crop of the stream is left out: results cannot hold it"
        ]
    assert probe_film(tmp_path / "out.mkv").side_data == {}
