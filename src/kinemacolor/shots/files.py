"""Lists of shots on disk, as people and editing programs read them: CSV, EDL (CMX3600), OpenTimelineIO."""

import csv
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import get_args

import opentimelineio as otio

from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.shots.shot import FrameClock, Shot, Transition
from kinemacolor.utils.files import write_file_atomically

CSV_COLUMNS = ("first", "last", "start_seconds", "transition", "dissolve", "certainty")
SHOT_LIST_SUFFIXES = (".csv", ".edl", ".otio")


def write_shots(path: Path, shots: Sequence[Shot], clock: FrameClock, film: Path) -> None:
    """Write a list of the shots of ``film``, in the format of the suffix of ``path``.

    Raises UsageError for another suffix, or where an EDL cannot express the rate; ResourceError where the disk is
    full or refuses to be written.
    """
    suffix = validate_suffix(path)
    with write_file_atomically(path) as stream:
        text = _shots_to_csv(shots, clock) if suffix == ".csv" else _shots_to_timeline(suffix, shots, clock, film)
        stream.write(text.encode())


def read_shots(path: Path, frames: int, clock: FrameClock) -> tuple[Shot, ...]:
    """Read the shots in a list, which must follow each other from the first to the last of a film's ``frames``.

    A CSV needs the column ``first`` alone. Of an EDL or a timeline the first video track counts. Raises UsageError
    for another suffix, InputError where the list cannot be read or its shots leave gaps.
    """
    suffix = validate_suffix(path)
    try:
        with translate_read_errors(path):
            text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not in UTF-8: save it as such") from error
    shots = _shots_from_csv(path, text, frames) if suffix == ".csv" else _shots_from_timeline(path, text, clock)
    if not shots:
        raise InputError(f"{path} holds no shot")
    gaps = [(one.end, other.first) for one, other in pairwise(shots) if one.end != other.first]
    if any(shot.dissolve < 0 for shot in shots):
        raise InputError(f"{path}: a dissolve lasts less than no frame")
    if shots[0].first != 0 or shots[-1].end != frames or gaps or any(len(shot) < 1 for shot in shots):
        where = (
            f"frame {gaps[0][0]} is followed by {gaps[0][1]}" if gaps else f"{shots[0].first} to {shots[-1].end - 1}"
        )
        raise InputError(f"{path}: its shots do not cover frames 0 to {frames - 1} one after the other ({where})")
    return shots


def validate_suffix(path: Path) -> str:
    """Return the suffix of a list of shots, in lower case. Raises UsageError for one that is not supported."""
    suffix = path.suffix.lower()
    if suffix not in SHOT_LIST_SUFFIXES:
        raise UsageError(
            f"{path.name} is no list of shots: name it {', '.join('*' + one for one in SHOT_LIST_SUFFIXES)}"
        )
    return suffix


def _shots_to_csv(shots: Sequence[Shot], clock: FrameClock) -> str:
    """Write one row a shot; ``last`` is in the shot, unlike `Shot.end`."""
    rows = [",".join(CSV_COLUMNS)]
    for shot in shots:
        start = float(clock.start_seconds + shot.first / clock.rate)
        rows.append(
            f"{shot.first},{shot.end - 1},{start:.3f},{shot.transition or ''},{shot.dissolve},{shot.certainty:.2f}"
        )
    return "\n".join(rows) + "\n"


def _shots_from_csv(path: Path, text: str, frames: int) -> tuple[Shot, ...]:
    """Read one shot a row; where ``last`` is missing a shot ends where the next one begins."""
    rows = list(csv.DictReader(text.splitlines()))
    try:
        firsts = [int(row["first"]) for row in rows]
        ends = [int(row["last"]) + 1 if row.get("last") else None for row in rows]
        beginnings = [(_parse_transition(row.get("transition")), 1.0, int(row.get("dissolve") or 0)) for row in rows]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: wanted a column `first` with numbers of frames ({error})") from error
    next_firsts = [*firsts, frames][1:]
    return tuple(
        Shot(first, end or next_first, *beginning)
        for first, end, next_first, beginning in zip(firsts, ends, next_firsts, beginnings, strict=True)
    )


def _shots_to_timeline(suffix: str, shots: Sequence[Shot], clock: FrameClock, film: Path) -> str:
    """Write one clip a shot on one video track, at the time code of the film."""
    rate = float(clock.rate)

    def make_time_range(first: int, length: int) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(first, rate), otio.opentime.RationalTime(length, rate)
        )

    timeline = otio.schema.Timeline(film.stem)
    timeline.global_start_time = otio.opentime.RationalTime(clock.timecode_origin, rate)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    film_range = make_time_range(clock.timecode_origin, shots[-1].end)
    for number, shot in enumerate(shots, 1):
        media = otio.schema.ExternalReference(target_url=film.name, available_range=film_range)
        clip = otio.schema.Clip(
            f"shot {number:04}", media, make_time_range(clock.timecode_origin + shot.first, len(shot))
        )
        clip.metadata["kinemacolor"] = {"transition": shot.transition or "", "dissolve": shot.dissolve}
        track.append(clip)
    try:
        text: str = otio.adapters.write_to_string(timeline, "otio_json" if suffix == ".otio" else "cmx_3600")
    except (otio.exceptions.OTIOError, ValueError) as error:
        raise UsageError(f"an EDL cannot say {rate:g} frames a second ({error}): write .csv or .otio") from error
    return text


def _shots_from_timeline(path: Path, text: str, clock: FrameClock) -> tuple[Shot, ...]:
    """Read the clips of the first video track of an EDL or OpenTimelineIO file."""
    rate, arguments = float(clock.rate), {}
    adapter = "otio_json"
    if path.suffix.lower() == ".edl":
        adapter, arguments = "cmx_3600", {"rate": rate}
    try:
        timeline = otio.adapters.read_from_string(text, adapter, **arguments)
        return tuple(_shot_from_clip(clip, rate, clock) for clip in timeline.video_tracks()[0].find_clips())
    except (otio.exceptions.OTIOError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path} cannot be read as a list of shots ({error})") from error


def _shot_from_clip(clip: otio.schema.Clip, rate: float, clock: FrameClock) -> Shot:
    span, metadata = clip.trimmed_range(), clip.metadata.get("kinemacolor", {})
    first = round(span.start_time.rescaled_to(rate).value) - clock.timecode_origin
    beginning = _parse_transition(metadata.get("transition")), 1.0, int(metadata.get("dissolve", 0))
    return Shot(first, first + round(span.duration.rescaled_to(rate).value), *beginning)


def _parse_transition(name: object) -> Transition | None:
    """Return the transition of this name, None for any other text."""
    return name if name in get_args(Transition) else None  # type: ignore[return-value]
