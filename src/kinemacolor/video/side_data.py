"""Side data of frames: captions, HDR and the like, what a result keeps of it, and its names in words."""

import struct
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import av
    from av.sidedata.sidedata import SideData

UNKNOWN = "UNKNOWN"  # kind of side data that PyAV has no name for
_WORDS = {
    "A53_CC": "closed captions",
    "MASTERING_DISPLAY_METADATA": "the HDR10 mastering display",
    "CONTENT_LIGHT_LEVEL": "the HDR10 light level",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DOVI_METADATA": "Dolby Vision",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient light to view it in",
    "AFD": "the active format (AFD)",
    "PANSCAN": "pan and scan",
    "STEREO3D": "the arrangement of 3D views",
    "SPHERICAL": "the spherical projection",
    "S12M_TIMECODE": "time codes of frames",
    "ICC_PROFILE": "the colour profile",
    "SEI_UNREGISTERED": "data of the user in frames (SEI)",
    "FRAME_CROPPING": "the container's crop",
    "DOVI_CONF": "Dolby Vision",
    UNKNOWN: "side data of an unknown kind",
}
# What tells of the old encoding and not of the film, or is carried otherwise (the display matrix by the stream).
_OF_THE_ENCODING = {
    *("DISPLAYMATRIX", "GOP_TIMECODE", "MOTION_VECTORS", "VIDEO_ENC_PARAMS", "FILM_GRAIN_PARAMS", "VIDEO_HINT"),
    *("REGIONS_OF_INTEREST", "DETECTION_BBOXES", "REPLAYGAIN", "SKIP_SAMPLES"),
}
# The identity that x264 and x265 write into every stream.
_ENCODER_UUIDS = (
    bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"),
    bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e"),
)
_OF_STREAMS = {"FRAME_CROPPING", "DOVI_CONF"}
_KEPT_FROM_FRAMES = {
    "libx264": {"A53_CC", "STEREO3D", "SEI_UNREGISTERED"},
    "libx265": {"A53_CC", "SEI_UNREGISTERED"},
    "mpeg2video": {"A53_CC", "PANSCAN", "STEREO3D"},
}
_KEPT_BY_OPTIONS = {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
_HDR_ENCODERS = ("libx264", "libx265", "libsvtav1")


def list_side_data(frame: "av.VideoFrame") -> dict[str, bytes]:
    """Return all side data of a frame by FFmpeg's name of its kind; ValueError where PyAV does not know one."""
    entries = cast("list[SideData]", list(frame.side_data))
    return {entry.type.name: bytes(entry) for entry in entries}


def read_side_data(frame: "av.VideoFrame") -> dict[str, bytes]:
    """Return the side data of a frame that tells of the film, by FFmpeg's name of its kind (`UNKNOWN`: it has none)."""
    try:
        found = list_side_data(frame)
    except ValueError:  # a kind that this PyAV does not know makes all of them unreadable
        return {UNKNOWN: b""}
    return {
        kind: data
        for kind, data in found.items()
        if kind not in _OF_THE_ENCODING and not (kind == "SEI_UNREGISTERED" and data[:16] in _ENCODER_UUIDS)
    }


def make_carrier(frame: "av.VideoFrame") -> "av.VideoFrame | None":
    """Make a tiny frame that carries the side data of ``frame``; None where that has none that tells of the film."""
    if not read_side_data(frame):
        return None
    return frame.reformat(width=16, height=16, format="gray", interpolation="POINT")


class SideDataAccount:
    """Counts the side data of a film's frames that a result of one encoder does not keep."""

    def __init__(self, encoder: str, side_data: Mapping[str, bytes]) -> None:
        self._encoder = encoder
        self._lost_of_stream = {_WORDS[kind] for kind in _OF_STREAMS & side_data.keys()}
        self._kept = _KEPT_FROM_FRAMES.get(encoder, set()) | (_KEPT_BY_OPTIONS if encoder in _HDR_ENCODERS else set())
        self._lost: Counter[str] = Counter()

    def count(self, carrier: "av.VideoFrame | None") -> None:
        """Take account of one frame of the film by its carrier."""
        if carrier is not None:
            lost = read_side_data(carrier).keys() - self._kept
            self._lost.update({_WORDS.get(kind, kind.lower().replace("_", " ")) for kind in lost})

    def describe_losses(self) -> list[str]:
        """Say in words what was lost, and in how many frames."""
        told = [f"{what} of the stream is left out: results cannot hold it" for what in sorted(self._lost_of_stream)]
        return told + [
            f"{what} of {count} frame{'s' * (count > 1)} left out: {self._encoder} does not write it"
            for what, count in sorted(self._lost.items())
            if what not in self._lost_of_stream
        ]


def build_side_data_options(encoder: str, side_data: Mapping[str, bytes]) -> dict[str, str]:
    """Return the options that make an encoder keep side data: HDR10 in its own words, the rest taken from frames."""
    options = {}
    if encoder == "libx265":
        options["a53cc"] = "1"
    if encoder in ("libx264", "libx265") and "SEI_UNREGISTERED" in side_data:
        options["udu_sei"] = "1"
    display, light = side_data.get("MASTERING_DISPLAY_METADATA"), side_data.get("CONTENT_LIGHT_LEVEL")
    if encoder not in _HDR_ENCODERS or not (display or light):
        return options
    in_floats = encoder == "libsvtav1"
    parts = [_describe_mastering_display(encoder, display, in_floats=in_floats)] if display else []
    if light:
        levels = struct.unpack("<2I", light[:8])
        names = {"libx264": "cll", "libx265": "max-cll", "libsvtav1": "content-light"}
        parts.append(f"{names[encoder]}={levels[0]},{levels[1]}")
    written = ":".join(part for part in parts if part)
    return options | ({f"{encoder.removeprefix('lib')}-params": written} if written else {})


def _describe_mastering_display(encoder: str, data: bytes, *, in_floats: bool) -> str:
    """Write AVMasteringDisplayMetadata as x264, x265 and SVT-AV1 take it; empty where colours or luminance lack."""
    *numbers, has_primaries, has_luminance = struct.unpack("<22i", data[:88])
    if not (has_primaries and has_luminance):
        return ""
    values = [
        numerator / (denominator or 1) for numerator, denominator in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    points, (low, high) = [tuple(values[index : index + 2]) for index in (2, 4, 0, 6)], values[8:10]

    def write(value: float, unit: int) -> str:
        return f"{value:.6g}" if in_floats else str(round(value * unit))

    colors = "".join(
        f"{name}({write(x, 50000)},{write(y, 50000)})"
        for name, (x, y) in zip(("G", "B", "R", "WP"), points, strict=True)
    )
    name = "master-display" if encoder == "libx265" else "mastering-display"
    return f"{name}={colors}L({write(high, 10000)},{write(low, 10000)})"
