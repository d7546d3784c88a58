"""The container of a result whose name the user leaves to us: one that holds all that the source has."""

from pathlib import Path

import av

from kinemacolor.video.container import find_video_stream, open_film
from kinemacolor.video.encoding import CONTAINERS
from kinemacolor.video.mxf import MXF_CODECS
from kinemacolor.video.other_streams import can_hold

# Codecs of tapes, discs and broadcasts: their films have fields, and sound that MP4 players do not know.
_BROADCAST_CODECS = ("dvvideo", "mpeg1video", "mpeg2video")


def choose_default_suffix(path: Path) -> str:
    """Choose the suffix of a film's result: its own, if a result can have it and holds its sound and subtitles.

    Else .mov for ProRes and .mp4 for all but DV and MPEG-2, where these hold them, and .mkv, which holds nearly
    everything. MXF stays MXF where its codec is one that is written there. Raises InputError where the film cannot be
    opened.
    """
    own = path.suffix.lower()
    with open_film(path) as source:
        video = find_video_stream(source, path)
        codec = video.codec_context.name
        candidates = [own] if own in CONTAINERS and _can_stay(own, video) else []
        candidates += [".mov"] if codec in MXF_CODECS else [".mp4"] if codec not in _BROADCAST_CODECS else []
        others = [stream for stream in source.streams if stream.index != video.index and stream.codec_context]
        return next(
            (suffix for suffix in candidates if all(can_hold(CONTAINERS[suffix], stream) for stream in others)), ".mkv"
        )


def _can_stay(suffix: str, video: av.VideoStream) -> bool:
    """Say whether a film stays in a container that can be written; of MXF many kinds are read and few written."""
    is_progressive = video.codec_context.field_order <= 1
    return suffix != ".mxf" or (video.codec_context.name in MXF_CODECS and is_progressive)
