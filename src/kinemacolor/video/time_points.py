"""What the frames and time codes that people write mean in a film: times of its own clock, to the frame."""

from itertools import islice

from kinemacolor.errors import UsageError
from kinemacolor.utils.times import TimePoint
from kinemacolor.video.container import find_video_stream, open_film
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import VideoReader
from kinemacolor.video.timecode import count_day_frames, count_timecode_frames, is_drop_frame, timecode_to_frames

_REORDERED_FRAMES = 64  # more than any codec stores out of their order
_MAX_JUMP_SECONDS = 1  # by which the clock of a film may go back; beyond it another recording begins


def find_seconds(point: TimePoint, info: VideoInfo) -> float:
    """Return a place in a film in seconds of its own clock; of a frame it is the exact time at which it is shown.

    Raises UsageError for a frame that the film has not, and for what is no time code of it.
    """
    if point.seconds is not None:
        return point.seconds
    number = _count_frame(point, info)
    times = _list_frame_seconds(info, number + 1)
    if number >= len(times):
        raise UsageError(_describe_frames(point, number, info, len(times)))
    return times[number]


def find_end_seconds(point: TimePoint, info: VideoInfo) -> float | None:
    """Return a place as `find_seconds`, for an end, which is not shown: None for the frame after a film's last one."""
    if point.seconds is not None:
        return point.seconds
    number = _count_frame(point, info)
    times = _list_frame_seconds(info, number + 1)
    if number > len(times):
        raise UsageError(_describe_frames(point, number, info, len(times)))
    return times[number] if number < len(times) else None


def _describe_frames(point: TimePoint, number: int, info: VideoInfo, frames: int) -> str:
    counted = f", which is frame {number}" if point.timecode else ""
    return (
        f"{point.what} {point.text}{counted}: {info.path.name} has no such frame, its last one is {frames - 1} "
        "(the first is 0)"
    )


def _count_frame(point: TimePoint, info: VideoInfo) -> int:
    """Return the number of a frame by its number or its time code; a film without time code begins at 00:00:00:00."""
    if point.timecode is None:
        return point.frame or 0
    own, rate = info.timecode, info.rate
    is_drop = is_drop_frame(point.timecode)
    if own is not None:
        if is_drop and not is_drop_frame(own):
            raise UsageError(
                f"{point.what} {point.text} is drop-frame, the film's time code {own} is not: write colons"
            )
        is_drop = is_drop_frame(own)  # colons do for both
    try:
        number = count_timecode_frames(point.timecode, rate, drop=is_drop) - timecode_to_frames(own, rate)
        if rate and number < -(day := count_day_frames(rate, drop=is_drop)) // 2:
            number += day  # the film goes past midnight
    except ValueError as error:
        raise UsageError(f"{point.what} {point.text}: {error}; write seconds, or a frame (100f)") from error
    if number < 0:
        raise UsageError(f"{point.what} {point.text} lies before {info.path.name}, which begins at {own}")
    return number


def _list_frame_seconds(info: VideoInfo, count: int) -> list[float]:
    """List the times of the first ``count`` frames of a film, or of all where it has fewer."""
    if info.path.is_dir() and info.frames:  # pictures, all of one length
        return [float(number * info.time_base) for number in range(min(count, info.frames))]
    pts = None if info.is_pictures else _read_pts_of_packets(info, count)
    if pts is None:
        with VideoReader(info.path, info=info) as reader:
            pts = [block.pts[0] for block in islice(reader.iter_blocks(1), count)]
    return [float(one * info.time_base) - info.origin_seconds for one in pts]


def _read_pts_of_packets(info: VideoInfo, count: int) -> list[int] | None:
    """Read timestamps, in ticks and in order, without decoding: the container's.

    None where the container does not have one for each frame: packets may lack it, or be fields.
    """
    if info.is_interlaced:
        return None
    found: list[int] = []
    latest: int | None = None
    with open_film(info.path) as container:
        stream = find_video_stream(container, info.path)
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            if packet.pts is None:
                return None
            clock = packet.pts if packet.dts is None else packet.dts
            if latest is not None and (latest - clock) * info.time_base > _MAX_JUMP_SECONDS:
                break
            latest = clock
            found.append(packet.pts)
            if len(found) >= count + _REORDERED_FRAMES:
                break
    return sorted(found)[:count]
