"""Pixels at the depth of the file: every layout of TIFF, DPX, EXR, JPEG 2000; and what is refused."""

import os
import socket
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from kinemacolor.errors import InputError, KinemacolorError
from kinemacolor.video.images import read_color_picture, write_exr
from kinemacolor.video.picture_decoding import PictureDecoder
from kinemacolor.video.picture_files import MAX_PICTURE_PIXELS, check_uploaded_picture, read_picture_header
from kinemacolor.video.reader import VideoReader, probe_film
from support.films import luma_of, scene
from support.pictures import encode_picture, make_tiff

RANDOM = np.random.default_rng(0)
SHAPE = (20, 30)


def noise(samples: int, bits: int) -> np.ndarray:
    made = RANDOM.integers(0, 2**bits, (*SHAPE, samples))
    return made[..., 0] if samples == 1 else made


def decode(folder: Path, content: bytes, name: str = "a.tif", page: int | None = None) -> tuple[np.ndarray, int]:
    (folder / name).write_bytes(content)
    with PictureDecoder() as decoder:
        picture = decoder.decode(folder / name, page)
    return picture.pixels, picture.depth


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("photometric", [0, 1, 2])
@pytest.mark.parametrize("deflate", [False, True])
def test_tiff_is_read_at_its_depth(tmp_path: Path, order: str, bits: int, photometric: int, deflate: bool) -> None:
    wanted = noise(3 if photometric == 2 else 1, bits)
    content = make_tiff([wanted], order=order, bits=bits, photometric=photometric, deflate=deflate)
    pixels, depth = decode(tmp_path, content)
    assert depth == bits
    assert np.array_equal(pixels, 2**bits - 1 - wanted if photometric == 0 else wanted)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("samples", [2, 3, 4])
@pytest.mark.parametrize("is_planar", [False, True])
def test_planes_and_transparency_of_tiff(
    tmp_path: Path, order: str, bits: int, deflate: bool, samples: int, is_planar: bool
) -> None:
    wanted = noise(samples, bits)
    options: dict[str, Any] = {"photometric": 1 if samples == 2 else 2, "extra": None if samples == 3 else 2}
    content = make_tiff([wanted], order=order, bits=bits, deflate=deflate, is_planar=is_planar, **options)
    pixels, depth = decode(tmp_path, content)
    assert depth == bits
    assert np.array_equal(pixels, wanted[..., 0] if samples == 2 else wanted[..., :3])
    assert read_picture_header(tmp_path / "a.tif").has_alpha == (samples != 3)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("is_planar", [False, True])
