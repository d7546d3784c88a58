"""Edit decision lists (CMX3600), read as Premiere, Resolve, Avid and Lightworks write them, and written.

Only the record side of picture events counts: it is where a shot lies in the film. Comments, speeds (M2), sound and
titles on a second track are left aside.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kinemacolor.errors import InputError, UsageError
from kinemacolor.shots.listed import ListedShot, Reading, pass_midnight, place_in_film, split_lines
from kinemacolor.shots.shot import FrameClock, Marker, MarkerColor, Shot
from kinemacolor.video.timecode import (
    TIMECODE_PATTERN,
    count_timecode_frames,
    frames_to_timecode,
    has_drop_frame,
    nominal_rate,
)

_TIMECODES = re.compile(rf"(?<!\S){TIMECODE_PATTERN.pattern}(?:\s+{TIMECODE_PATTERN.pattern}){{3}}(?!\S)")
_EVENT_NUMBER = re.compile(r"\d+[A-Z]?(?=\s)", re.ASCII)
_EFFECT = re.compile(r"[CDKW]\d{0,6}", re.ASCII)
_LENGTH = re.compile(r"\d{1,6}", re.ASCII)
_BLACK_REELS = ("BL", "BLACK")
_RESOLVE_COLORS: dict[MarkerColor, str] = {
    "red": "ResolveColorRed",
    "yellow": "ResolveColorYellow",
    "green": "ResolveColorGreen",
}
_EXAMPLE = "001  AX  V  C  00:00:00:00 00:00:05:00 00:00:00:00 00:00:05:00"


@dataclass(frozen=True)
class _Event:
    """A line that says which pictures lie where; ``length`` is that of its dissolve, wipe or key, in frames."""

    line: int
    reel: str
    channels: str
    length: int
    timecodes: tuple[str, ...]  # source in and out, which need not be of the film, record in and out

    @property
    def is_black(self) -> bool:
        return self.reel in _BLACK_REELS

    @property
    def track(self) -> int | None:
        """The number of its picture track, None for sound; B is picture and sound."""
        if self.channels == "B":
            return 1
        found = re.search(r"V(\d?)", self.channels, re.ASCII)
        return int(found[1] or 1) if found else None


def read_edl(path: Path, text: str, frames: int, clock: FrameClock) -> list[Reading]:
    """Read the shots of an EDL for a film of ``frames`` frames, in all ways in which they may be meant.

    Raises InputError, with the number of the line, for what is no EDL or not at the film's rate.
    """
    try:
        nominal_rate(clock.rate)
    except ValueError as error:
        raise InputError(f"{path}: {error}, so an EDL cannot be of this film: give *.csv") from error
    lines = split_lines(text.upper())
    events = _find_picture_events(path, lines)
    readings, faults = [], []
    for drop in _list_counts(lines, events, clock):
        try:
            shots = _make_shots(events, clock, drop=drop)
        except ValueError as error:
            faults.append(str(error))
            continue
        if shots:
            readings.append(place_in_film(shots, clock, frames, drop=drop))
    if not readings:
        raise InputError(f"{path}{faults[0] if faults else ' holds no shot: its events last no frame'}")
    return readings


def _find_picture_events(path: Path, lines: Sequence[str]) -> list[_Event]:
    """Find the events of the first picture track. Raises InputError for a line that is none, or where there is none."""
    events = [
        _parse_event(path, number, line)
        for number, line in enumerate(map(str.strip, lines), 1)
        if _EVENT_NUMBER.match(line)
    ]
    tracks = [event.track for event in events if event.track is not None]
    if not tracks:
        kind = "events of sound alone" if events else "no event"
        raise InputError(f"{path} holds no shot: it has {kind}, wanted lines such as `{_EXAMPLE}`")
    return [event for event in events if event.track == min(tracks)]


def _parse_event(path: Path, number: int, line: str) -> _Event:
    """Parse a line from its right: time codes, length and kind of the effect, channels; the rest names the reel."""
    codes = _TIMECODES.search(line)
    words = line[: codes.start()].split() if codes else []
    at = next((at for at in range(len(words) - 1, 1, -1) if _EFFECT.fullmatch(words[at])), None)
    behind = words[at + 1 :] if at else []
    # Behind it stands how long it lasts, and of a key whether it is its background (B), its end (O), fading (F).
    if not codes or not at or not all(_LENGTH.fullmatch(word) or word in ("B", "O", "F") for word in behind):
        raise InputError(f"{path}, line {number}: `{line[:80]}` is no event of an EDL, wanted such as `{_EXAMPLE}`")
    kind, pattern = words[at][0], words[at][1:]
    lengths = [pattern if kind == "D" and pattern else "0", *(word for word in behind if _LENGTH.fullmatch(word))]
    length = 0 if kind == "C" or "B" in behind else int(lengths[-1])
    return _Event(number, " ".join(words[1 : at - 1]), words[at - 1], length, tuple(codes[0].split()))


def _list_counts(lines: Sequence[str], events: Sequence[_Event], clock: FrameClock) -> list[bool]:
    """List whether the record side may count in drop-frame, the likelier first.

    A semicolon says so. A point, a comma and the FCM line are not always written as they are meant.
    """
    marks = {TIMECODE_PATTERN.fullmatch(code)[4] for event in events for code in event.timecodes[2:]}  # type: ignore[index]
    if not has_drop_frame(clock.rate):
        return [False]
    if ";" in marks:
        return [True]
    modes = [line.split(":", 1)[1] for line in map(str.strip, lines) if re.match(r"FCM\s*:", line)]
    is_drop = bool(marks & {".", ","}) or bool(modes and "NON" not in modes[0] and "DROP" in modes[0])
    return [is_drop, not is_drop]


def _make_shots(events: Sequence[_Event], clock: FrameClock, *, drop: bool) -> tuple[ListedShot, ...]:
    """Make shots of the record side of the events, counted in frames of time code.

    Raises ValueError, with the line, for what is no time code at the film's rate.
    """
    shots: list[ListedShot] = []
    was_black = False
    for event, first, end in _iter_spans(events, clock, drop=drop):
        place = f"line {event.line}"
        touches = bool(shots) and first <= shots[-1].end <= first + event.length
        if not shots:
            shots.append(ListedShot(place, first, end))  # what it fades in from is not in the film
        elif not event.length or not touches or event.length > end - first:
            shots.append(ListedShot(place, first, end, "dissolve" if event.length else "cut", event.length))
        elif event.is_black:  # a fade-out belongs to the shot that fades
            begin = min(first + event.length, end)
            shots[-1] = replace(shots[-1], end=begin)
            if begin < end:
                shots.append(ListedShot(place, begin, end, "fade"))
        elif was_black:
            shots[-1] = replace(shots[-1], end=first)
            shots.append(ListedShot(place, first, end, "fade"))
        else:  # a shot begins in the middle of its dissolve
            begin = first + event.length // 2
            shots[-1] = replace(shots[-1], end=begin)
            shots.append(ListedShot(place, begin, end, "dissolve", event.length))
        was_black = event.is_black
    return tuple(shots)


def _iter_spans(events: Sequence[_Event], clock: FrameClock, *, drop: bool) -> Iterator[tuple[_Event, int, int]]:
    """Yield the events that last some frames, with their first frame and their end; none of them twice."""
    waiting: tuple[_Event, int, int] | None = None
    codes = [[_count_frames(event, code, clock, drop=drop) for code in event.timecodes[2:]] for event in events]
    spans = pass_midnight([(first, end) for first, end in codes], clock, drop=drop)
    for event, (first, end) in zip(events, spans, strict=True):
        if first == end:  # the side that a dissolve comes from
            continue
        if waiting and waiting[1:] == (first, end):  # a key over its background, or the same with sound
            waiting = (replace(waiting[0], length=max(waiting[0].length, event.length)), first, end)
            continue
        if waiting:
            yield waiting
        waiting = event, first, end
    if waiting:
        yield waiting


def _count_frames(event: _Event, code: str, clock: FrameClock, *, drop: bool) -> int:
    try:
        return count_timecode_frames(code, clock.rate, drop=drop or code.rpartition(";")[2].isdigit())
    except ValueError as error:
        raise ValueError(
            f", line {event.line}: {error}; export the list at the film's {float(clock.rate):g} frames a second"
        ) from error


def write_edl(shots: Sequence[Shot], clock: FrameClock, film: Path) -> str:
    """Write one event a shot, at the time code of the film; a dissolve has two lines, as CMX3600 has it.

    Raises UsageError for a rate that time code cannot count.
    """
    title = " ".join(film.stem.split())
    reel = re.sub(r"[^A-Za-z0-9_]", "", title)[:8] or "AX"
    try:
        lines = [f"TITLE: {title}", f"FCM: {'' if clock.drop_frame else 'NON-'}DROP FRAME", ""]
        begins = [shot.first - shot.dissolve // 2 for shot in shots]
        ends = [*begins[1:], shots[-1].end]
        for number, (shot, first, end) in enumerate(zip(shots, begins, ends, strict=True), 1):
            if shot.dissolve:
                lines.append(_format_event(number, reel, "C", first, first, clock))
            effect = f"D {shot.dissolve:03}" if shot.dissolve else "C"
            lines.append(_format_event(number, reel, effect, first, end, clock))
            lines += [f"* FROM CLIP NAME:  {' '.join(film.name.split())}", f"* COMMENT: shot {number:04}"]
    except ValueError as error:
        raise UsageError(
            f"an EDL cannot say {float(clock.rate):g} frames a second ({error}): write .csv or .otio"
        ) from error
    return "\n".join(lines) + "\n"


def _format_event(number: int, reel: str, effect: str, first: int, end: int, clock: FrameClock) -> str:
    """Write one line; source and record have the same time code, so that a copy of the film lies where the film lay."""
    span = " ".join(
        frames_to_timecode(clock.timecode_origin + frame, clock.rate, drop=clock.drop_frame) for frame in (first, end)
    )
    return f"{number:03}  {reel:8} V     {effect:8} {span} {span}"


def format_marker_list(markers: Sequence[Marker], clock: FrameClock, film: Path) -> str:
    """Format the list that DaVinci Resolve imports and exports as timeline markers: an event of one frame for each.

    Raises ValueError for a rate without time code.
    """
    lines = [f"TITLE: {' '.join(film.stem.split())}", f"FCM: {'' if clock.drop_frame else 'NON-'}DROP FRAME", ""]
    for number, one in enumerate(markers, 1):
        event = _format_event(number, "001", "C", one.frame, one.frame + 1, clock)
        words = f"{_clean(one.comment)} |C:{_RESOLVE_COLORS[one.color]} |M:{_clean(one.name)} |D:1"
        lines += [event, f" {words.strip()}", ""]
    return "\n".join(lines) + "\n"


def _clean(text: str) -> str:
    """Make one line of a text, without the bars by which a list of markers is divided."""
    return " ".join(text.replace("|", "/").split())
