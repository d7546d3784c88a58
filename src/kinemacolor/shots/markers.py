"""Markers for editing programs: frames that somebody should look at, with a colour, a name, a comment."""

from collections.abc import Sequence
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.shots.edl import format_marker_list
from kinemacolor.shots.files import validate_suffix
from kinemacolor.shots.shot import FrameClock, Marker, Shot
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.timecode import frames_to_timecode

MARKER_SUFFIXES = (".edl", ".otio", ".txt")


def check_markers(path: Path, clock: FrameClock) -> None:
    """Raise UsageError for a name of another suffix, and for a rate without time code where the list needs it."""
    suffix = validate_suffix(path, MARKER_SUFFIXES)
    if suffix == ".otio":
        return
    try:
        frames_to_timecode(0, clock.rate, drop=clock.drop_frame)
    except ValueError as error:
        raise UsageError(f"{path.name} cannot be: {error}, so write .otio") from error


def write_markers(path: Path, markers: Sequence[Marker], shots: Sequence[Shot], clock: FrameClock, film: Path) -> None:
    """Write markers of a film, one a frame at most, in the form of the suffix of ``path``.

    ``.edl``: the list that DaVinci Resolve imports as timeline markers. ``.otio``: a timeline with a clip for each of
    the ``shots``, and the markers on these. ``.txt``: the list that Avid Media Composer imports, a line each of name,
    time code, track, colour, comment, and length. All lie at the film's time code.

    Raises UsageError as `check_markers`, ResourceError where the disk is full or refuses to be written.
    """
    check_markers(path, clock)
    ordered = sorted(markers, key=lambda one: one.frame)
    suffix = path.suffix.lower()
    if suffix == ".otio":
        from kinemacolor.shots.otio_lists import write_timeline  # the library comes with it

        text = write_timeline(shots, clock, film, ordered)
    elif suffix == ".edl":
        text = format_marker_list(ordered, clock, film)
    else:
        text = "".join(f"{_format_line(one, clock)}\n" for one in ordered)
    with write_file_atomically(path) as stream:
        stream.write(text.encode(errors="replace"))


def _format_line(marker: Marker, clock: FrameClock) -> str:
    timecode = frames_to_timecode(clock.timecode_origin + marker.frame, clock.rate, drop=clock.drop_frame)
    comment = " ".join(f"{marker.name}: {marker.comment}".split())
    return "\t".join(["Kinemacolor", timecode, "V1", marker.color, comment, "1"])