def test_cmyk_of_tiff(tmp_path: Path, bits: int, is_planar: bool) -> None:
    ink = np.repeat(np.repeat(noise(4, bits)[::4, ::5], 4, 0), 5, 1)
    pixels, depth = decode(tmp_path, make_tiff([ink], bits=bits, photometric=5, is_planar=is_planar))
    most = 2**bits - 1
    wanted = (1 - ink[..., :3] / most) * (1 - ink[..., 3:] / most)
    assert depth == bits
    assert np.abs(pixels / most - wanted).max() < 1.5 / 255


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("order", "<>")
def test_few_bits_and_palettes_of_tiff(tmp_path: Path, bits: int, order: str) -> None:
    wanted = noise(1, bits)
    pixels, _ = decode(tmp_path, make_tiff([wanted], order=order, bits=bits, photometric=1))
    assert np.array_equal(pixels, wanted * 255 // (2**bits - 1))
    if bits > 1:
        palette = RANDOM.integers(0, 256, 3 * 2**bits) * 257
        content = make_tiff([wanted], order=order, bits=bits, photometric=3, palette=palette.tolist())
        pixels, _ = decode(tmp_path, content)
        assert np.array_equal(pixels, palette.reshape(3, -1).T[wanted] // 257)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
def test_compressions_of_tiff(tmp_path: Path, compression: str) -> None:
    Image.fromarray(scene(0)).save(tmp_path / "a.tif", compression=compression)
    with PictureDecoder() as decoder:
        assert np.array_equal(decoder.decode(tmp_path / "a.tif").pixels, scene(0))
    deep = scene(0).astype(np.uint16) * 257
    code = {"tiff_lzw": 5, "tiff_adobe_deflate": 8, "packbits": 32773, "raw": 1}[compression]
    options = [cv2.IMWRITE_TIFF_COMPRESSION, code, cv2.IMWRITE_TIFF_PREDICTOR, 2 if code in (5, 8) else 1]
    cv2.imwrite(str(tmp_path / "b.tif"), deep[..., ::-1], options)
    with PictureDecoder() as decoder:
        assert np.array_equal(decoder.decode(tmp_path / "b.tif").pixels, deep)


LAYOUTS: dict[str, tuple[int, dict[str, Any]]] = {
    "rgb": (3, {"bits": 8}),
    "deep": (3, {}),
    "planes": (3, {"is_planar": True}),
    "gray and alpha": (2, {"photometric": 1, "extra": 2}),
    "rgba": (4, {"bits": 8, "extra": 2}),
    "cmyk": (4, {"photometric": 5}),
    "few bits": (1, {"photometric": 1, "bits": 4}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_tiff_is_turned_upright(tmp_path: Path, layout: str) -> None:
    samples, options = LAYOUTS[layout]
    made = noise(samples, int(options.get("bits", 16)))
    wanted, _ = decode(tmp_path, make_tiff([made], **options))
    turned, _ = decode(tmp_path, make_tiff([made], more=[(274, 3, [6])], **options))
    assert np.array_equal(turned, np.rot90(wanted, -1))
    mirrored, _ = decode(tmp_path, make_tiff([made], more=[(274, 3, [5])], **options))
    assert np.array_equal(mirrored, wanted.swapaxes(0, 1))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (make_tiff([noise(3, 8) / 255], bits=32, sample_format=3), "float samples of 32 bits"),
        (make_tiff([noise(3, 16)], bits=16, sample_format=3), "float samples of 16 bits"),
        (make_tiff([noise(1, 32)], bits=32, photometric=1), "integer samples of 32 bits"),
        (make_tiff([noise(1, 16)], photometric=1, more=[(50706, 1, [1, 4, 0, 0])]), "raw picture of a camera"),
        (make_tiff([noise(1, 16)], photometric=32803), "raw picture of a camera"),
        (make_tiff([noise(3, 16)], is_planar=True)[:-400], "damaged"),
        (make_tiff([noise(3, 16)])[:5], "damaged"),
    ],
)
def test_what_of_tiff_is_refused_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=rf"a\.tif.*{words}"):
        decode(tmp_path, content)
    with pytest.raises(InputError, match=r"a\.tif"):
        read_color_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("stored", "depth"),
    [
        ("gray", 8),
        ("rgb24", 8),
        ("gbrp10le", 10),
        ("gbrp10be", 10),
        ("gbrp12le", 12),
        ("rgb48be", 16),
        ("gray16le", 16),
    ],
)
def test_dpx_is_read_at_its_depth(tmp_path: Path, stored: str, depth: int) -> None:
    wanted = noise(3, depth)
    if stored.startswith("gray"):
        wanted, given = wanted[..., 0], "gray" if depth == 8 else "gray16le"
    elif stored.startswith("gbrp"):
        given = f"gbrp{depth}le"
    else:
        given = "rgb24" if depth == 8 else "rgb48le"
    content = encode_picture("dpx", wanted.astype(np.uint8 if depth == 8 else np.uint16), given, stored)
    pixels, found = decode(tmp_path, content, "a.dpx")
    assert found == depth
    assert np.array_equal(pixels, wanted)
    info = probe_film(tmp_path / "a.dpx")
    assert (info.depth, info.frames, info.has_luma_plane) == (depth, 1, stored.startswith("gray"))


@pytest.mark.parametrize(("stored", "depth"), [("gray", 8), ("gray12le", 12), ("gray16le", 16), ("rgb48le", 16)])
def test_jpeg_2000_is_read_at_its_depth(tmp_path: Path, stored: str, depth: int) -> None:
    wanted = noise(1 if stored.startswith("gray") else 3, depth)
    made = wanted.astype(np.uint8 if depth == 8 else np.uint16)
    content = encode_picture("jpeg2000", made, stored, pred="dwt53")
    pixels, found = decode(tmp_path, content, "a.jp2")
    assert found == depth
    assert np.abs(pixels.astype(int) - wanted).mean() < 2 ** (depth - 8)  # FFmpeg's encoder is not lossless
    assert read_color_picture(tmp_path / "a.jp2").shape == (*SHAPE, 3)


@pytest.mark.parametrize("samples", ["half", "float"])
def test_linear_light_comes_back_as_it_was_written(tmp_path: Path, samples: str) -> None:
    rgb = scene(0).astype(np.float32) / 255
    write_exr(tmp_path / "a.exr", rgb, samples, Fraction(1))
    with PictureDecoder() as decoder:
        picture = decoder.decode(tmp_path / "a.exr")
    assert picture.depth == 16
    assert np.abs(picture.pixels / 65535 - rgb).max() < (2e-3 if samples == "half" else 2e-5)
    assert np.array_equal(read_color_picture(tmp_path / "a.exr"), scene(0))
    assert np.array_equal(luma_of(tmp_path / "a.exr").shape, (1, *scene(0).shape[:2]))


