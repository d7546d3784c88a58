"""What a container says of a picture stream beside the codec, which PyAV shows nowhere: crop, Dolby Vision.

FFmpeg copies it from stream to stream: the header is written into a Matroska file in memory, and read there.
"""

from collections.abc import Iterator
from io import BytesIO

import av

# Elements of Matroska (RFC 9559) on the way to what is looked for, and what that is.
_PARENTS = {0x18538067: "Segment", 0x1654AE6B: "Tracks", 0xAE: "TrackEntry", 0xE0: "Video"}
_FOUND = {
    **dict.fromkeys((0x54AA, 0x54BB, 0x54CC, 0x54DD), "FRAME_CROPPING"),
    0x41E4: "DOVI_CONF",  # BlockAdditionMapping, which FFmpeg writes for Dolby Vision alone
}


def read_stream_header(stream: av.VideoStream) -> set[str]:
    """Return FFmpeg's names of the side data of a stream that its frames do not have; empty where nothing tells."""
    buffer = BytesIO()
    try:
        with av.open(buffer, "w", format="matroska") as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
            return {_FOUND[one] for one in _iter_elements(buffer.getvalue()) if one in _FOUND}
    except (av.error.FFmpegError, ValueError, IndexError):
        return set()


def _iter_elements(data: bytes) -> Iterator[int]:
    """Yield the numbers of all elements of a Matroska file, those inside of `_PARENTS` too."""
    at = 0
    while at < len(data):
        length = 9 - data[at].bit_length()
        number = int.from_bytes(data[at : at + length])
        at += length
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length]) & ((1 << 7 * length) - 1)
        is_unknown = size == (1 << 7 * length) - 1
        at += length
        yield number
        if number in _PARENTS:
            end = len(data) if is_unknown else at + size
            yield from _iter_elements(data[at:end])
            at = end
        else:
            at += size
