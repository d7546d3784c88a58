"""A film as FFmpeg reports it: its headers, its decoded frames, and the packets of all else, in one pass."""

import math
import re
from collections import deque
from collections.abc import Collection, Iterator
from fractions import Fraction
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import av
import av.logging
from av.stream import AttachmentStream, Discard, Disposition

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.verification.excerpt import Excerpt, Span
from kinemacolor.verification.facts import Crop, Damage, FilmHeader, FrameFact, PacketFact, PictureFacts, StreamHeader
from kinemacolor.verification.luma import is_rgb, read_luma
from kinemacolor.verification.side_data import FieldOrderFinder, iter_side_data, read_display_matrix
from kinemacolor.verification.times import JUMP_SECONDS

# FFmpeg has one name for a family of containers, the suffix tells which.
_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".mxf": "mxf"}
_MXF_COMMENT = "comment_"  # how FFmpeg calls the metadata that MXF has no own place for
_CROP_PATTERN = re.compile(r"Frame cropping: (\d+)/(\d+)/(\d+)/(\d+)")
# AVI has the frames in the order in which they are decoded, and a rate; what FFmpeg calls their times is a guess.
_WITHOUT_PRESENTATION_TIMES = ("avi",)
_TIMED_IN_ORDER_OF_DECODING = ("h264", "hevc")  # there; of others decoders say when the first frame is shown
_MAX_INTERLEAVING_SECONDS = 10  # by which sound may lie behind its pictures in a file
_LEAD_SECONDS = 2  # before a part, from where on it is decoded
_LEAST_SECONDS = 0.001  # of a subtitle: containers round to it
_NO_TIMESTAMPS = 0x0080  # AVFMT_NOTIMESTAMPS: raw streams
KINDS_OF_PACKETS = ("audio", "subtitle", "cover art", "video")