def test_light_above_white_is_white_and_no_number_is_black(tmp_path: Path) -> None:
    light = np.full(SHAPE, 0.25, np.float32)
    light[0, 0], light[0, 1], light[0, 2], light[0, 3] = 40, np.inf, np.nan, -1
    pixels, _ = decode(tmp_path, encode_picture("exr", light, "grayf32le"), "a.exr")
    assert pixels[0, :4].tolist() == [65535, 65535, 0, 0]
    assert abs(int(pixels[1, 1]) / 65535 - 0.5371) < 1e-3


def test_deep_png_with_transparency_stays_deep(tmp_path: Path) -> None:
    wanted = noise(4, 16).astype(np.uint16)
    pixels, depth = decode(tmp_path, encode_picture("png", wanted, "rgba64le", "rgba64be"), "a.png")
    assert depth == 16
    assert np.array_equal(pixels, wanted[..., :3])


def make_png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (chunk, body, b"IEND")
    )


WIDE_TIFF = make_tiff([noise(1, 8)], bits=8, photometric=1).replace(
    struct.pack("<HHII", 256, 4, 1, SHAPE[1]), struct.pack("<HHII", 256, 4, 1, 30_000_000)
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", make_png_header(40000, 40000)),
        ("b.png", make_png_header(16000, 13000)),
        ("c.bmp", b"BM" + struct.pack("<IHHIIiiHHIIIIII", 54, 0, 0, 54, 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0)),
        ("d.dpx", b"SDPX" + bytes(768) + struct.pack(">II", 30000, 30000) + bytes(1268)),
        ("e.tif", WIDE_TIFF),
        ("f.webp", b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0"),
    ],
)  # fmt: skip
def test_a_picture_that_is_too_big_is_told_before_it_is_decoded(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (read_color_picture, probe_film):
        with pytest.raises(InputError, match=f"{name} is too big: at most {MAX_PICTURE_PIXELS // 10**6} million"):
            read(path)


def test_pipes_devices_and_sockets_are_refused_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.mp4"))
        for path in (tmp_path / "pipe.png", tmp_path / "socket.mp4", Path("/dev/zero")):
            for read in (read_color_picture, probe_film):
                with pytest.raises(InputError, match="is a pipe or a device"):
                    read(path)


def test_uploads_are_of_few_kinds_by_their_content(tmp_path: Path) -> None:
    Image.fromarray(scene(0)).save(tmp_path / "a.gif")
    (tmp_path / "a.gif").replace(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is gif: give one of PNG, JPEG, TIFF, WEBP"):
        check_uploaded_picture(tmp_path / "a.png")
    for name in ("b.png", "b.jpg", "b.tif", "b.webp"):
        Image.fromarray(scene(0)).save(tmp_path / name)
        check_uploaded_picture(tmp_path / name)


KINDS = {
    "a.png": lambda: encode_picture("png", scene(0), "rgb24"),
    "a.tif": lambda: make_tiff([scene(0)], bits=8),
    "b.tif": lambda: make_tiff([scene(0).astype(np.uint16)] * 2, is_planar=True),
    "a.dpx": lambda: encode_picture("dpx", scene(0), "rgb24"),
    "a.jp2": lambda: encode_picture("jpeg2000", scene(0), "rgb24"),
    "a.exr": lambda: encode_picture("exr", scene(0).transpose(2, 0, 1)[0].astype(np.float32), "grayf32le"),
    "a.bmp": lambda: cv2.imencode(".bmp", scene(0))[1].tobytes(),
    "a.webp": lambda: cv2.imencode(".webp", scene(0))[1].tobytes(),
    "a.jpg": lambda: cv2.imencode(".jpg", scene(0))[1].tobytes(),
}


@pytest.mark.parametrize("name", KINDS)
def test_damage_of_any_kind_is_told_with_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    whole, path = KINDS[name](), tmp_path / name
    random = np.random.default_rng(1)
    for trial in range(60):
        content = bytearray(whole)
        if trial % 3:
            places = random.integers(0, min(len(content), 600 if trial % 2 else len(content)), 4)
            for place in places:
                content[place] = random.integers(0, 256)
        else:
            del content[random.integers(0, len(content)) :]
        path.write_bytes(content)
        for read in (read_color_picture, read_whole_film):
            try:
                read(path)
            except KinemacolorError as error:
                told = str(error)
                if path.name not in told:
                    pytest.fail(f"{told} does not name {path.name}")


def read_whole_film(path: Path) -> None:
    with VideoReader(path) as reader:
        for _ in reader.iter_blocks(1):
            pass
