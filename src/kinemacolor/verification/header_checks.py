"""What is compared once for each film: geometry, colour tags, metadata, time code, chapters, attachments, damage."""

import re
from collections.abc import Iterator
from fractions import Fraction

from kinemacolor.verification.check import Check
from kinemacolor.verification.facts import FilmHeader, PictureFacts, StreamHeader
from kinemacolor.verification.intended import (
    explain_missing_alpha,
    explain_missing_aspect,
    explain_missing_chapters,
    explain_missing_stream,
    explain_narrowed_range,
    is_kept_value,
    is_own_key,
)
from kinemacolor.verification.reading import Reading
from kinemacolor.verification.side_data import has_equal_axes
from kinemacolor.verification.stream_checks import lower_keys
from kinemacolor.verification.timecode import advance_timecode

_TIMECODE_PATTERN = re.compile(r"\d\d:\d\d:\d\d[:;.]\d\d")
_KNOWN_MATRICES = (1, 4, 5, 6, 7, 9, 10)
_UNSPECIFIED = (0, 2, 3)
_CAMERA_CURVES = (1, 6, 14, 15)  # of ITU-T H.273: four numbers for one transfer
_ATTACHED_FONT = "attachment"


def iter_header_checks(source: Reading, result: Reading, ranges: tuple[bool, bool]) -> Iterator[Check]:
    """Judge all that films say of themselves; ``ranges``: whether luma of source and result is of full range."""
    yield _check_geometry(source, result)
    if source.pictures.has_alpha and not result.pictures.has_alpha:
        yield Check("transparency", True, f"left out: {explain_missing_alpha()}")
    if not source.header.is_pictures and not result.header.is_pictures:
        yield _check_color_tags(source.pictures, result.pictures, ranges, result.header)
        yield _check_metadata(source.header, result.header)
        yield from _iter_timecode_checks(source, result)
        yield from _iter_chapter_checks(source, result)
        yield from _iter_attachment_checks(source.header, result.header)
    yield from _iter_damage_checks(source, result)


def get_shown_size(pictures: PictureFacts) -> tuple[int, int]:
    """Return rows and columns of the pictures as they are shown, pixel aspect left out."""
    top, bottom, left, right = pictures.crop
    rows, columns = pictures.size[0] - top - bottom, pictures.size[1] - left - right
    return (columns, rows) if pictures.turn.quarters % 2 else (rows, columns)


def _get_shown_aspect(pictures: PictureFacts) -> Fraction:
    return 1 / pictures.pixel_aspect if pictures.turn.quarters % 2 else pictures.pixel_aspect


def _check_geometry(source: Reading, result: Reading) -> Check:
    """Judge size, crop, pixel aspect and display matrix; of pictures, which are upright, all as it is shown."""
    one, other = source.pictures, result.pictures
    wrong: list[str] = []
    notes: list[str] = []
    if get_shown_size(one) != get_shown_size(other):
        wrong.append(f"shown size {_describe_size(one)} became {_describe_size(other)}")
    if not (source.header.is_pictures or result.header.is_pictures) and not has_equal_axes(one.matrix, other.matrix):
        wrong.append(f"display matrix {_describe_matrix(one)} became {_describe_matrix(other)}")
    before, after = _get_shown_aspect(one), _get_shown_aspect(other)
    # Matroska stores the width that is shown, in whole pixels.
    if abs(before - after) * get_shown_size(one)[1] > Fraction(51, 100):
        reason = explain_missing_aspect(result.header, other)
        (notes if reason else wrong).append(f"pixel aspect {before} became {after}" + (f": {reason}" if reason else ""))
    kept = f"{one.size[1]}x{one.size[0]}, pixel aspect {one.pixel_aspect}, {_describe_matrix(one)}"
    kept += f", cropped to {_describe_size(one)}" if any(one.crop) else ""
    return Check("geometry", not wrong, "; ".join(wrong or [kept, *notes]))


def _describe_size(pictures: PictureFacts) -> str:
    rows, columns = get_shown_size(pictures)
    return f"{columns}x{rows}"


def _describe_matrix(pictures: PictureFacts) -> str:
    turn = pictures.turn
    return ("mirrored, " if turn.is_mirrored else "") + f"rotation {90 * turn.quarters}"


