"""Proof that a result is its source with colours: compared stream by stream, frame by frame."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np

from kinemacolor.arrays import Codes
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.pixels import rescale_codes
from kinemacolor.video.reader import VideoReader, main_video, probe

LOSSLESS = ("ffv1", "utvideo", "huffyuv", "ffvhuff", "rawvideo")
# Of a lossy result: the mean error of luma that is still this film, in 8-bit levels.
LOSSY_MEAN_LEVELS = 3.0


@dataclass(frozen=True)
class Check:
    """One thing compared: what it is, whether it holds, what was found."""

    name: str
    passed: bool
    detail: str


@dataclass
class _Tally:
    """Differences gathered frame by frame; luma in levels of the source, time in seconds."""

    frames: tuple[int, int] = (0, 0)
    moved: Fraction | None = None
    late: float = 0.0
    largest: int = 0
    total: float = 0.0
    pixels: int = 0
    sizes_agree: bool = True


def verify_film(source: Path, result: Path) -> list[Check]:
    """Compare two films; see `Check`.

    Raises InputError where one cannot be read.
    """
    before, after = probe(source), probe(result)
    tally = _compare_frames(source, result, before, after)
    checks = [
        Check("frames", tally.frames[0] == tally.frames[1], f"{tally.frames[0]} and {tally.frames[1]}"),
        _clock(tally, before, after),
        _geometry(before, after),
        _luma(tally, before, after),
    ]
    if not before.is_pictures and not after.is_pictures:
        checks += [_tags(before, after), *_streams(source, result)]
    return checks


def _clock(tally: _Tally, before: VideoInfo, after: VideoInfo) -> Check:
    """Timestamps agree to a rounding of the coarser clock, or all streams have moved together.

    A container without negative time (Matroska) moves everything where sound begins before zero.
    """
    tick = float(max(before.time_base, after.time_base)) + 1e-9
    moved = float(tally.moved or 0)
    words = f"largest difference {max(tally.late, abs(moved)):.6f} s, {_ticks(before, after)}"
    if before.is_pictures or after.is_pictures:
        return Check("timestamps", tally.late <= tick, words)
    if abs(moved) > tick / 2:
        sound = _sound_moved(before.path, after.path)
        together = bool(sound) and all(abs(other - moved) <= tick for other in sound)
        return Check("timestamps", together and tally.late <= tick, f"{words}; moved by {moved:.6f} s with the sound")
    return Check("timestamps", tally.late + abs(moved) <= tick, words)


def _sound_moved(source: Path, result: Path) -> list[float]:
    """By how many seconds the first packet of each sound stream has moved."""
    return [after - before for before, after in zip(_sound_starts(source), _sound_starts(result), strict=False)]


def _sound_starts(path: Path) -> list[float]:
    """Seconds of the first packet of each sound stream."""
    starts: dict[int, float] = {}
    with av.open(str(path), metadata_errors="replace") as film:
        for packet in film.demux(film.streams.audio) if film.streams.audio else ():
            if packet.pts is not None:
                starts.setdefault(packet.stream.index, float(packet.pts * packet.time_base))
            if len(starts) == len(film.streams.audio):
                break
    return [starts[index] for index in sorted(starts)]


def _ticks(before: VideoInfo, after: VideoInfo) -> str:
    if before.time_base == after.time_base:
        return f"time base {after.time_base}"
    return f"time base {before.time_base} became {after.time_base}"


def _compare_frames(source: Path, result: Path, before: VideoInfo, after: VideoInfo) -> _Tally:
    tally = _Tally()
    for one, other in zip_longest(_frames(source), _frames(result)):
        tally.frames = (tally.frames[0] + (one is not None), tally.frames[1] + (other is not None))
        if one is None or other is None:
            continue
        moved = other[1] * after.time_base - one[1] * before.time_base
        tally.moved = moved if tally.moved is None else tally.moved
        tally.late = max(tally.late, abs(float(moved - tally.moved)))
        _compare_luma(tally, one[0], other[0], before, after)
    return tally


def _compare_luma(tally: _Tally, one: Codes, other: Codes, before: VideoInfo, after: VideoInfo) -> None:
    if one.shape != other.shape:
        tally.sizes_agree = False
        return
    if before.depth < after.depth:
        wanted, found = rescale_codes(one, before.depth, after.depth, full_range=before.colors.full_range), other
    else:
        wanted, found = one, rescale_codes(other, after.depth, before.depth, full_range=before.colors.full_range)
    difference = np.abs(wanted.astype(np.int32) - found.astype(np.int32))
    tally.largest = max(tally.largest, int(difference.max()))
    tally.total += float(difference.sum()) / 2 ** (max(before.depth, after.depth) - 8)
    tally.pixels += difference.size


def _frames(path: Path) -> Iterator[tuple[Codes, int]]:
    with VideoReader(path) as reader:
        for block in reader.blocks(1):
            yield block.luma[0], block.pts[0]


def _geometry(before: VideoInfo, after: VideoInfo) -> Check:
    def shown(info: VideoInfo) -> tuple[int, int, Fraction, int]:
        return info.width, info.height, Fraction(info.sample_aspect or 1), info.display_rotation

    one, other = shown(before), shown(after)
    return Check(
        "geometry",
        one == other,
        f"{_geometry_words(one)}" + ("" if one == other else f" became {_geometry_words(other)}"),
    )


def _geometry_words(shape: tuple[int, int, Fraction, int]) -> str:
    return f"{shape[0]}x{shape[1]}, pixel aspect {shape[2]}, rotation {shape[3]}"


def _luma(tally: _Tally, before: VideoInfo, after: VideoInfo) -> Check:
    if not tally.sizes_agree:
        return Check("luma", False, "the pictures have different sizes")
    if not tally.pixels:
        return Check("luma", False, "there is no frame in common")
    mean = tally.total / tally.pixels
    depth = max(before.depth, after.depth)
    detail = f"largest difference {tally.largest} of {2**depth - 1}, mean {mean:.4f} 8-bit levels ({after.codec})"
    if tally.largest == 0:
        return Check("luma", True, f"bit for bit the source's ({after.codec})")
    exact = after.codec in LOSSLESS and before.has_luma_plane and after.has_luma_plane and after.depth >= before.depth
    return Check("luma", not exact and mean <= LOSSY_MEAN_LEVELS, detail)


def _tags(before: VideoInfo, after: VideoInfo) -> Check:
    one, other = before.colors, after.colors
    differs = [
        name for name in ("matrix", "primaries", "transfer", "full_range") if getattr(one, name) != getattr(other, name)
    ]
    if before.is_interlaced and before.field_order != after.field_order:
        differs.append("field order")
    return Check("colour tags", not differs, "kept" if not differs else f"{', '.join(differs)} changed")


def _streams(source: Path, result: Path) -> Iterator[Check]:
    one, other = _packets(source), _packets(result)
    for kind in ("audio", "subtitle"):
        before, after = one.get(kind, []), other.get(kind, [])
        if before or after:
            yield Check(f"{kind} streams", before == after, _stream_words(before, after))
    with av.open(str(source), metadata_errors="replace") as a, av.open(str(result), metadata_errors="replace") as b:
        chapters = [len(a.chapters()), len(b.chapters())]
        if any(chapters):
            yield Check("chapters", chapters[0] == chapters[1], f"{chapters[0]} and {chapters[1]}")
        attachments = [sum(stream.type == "attachment" for stream in film.streams) for film in (a, b)]
        if any(attachments):
            yield Check("attachments", attachments[0] == attachments[1], f"{attachments[0]} and {attachments[1]}")


def _stream_words(before: list[str], after: list[str]) -> str:
    if before == after:
        return f"{len(before)}, every packet the same"
    return f"{len(before)} became {len(after)}" if len(before) != len(after) else "their packets differ"


def _packets(path: Path) -> dict[str, list[str]]:
    """A hash over the packets of each audio and subtitle stream, by kind."""
    with av.open(str(path), metadata_errors="replace") as film:
        video = main_video(film, path)
        hashes = {s.index: hashlib.sha256() for s in film.streams if s.type in ("audio", "subtitle")}
        video.discard = av.stream.Discard.all
        for packet in film.demux([film.streams[index] for index in hashes]) if hashes else ():
            hashes[packet.stream.index].update(bytes(packet))
        found: dict[str, list[str]] = {}
        for index, digest in hashes.items():
            found.setdefault(film.streams[index].type, []).append(digest.hexdigest())
        return found
