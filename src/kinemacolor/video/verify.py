"""Checks that a result is its source with colours: compares both stream by stream and frame by frame."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
from av.stream import AttachmentStream

from kinemacolor.options import GapHandling
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.container import find_video_stream, open_film
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.other_streams import CONTAINER_METADATA_KEYS
from kinemacolor.video.pixels import full_to_limited_range, rescale_codes
from kinemacolor.video.reader import VideoReader, probe_film

LOSSLESS_CODECS = ("ffv1", "utvideo", "huffyuv", "ffvhuff", "rawvideo")
# The largest mean error of luma, in 8-bit levels, with which a lossy result still counts as the same film.
MAX_LOSSY_MEAN_LEVELS = 3.0
# Containers round to milliseconds, at worst twice; a packet of sound lasts about twenty.
SOUND_TOLERANCE_SECONDS = 0.0025
MAX_SHIFT_SECONDS = 0.1  # by which all streams together may have moved


@dataclass(frozen=True)
class Check:
    """The result of one comparison: what was compared, whether it passed, and what was found, in words."""

    name: str
    passed: bool
    detail: str


@dataclass
class _FrameDifferences:
    """Differences summed up frame by frame.

    ``largest_luma_error`` is in levels of the deeper film, ``total_luma_error`` in 8-bit levels, times in seconds.
    """

    frame_counts: tuple[int, int] = (0, 0)
    time_shift: Fraction | None = None
    largest_time_error: float = 0.0
    largest_luma_error: int = 0
    total_luma_error: float = 0.0
    pixel_count: int = 0
    has_equal_sizes: bool = True


def verify_film(source: Path, result: Path, gaps: GapHandling = "error") -> list[Check]:
    """Compare a result with its source: frames, timestamps, geometry, luma, colour tags and all other streams.

    ``gaps`` is what became of pictures that a source of numbered ones lacks.

    Raises InputError where one of them cannot be read.
    """
    before, after = probe_film(source, gaps), probe_film(result)
    differences = _compare_frames(source, result, before, after)
    checks = [
        Check(
            "frames",
            differences.frame_counts[0] == differences.frame_counts[1],
            f"{differences.frame_counts[0]} and {differences.frame_counts[1]}",
        ),
        _check_timestamps(differences, before, after),
        _check_geometry(before, after),
        _check_luma(differences, before, after),
    ]
    if not before.is_pictures and not after.is_pictures:
        checks += [
            _check_color_tags(before, after),
            *_iter_stream_checks(source, result, float(differences.time_shift or 0)),
        ]
    return checks


def _check_timestamps(differences: _FrameDifferences, before: VideoInfo, after: VideoInfo) -> Check:
    """Check that timestamps agree to a rounding of the coarser clock, or that all streams have moved together.

    A container without negative time (Matroska) moves everything where sound begins before zero;
    whether the other streams have moved by the same is checked with them.
    """
    tick = float(max(before.time_base, after.time_base)) + 1e-9
    shift_seconds = float(differences.time_shift or 0)
    largest = max(differences.largest_time_error, abs(shift_seconds))
    detail = f"largest difference {largest:.6f} s, {_describe_time_bases(before, after)}"
    if before.is_pictures or after.is_pictures:
        return Check("timestamps", differences.largest_time_error <= tick, detail)
    with open_film(before.path) as source:
        max_shift = MAX_SHIFT_SECONDS if source.streams.audio else tick
    passed = differences.largest_time_error <= tick and abs(shift_seconds) <= max_shift
    return Check("timestamps", passed, detail + (" (all streams together)" if abs(shift_seconds) > tick else ""))


def _describe_time_bases(before: VideoInfo, after: VideoInfo) -> str:
    if before.time_base == after.time_base:
        return f"time base {after.time_base}"
    return f"time base {before.time_base} became {after.time_base}"


def _compare_frames(source: Path, result: Path, before: VideoInfo, after: VideoInfo) -> _FrameDifferences:
    """Read both films together, and compare times and luma of frames with the same number."""
    differences = _FrameDifferences()
    for one, other in zip_longest(_iter_luma_codes(source, before.gaps), _iter_luma_codes(result)):
        differences.frame_counts = (
            differences.frame_counts[0] + (one is not None),
            differences.frame_counts[1] + (other is not None),
        )
        if one is None or other is None:
            continue
        time_shift = other[1] * after.time_base - one[1] * before.time_base
        differences.time_shift = time_shift if differences.time_shift is None else differences.time_shift
        differences.largest_time_error = max(
            differences.largest_time_error, abs(float(time_shift - differences.time_shift))
        )
        _compare_luma_codes(differences, one[0], other[0], before, after)
    return differences


def _compare_luma_codes(
    differences: _FrameDifferences, one: UIntArray, other: UIntArray, before: VideoInfo, after: VideoInfo
) -> None:
    """Add the luma of one pair of frames to ``differences``, compared at the larger of both depths."""
    if one.shape != other.shape:
        differences.has_equal_sizes = False
        return
    if before.depth < after.depth:
        wanted, found = rescale_codes(one, before.depth, after.depth, full_range=before.colors.full_range), other
    else:
        wanted, found = one, rescale_codes(other, after.depth, before.depth, full_range=after.colors.full_range)
    if _is_range_narrowed(before, after):
        wanted = full_to_limited_range(wanted, max(before.depth, after.depth), is_cbcr=False)
    difference = np.abs(wanted.astype(np.int32) - found.astype(np.int32))
    differences.largest_luma_error = max(differences.largest_luma_error, int(difference.max()))
    differences.total_luma_error += float(difference.sum()) / 2 ** (max(before.depth, after.depth) - 8)
    differences.pixel_count += difference.size


def _is_range_narrowed(before: VideoInfo, after: VideoInfo) -> bool:
    """Say whether a full-range film became one of limited range, as it must in ProRes."""
    return after.codec == "prores" and before.colors.full_range and not after.colors.full_range


def _iter_luma_codes(path: Path, gaps: GapHandling = "error") -> Iterator[tuple[UIntArray, int]]:
    """Yield the luma codes ``H W`` and the pts of every frame."""
    with VideoReader(path, gaps=gaps) as reader:
        for block in reader.iter_blocks(1):
            yield block.luma_codes[0], block.pts[0]


def _check_geometry(before: VideoInfo, after: VideoInfo) -> Check:
    def get_display_geometry(info: VideoInfo) -> tuple[int, int, Fraction, int]:
        return info.width, info.height, Fraction(info.sample_aspect or 1), info.display_rotation

    one, other = get_display_geometry(before), get_display_geometry(after)
    return Check(
        "geometry",
        one == other,
        f"{_describe_geometry(one)}" + ("" if one == other else f" became {_describe_geometry(other)}"),
    )


def _describe_geometry(shape: tuple[int, int, Fraction, int]) -> str:
    return f"{shape[0]}x{shape[1]}, pixel aspect {shape[2]}, rotation {shape[3]}"


def _check_luma(differences: _FrameDifferences, before: VideoInfo, after: VideoInfo) -> Check:
    """Check that luma is the source's: exactly in a lossless codec, nearly in any other."""
    if not differences.has_equal_sizes:
        return Check("luma", False, "the pictures have different sizes")
    if not differences.pixel_count:
        return Check("luma", False, "there is no frame in common")
    mean = differences.total_luma_error / differences.pixel_count
    depth = max(before.depth, after.depth)
    largest = f"largest difference {differences.largest_luma_error} of {2**depth - 1}"
    detail = f"{largest}, mean {mean:.4f} 8-bit levels ({after.codec})"
    if differences.largest_luma_error == 0:
        return Check("luma", True, f"bit for bit the source's ({after.codec})")
    must_be_exact = (
        after.codec in LOSSLESS_CODECS
        and before.has_luma_plane
        and after.has_luma_plane
        and after.depth >= before.depth
    )
    return Check("luma", not must_be_exact and mean <= MAX_LOSSY_MEAN_LEVELS, detail)


