"""Tables of shots: our CSV, those of PySceneDetect, TransNetV2 and people, with any separator.

A column says where shots begin, another may say where they end, as numbers of frames, time code or times. Whether
the first frame has the number 0 or 1, and whether the last one is in the shot, is told by what covers the film.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

from kinemacolor.errors import InputError
from kinemacolor.shots.listed import MAX_NUMBER, ListedShot, Reading, pass_midnight, place_in_film, split_lines
from kinemacolor.shots.shot import FrameClock, Shot, Transition, parse_transition
from kinemacolor.video.timecode import count_timecode_frames, has_drop_frame, is_drop_frame

CSV_COLUMNS = ("first", "last", "start_seconds", "transition", "dissolve", "certainty")

_Unit = Literal["frames", "timecode", "seconds", "any"]
# How lists name the columns that count, in small letters and digits alone; those of frames are taken first.
_COLUMN_NAMES: Mapping[_Unit, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "frames": (
        ("first", "firstframe", "startframe", "framestart", "beginframe", "inframe", "framein", "frame"),
        ("last", "lastframe", "endframe", "frameend", "outframe", "frameout"),
    ),
    "timecode": (
        ("starttimecode", "timecodestart", "timecodein", "starttc", "tcin", "recordin", "recin"),
        ("endtimecode", "timecodeend", "timecodeout", "endtc", "tcout", "recordout", "recout"),
    ),
    "seconds": (
        ("startseconds", "starttimeseconds", "starts", "startsec", "seconds"),
        ("endseconds", "endtimeseconds", "ends", "endsec"),
    ),
    "any": (
        ("starttime", "start", "begin", "in", "from", "timecode", "time"),
        ("endtime", "end", "stop", "out", "to"),
    ),
}
_COUNTED_FROM_ONE = ("scenenumber", "scene")  # a column of PySceneDetect's lists
_WANTED = "a column `first` with the numbers of first frames (or `start frame`, `start timecode`, `start_seconds`)"
_NUMBER = re.compile(r"\d{1,12}(?:[.,]\d{0,12})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_TIME = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)", re.ASCII)
_TIMECODE = re.compile(r"\d{1,2}[:;]\d\d[:;]\d\d[:;]\d{2,3}", re.ASCII)
_RULE = re.compile(r"[\s|+]*[-=]{2}[-=\s|+:]*")
_SEPARATORS = ("\t", ";", "|", ",")


class _Row(NamedTuple):
    line: int
    cells: list[str]

    def cell(self, column: int | None) -> str:
        """Return a cell, "" where there is none."""
        return self.cells[column] if column is not None and column < len(self.cells) else ""


class _Place(NamedTuple):
    """A cell that says where: a number, or a time in seconds, or a time code, which is counted later."""

    kind: Literal["number", "time", "timecode"]
    value: Fraction
    text: str


@dataclass(frozen=True)
class _Columns:
    """The columns that count, by their numbers, and the unit that their names say."""

    begin: int
    end: int | None = None
    unit: _Unit = "any"
    transition: int | None = None
    dissolve: int | None = None
    counts_from_one: bool = False


def write_table(shots: Sequence[Shot], clock: FrameClock) -> str:
    """Write one row a shot; ``last`` is in the shot, unlike `Shot.end`."""
    rows = [",".join(CSV_COLUMNS)]
    for shot in shots:
        seconds, transition = clock.find_seconds(shot.first), shot.transition or ""
        rows.append(f"{shot.first},{shot.end - 1},{seconds:.3f},{transition},{shot.dissolve},{shot.certainty:.2f}")
    return "\n".join(rows) + "\n"


def read_table(path: Path, text: str, frames: int, clock: FrameClock) -> list[Reading]:
    """Read the shots of a table for a film of ``frames`` frames, in all ways in which they may be meant.

    Raises InputError, with the number of the line and what was wanted, for what is no such table.
    """
    rows = _read_rows(path, text)
    if rows and _simplify(rows[0].cells[0]) == "timecodelist":  # the cuts, above the heading of PySceneDetect's table
        line, cuts = rows.pop(0)
        rows = rows or [_Row(line, [cell]) for cell in ("00:00:00.000", *cuts[1:])]
    if not rows:
        raise InputError(f"{path} holds no shot: wanted {_WANTED}")
    columns = _find_columns(path, rows[0])
    if columns is None:
        columns = _Columns(0, 1 if len(rows[0].cells) > 1 else None)
    elif not (rows := rows[1:]):
        raise InputError(f"{path} holds no shot: there is no row below its heading")
    begins = [_parse_place(path, row, row.cell(columns.begin)) for row in rows]
    ends = [_parse_place(path, row, cell) if (cell := row.cell(columns.end)) else None for row in rows]
    shots = [ListedShot(f"line {row.line}", 0, 0, *_parse_beginning(path, row, columns)) for row in rows]
    places = [*zip(rows, begins, strict=True), *((row, end) for row, end in zip(rows, ends, strict=True) if end)]
    unit = _find_unit(path, columns.unit, places)
    if unit == "timecode":
        return _read_timecodes(path, shots, begins, ends, frames, clock)
    if unit == "seconds":
        firsts = [clock.nearest_frame(float(one.value)) for one in begins]
        stops = [clock.nearest_frame(float(one.value)) if one else None for one in ends]
        return [Reading(_join(shots, firsts, _snap(firsts, stops, frames), frames))]
    return _read_frames(shots, begins, ends, frames, columns)


def _read_rows(path: Path, text: str) -> list[_Row]:
    """Split a table into cells without blanks around them; empty lines, remarks (#) and ruled lines are left out."""
    lines = split_lines(text)
    if lines[0].lower().startswith("sep="):  # a hint for Excel
        lines[0] = ""
    head = [line for line in lines if line.strip()][:3]
    separator = next((one for one in _SEPARATORS if any(one in line for line in head)), None)
    if separator is None:
        is_title = bool(head) and any(_simplify(head[0]) in names for names, _ in _COLUMN_NAMES.values())
        return [
            _Row(number, [line.strip()] if is_title else line.split())
            for number, line in enumerate(lines, 1)
            if line.strip() and not line.lstrip().startswith("#")
        ]
    rows = []
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if separator == "|" and row and not row[0]:  # a drawn frame
                row = row[1:-1] if not row[-1] else row[1:]
            is_ruled = _RULE.fullmatch("|".join(cells))
            if any(row) and not row[0].startswith("#") and not is_ruled:
                rows.append(_Row(reader.line_num, row))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: this is no table ({error})") from error
    return rows


def _find_columns(path: Path, heading: _Row) -> _Columns | None:
    """Find the columns by their names; None where the first row is no heading but numbers or times.

    Raises InputError where neither is known, or where numbers without a heading are more than first and last.
    """
    names = [_simplify(cell) for cell in heading.cells]
    found = {name: at for at, name in reversed(list(enumerate(names))) if name}
    for unit, (begin_names, end_names) in _COLUMN_NAMES.items():
        begin = next((found[name] for name in begin_names if name in found), None)
        if begin is not None:
            end = next((found[name] for name in end_names if name in found), None)
            counts_from_one = any(name in found for name in _COUNTED_FROM_ONE)
            return _Columns(begin, end, unit, found.get("transition"), found.get("dissolve"), counts_from_one)
    if not all(map(_match_place, heading.cells)):
        shown = ", ".join(f"`{cell[:40]}`" for cell in heading.cells[:8])
        raise InputError(f"{path}, line {heading.line}: wanted {_WANTED}, found {shown}")
    if len(heading.cells) > 2:
        raise InputError(
            f"{path}, line {heading.line}: {len(heading.cells)} columns without names: "
            "begin the list with a line such as `first,last`"
        )
    return None


def _match_place(cell: str) -> _Place | None:
    """Read a cell that says where, None where it does not."""
    if _NUMBER.fullmatch(cell):
        return _Place("number", Fraction(cell.replace(",", ".").rstrip(".")), cell)
    if _TIMECODE.fullmatch(cell):
        return _Place("timecode", Fraction(0), cell)
    if match := _TIME.fullmatch(cell):
        hours, minutes, seconds = (Fraction((part or "0").replace(",", ".")) for part in match.groups())
        return _Place("time", 3600 * hours + 60 * minutes + seconds, cell)
    return None


def _parse_place(path: Path, row: _Row, cell: str) -> _Place:
    """Read a cell that says where. Raises InputError, with the line, for any other and for what no film has."""
    place = _match_place(cell)
    if place is None:
        raise InputError(
            f"{path}, line {row.line}: `{cell[:40]}` is no number of a frame (0, 1, 2 ...), time code or time; wanted "
            f"{_WANTED}"
        )
    if place.value > MAX_NUMBER:
        raise InputError(f"{path}, line {row.line}: `{cell[:40]}` is beyond the end of any film")
    return place


def _parse_beginning(path: Path, row: _Row, columns: _Columns) -> tuple[Transition | None, int]:
    """Read how a shot begins: its transition, and the frames of its dissolve."""
    cell = row.cell(columns.dissolve)
    match = re.fullmatch(r"(-?\d{1,9})(?:[.,]0*)?", cell or "0", re.ASCII)
    if not match:
        raise InputError(f"{path}, line {row.line}: the dissolve `{cell[:40]}` is no number of frames")
    return parse_transition(row.cell(columns.transition).lower()), int(match[1])


def _find_unit(path: Path, named: _Unit, places: Sequence[tuple[_Row, _Place]]) -> _Unit:
    """Say what the cells count. Raises InputError where they do not go together, or a frame has a fraction."""
    kinds = {place.kind for _, place in places}
    if "timecode" in kinds:
        row, other = next(((row, place) for row, place in places if place.kind != "timecode"), (None, None))
        if row and other:
            raise InputError(f"{path}, line {row.line}: `{other.text[:40]}` is no time code, as other rows have")
        return "timecode"
    fractions = [(row, place) for row, place in places if place.value.denominator != 1]
    if named == "frames" and "time" not in kinds and fractions:
        row, place = fractions[0]
        raise InputError(
            f"{path}, line {row.line}: `{place.text[:40]}` is no number of a frame; name the column "
            "`start_seconds` if it has seconds"
        )
    return "seconds" if named == "seconds" or "time" in kinds or fractions else "frames"


def _read_frames(
    shots: Sequence[ListedShot],
    begins: Sequence[_Place],
    ends: Sequence[_Place | None],
    frames: int,
    columns: _Columns,
) -> list[Reading]:
    """Understand numbers of frames: counted from 0 or 1, the last one in the shot or the first after it."""

    def read(base: int, after: int, note: str = "") -> Reading:
        firsts = [int(one.value) - base for one in begins]
        stops = [int(one.value) - base + after if one else None for one in ends]
        return Reading(_join(shots, firsts, stops, frames), note)

    plain, exclusive = read(0, 1), read(0, 0, "what it gives as the end of a shot is taken as the frame after it")
    from_one = read(1, 1, "its first frame has the number 1, which is taken as frame 0")
    if columns.counts_from_one:
        return [replace(from_one, note=""), replace(exclusive, note=""), plain]
    return [plain, exclusive, from_one]


def _read_timecodes(
    path: Path,
    shots: Sequence[ListedShot],
    begins: Sequence[_Place],
    ends: Sequence[_Place | None],
    frames: int,
    clock: FrameClock,
) -> list[Reading]:
    """Understand time codes: in drop-frame or not, the end after the shot, as editing programs have it, or in it."""
    is_drop = is_drop_frame(begins[0].text)
    readings = []
    for drop in (is_drop,) if is_drop or not has_drop_frame(clock.rate) else (False, True):
        firsts = [_count_frames(path, shot, one, clock, drop) for shot, one in zip(shots, begins, strict=True)]
        stops = [
            _count_frames(path, shot, one, clock, drop) if one else None for shot, one in zip(shots, ends, strict=True)
        ]
        given = [(first, first if stop is None else stop) for first, stop in zip(firsts, stops, strict=True)]
        spans = pass_midnight(given, clock, drop=drop)
        firsts, stops = (
            [first for first, _ in spans],
            [None if stop is None else end for stop, (_, end) in zip(stops, spans, strict=True)],
        )
        for after in (0, 1) if any(ends) else (0,):
            moved = [None if stop is None else stop + after for stop in stops]
            joined = _join(shots, firsts, moved, firsts[0] + frames)
            readings.append(place_in_film(joined, clock, frames, drop=drop))
    return readings


def _count_frames(path: Path, shot: ListedShot, place: _Place, clock: FrameClock, drop: bool) -> int:
    try:
        return count_timecode_frames(place.text, clock.rate, drop=drop)
    except ValueError as error:
        raise InputError(f"{path}, {shot.place}: {error}") from error


def _snap(firsts: Sequence[int], stops: Sequence[int | None], frames: int) -> list[int | None]:
    """Move ends to where the next shot begins: times are rounded, and may be those of the last frame in a shot."""
    nexts = [*firsts[1:], frames]
    return [
        following if stop is not None and abs(following - stop) <= 1 else stop
        for stop, following in zip(stops, nexts, strict=True)
    ]


def _join(
    shots: Sequence[ListedShot], firsts: Sequence[int], stops: Sequence[int | None], frames: int
) -> tuple[ListedShot, ...]:
    """Give shots their frames; one without an end lasts until the next begins, the last one until ``frames``."""
    nexts = [*firsts[1:], frames]
    return tuple(
        replace(shot, first=first, end=following if stop is None else stop)
        for shot, first, stop, following in zip(shots, firsts, stops, nexts, strict=True)
    )


def _simplify(name: str) -> str:
    """Leave small letters and digits of the name of a column."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
