"""Opening a film: its container, its picture stream, and what both say of it."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av

from kinemacolor.errors import InputError, find_machine_fault, translate_read_errors
from kinemacolor.video.clock import MAX_PAUSE_SECONDS
from kinemacolor.video.images import PICTURE_SUFFIX_WORDS
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.opening_frames import (
    find_display_matrix,
    find_field_order,
    find_origin_seconds,
    find_rate,
    gather_side_data,
)
from kinemacolor.video.picture_files import check_is_readable_file
from kinemacolor.video.pixels import get_bit_depth, get_chroma_subsampling, is_rgb, read_color_tags
from kinemacolor.video.stream_header import read_stream_header
from kinemacolor.video.timecode import find_timecode

# FFmpeg's demuxers of files that are films. None of them opens another file: playlists (hls, dash, concat, imf, sdp),
# numbered pictures, scripts (avs, vpy) and devices are not among them.
UPLOAD_FORMATS = ("mov", "matroska", "webm", "avi", "mpeg", "mpegts", "asf", "flv", "ogg", "dv", "mxf")
FILM_FORMATS = (
    *UPLOAD_FORMATS,
    *("mpegvideo", "m4v", "h261", "h263", "h264", "hevc", "vvc", "vc1", "vc1test", "av1", "obu", "ivf", "evc", "apv"),
    *("cavsvideo", "avs2", "avs3", "dirac", "dnxhd", "mjpeg", "mjpeg_2000", "ingenient", "yuv4mpegpipe", "rm", "nut"),
    *("gxf", "lxf", "wtv", "nsv", "nuv", "pva", "ty", "live_flv", "kux", "mpegtsraw", "mlv", "cine", "ser", "r3d"),
    *(
        "gif",
        "apng",
        "flic",
        "film_cpk",
        "roq",
        "bink",
        "smk",
        "swf",
        "amv",
        "wc3movie",
        "4xm",
        "vmd",
        "smjpeg",
        "dhav",
    ),
    *(
        "moflex",
        "mods",
        "mv",
        "yop",
        "thp",
        "bethsoftvid",
        "idcin",
        "ipmovie",
        "filmstrip",
        "anm",
        "cdxl",
        "iff",
        "rpl",
    ),
)
_INVALID_ARGUMENT = 22  # what FFmpeg says of a demuxer that is not in the list
_JUMPING_CLOCKS = 0x0200  # AVFMT_TS_DISCONT
_LEAST_BIT_RATE = 800_000  # of a program stream with sound, whose groups of pictures all have times


def find_video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the first stream of moving pictures; cover art does not count.

    Raises InputError if there is none.
    """
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic and stream.codec_context is not None:
            # Without this flag a decoder crops the left side only to a multiple of its alignment.
            stream.codec_context.flags |= av.codec.context.Flags.unaligned
            return stream
    raise InputError(f"{path} holds no picture stream: give a film, a picture or a folder of numbered pictures")


def open_film(path: Path, formats: Sequence[str] = FILM_FORMATS) -> av.container.InputContainer:
    """Open a film for reading, by one of FFmpeg's demuxers named in ``formats``, and no other file with it.

    Raises InputError for what cannot be opened, and for playlists and scripts, whatever their names.
    """
    check_is_readable_file(path)
    if path.is_dir():
        raise InputError(f"the folder {path} holds no pictures ({PICTURE_SUFFIX_WORDS})")
    options = {"format_whitelist": ",".join(formats), "protocol_whitelist": "file"}
    try:
        # An absolute path is never taken for a URL, whatever colons its name has.
        return av.open(str(path.absolute()), metadata_errors="replace", options=options)
    except PermissionError as error:
        raise InputError(f"{path} may not be read: check its permissions") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if machine_fault := find_machine_fault(error):
            raise machine_fault from error
        if getattr(error, "errno", None) == _INVALID_ARGUMENT:
            raise InputError(
                f"{path} is no film file: it is a playlist, a script, sound, or a kind of file that is not read. "
                f"Give the film itself, or convert it to .mkv or .mp4"
            ) from error
        raise InputError(
            f"{path} cannot be read as a film: it is another kind of file, or "
            f"cut off before its index. Play it in another program, or fetch it again"
        ) from error


