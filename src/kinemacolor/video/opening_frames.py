"""What only the first frames of a film tell, and its headers not or wrongly: order of fields, rate, side data."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import av
import av.filter

from kinemacolor.video.orientation import DisplayMatrix
from kinemacolor.video.side_data import list_side_data, read_side_data

FRAMES_LOOKED_AT = 5
_TOP_FIRST, _BOTTOM_FIRST = 2, 3  # AVFieldOrder
_SHOWN_TOP_FIRST = (2, 5)
_NO_TIMESTAMPS = 0x0080  # AVFMT_NOTIMESTAMPS: raw streams, whose times are made up
_MAY_JUMP = 0x0200  # AVFMT_TS_DISCONT: transport and program streams, which have no index
_MAX_RATE = 1000
_RATE_TOLERANCE = Fraction(1, 100)


def find_field_order(frames: Sequence[av.VideoFrame], claimed: int) -> int:
    """Return the order of fields (AVFieldOrder) that frames show; what headers ``claimed`` where frames show none.

    H.265 marks no frames, DV has no header that says it.
    """
    for frame in frames:
        if frame.interlaced_frame:
            is_top_first = _is_top_field_first(frame)
            agrees = claimed > 1 and (claimed in _SHOWN_TOP_FIRST) == is_top_first
            return claimed if agrees else _TOP_FIRST if is_top_first else _BOTTOM_FIRST
    return claimed


def _is_top_field_first(frame: av.VideoFrame) -> bool:
    """Ask a filter, the only one that tells."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    select, sink = graph.add("select", r"eq(interlace_type\,TOPFIRST)"), graph.add("buffersink")
    source.link_to(select)
    select.link_to(sink)
    graph.configure()
    graph.push(frame)
    try:
        graph.pull()
    except BlockingIOError:
        return False
    return True


def find_rate(stream: av.VideoStream, format_flags: int, frames: Sequence[av.VideoFrame]) -> Fraction | None:
    """Return the frames a second, None where nothing tells.

    The average that FFmpeg finds is that of made-up times in raw streams, and of few frames in streams without an
    index. So where its other guess differs, the steps between the first frames decide.
    """
    average, guessed = stream.average_rate, stream.guessed_rate
    if not average or not guessed:
        return average or guessed
    if format_flags & _NO_TIMESTAMPS or average > _MAX_RATE:
        return guessed
    if abs(average - guessed) <= _RATE_TOLERANCE * guessed or not format_flags & _MAY_JUMP:
        return average
    times = [frame.pts for frame in frames if frame.pts is not None]
    steps = [later - earlier for earlier, later in pairwise(times)]
    if not steps or max(steps) - min(steps) > 1 or not stream.time_base or min(steps) <= 0:
        return average
    stepped = len(steps) / (sum(steps) * stream.time_base)
    return min((average, guessed), key=lambda rate: abs(rate - stepped))


def find_origin_seconds(container: av.container.InputContainer, stream: av.VideoStream, frame: av.VideoFrame) -> float:
    """Return the time of the first ``frame``: headers of AVI and raw streams tell that of the first packet."""
    is_told = container.format.name != "avi" and not container.format.flags & _NO_TIMESTAMPS
    ticks = stream.start_time if is_told or frame.pts is None else frame.pts
    return float((ticks or 0) * (stream.time_base or 0))


def find_display_matrix(frame: av.VideoFrame) -> DisplayMatrix | None:
    """Return the nine numbers by which a frame is turned and mirrored to be shown, None where nothing does."""
    try:
        data = list_side_data(frame).get("DISPLAYMATRIX")
    except ValueError:  # side data of a kind that PyAV does not know hides all of it, but the angle
        return _make_rotation(frame.rotation)
    if data is None:
        return None
    matrix = tuple(int.from_bytes(data[at : at + 4], "little", signed=True) for at in range(0, 36, 4))
    return None if matrix == _IDENTITY else matrix


_IDENTITY = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def _make_rotation(degrees: int) -> DisplayMatrix | None:
    one = 1 << 16
    known = {1: (0, -one, one, 0), 2: (-one, 0, 0, -one), 3: (0, one, -one, 0)}
    turns = round(degrees / 90) % 4
    if turns == 0:
        return None
    a, b, c, d = known[turns]
    return (a, b, 0, c, d, 0, 0, 0, 1 << 30)


def gather_side_data(frames: Sequence[av.VideoFrame]) -> dict[str, bytes]:
    """Return the first side data of each kind in ``frames`` that tells of the film (see `read_side_data`)."""
    found: dict[str, bytes] = {}
    for frame in frames:
        found = read_side_data(frame) | found
    return found
