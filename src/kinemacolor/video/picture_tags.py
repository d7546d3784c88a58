"""Puts the words of a result into a picture file, beside its pixels: as text, and as XMP where there is a place for it.

Bytes are added to what an encoder wrote, so the pixels stay as they are, and no encoder has to know of tags.
"""

import struct
import zlib
from collections.abc import Callable

from kinemacolor.video.disclosure import make_xmp

_PNG_HEADER_BYTES = 33  # signature and the header chunk, which comes first
_EXR_FIXED_BYTES = 8  # magic number, version
_RIFF_HEADER_BYTES = 12
_DESCRIPTION_TAG, _XMP_TAG = 270, 700  # of TIFF: ImageDescription, XMP
_ASCII, _BYTE = 2, 1  # types of TIFF
_WEBP_HAS_XMP, _WEBP_HAS_ALPHA = 0x04, 0x10


def add_picture_tag(content: bytes, suffix: str, words: str) -> bytes:
    """Return the bytes of a picture with the words in it; as they were where its format has no place for them.

    ``content`` is as OpenCV or FFmpeg wrote it; ``suffix`` as in ``.png``.
    """
    tag = _TAGGERS.get(suffix.lower())
    return tag(content, words) if tag else content


def can_be_tagged(suffix: str) -> bool:
    """Whether the format of a picture with this suffix has a place for words."""
    return suffix.lower() in _TAGGERS


def _tag_png(content: bytes, words: str) -> bytes:
    """Add ``tEXt`` (Description) and ``iTXt`` (XMP) after the header (PNG 1.2, 11.3.4)."""
    text = b"Description\0" + words.encode("latin-1")
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0" + make_xmp(words)
    chunks = b"".join(_make_png_chunk(kind, data) for kind, data in ((b"tEXt", text), (b"iTXt", xmp)))
    return content[:_PNG_HEADER_BYTES] + chunks + content[_PNG_HEADER_BYTES:]


def _make_png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _tag_jpeg(content: bytes, words: str) -> bytes:
    """Add a segment with XMP and a comment, behind JFIF's own, which has to be the first (ITU-T T.81, B.2.4.5)."""
    place = 2
    if content[2:4] == b"\xff\xe0":
        place += 2 + int.from_bytes(content[4:6], "big")
    segments = b""
    for marker, data in ((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + make_xmp(words)), (0xFE, words.encode())):
        segments += struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
    return content[:place] + segments + content[place:]


def _tag_tiff(content: bytes, words: str) -> bytes:
    """Write the directory of the one page anew, behind the pixels, with two entries more (TIFF 6.0, section 2)."""
    order = {b"II": "<", b"MM": ">"}[content[:2]]
    (place,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, place)
    entries = {
        struct.unpack_from(f"{order}H", content, at)[0]: content[at : at + 12]
        for at in range(place + 2, place + 2 + 12 * count, 12)
    }
    rest = content[place + 2 + 12 * count :][:4]
    added = bytearray(content + b"\0" * (len(content) % 2))
    texts = (_DESCRIPTION_TAG, _ASCII, words.encode("ascii") + b"\0"), (_XMP_TAG, _BYTE, make_xmp(words))
    for tag, kind, data in texts:
        entries[tag] = struct.pack(f"{order}HHII", tag, kind, len(data), len(added))
        added += data + b"\0" * (len(data) % 2)
    struct.pack_into(f"{order}I", added, 4, len(added))
    directory = b"".join(entries[tag] for tag in sorted(entries))
    return bytes(added) + struct.pack(f"{order}H", len(entries)) + directory + rest


def _tag_webp(content: bytes, words: str) -> bytes:
    """Add XMP as the last chunk, and the header that tells of it, where there is none yet (RFC 9649, 2.7)."""
    chunks = content[_RIFF_HEADER_BYTES:]
    if chunks[:4] == b"VP8X":
        chunks = chunks[:8] + bytes([chunks[8] | _WEBP_HAS_XMP]) + chunks[9:]
    else:
        columns, rows, has_alpha = _read_webp_size(chunks)
        flags = _WEBP_HAS_XMP | (_WEBP_HAS_ALPHA if has_alpha else 0)
        size = (columns - 1).to_bytes(3, "little") + (rows - 1).to_bytes(3, "little")
        chunks = b"VP8X" + struct.pack("<II", 10, flags) + size + chunks
    xmp = make_xmp(words)
    chunks += b"XMP " + struct.pack("<I", len(xmp)) + xmp + b"\0" * (len(xmp) % 2)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _read_webp_size(chunks: bytes) -> tuple[int, int, bool]:
    """Return columns, rows and whether there is transparency, of a simple WebP: lossless (VP8L), or not (VP8)."""
    if chunks[:4] == b"VP8L":
        bits = int.from_bytes(chunks[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    columns, rows = struct.unpack_from("<HH", chunks, 14)
    return columns & 0x3FFF, rows & 0x3FFF, False


def _tag_exr(content: bytes, words: str) -> bytes:
    """Add the attribute ``comments``; what the table behind the header points to has moved by as much."""
    end = _EXR_FIXED_BYTES
    while content[end]:  # name and type, each with a zero behind it, size, value
        size_at = content.index(b"\0", content.index(b"\0", end) + 1) + 1
        end = size_at + 4 + int.from_bytes(content[size_at : size_at + 4], "little")
    data = words.encode()
    attribute = b"comments\0string\0" + struct.pack("<I", len(data)) + data
    table = end + 1
    (first,) = struct.unpack_from("<Q", content, table)  # of a picture by lines, whose parts follow the table at once
    offsets = struct.unpack_from(f"<{(first - table) // 8}Q", content, table)
    moved = struct.pack(f"<{len(offsets)}Q", *(offset + len(attribute) for offset in offsets))
    return content[:end] + attribute + b"\0" + moved + content[table + len(moved) :]


_TAGGERS: dict[str, Callable[[bytes, str], bytes]] = {
    ".png": _tag_png,
    **dict.fromkeys((".jpg", ".jpeg"), _tag_jpeg),
    **dict.fromkeys((".tif", ".tiff"), _tag_tiff),
    ".webp": _tag_webp,
    ".exr": _tag_exr,
}
