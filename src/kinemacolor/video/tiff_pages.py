"""The pages of a TIFF: found, and each taken out as a TIFF of its own, so that only one page is ever in memory."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

# Tags of TIFF 6.0, by their names there.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_COUNTS, _PLANAR = 273, 274, 277, 279, 284
_TILE_OFFSETS, _TILE_COUNTS, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _ICC_PROFILE, _DNG_VERSION = (
    324,
    325,
    338,
    339,
    34675,
    50706,
)
_POINTERS = (330, 34665, 34853, 40965)  # to other directories, which a page that is taken out does not have
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGER_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_REDUCED_OR_MASK = 1 | 4  # of `_SUBFILE`: a thumbnail, or a mask, of another page
MAX_PAGES, MAX_TAGS = 1_000_000, 4096
MAX_PAGE_BYTES = 2**32 - 2**20  # what a classic TIFF can hold


@dataclass(frozen=True)
class TiffPage:
    """One page: where its directory lies, and how its samples are stored.

    ``bits`` are those of one sample; ``photometric`` is 0 for white at zero, 1 for black at zero, 2 for R'G'B', 3 for a
    palette, 5 for CMYK, 6 for Y'CbCr. ``sample_format`` is 1 for unsigned integers, 3 for floats.
    """

    offset: int
    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    is_planar: bool
    sample_format: int
    has_alpha: bool
    is_camera_raw: bool
    orientation: int


class _Directory:
    """The entries of a directory: type, count and raw bytes of each tag."""

    def __init__(self, stream: BinaryIO, offset: int, order: str, *, is_big: bool) -> None:
        self.order, self.entries = order, {}
        stream.seek(offset)
        (count,) = struct.unpack(order + ("Q" if is_big else "H"), _read(stream, 8 if is_big else 2))
        size = 20 if is_big else 12
        if count > MAX_TAGS:
            raise ValueError("its directory is damaged")
        table = _read(stream, count * size)
        (self.following,) = struct.unpack(order + ("Q" if is_big else "I"), _read(stream, 8 if is_big else 4))
        for place in range(0, len(table), size):
            tag, kind, number = struct.unpack_from(order + ("HHQ" if is_big else "HHI"), table, place)
            length, inline = (
                number * _VALUE_BYTES.get(kind, 0),
                table[place + size - (8 if is_big else 4) : place + size],
            )
            if length > len(inline):
                stream.seek(struct.unpack(order + ("Q" if is_big else "I"), inline)[0])
                inline = _read(stream, length)
            self.entries[tag] = (kind, number, inline[:length])

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The values of a tag of integers; ``default`` where it is not there."""
        kind, number, raw = self.entries.get(tag, (0, 0, b""))
        code = _INTEGER_CODES.get(kind)
        return struct.unpack(f"{self.order}{number}{code}", raw) if code and number else default

    def integer(self, tag: int, default: int) -> int:
        """The first value of a tag of integers."""
        return self.integers(tag, (default,))[0]


def find_tiff_pages(stream: BinaryIO) -> Iterator[TiffPage]:
    """Yield the pages of a TIFF or BigTIFF in order; thumbnails and masks of other pages are none.

    Raises ValueError or struct.error for a damaged one.
    """
    order, is_big, following = _read_start(stream)
    seen: set[int] = set()
    found = False
    while following and following not in seen:
        if len(seen) >= MAX_PAGES:
            raise ValueError(f"it has more than {MAX_PAGES} pages")
        seen.add(following)
        directory = _Directory(stream, following, order, is_big=is_big)
        is_other = directory.integer(_SUBFILE, 0) & _REDUCED_OR_MASK
        if not is_other or not (found or directory.following):
            yield _describe_page(directory, following)
            found = True
        following = directory.following
    if not found:
        raise ValueError("it has no page")


