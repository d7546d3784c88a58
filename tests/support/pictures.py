"""Pictures of kinds that no library here writes: TIFF of every layout, and frames of FFmpeg's encoders."""

import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def make_tiff(
    pages: Sequence[np.ndarray],
    *,
    order: str = "<",
    bits: int = 16,
    photometric: int = 2,
    is_planar: bool = False,
    deflate: bool = False,
    extra: int | None = None,
    sample_format: int = 1,
    subfiles: Sequence[int] = (),
    palette: Sequence[int] = (),
    profile: bytes = b"",
    more: Sequence[tuple[int, int, Sequence[int]]] = (),
) -> bytes:
    """A TIFF of these pages, ``H W`` or ``H W C``, in one strip each (one a plane)."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8))
    link = 4
    for number, page in enumerate(pages):
        samples = 1 if page.ndim == 2 else page.shape[2]
        planes = [page[..., index] for index in range(samples)] if is_planar else [page]
        strips = [_pack(plane, order, bits, sample_format) for plane in planes]
        offsets, counts = [], []
        for strip in strips:
            data = zlib.compress(strip) if deflate else strip
            out += b"\0" * (len(out) % 2)
            offsets.append(len(out))
            counts.append(len(data))
            out += data
        tags: list[tuple[int, int, Sequence[int]]] = [
            *((256, 4, [page.shape[1]]), (257, 4, [page.shape[0]]), (258, 3, [bits] * samples)),
            *((259, 3, [8 if deflate else 1]), (262, 3, [photometric]), (273, 4, offsets), (277, 3, [samples])),
            *((278, 4, [page.shape[0]]), (279, 4, counts), (284, 3, [1 + is_planar])),
            *((339, 3, [sample_format] * samples), *more),
        ]
        tags += [(338, 3, [extra])] if extra is not None else []
        tags += [(254, 4, [subfiles[number]])] if subfiles else []
        tags += [(320, 3, palette)] if palette else []
        tags += [(34675, 7, profile)] if profile else []
        table = b""
        for tag, kind, values in sorted(tags):
            code = {3: "H", 4: "I", 7: "B", 1: "B"}[kind]
            raw = struct.pack(f"{order}{len(values)}{code}", *values)
            if len(raw) > 4:
                out += b"\0" * (len(out) % 2)
                place, raw = len(out), raw
                out += raw
                raw = struct.pack(order + "I", place)
            table += struct.pack(order + "HHI", tag, kind, len(values)) + raw.ljust(4, b"\0")
        out += b"\0" * (len(out) % 2)
        struct.pack_into(order + "I", out, link, len(out))
        out += struct.pack(order + "H", len(tags)) + table
        link = len(out)
        out += bytes(4)
    return bytes(out)


def _pack(samples: np.ndarray, order: str, bits: int, sample_format: int) -> bytes:
    if bits in (8, 16, 32):
        return samples.astype(f"{order}{'f' if sample_format == 3 else 'u'}{bits // 8}").tobytes()
    rows = samples.reshape(samples.shape[0], -1)
    return b"".join(
        np.packbits(((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)).tobytes() for row in rows
    )


def encode_picture(codec: str, pixels: np.ndarray, given: str, stored: str | None = None, **options: Any) -> bytes:
    """One picture by an encoder of FFmpeg, from an array in the pixel format ``given``, stored as ``stored``."""
    frame = av.VideoFrame.from_ndarray(pixels, given)
    if stored and stored != given:
        frame = frame.reformat(format=stored)
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, stored or given
    encoder.time_base = Fraction(1, 24)
    encoder.options = options
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def write_apng(path: Path, frames: Sequence[np.ndarray], given: str, times: Sequence[int], ticks: int) -> Path:
    """An animated PNG, of 16 bits too, whose frames are shown at ``times`` in 1 / ``ticks`` of a second."""
    with av.open(str(path), "w", format="apng") as container:
        stream = container.add_stream("apng", rate=24)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], given
        stream.codec_context.time_base = stream.time_base = Fraction(1, ticks)
        for pixels, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, given)
            frame.pts, frame.time_base = time, Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_profile(gamma: float = 2.2, *, gray: bool = False) -> bytes:
    """An ICC profile of Adobe RGB's primaries (1998, adapted to D50), or one of gray, with this gamma."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"text\0\0\0\0none\0\0\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = {b"desc": name, b"cprt": text, b"wtpt": xyz(0.9642, 1.0, 0.8249)}
    if gray:
        tags[b"kTRC"] = curve
    else:
        tags |= {b"rXYZ": xyz(0.60974, 0.31111, 0.01947), b"gXYZ": xyz(0.20528, 0.62567, 0.06087)}
        tags |= {b"bXYZ": xyz(0.14919, 0.06322, 0.74457), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, data, place = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        padded = value + b"\0" * (-len(value) % 4)
        table += tag + struct.pack(">II", place + len(data), len(value))
        data += padded
    size = 128 + len(table) + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02100000, b"mntr", b"GRAY" if gray else b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(24) + struct.pack(">I", 0) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + table + data