class FilmReading:
    """Reads a film, or an ``excerpt`` of it, once; all times are those that a result of it has.

    ``queues`` has the packets of every stream beside the pictures, in order, until they are taken;
    ``earliest_seconds`` is the earliest time of any packet so far, at most 0; ``clock_slack`` by how many seconds the
    beginning of the pictures is uncertain. ``span`` is the excerpt on the film's own clock, ``indices_in_part`` are the
    streams that have packets in it; ``has_jumped`` says that the clock of the pictures has gone back. ``crop`` is that
    of `find_crop`.

    Raises InputError for what cannot be read.
    """

    has_clock = True

    def __init__(self, path: Path, crop: Crop, excerpt: Excerpt) -> None:
        self.path, self.excerpt, self.damage, self.earliest_seconds = path, excerpt, Damage(), 0.0
        self.picture_packets, self._entry, self._is_behind = 0, 0, False
        self.clock_slack, self.has_jumped = 0.0, False
        self._container = open_container(path)
        self._stream = _find_pictures(self._container, path)
        time_base = self._stream.time_base or Fraction(1, 1000)
        self._origin_ticks = _find_origin_ticks(self._container, self._stream, path)
        self.span = excerpt.find_span(float(self._origin_ticks * time_base), time_base)
        self._stream.codec_context.thread_type = "AUTO"
        self._stream.codec_context.flags |= av.codec.context.Flags.unaligned  # else some crop only to multiples
        self._fields = FieldOrderFinder(self._stream.codec_context.field_order)
        streams = [describe_stream(stream) for stream in self._container.streams if stream is not self._stream]
        self.header = FilmHeader(
            container=_CONTAINERS.get(path.suffix.lower(), self._container.format.name),
            metadata={
                key.removeprefix(_MXF_COMMENT) if self._container.format.name == "mxf" else key: value
                for key, value in self._container.metadata.items()
            },
            picture_metadata=dict(self._stream.metadata),
            streams=streams,
            attachments=[
                (stream.name or "", stream.mimetype or "", stream.data)
                for stream in self._container.streams
                if isinstance(stream, AttachmentStream)
            ],
            chapters=[
                (round(chapter["start"] * (chapter["time_base"] or 1) * 1000), chapter["metadata"].get("title", ""))
                for chapter in self._container.chapters()
            ],
        )
        self.queues: dict[int, deque[PacketFact]] = {}
        self.indices_in_part: set[int] = set()
        self.keep_packets_of([stream.index for stream in streams if stream.kind in KINDS_OF_PACKETS])
        frames = self._iter_decoded()
        first = next(frames, None)
        if first is None:
            self.close()
            raise InputError(f"{path} holds no frame that can be decoded ({self._stream.codec_context.name})")
        self.pictures = _describe_pictures(self._stream, first, crop)
        self._frames = chain([first], frames)
        if excerpt.start_seconds and not self._is_timed_by_order:
            self._entry = _find_entry(path, self.span)

    def close(self) -> None:
        """Close the film."""
        self._container.close()

    def keep_packets_of(self, indices: Collection[int]) -> None:
        """Queue the packets of these streams alone from now on."""
        self.queues = {index: self.queues.get(index, deque()) for index in indices}
        if not self.excerpt.is_whole:  # of which it is to be known what has packets in it at all
            return
        for stream in self._container.streams:
            if stream is not self._stream and stream.index not in self.queues:
                stream.discard = Discard.all

    def iter_frames(self, weights: tuple[float, float]) -> Iterator[FrameFact]:
        """Yield every frame that can be decoded; ``weights`` are those of red and blue in Y' where it is computed."""
        usual = float(1 / self.pictures.rate) if self.pictures.rate else 0.0
        previous: int | None = None
        reached, latest, decoded_first = 0.0, 0.0, None
        for frame in self._frames:
            time_base = frame.time_base or self.pictures.time_base
            ticks = frame.pts
            if self._is_timed_by_order:
                if previous is not None and frame.pts is not None and frame.pts < previous:
                    self.clock_slack = 2.5 * usual  # it is not known how long the first frames wait for each other
                previous = frame.pts
                decoded_first = frame.dts if decoded_first is None else decoded_first
                ticks = None if frame.dts is None else frame.dts - (decoded_first or 0) + self._origin_ticks
            seconds = reached if ticks is None else float(ticks * time_base)
            self.has_jumped = self.has_jumped or seconds < latest - JUMP_SECONDS
            latest = seconds
            reached = seconds + (float(frame.duration * time_base) or usual)
            self._is_behind = self._is_behind or self.span.is_behind(seconds)
            if self._is_behind or not self.span.has_frame(seconds):
                continue
            with translate_foreign_errors(lambda error: InputError(f"{self.path} cannot be read ({error})")):
                luma = read_luma(frame, weights)
            yield FrameFact(seconds - self.span.zero, luma, self._fields.find(frame), dict(iter_side_data(frame)))

    @property
    def _is_timed_by_order(self) -> bool:
        return self._container.format.name in _WITHOUT_PRESENTATION_TIMES

    def _iter_decoded(self) -> Iterator[av.VideoFrame]:
        """Yield decoded frames, and queue the packets between them; damage is noted and never raised."""
        reached = 0.0
        for packet in self._iter_packets():
            times = [float(ticks * packet.time_base) for ticks in (packet.pts, packet.dts) if ticks is not None]
            is_part = _is_still(packet) or self.span.has_packet(times[-1] if times else 0.0)
            if packet.stream.type == "subtitle" and times:  # what is still shown where the part begins is in it
                until = times[-1] + float((packet.duration or 0) * packet.time_base)
                is_part = is_part or times[-1] < self.span.first < until - _LEAST_SECONDS
                times = [max(one, self.span.first) for one in times]
            if is_part:
                self.earliest_seconds = min([self.earliest_seconds, *(time - self.span.zero for time in times)])
            if packet.stream.index != self._stream.index:
                if packet.size and is_part:
                    self.indices_in_part.add(packet.stream.index)
                if packet.size and is_part and packet.stream.index in self.queues:
                    self.queues[packet.stream.index].append(_describe_packet(packet, self.span))
                continue
            self.picture_packets += bool(packet.size)
            reached = max([reached, *times])
            if reached > self.span.end + _MAX_INTERLEAVING_SECONDS:
                return
            if self.picture_packets == self._entry:
                self._stream.codec_context.flush_buffers()
            # Of what lies around the part only the sound is looked at, which may be in it.
            if self._is_behind or self.picture_packets < self._entry:
                continue
            try:
                frames = [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
            except av.error.FFmpegError:
                self._note_damage(reached)
                continue
            if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
                self._note_damage(reached)
            yield from frames

    def _iter_packets(self) -> Iterator["av.Packet[av.stream.Stream]"]:
        try:
            yield from self._container.demux()
        except (av.error.FFmpegError, OSError) as error:
            self.damage.end = str(error)

    def _note_damage(self, seconds: float) -> None:
        if not self.damage.packets:
            self.damage.first_seconds = seconds
        self.damage.packets += 1


def open_container(path: Path) -> av.container.InputContainer:
    """Open a film through FFmpeg. Raises InputError for what cannot be opened."""
    with translate_foreign_errors(lambda error: InputError(f"{path} cannot be read as a film ({error})")):
        # An absolute path is never taken for a URL, whatever colons its name has.
        return av.open(str(path.absolute()), metadata_errors="replace")


def describe_stream(stream: "av.stream.Stream") -> StreamHeader:
    """Return what a container says of a stream."""
    context = stream.codec_context  # None of a codec that FFmpeg does not know
    is_cover = bool(stream.disposition & Disposition.attached_pic)
    kind = "cover art" if is_cover else stream.type if context is not None or stream.type == "attachment" else "data"
    codec = getattr(stream, "name", None) or "unknown" if context is None else context.codec.canonical_name
    flags = {flag.name for flag in Disposition if flag in stream.disposition and flag.name}
    rate = context.sample_rate if isinstance(context, av.AudioCodecContext) else 0
    return StreamHeader(stream.index, kind, codec, dict(stream.metadata), frozenset(flags - {"attached_pic"}), rate)


def _find_pictures(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    container.close()
    raise InputError(f"{path} holds no picture stream: give a film, a picture or a folder of numbered pictures")


def _find_entry(path: Path, span: Span) -> int:
    """Find from which packet of pictures on a part has to be decoded: counted from 1, 0 for all.

    It is that of a key frame a while before the part, as frames that follow one may refer to others before it. Where
    the clock jumps back before the part it is none.
    """
    entry, count, latest = 0, 0, -math.inf
    with open_container(path) as film:
        stream = _find_pictures(film, path)
        try:
            for packet in film.demux(stream):
                if not packet.size:
                    break
                if packet.pts is None:  # of a raw stream
                    return 0
                seconds = float(packet.pts * packet.time_base)
                if seconds > span.first:
                    break
                count += 1
                if packet.is_keyframe and seconds < latest:
                    return 0
                if packet.is_keyframe and seconds < span.first - _LEAD_SECONDS:
                    entry, latest = count, seconds
        except av.error.FFmpegError:  # told where it is read
            return 0
    return entry


def _find_origin_ticks(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> int:
    """Find the time of the first picture, in ticks: that of the header, if it is not of the first packet instead."""
    is_told = container.format.name not in _WITHOUT_PRESENTATION_TIMES and not container.format.flags & _NO_TIMESTAMPS
    if is_told:
        return stream.start_time or 0
    with open_container(path) as film:
        pictures = _find_pictures(film, path)
        is_in_order = pictures.codec_context.codec.canonical_name in _TIMED_IN_ORDER_OF_DECODING
        try:
            if is_in_order:
                return next((packet.pts for packet in film.demux(pictures) if packet.pts is not None), 0)
            return next((frame.pts for frame in film.decode(pictures) if frame.pts is not None), 0)
        except av.error.FFmpegError:  # told where it is read
            return 0


def _is_still(packet: "av.Packet[av.stream.Stream]") -> bool:
    return bool(packet.stream.disposition & Disposition.attached_pic)


def _describe_packet(packet: "av.Packet[av.stream.Stream]", span: Span) -> PacketFact:
    data = bytes(packet)
    if packet.stream.type == "audio" and data[:1] == b"\xff" and data[1:2] and data[1] & 0xF6 == 0xF0:
        data = data[7:] if data[1] & 1 else data[9:]  # AAC in a transport stream carries an ADTS header
    digest = blake2b(data, digest_size=16).digest()
    if _is_still(packet):
        return PacketFact(digest, 0.0, 0.0)
    ticks = packet.pts if packet.pts is not None else packet.dts or 0
    seconds, duration = float(ticks * packet.time_base), float((packet.duration or 0) * packet.time_base)
    if packet.stream.type == "subtitle" and seconds < span.first:
        seconds, duration = span.first, seconds + duration - span.first
    return PacketFact(digest, seconds - span.zero, duration)


def _describe_pictures(stream: av.VideoStream, frame: av.VideoFrame, crop: Crop) -> PictureFacts:
    context, pixels = stream.codec_context, frame.format
    tags = {
        "matrix": (frame.colorspace, context.colorspace),
        "primaries": (frame.color_primaries, context.color_primaries),
        "transfer": (frame.color_trc, context.color_trc),
        "range": (frame.color_range, context.color_range),
    }
    unknown = {"range": 0}
    return PictureFacts(
        codec=context.codec.canonical_name,
        pixel_format=pixels.name,
        is_lossless=context.codec.lossless and not context.codec.lossy,
        size=(frame.height, frame.width),
        color_tags={name: int(of if of != unknown.get(name, 2) else told) for name, (of, told) in tags.items()},
        is_rgb=is_rgb(pixels),
        has_alpha=any(component.is_alpha for component in pixels.components),
        pixel_aspect=Fraction(stream.sample_aspect_ratio or 1),
        matrix=read_display_matrix(frame),
        crop=crop,
        time_base=stream.time_base or Fraction(1, 1000),
        rate=stream.guessed_rate or stream.average_rate,
    )


def find_crop(path: Path) -> Crop:
    """Find what a container hides at top, bottom, left and right, in px: FFmpeg tells it in no other way than in words.

    They are taken from its log, so this has to be done before any film is decoded: PyAV waits for ever where threads
    of a decoder have something to say too. Raises InputError for what cannot be opened.
    """
    level = av.logging.get_level()
    with open_container(path) as container:
        index = _find_pictures(container, path).index
        av.logging.set_level(av.logging.INFO)
        try:
            words: str = container.dumps_format()  # type: ignore[attr-defined]  # PyAV's types lack it
        finally:
            av.logging.set_level(level)
    of_stream = [part for part in words.split("Stream #0:") if re.match(rf"{index}\b", part)]
    found = _CROP_PATTERN.search("".join(of_stream))
    top, bottom, left, right = (int(number) for number in found.groups()) if found else (0, 0, 0, 0)
    return top, bottom, left, right
