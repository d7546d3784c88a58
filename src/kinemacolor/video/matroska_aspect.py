"""The pixel aspect of a Matroska or WebM file, which PyAV cannot hand to FFmpeg's muxer: written into its header.

What the muxer writes of a picture stream has room for it: the checksum (CRC-32) of the element ``Tracks``, which is
optional, has as many bytes as a ``DisplayWidth`` (RFC 9559, 5.1.4.1.28.11). So nothing else in the file moves.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

_SEGMENT, _TRACKS, _TRACK, _VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"
_CRC32, _DISPLAY_WIDTH = b"\xbf\x84", b"\x54\xb0\x83"  # with their sizes, 4 and 3 bytes
_UNKNOWN_UNIT, _PIXELS_UNIT = b"\x54\xb2\x81\x04", b"\x54\xb2\x81\x00"  # of the display's width
_HEAD_BYTES = 2**20  # in which the header lies; attachments come after it


class _Element(NamedTuple):
    """An element of EBML: its name, where its size stands, and where its content begins and ends."""

    name: bytes
    size_at: int
    start: int
    end: int


def write_pixel_aspect(path: Path, width: int, aspect: Fraction) -> bool:
    """Say in a file that FFmpeg wrote that its pictures of ``width`` px are shown with pixels of this aspect.

    Returns False, and changes nothing, where its header has another form. Raises OSError.
    """
    with path.open("r+b") as stream:
        head = bytearray(stream.read(_HEAD_BYTES))
        changed = _insert_display_width(head, round(width * aspect))
        if changed:
            stream.seek(0)
            stream.write(head)
    return changed


def _insert_display_width(head: bytearray, shown_width: int) -> bool:
    segment = _find(head, _SEGMENT, 0, len(head))
    tracks = segment and _find(head, _TRACKS, segment.start, len(head))
    if tracks is None or tracks.end > len(head) or head[tracks.start : tracks.start + 2] != _CRC32:
        return False
    for track in _iter_elements(head, tracks.start, tracks.end):
        video = _find(head, _VIDEO, track.start, track.end) if track.name == _TRACK else None
        if video is None:
            continue
        new = _DISPLAY_WIDTH + shown_width.to_bytes(3, "big")
        unit = head.find(_UNKNOWN_UNIT, video.start, video.end)
        if unit >= 0:
            head[unit : unit + len(_UNKNOWN_UNIT)] = _PIXELS_UNIT
        if not (_grow(head, video, len(new)) and _grow(head, track, len(new))):
            return False
        content = head[tracks.start + len(new) : video.end] + new + head[video.end : tracks.end]
        head[tracks.start : tracks.end] = content
        return True
    return False


def _grow(head: bytearray, element: _Element, count: int) -> bool:
    """Write into an element that it has ``count`` bytes more; False where its size has no digit for that."""
    length = element.start - element.size_at
    size = element.end - element.start + count
    if size >= 2 ** (7 * length) - 1:
        return False
    head[element.size_at : element.start] = (size | 1 << 7 * length).to_bytes(length, "big")
    return True


def _find(head: bytearray, name: bytes, start: int, end: int) -> _Element | None:
    return next((element for element in _iter_elements(head, start, end) if element.name == name), None)


def _iter_elements(head: bytearray, start: int, end: int) -> Iterator[_Element]:
    """Yield the elements from ``start`` on, as far as their heads lie before ``end``."""
    while start < end and head[start]:
        name_length = 9 - head[start].bit_length()
        size_at = start + name_length
        if size_at >= end or not head[size_at]:
            return
        length = 9 - head[size_at].bit_length()
        size = int.from_bytes(head[size_at : size_at + length], "big") & (2 ** (7 * length) - 1)
        element = _Element(bytes(head[start:size_at]), size_at, size_at + length, size_at + length + size)
        yield element
        start = element.end