def _check_color_tags(before: VideoInfo, after: VideoInfo) -> Check:
    one, other = before.colors, after.colors
    if _is_range_narrowed(before, after):
        one = replace(one, full_range=False)
    differs = [
        name for name in ("matrix", "primaries", "transfer", "full_range") if getattr(one, name) != getattr(other, name)
    ]
    if before.is_interlaced and before.field_order != after.field_order:
        differs.append("field order")
    return Check("colour tags", not differs, "kept" if not differs else f"{', '.join(differs)} changed")


def _iter_stream_checks(source: Path, result: Path, shift_seconds: float) -> Iterator[Check]:
    """Check metadata, chapters, attachments, and the packets of all streams beside the pictures."""
    with open_film(source) as one, open_film(result) as other:
        yield _check_metadata(one.metadata, other.metadata)
        chapters = [_list_chapters(film) for film in (one, other)]
        if any(chapters):
            yield Check("chapters", chapters[0] == chapters[1], f"{len(chapters[0])} and {len(chapters[1])}")
        attached = [sorted(s.data for s in film.streams if isinstance(s, AttachmentStream)) for film in (one, other)]
        if any(attached):
            yield Check("attachments", attached[0] == attached[1], f"{len(attached[0])} and {len(attached[1])}")
        before, after = _hash_packets(one, source), _hash_packets(other, result)
    for kind in sorted(before.keys() | after.keys()):
        found = _describe_differences(before.get(kind, []), after.get(kind, []), shift_seconds)
        detail = found or f"{len(before[kind])}, every packet the same and in its time"
        yield Check(f"{kind} streams", not found, detail)