def read_tiff_page(
    stream: BinaryIO, page: TiffPage, *, plane: int | None = None, photometric: int | None = None
) -> bytearray:
    """Take a page out as a TIFF with this page alone; of a planar one with ``plane`` that plane alone, as gray.

    ``photometric``: what the result is to say of its samples, where they are to be decoded as another kind.

    Raises ValueError or struct.error for a damaged one.
    """
    order, is_big, _ = _read_start(stream)
    directory = _Directory(stream, page.offset, order, is_big=is_big)
    entries = {tag: entry for tag, entry in directory.entries.items() if tag not in _POINTERS and entry[0] != 16}
    for offsets_tag, counts_tag in ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS)):
        offsets, counts = directory.integers(offsets_tag), directory.integers(counts_tag)
        if not offsets:
            continue
        if not counts and len(offsets) == 1:  # old writers leave it out
            counts = (page.width * page.height * page.samples * page.bits // 8,)
        if plane is not None:
            part = len(offsets) // page.samples
            offsets, counts = (values[plane * part : (plane + 1) * part] for values in (offsets, counts))
        break
    else:
        raise ValueError("it has no pixels")
    if sum(counts) > MAX_PAGE_BYTES:
        raise ValueError("its page is too large")
    shorts: dict[int, tuple[int, ...]] = {}
    if plane is not None:
        shorts = {_SAMPLES: (1,), _BITS: (page.bits,), _PHOTOMETRIC: (1,), _PLANAR: (1,)}
        shorts[_SAMPLE_FORMAT] = (page.sample_format,)
        entries.pop(_EXTRA_SAMPLES, None)
    if photometric is not None:
        shorts[_PHOTOMETRIC] = (photometric,)
    entries |= {tag: (3, 1, struct.pack(f"{order}H", *values)) for tag, values in shorts.items()}
    entries[counts_tag] = (4, len(counts), struct.pack(f"{order}{len(counts)}I", *counts))
    entries.pop(offsets_tag, None)
    head = _build_head(order, entries, offsets_tag, counts)
    # One array that the strips are read into: a page may be most of a gigabyte.
    content = bytearray(len(head) + sum(counts))
    content[: len(head)] = head
    place = len(head)
    for offset, count in zip(offsets, counts, strict=True):
        stream.seek(offset)
        if stream.readinto(memoryview(content)[place : place + count]) < count:  # type: ignore[attr-defined]
            raise ValueError("it ends too early")
        place += count
    return content


def read_tiff_profile(stream: BinaryIO, page: TiffPage) -> bytes | None:
    """Return the ICC profile of a page, None where it has none. Raises ValueError or struct.error for a damaged one."""
    order, is_big, _ = _read_start(stream)
    entry = _Directory(stream, page.offset, order, is_big=is_big).entries.get(_ICC_PROFILE)
    return entry[2] if entry else None


def _build_head(
    order: str, entries: dict[int, tuple[int, int, bytes]], offsets_tag: int, counts: tuple[int, ...]
) -> bytes:
    """All of a classic TIFF of one page that lies before its strips: header, directory, long values."""
    place = 8 + 2 + 12 * (len(entries) + 1) + 4
    long_bytes = sum(len(raw) + len(raw) % 2 for _, _, raw in entries.values() if len(raw) > 4)
    start = place + long_bytes + (4 * len(counts) if len(counts) > 1 else 0)
    offsets = [start, *(start + end for end in accumulate(counts))][: len(counts)]
    entries = entries | {offsets_tag: (4, len(offsets), struct.pack(f"{order}{len(offsets)}I", *offsets))}
    table, long_values = struct.pack(order + "H", len(entries)), b""
    for tag, (kind, number, raw) in sorted(entries.items()):
        value = raw.ljust(4, b"\0")
        if len(raw) > 4:
            value = struct.pack(order + "I", place + len(long_values))
            long_values += raw + b"\0" * (len(raw) % 2)
        table += struct.pack(order + "HHI", tag, kind, number) + value
    header = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return header + table + struct.pack(order + "I", 0) + long_values


def _describe_page(directory: _Directory, offset: int) -> TiffPage:
    samples = directory.integer(_SAMPLES, 1)
    photometric = directory.integer(_PHOTOMETRIC, 1)
    colors = {2: 3, 5: 4, 6: 3, 8: 3}.get(photometric, 1)
    return TiffPage(
        offset,
        directory.integer(_WIDTH, 0),
        directory.integer(_HEIGHT, 0),
        bits=max(directory.integers(_BITS, (1,))),
        samples=samples,
        photometric=photometric,
        is_planar=directory.integer(_PLANAR, 1) == 2 and samples > 1,
        sample_format=directory.integer(_SAMPLE_FORMAT, 1),
        has_alpha=samples > colors and directory.integer(_EXTRA_SAMPLES, 0) in (1, 2),
        is_camera_raw=_DNG_VERSION in directory.entries or photometric in (32803, 34892),
        orientation=directory.integer(_ORIENTATION, 1),
    )


def _read_start(stream: BinaryIO) -> tuple[str, bool, int]:
    """The order of bytes, whether it is a BigTIFF, and where the first directory lies."""
    stream.seek(0)
    head = _read(stream, 16)
    order = "<" if head[:2] == b"II" else ">"
    if struct.unpack_from(order + "H", head, 2)[0] == 43:
        return order, True, struct.unpack_from(order + "Q", head, 8)[0]
    return order, False, struct.unpack_from(order + "I", head, 4)[0]


def _read(stream: BinaryIO, length: int) -> bytes:
    """Read exactly so many bytes; ValueError where the file ends before."""
    if length > MAX_PAGE_BYTES:
        raise ValueError("a value in its directory is too long")
    data = stream.read(length)
    if len(data) < length:
        raise ValueError("it ends too early")
    return data
