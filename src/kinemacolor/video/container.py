"""Opening a film: its container, its picture stream, and what both say of it."""

from fractions import Fraction
from pathlib import Path

import av

from kinemacolor.errors import InputError
from kinemacolor.video.images import PICTURE_SUFFIX_WORDS
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.picture_files import check_is_readable_file
from kinemacolor.video.pixels import get_bit_depth, get_chroma_subsampling, is_rgb, read_color_tags
from kinemacolor.video.timecode import find_timecode


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


def open_film(path: Path) -> av.container.InputContainer:
    """Open a film for reading. Raises InputError for what cannot be opened."""
    check_is_readable_file(path)
    if path.is_dir():
        raise InputError(f"the folder {path} holds no pictures ({PICTURE_SUFFIX_WORDS})")
    try:
        # An absolute path is never taken for a URL, whatever colons its name has.
        return av.open(str(path.absolute()), metadata_errors="replace")
    except PermissionError as error:
        raise InputError(f"{path} may not be read: check its permissions") from error
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a film ({error.strerror}): it is another kind of file, or cut off before its "
            f"index. Play it in another program, or fetch it again"
        ) from error


def describe_film(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, frame: av.VideoFrame
) -> VideoInfo:
    """What a film is, by its headers and its first frame."""
    pixels, context = frame.format, stream.codec_context
    rate = stream.average_rate or stream.guessed_rate
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
        display_rotation=frame.rotation,
        field_order=context.field_order,
        codec=context.name,
        origin_seconds=float((stream.start_time or 0) * (stream.time_base or 0)),
        timecode=find_timecode(metadata, rate),
    )


def _read_duration_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Return the duration of the pictures, else that of the whole file, as the headers claim it."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None