def _check_metadata(before: dict[str, str], after: dict[str, str]) -> Check:
    found = {key.lower(): value for key, value in after.items()}
    wanted = {key: value for key, value in before.items() if key.lower() not in CONTAINER_METADATA_KEYS}
    lost = [key for key, value in wanted.items() if found.get(key.lower()) != value]
    return Check("metadata", not lost, f"{len(wanted)} kept" if not lost else f"lost or changed: {', '.join(lost)}")


def _list_chapters(film: av.container.InputContainer) -> list[tuple[str, int]]:
    """List the titles of the chapters and their starts in milliseconds."""
    return [(c["metadata"].get("title", ""), round(c["start"] * (c["time_base"] or 1) * 1000)) for c in film.chapters()]


def _hash_packets(film: av.container.InputContainer, path: Path) -> dict[str, list[list[tuple[float, str]]]]:
    """List the time in seconds and the SHA-256 of every packet, by stream, by kind: sound, subtitles, cover art."""
    video = find_video_stream(film, path)
    wanted = [s for s in film.streams if s.index != video.index and s.type in ("audio", "subtitle", "video")]
    streams: dict[int, list[tuple[float, str]]] = {s.index: [] for s in wanted}
    video.discard = av.stream.Discard.all
    for packet in film.demux(wanted) if wanted else ():
        if packet.size:
            data = bytes(packet)
            if packet.stream.type == "audio" and data[:1] == b"\xff" and data[1:2] and data[1] & 0xF6 == 0xF0:
                data = data[7:] if data[1] & 1 else data[9:]  # AAC in a transport stream carries an ADTS header
            seconds = float((packet.pts or 0) * packet.time_base)
            streams[packet.stream.index].append((seconds, hashlib.sha256(data).hexdigest()))
    found: dict[str, list[list[tuple[float, str]]]] = {}
    for stream in wanted:
        kind = "cover art" if stream.type == "video" else stream.type
        found.setdefault(kind, []).append(streams[stream.index])
    return found


def _describe_differences(
    before: list[list[tuple[float, str]]], after: list[list[tuple[float, str]]], shift_seconds: float
) -> str:
    """Say in words what differs between two lists of streams; empty if nothing does."""
    if len(before) != len(after):
        return f"{len(before)} became {len(after)}"
    for one, other in zip(before, after, strict=True):
        if [digest for _, digest in one] != [digest for _, digest in other]:
            return f"packets differ ({len(one)} and {len(other)})"
        largest_shift = max((abs(b[0] - a[0] - shift_seconds) for a, b in zip(one, other, strict=True)), default=0.0)
        if largest_shift > SOUND_TOLERANCE_SECONDS:
            return f"moved against the pictures by up to {largest_shift:.3f} s"
    return ""