def _check_color_tags(
    source: PictureFacts, result: PictureFacts, ranges: tuple[bool, bool], header: FilmHeader
) -> Check:
    wrong: list[str] = []
    notes: list[str] = []
    for name in ("primaries", "transfer"):
        one, other = source.color_tags[name], result.color_tags[name]
        alike = _CAMERA_CURVES if name == "transfer" else ()
        if one != other and not any(one in same and other in same for same in (_UNSPECIFIED, alike)):
            wrong.append(f"{name} {one} became {other}")
    one, other = source.color_tags["matrix"], result.color_tags["matrix"]
    # A film without a matrix has the one that players assume; R'G'B' has none.
    allowed = {one} if one in _KNOWN_MATRICES else {2, 1 if source.size[0] >= 720 else 6}
    allowed |= {5, 6} if allowed & {5, 6} else set()  # two numbers for the same weights
    if not source.is_rgb and not result.is_rgb and other not in allowed:
        wrong.append(f"matrix {one} became {other}")
    if ranges[0] != ranges[1]:
        words = ["full" if is_full else "limited" for is_full in ranges]
        reason = explain_narrowed_range(header, result) if ranges[0] else ""
        (notes if reason else wrong).append(f"{words[0]} range became {words[1]}" + (f": {reason}" if reason else ""))
    return Check("colour tags", not wrong, "; ".join(wrong or ["kept", *notes]))


def _check_metadata(source: FilmHeader, result: FilmHeader) -> Check:
    found = lower_keys(result.metadata)
    wanted = {key: value for key, value in lower_keys(source.metadata).items() if not is_own_key(key)}
    lost = [key for key, value in wanted.items() if not is_kept_value(key, value, found.get(key, ""))]
    return Check("metadata", not lost, f"{len(wanted)} kept" if not lost else f"lost or changed: {', '.join(lost)}")


def _iter_timecode_checks(source: Reading, result: Reading) -> Iterator[Check]:
    before, after = _find_timecode(source.header), _find_timecode(result.header)
    if not before:
        return
    rate = source.pictures.rate
    skipped = source.excerpt.count_skipped(rate) if rate else 0
    wanted = advance_timecode(before, skipped, round(rate)) if rate and skipped else before
    words = before if before == after else f"{before} became {after or 'none'}"
    words += f", {skipped} frames on" if skipped and wanted == after else ""
    words += f", and should be {wanted}" if skipped and wanted != after else ""
    yield Check("time code", wanted == after, words)


def _find_timecode(header: FilmHeader) -> str:
    """Return the first time code that the film, its pictures or another stream is tagged with, empty without one."""
    for metadata in (header.picture_metadata, header.metadata, *(stream.metadata for stream in header.streams)):
        value = lower_keys(metadata).get("timecode", "")
        if _TIMECODE_PATTERN.fullmatch(value):
            return value.replace(".", ";")
    return ""


def _iter_chapter_checks(source: Reading, result: Reading) -> Iterator[Check]:
    one, other = source.header.chapters, result.header.chapters
    if not one and not other:
        return
    if not other and (reason := explain_missing_chapters(result.header, source.excerpt)):
        yield Check("chapters", True, f"{len(one)} left out: {reason}")
        return
    if len(one) != len(other):
        yield Check("chapters", False, f"{len(one)} became {len(other)}")
        return
    for (start, title), (begin, name) in zip(one, other, strict=True):
        if title != name or abs(start - begin) > 1:
            yield Check("chapters", False, f"{title!r} at {start} ms became {name!r} at {begin} ms")
            return
    yield Check("chapters", True, f"{len(one)} kept")


def _iter_attachment_checks(source: FilmHeader, result: FilmHeader) -> Iterator[Check]:
    if not source.attachments and not result.attachments:
        return
    lost = [attached for attached in source.attachments if attached not in result.attachments]
    reason = explain_missing_stream(StreamHeader(-1, _ATTACHED_FONT, ""), result)
    if not lost:
        yield Check("attachments", True, f"{len(source.attachments)} kept")
    elif reason and not result.attachments:
        yield Check("attachments", True, f"{len(lost)} left out: {reason}")
    else:
        yield Check("attachments", False, f"lost or changed: {', '.join(name for name, _, _ in lost)}")


def _iter_damage_checks(source: Reading, result: Reading) -> Iterator[Check]:
    """Name what could not be read: of the source as a note, of the result as a fault."""
    for reading, name in ((source, "source"), (result, "result")):
        damage = reading.damage
        words = f"{damage.packets} damaged packets, the first at {damage.first_seconds:.2f} s" if damage.packets else ""
        words += ("; " if words and damage.end else "") + (
            f"cannot be read to its end ({damage.end})" * bool(damage.end)
        )
        if words:
            yield Check(f"damage of the {name}", name == "source", words)
