"""Shots as a list names them, with the place of each in the list, and whether they are those of a film."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from kinemacolor.errors import InputError
from kinemacolor.shots.shot import FrameClock, Shot, Transition
from kinemacolor.video.timecode import count_day_frames, count_timecode_frames, frames_to_timecode

MAX_NUMBER = 10**9  # of frames, and of seconds: far beyond any film


LINE_ENDS = re.compile(r"\r\n|\r|\n")


class ShotListNotice(UserWarning):
    """Says how a list of shots was understood, where that is not plain."""


@dataclass(frozen=True)
class ListedShot:
    """A shot as a list has it: the frames from ``first`` up to ``end``, which is not in it.

    ``place`` says where in the list, as "line 12". The rest is as in `Shot`.
    """

    place: str
    first: int
    end: int
    transition: Transition | None = None
    dissolve: int = 0


@dataclass(frozen=True)
class Reading:
    """One way to understand a list; ``note`` says what was assumed, "" where nothing was."""

    shots: tuple[ListedShot, ...]
    note: str = ""


def split_lines(text: str) -> list[str]:
    """Split a text into the lines that an editor numbers, whatever system wrote it."""
    return LINE_ENDS.split(text)


def choose_reading(path: Path, readings: Sequence[Reading], frames: int) -> tuple[Shot, ...]:
    """Return the shots of the first reading that covers a film of ``frames`` frames; its note is warned of.

    Readings without a note go first. Raises InputError, with the fault of the first of all, where none does.
    """
    for reading in sorted(readings, key=lambda one: bool(one.note)):
        if _find_fault(reading.shots, frames) is None:
            if reading.note:
                warnings.warn(f"{path.name}: {reading.note}", ShotListNotice, stacklevel=4)
            return tuple(Shot(one.first, one.end, one.transition, dissolve=one.dissolve) for one in reading.shots)
    fault, note = _find_fault(readings[0].shots, frames), readings[0].note
    raise InputError(
        f"{path}: its shots do not cover frames 0 to {frames - 1} one after the other: {fault}"
        + (f" ({note})" if note else "")
    )


def place_in_film(shots: Sequence[ListedShot], clock: FrameClock, frames: int, *, drop: bool) -> Reading:
    """Number shots that are counted in time code from the film's first frame.

    A list that does not begin where the film does, but is as long, is counted from its own beginning: programs put a
    film at 01:00:00:00 or 10:00:00:00. Of any other list the whole hours are taken away.
    """
    begin, origin = shots[0].first, clock.timecode_origin
    hour = _count_hour(clock, drop=drop)
    is_whole = shots[-1].end - begin == frames
    offset = begin if is_whole else origin + round((begin - origin) / hour) * hour
    note = ""
    if offset != origin:
        theirs, ours = _name_frame(begin, clock, drop=drop), _name_frame(origin, clock, drop=clock.drop_frame)
        hours = (offset - origin) / hour
        how = f"{_count_hours(hours)} off, which is taken away" if hours.is_integer() else "counted from its first shot"
        note = f"it begins at {theirs}, the film at {ours}: {how}"
    return Reading(tuple(replace(one, first=one.first - offset, end=one.end - offset) for one in shots), note)


def pass_midnight(spans: Sequence[tuple[int, int]], clock: FrameClock, *, drop: bool) -> list[tuple[int, int]]:
    """Count the first frames and ends of shots on where time code begins again, after 24 hours.

    That is where one lies more than half a day before what it should follow: less is a list out of order.
    """
    day = count_day_frames(clock.rate, drop=drop)
    passed, before, counted = 0, 0, []
    for first, end in spans:
        passed += day if before - first > day // 2 else 0
        counted.append((first + passed, end + passed + (day if first - end > day // 2 else 0)))
        before = first
    return counted


def _count_hour(clock: FrameClock, *, drop: bool) -> int:
    try:
        return count_timecode_frames("01:00:00:00", clock.rate, drop=drop)
    except ValueError:  # a rate without time code
        return round(3600 * clock.rate)


def _name_frame(number: int, clock: FrameClock, *, drop: bool) -> str:
    try:
        return frames_to_timecode(number, clock.rate, drop=drop)
    except ValueError:
        return f"frame {number}"


def _count_hours(hours: float) -> str:
    return f"{abs(hours):.0f} hour{'s' * (abs(hours) != 1)}"


def _find_fault(shots: Sequence[ListedShot], frames: int) -> str | None:
    """Say in words what keeps shots from covering a film, with their places; None where nothing does."""
    for one, other in pairwise(shots):
        if other.first < one.first:
            return (
                f"{other.place} begins with frame {other.first}, before {one.place} (frame {one.first}): "
                "sort the list by time"
            )
        if other.first == one.first:
            return f"{other.place} begins with frame {other.first}, as {one.place} does"
    for one in shots:
        if one.first >= frames:
            return f"{one.place} begins with frame {one.first}, the film ends with frame {frames - 1}"
        if one.end <= one.first:
            return f"{one.place}: the shot from frame {one.first} to {one.end - 1} ends before it begins"
    if shots[0].first != 0:
        return f"{shots[0].place}: the first shot begins with frame {shots[0].first}, the film with frame 0"
    for one, other in pairwise(shots):
        if one.end > other.first:
            return f"{other.place} begins with frame {other.first}, but {one.place} ends with frame {one.end - 1}"
        if one.end < other.first:
            return (
                f"{one.place} ends with frame {one.end - 1}, {other.place} begins with frame {other.first}: "
                f"what is between is in no shot (frame {one.end} is followed by {other.first})"
            )
    if shots[-1].end != frames:
        return f"{shots[-1].place}: the last shot ends with frame {shots[-1].end - 1}, the film with frame {frames - 1}"
    return _find_dissolve_fault(shots)


def _find_dissolve_fault(shots: Sequence[ListedShot]) -> str | None:
    """Say which dissolve lasts less than no frame, or longer than the shots on its sides."""
    for before, shot in zip([None, *shots], shots, strict=False):
        if shot.dissolve < 0:
            return f"{shot.place}: a dissolve lasts less than no frame"
        begins = shot.first - shot.dissolve // 2
        if shot.dissolve and (before is None or begins < before.first or begins + shot.dissolve > shot.end):
            return f"{shot.place}: a dissolve of {shot.dissolve} frames is longer than the shots on its sides"
    return None
