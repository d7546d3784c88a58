"""MXF (OP1a) as a container of results: which films it can be, and what FFmpeg's muxer does not write into it.

MXF has no timestamps: all frames are as long as its edit unit, and sound runs along with them from the first one.
"""

from array import array
from collections.abc import Iterator, MutableMapping
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kinemacolor.errors import InputError, UsageError, translate_foreign_errors
from kinemacolor.video.container import find_video_stream, open_film
from kinemacolor.video.info import VideoInfo

MXF_CODECS = ("prores", "dnxhd")
MXF_COMMENT = "comment_"  # how FFmpeg calls the metadata that MXF has no own place for
SOUND_RATE = 48000  # Hz, the only one that FFmpeg writes
_NTSC = Fraction(1000, 1001)
EDIT_RATES = tuple(sorted([*map(Fraction, (24, 25, 30, 48, 50, 60, 100, 120)), *(n * _NTSC for n in (24, 30, 48, 60))]))
_RATE_TOLERANCE = Fraction(1, 5000)  # containers give 23.98 for 24000/1001; the next rate is five times as far
# SMPTE ST 377-1: of a picture, the local tag of its aspect ratio with the size of two numbers of 32 bits.
_ASPECT_TAG = b"\x32\x0e\x00\x08"
# SMPTE ST 330: the name of a material (UMID), up to 16 bytes that tell it apart; the last of these number its packages.
_UMID = bytes.fromhex("060a2b340101010501010d0013000000")
_UMID_NUMBER_BYTES = 12
# SMPTE ST 336: what begins so is metadata, in sets or packs, and no essence.
_METADATA_KEY = bytes.fromhex("060e2b3402")
_KEY_BYTES, _LONGEST_LENGTH, _MAX_SET_BYTES = 16, 9, 2**16


def find_edit_rate(rate: Fraction | None) -> Fraction | None:
    """Return the rate of MXF that a film's ``rate`` means, None where there is none."""
    return next((one for one in EDIT_RATES if rate and abs(rate - one) < one * _RATE_TOLERANCE), None)


def check_can_be_mxf(info: VideoInfo) -> None:
    """Raise UsageError for a film that MXF cannot hold, as far as its headers tell."""
    if info.is_interlaced:
        raise UsageError("the film is interlaced, and .mxf is written without fields: name it .mov (--vcodec prores)")
    if info.display_matrix:
        raise UsageError("the film is turned or mirrored when it is shown, which .mxf cannot say: name it .mov")
    if find_edit_rate(info.rate) is None:
        rate = "no rate" if info.rate is None else f"{float(info.rate):.5g} frames a second on average"
        known = ", ".join(f"{float(one):.5g}" for one in EDIT_RATES)
        raise UsageError(f"the film has {rate}, .mxf can have {known}: name it .mov, which takes any")


def check_is_even(info: VideoInfo) -> None:
    """Read the times of all frames, without decoding one, and check that each is where its number puts it.

    Raises UsageError for a film of variable rate, InputError for one that cannot be read.
    """
    rate = find_edit_rate(info.rate)
    if info.is_pictures or rate is None:
        return
    times = array("q")
    with open_film(info.path) as container, translate_foreign_errors(lambda error: InputError(str(error))):
        stream = find_video_stream(container, info.path)
        time_base = stream.time_base or info.time_base
        for packet in container.demux(stream):
            ticks = packet.pts if packet.pts is not None else packet.dts
            if packet.size and ticks is not None:
                times.append(ticks)
    if len(times) < 2:
        return
    ordered = np.sort(np.frombuffer(times, np.int64))
    places = (ordered - ordered[0]) * float(time_base * rate)
    wrong = np.flatnonzero(np.rint(places) != np.arange(len(places)))
    if wrong.size:
        raise describe_unevenness(float((ordered[wrong[0]] - ordered[0]) * time_base))


def make_comments(metadata: MutableMapping[str, str]) -> None:
    """Rename all metadata of a result so that FFmpeg's muxer stores it; only of the time code it knows its place."""
    for key, value in list(metadata.items()):
        if key.lower() != "timecode":
            del metadata[key]
            metadata[f"{MXF_COMMENT}{key}"] = value


def describe_unevenness(seconds: float) -> UsageError:
    """Make the error that says at which second of a film a frame is not where its number puts it."""
    return UsageError(
        f"the frames of the film are not equally long (the first that is not where it should be is at "
        f"{seconds:.3f} s), and .mxf holds no other: name it .mov, which keeps every time"
    )


def complete_metadata(path: Path, display_aspect: Fraction, digest: bytes) -> None:
    """Write into an MXF file of FFmpeg's the aspect ratio of its pictures, and a name that tells its material apart.

    The muxer knows no pixel aspect of DNxHR. Its names of materials (UMID), by which editing programs find their clips,
    are random, or the same in all files; here they are made of a ``digest`` of the contents, in the header and in every
    frame. Nothing moves in the file. Raises OSError.
    """
    aspect = b"".join(number.to_bytes(4, "big") for number in display_aspect.as_integer_ratio())
    with path.open("r+b") as stream:
        for at, size in _iter_metadata(stream):
            stream.seek(at)
            value = bytearray(stream.read(size))
            _overwrite(value, _ASPECT_TAG, aspect)
            _overwrite(value, _UMID, digest[:_UMID_NUMBER_BYTES])
            stream.seek(at)
            stream.write(value)


def _iter_metadata(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield place and size of every set of metadata in a file, in order; the file is a row of key, length, value."""
    at = 0
    while True:
        stream.seek(at)
        head = stream.read(_KEY_BYTES + _LONGEST_LENGTH)
        if len(head) <= _KEY_BYTES:
            return
        first = head[_KEY_BYTES]  # a length below 128, or the number of bytes that it takes
        length_bytes = first - 128 if first >= 128 else 0
        digits = head[_KEY_BYTES + 1 : _KEY_BYTES + 1 + length_bytes]
        size = int.from_bytes(digits, "big") if length_bytes else first
        value_at = at + _KEY_BYTES + 1 + length_bytes
        if head.startswith(_METADATA_KEY) and size <= _MAX_SET_BYTES:
            yield value_at, size
        at = value_at + size


def _overwrite(value: bytearray, mark: bytes, following: bytes) -> None:
    """Put ``following`` in the place of what follows every ``mark``."""
    at = value.find(mark)
    while at >= 0:
        at += len(mark)
        value[at : at + len(following)] = following
        at = value.find(mark, at)