def seek_before(
    container: av.container.InputContainer, seconds: float | Fraction, stream: "av.stream.Stream | None" = None
) -> bool:
    """Go to a place at or before ``seconds`` of the clock, of ``stream`` where one is given.

    Gives False where that cannot be: a film without an index, as recorders leave it, has no places, and one of few bits
    may have no sure time for long (`has_guessed_times_after_seek`). Then it is to be opened anew.
    """
    if has_guessed_times_after_seek(container) and container.bit_rate < _LEAST_BIT_RATE:
        return False
    clock = stream.time_base if stream is not None and stream.time_base else Fraction(1, av.time_base)
    try:
        container.seek(math.floor(seconds / clock), stream=stream)
    except (av.error.FFmpegError, OSError):
        return False
    return True


def has_guessed_times_after_seek(container: av.container.InputContainer) -> bool:
    """Say whether frames have guessed times where reading begins in the middle, up to the second key frame there.

    So it is with program streams (MPG, VOB): they time what begins in each 2 kB, and not each frame.
    """
    return container.format.name == "mpeg"


def describe_film(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, frames: Sequence[av.VideoFrame]
) -> VideoInfo:
    """What a film is, by its headers and its first ``frames`` (`opening_frames`)."""
    frame, context = frames[0], stream.codec_context
    pixels = frame.format
    rate = find_rate(stream, container.format.flags, frames)
    metadata = [stream.metadata, container.metadata, *(other.metadata for other in container.streams)]
    return VideoInfo(
        path=path,
        width=frame.width,
        height=frame.height,
        pixel_format=pixels.name,
        depth=get_bit_depth(pixels),
        subsampling="444" if is_rgb(pixels) else get_chroma_subsampling(pixels),
        has_luma_plane=not is_rgb(pixels),
        has_alpha=any(component.is_alpha for component in pixels.components),
        time_base=stream.time_base or Fraction(1, 1000),
        rate=rate,
        frames=stream.frames or None,
        duration_seconds=_read_duration_seconds(container, stream),
        colors=read_color_tags(context, pixels).with_default_matrix(frame.height),
        sample_aspect=stream.sample_aspect_ratio or None,
        display_matrix=find_display_matrix(frame),
        field_order=find_field_order(frames, context.field_order),
        codec=context.name,
        codec_profile=context.profile,
        origin_seconds=find_origin_seconds(container, stream, frame),
        timecode=find_timecode(metadata, rate),
        side_data=gather_side_data(frames) | dict.fromkeys(read_stream_header(stream), b""),
    )


def has_decoding_times(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Say whether packets are timed in the order of decoding and decoders do not mend that: H.264 and H.265 in AVI."""
    return container.format.name == "avi" and stream.codec_context.codec.canonical_name in ("h264", "hevc")


def has_steady_clock(path: Path) -> bool:
    """Say whether a film's timestamps never jump, so that a time means one place in it; looks at every packet.

    Of formats whose clocks cannot jump no packet is read. Raises InputError where the film cannot be opened.
    """
    with open_film(path) as container:
        if not container.format.flags & _JUMPING_CLOCKS:
            return not has_decoding_times(container, find_video_stream(container, path))
    with translate_read_errors(path):
        status = path.stat()
    return _scan_clock(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _scan_clock(path: Path, size: int, modified_ns: int) -> bool:
    with open_film(path) as container:
        stream, last = find_video_stream(container, path), None
        try:
            for packet in container.demux(stream):
                if packet.dts is None:
                    continue
                if last is not None and not 0 <= (packet.dts - last) * packet.time_base <= MAX_PAUSE_SECONDS:
                    return False
                last = packet.dts
        except (av.error.FFmpegError, OSError):
            pass  # where the file is damaged its clock ends
    return True


def _read_duration_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Return the duration of the pictures, else that of the whole file, as the headers claim it."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None
