"""Timelines of OpenTimelineIO (*.otio), read and written through its library."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

import opentimelineio as otio

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.shots.listed import MAX_NUMBER, ListedShot, Reading, place_in_film
from kinemacolor.shots.shot import FrameClock, Marker, Shot, parse_transition

_SCHEMA = re.compile(r"\w+\.[0-9]{1,4}")
_SAME_RATE = 0.1  # frames a second; programs write 24 for 24000/1001

_Time = tuple[float, float]  # a value and its rate


@dataclass(frozen=True)
class _Item:
    """A child of a track.

    ``times`` are start and duration in the track; of a transition its lengths before and after the cut. ``own`` is
    what we wrote ourselves of how a shot begins.
    """

    name: str
    times: tuple[_Time, ...]
    is_transition: bool = False
    is_gap: bool = False
    own: tuple[object, object] = (None, 0)


def read_timeline(path: Path, text: str, frames: int, clock: FrameClock) -> list[Reading]:
    """Read the shots of the first video track that holds any, for a film of ``frames`` frames.

    Raises InputError for what is no timeline, or one whose times are no numbers of frames.
    """

    def make_error(error: Exception) -> InputError:
        fault = str(error).strip().split("\n", 1)[0] or type(error).__name__
        return InputError(f"{path} cannot be read as a timeline ({fault}): export it again as OpenTimelineIO")

    with translate_foreign_errors(make_error):
        origin, items = _list_items(text)
    if all(item.is_transition for item in items):
        raise InputError(f"{path} holds no shot: it has no clip on a video track")
    begin = clock.timecode_origin if origin is None else _count_frames(path, "the timeline", origin, clock.rate)
    return [place_in_film(list(_iter_shots(path, items, begin, clock.rate)), clock, frames, drop=clock.drop_frame)]


def _list_items(text: str) -> tuple[_Time | None, list[_Item]]:
    """List what lies on the first video track that is not empty, and the time at which the timeline begins.

    All of it calls the library, which raises what it likes.
    """
    # The library's own parser overflows its stack on what is nested too deep, and ends the process over missing parts.
    json.loads(text, object_hook=_check_parts)
    timeline = otio.adapters.read_from_string(text, "otio_json")
    if isinstance(timeline, otio.schema.SerializableCollection):
        timeline = next(one for one in timeline if isinstance(one, otio.schema.Timeline))
    if not isinstance(timeline, otio.schema.Timeline):
        raise TypeError(f"it holds a {timeline.schema_name()}, no Timeline")
    start = timeline.global_start_time
    track = next((one for one in timeline.video_tracks() if len(one)), ())
    return None if start is None else (start.value, start.rate), [_describe_child(child) for child in track]


def _check_parts(part: dict[str, Any]) -> dict[str, Any]:
    """Return an object of a timeline.

    Raises ValueError where its tracks, or things in a list of it, are missing, or its schema has no version.
    """
    if not _SCHEMA.fullmatch(str(part.get("OTIO_SCHEMA", "None.1"))):
        raise ValueError(f"{part['OTIO_SCHEMA']!r} is no schema")
    for name, value in part.items():
        holes = value if isinstance(value, list) else [value] if name == "tracks" else ()
        if any(one is None for one in holes):
            raise ValueError(f"it has no {name}" if name == "tracks" else f"one of its {name} is missing")
    return part


def _describe_child(child: Any) -> _Item:
    if isinstance(child, otio.schema.Transition):
        return _Item(child.name, tuple((time.value, time.rate) for time in (child.in_offset, child.out_offset)), True)
    within = child.range_in_parent()
    times = tuple((time.value, time.rate) for time in (within.start_time, within.duration))
    own = child.metadata.get("kinemacolor", {})
    is_gap = isinstance(child, otio.schema.Gap)
    return _Item(child.name, times, is_gap=is_gap, own=(own.get("transition"), own.get("dissolve", 0)))


def _iter_shots(path: Path, items: Sequence[_Item], begin: int, rate: Fraction) -> Iterator[ListedShot]:
    """Yield a shot for each clip, where it lies on a track that begins with the frame ``begin``."""
    waiting: ListedShot | None = None
    number, dissolve = 0, (0, 0)
    for item in items:
        if item.is_transition:
            place = f"the transition after clip {number}"
            before, after = (_count_frames(path, place, time, rate) for time in item.times)
            dissolve = before, after
            continue
        number += 1
        place = f"clip {number}" + (f" ({item.name[:40]})" if item.name else "")
        if item.is_gap:
            place += ", a gap,"
        first, length = (_count_frames(path, place, item.times[index], rate) for index in (0, 1))
        first += begin
        transition = parse_transition(item.own[0]) if item.own[0] is not None else ("cut" if waiting else None)
        shot = ListedShot(place, first, first + length, transition, _count_own_dissolve(path, place, item.own[1]))
        if sum(dissolve) and waiting:
            before, after = dissolve
            middle = first - before + (before + after) // 2
            waiting = replace(waiting, end=middle if waiting.end == first else waiting.end)
            shot = replace(shot, first=middle, transition="dissolve", dissolve=before + after)
        if waiting:
            yield waiting
        waiting, dissolve = shot, (0, 0)
    if waiting:
        yield waiting


def _count_frames(path: Path, place: str, time: _Time, rate: Fraction) -> int:
    """Count the frames of the film in a time. Raises InputError for one that is no number of frames."""
    value, their_rate = time
    if not (isfinite(value) and isfinite(their_rate) and their_rate > 0):
        raise InputError(f"{path}: {place} has the time {value} at {their_rate} a second, which is none")
    frames = value if abs(their_rate - rate) < _SAME_RATE else value / their_rate * float(rate)
    if abs(frames) > MAX_NUMBER:
        raise InputError(f"{path}: {place} has the time {value:g} at {their_rate:g} a second, beyond any film")
    return round(frames)


def _count_own_dissolve(path: Path, place: str, dissolve: object) -> int:
    if not isinstance(dissolve, int) or abs(dissolve) > MAX_NUMBER:
        raise InputError(f"{path}: {place} has a dissolve of {dissolve!r}, wanted a number of frames")
    return dissolve


def write_timeline(shots: Sequence[Shot], clock: FrameClock, film: Path, markers: Sequence[Marker] = ()) -> str:
    """Write one clip a shot on one video track, at the time code of the film, with a transition for each dissolve.

    Markers lie on the clip of their shot, in the time of the film.
    """
    rate = float(clock.rate)

    def make_time(frames: int) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(frames, rate)

    def make_range(first: int, length: int) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(make_time(first), make_time(length))

    timeline = otio.schema.Timeline(film.stem)
    timeline.global_start_time = make_time(clock.timecode_origin)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    film_range = make_range(clock.timecode_origin, shots[-1].end)
    for number, shot in enumerate(shots, 1):
        if shot.dissolve and number > 1:
            before = shot.dissolve // 2
            kind = otio.schema.TransitionTypes.SMPTE_Dissolve
            track.append(
                otio.schema.Transition(
                    "dissolve", kind, in_offset=make_time(before), out_offset=make_time(shot.dissolve - before)
                )
            )
        media = otio.schema.ExternalReference(target_url=film.name, available_range=film_range)
        clip = otio.schema.Clip(f"shot {number:04}", media, make_range(clock.timecode_origin + shot.first, len(shot)))
        clip.metadata["kinemacolor"] = {"transition": shot.transition or "", "dissolve": shot.dissolve}
        for one in markers:
            if shot.first <= one.frame < shot.end:
                marked = make_range(clock.timecode_origin + one.frame, 1)
                clip.markers.append(otio.schema.Marker(one.name, marked, one.color.upper(), comment=one.comment))
        track.append(clip)
    text: str = otio.adapters.write_to_string(timeline, "otio_json")
    return text
