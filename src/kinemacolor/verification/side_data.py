"""What frames carry beside their pixels, as FFmpeg gives it: captions, HDR, field order, display matrix."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import av
import av.filter
import numpy as np
from av.sidedata.sidedata import SideData, Type
from numpy.typing import NDArray

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.utils.arrays import UIntArray

# Of a codec and not of a film: what an encoder or decoder says of its own work, or what another kind of check holds.
_OF_THE_CODEC = {
    *("PANSCAN", "MOTION_VECTORS", "GOP_TIMECODE", "REGIONS_OF_INTEREST", "VIDEO_ENC_PARAMS", "SEI_UNREGISTERED"),
    *("FILM_GRAIN_PARAMS", "DETECTION_BBOXES", "VIDEO_HINT", "SKIP_SAMPLES", "DISPLAYMATRIX", "ICC_PROFILE", "EXIF"),
}
# These hold for the whole film, and decoders repeat them on as many frames as they like.
OF_THE_FILM = {
    *("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "STEREO3D", "SPHERICAL", "AMBIENT_VIEWING_ENVIRONMENT"),
    "DYNAMIC_HDR_VIVID",
}
WORDS = {
    "A53_CC": "captions",
    "MASTERING_DISPLAY_METADATA": "HDR10 mastering display",
    "CONTENT_LIGHT_LEVEL": "HDR10 light level",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DOVI_METADATA": "Dolby Vision metadata",
    "AFD": "active format description",
    "S12M_TIMECODE": "time code of frames",
    "STEREO3D": "stereo 3D",
    "SPHERICAL": "spherical projection",
    "AMBIENT_VIEWING_ENVIRONMENT": "viewing environment",
}


# Newer kinds of libavutil/frame.h (FFmpeg 8.1) that PyAV 18.1 has no name for.
_NEWER_KINDS = {28: "LCEVC", 29: "VIEW_ID", 30: "REFERENCE_DISPLAYS_3D", 31: "EXIF"}
Matrix = tuple[float, ...]  # the nine numbers of a display matrix, row by row


class FieldOrderFinder:
    """Says of each frame whether it is progressive ("p"), or which field comes first, top ("t") or bottom ("b").

    PyAV tells only that a frame is interlaced; FFmpeg's filter `select` knows the order, and is asked through a graph.
    Where a codec has no word for it the order is the container's.
    """

    def __init__(self, container_order: int) -> None:
        self._fallback = {2: "t", 3: "b", 4: "t", 5: "b"}.get(container_order, "p")
        self._graph: av.filter.Graph | None = None
        self._sinks: list[av.filter.context.FilterContext] = []
        self._shape: tuple[int, int, str] | None = None

    def find(self, frame: av.VideoFrame) -> str:
        """Return "p", "t" or "b". Raises InputError where FFmpeg refuses the frame."""
        if not frame.interlaced_frame:
            return self._fallback
        with translate_foreign_errors(lambda error: InputError(f"the order of fields cannot be read ({error})")):
            shape = (frame.width, frame.height, frame.format.name)
            if self._graph is None or self._shape != shape:
                self._build_graph(frame)
                self._shape = shape
            assert self._graph is not None
            self._graph.push(frame)
            return "t" if self._is_waiting(0) else "b" if self._is_waiting(1) else "p"

    def _build_graph(self, frame: av.VideoFrame) -> None:
        self._graph = graph = av.filter.Graph()
        time_base = frame.time_base
        source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
        # 1 where the top field comes first, 2 where the bottom field does: the number of the way out.
        selector = graph.add("select", "interlace_type:outputs=2")
        source.link_to(selector)
        self._sinks = [graph.add("buffersink") for _ in range(2)]
        for index, sink in enumerate(self._sinks):
            selector.link_to(sink, index)
        graph.configure()

    def _is_waiting(self, index: int) -> bool:
        try:
            self._sinks[index].pull()
        except (BlockingIOError, EOFError):
            return False
        return True


def iter_side_data(frame: av.VideoFrame) -> Iterator[tuple[str, bytes]]:
    """Yield kind and bytes of all that a frame carries for the viewer; what belongs to its codec alone is left out."""
    for data in _list_side_data(frame):
        name = data.type.name
        if name not in _OF_THE_CODEC and data.buffer_size:
            yield name, _unify_fractions(bytes(data)) if name == "MASTERING_DISPLAY_METADATA" else bytes(data)


def _name_unknown_kind(cls: type[Type], value: object) -> Type:
    """Make a name for a kind that PyAV does not know: without one all side data of its frame is out of reach."""
    kind: Any = object.__new__(cls)
    kind._name_, kind._value_ = _NEWER_KINDS.get(cast(int, value), f"side data {value}"), value
    cls._value2member_map_[value] = kind
    return cast(Type, kind)


Type._missing_ = classmethod(_name_unknown_kind)  # type: ignore[assignment, method-assign]


def _list_side_data(frame: av.VideoFrame) -> list[SideData]:
    return list(cast(Iterable[SideData], frame.side_data))  # PyAV's types take it for a mapping


def _unify_fractions(data: bytes) -> bytes:
    """Return a mastering display as rounded decimals: one container has 34000/50000 where another has 17/25."""
    numbers = np.frombuffer(data[:80], np.int32).reshape(10, 2)  # primaries, white point, least and largest luminance
    decimals = [round(int(numerator) / (int(denominator) or 1), 4) for numerator, denominator in numbers]
    return repr((decimals, data[80:])).encode()


def read_display_matrix(frame: av.VideoFrame) -> Matrix | None:
    """Return the matrix by which a player shows a frame; None without one."""
    data = next((bytes(data) for data in _list_side_data(frame) if data.type is Type.DISPLAYMATRIX), None)
    if data is None:
        return None
    # 16.16 fixed point, 2.30 in the last column.
    scaled = np.frombuffer(data, np.int32).reshape(3, 3) / np.array([65536.0, 65536.0, 2.0**30])
    return tuple(float(number) for number in scaled.ravel())


class Turn(NamedTuple):
    """How a stored picture is shown: mirrored left to right first, then turned counter-clockwise by quarters."""

    is_mirrored: bool
    quarters: int

    def apply(self, picture: UIntArray) -> UIntArray:
        """Return the picture ``H W`` as it is shown."""
        return np.rot90(picture[:, ::-1] if self.is_mirrored else picture, self.quarters)


def find_turn(matrix: Matrix | None) -> Turn:
    """Return the turn nearest to a display matrix; its shift and scale are left out."""
    if matrix is None:
        return Turn(is_mirrored=False, quarters=0)
    # A pixel at (x, y) is shown at (a x + c y, b x + d y), y downwards.
    a, b, _, c, d = matrix[:5]
    is_mirrored = a * d - b * c < 0
    # Where does the picture's axis to the right go? After mirroring it is the axis to the left that went there.
    right = (-a, -b) if is_mirrored else (a, b)
    return Turn(is_mirrored, round(math.atan2(-right[1], right[0]) / (math.pi / 2)) % 4)


def has_equal_axes(one: Matrix | None, other: Matrix | None) -> bool:
    """Say whether two display matrices turn, mirror and slant alike.

    Their size is left out, and where they put the picture: players fit it into the window.
    """

    def normalize(matrix: Matrix | None) -> NDArray[np.float64]:
        values = np.array([1.0, 0, 0, 1] if matrix is None else [*matrix[:2], *matrix[3:5]])
        return values / (np.sqrt(abs(values[0] * values[3] - values[1] * values[2])) or 1)

    return bool(np.abs(normalize(one) - normalize(other)).max() < 1e-3)
