"""Copying of all that a source has beside its pictures: sound, subtitles, attachments, chapters and metadata."""

import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO

import av

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.video.clock import ClockJump
from kinemacolor.video.container import find_video_stream, has_steady_clock, open_film, seek_before
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS, VideoInfo
from kinemacolor.video.metadata import copy_metadata, copy_stream_metadata
from kinemacolor.video.mxf import MXF_COMMENT, SOUND_RATE
from kinemacolor.video.packet_clock import MAX_OVERLAP_SECONDS, PacketClock
from kinemacolor.video.packet_times import Packet, get_packet_seconds, shift_packet, shorten_subtitle
from kinemacolor.video.sound_as_pcm import ContinuousPcmEncoder, PcmEncoder, can_be_pcm, is_layout_known
from kinemacolor.video.timecode import advance_timecode

_COVER_KINDS = {"mjpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "bmp": "image/bmp", "webp": "image/webp"}
# An encoder's priming, samples before the first one, is shorter; what begins earlier than this is sound of the film.
_MAX_PRIMING_SECONDS = 0.1
_MAX_INTERLEAVING_SECONDS = 10  # by which sound may lie before its pictures in a file
_ROUNDING_SECONDS = 1e-6  # of numbers with a floating point
_DENSEST = Fraction(1, 8000)  # seconds between times that every track of MP4 tells apart


class StreamCopier:
    """Copies sound, subtitles and other streams packet by packet, in step with the new pictures.

    They go from ``source``, which it closes, into ``target``. Only what lies between ``start_seconds`` and
    ``end_seconds`` is copied, and moved so that it starts at zero; where the film's clock jumps, all streams go on with
    the pictures. Attachments are copied at once, chapters only with a whole film. What the container cannot hold, and
    what is lost, is named in ``warnings``.
    """

    def __init__(
        self,
        source: av.container.InputContainer,
        target: av.container.OutputContainer,
        info: VideoInfo,
        start_seconds: float,
        end_seconds: float | None,
        warnings: list[str],
    ) -> None:
        self._target, self._start = target, start_seconds
        self._zero = float(info.find_zero(start_seconds))
        end = math.inf if end_seconds is None else end_seconds + info.origin_seconds
        self._end = end - self._zero - _ROUNDING_SECONDS
        self._warnings = warnings
        self._target_streams: dict[int, av.stream.Stream] = {}
        self._pending: tuple[Packet, float | None] | None = None  # with its shift in seconds, once that is known
        self._source, self._path = source, info.path
        self._clock = PacketClock(info.time_base)
        self._lead_seconds = 0.0
        self._last_dts: dict[int, int] = {}
        self._dropped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._pcm_encoders: dict[int, PcmEncoder] = {}
        video = find_video_stream(self._source, info.path)
        for stream in self._source.streams:
            if stream.index != video.index:
                self._add_stream(stream)
        chapters = self._source.chapters() if not start_seconds and end_seconds is None else []
        if chapters and target.format.name == "mxf":
            warnings.append(f"{len(chapters)} chapter{'s' * (len(chapters) > 1)} left out: mxf cannot hold them")
        elif chapters:
            target.set_chapters(chapters)
        self._packets = self._iter_packets()

    @property
    def lead_seconds(self) -> float:
        """By how much sound or subtitles begin before zero, beyond what encoders put before it (their priming)."""
        if self._start > 0 or self._target.format.name == "mxf":  # where sound begins with the pictures
            return 0.0
        streams = [stream for stream in self._source.streams if stream.index in self._target_streams]
        begins = [float((one.start_time or 0) * (one.time_base or 0)) for one in streams]
        return max((-seconds for seconds in begins if seconds < -_MAX_PRIMING_SECONDS), default=0.0)

    def move(self, seconds: float) -> None:
        """Move all packets and chapters later by ``seconds``; to be called before any is copied."""
        self._lead_seconds = seconds
        chapters = self._target.chapters()
        for chapter in chapters:
            ticks = round(seconds / (chapter["time_base"] or 1))
            chapter["start"], chapter["end"] = chapter["start"] + ticks, chapter["end"] + ticks
        if chapters:
            self._target.set_chapters(chapters)

    def copy_until(self, seconds: float, jumps: tuple[ClockJump, ...] = ()) -> None:
        """Copy the packets up to ``seconds`` of the pictures.

        ``jumps`` are those of the film's clock up to there. Packets whose time runs back are put after the one before,
        or left out where that would move them by more than a moment; these are counted.
        """
        self._clock.learn(jumps)
        for encoder in self._continuous_encoders:
            encoder.begin(seconds + self._lead_seconds)
        is_ended = self._copy_packets(seconds)
        self._write_continuous(seconds, is_ended=is_ended)

    def copy_rest(self, end_seconds: float) -> None:
        """Copy all packets that are left; ``end_seconds`` is when the last picture ends."""
        for encoder in self._continuous_encoders:
            encoder.end_seconds = end_seconds + self._lead_seconds
        self._copy_packets(None)
        self._write_continuous(end_seconds, is_ended=True)

    @property
    def _continuous_encoders(self) -> list[ContinuousPcmEncoder]:
        return [one for one in self._pcm_encoders.values() if isinstance(one, ContinuousPcmEncoder)]

    def _write_continuous(self, seconds: float, *, is_ended: bool) -> None:
        """Write the sound up to ``seconds`` of the pictures where it has no times of its own."""
        for encoder in self._continuous_encoders:
            self._target.mux(list(encoder.take_until(seconds + self._lead_seconds, is_ended=is_ended)))

    def _copy_packets(self, seconds: float | None) -> bool:
        """Copy packets up to ``seconds``, None for all; gives whether there are no more."""
        while True:
            if self._pending is None:
                following = next(self._packets, None)
                if following is None:
                    return True
                self._pending = (following, None)
            packet, shift = self._pending
            if shift is None:
                shift = self._clock.find_shift(packet, None if seconds is None else seconds + self._zero)
            self._pending = (packet, shift)
            if shift is None:  # it lies behind a jump that the pictures have not reached
                return False
            packet_seconds = get_packet_seconds(packet) + shift - self._zero
            is_cover = bool(packet.stream.disposition & av.stream.Disposition.attached_pic)
            if seconds is not None and packet_seconds > seconds and not is_cover:
                return False
            self._pending = None
            # Sound may begin before zero, with the samples that an encoder adds before it (priming).
            is_too_early = self._start > 0 and packet_seconds < -_ROUNDING_SECONDS
            if is_too_early and packet.stream.type == "subtitle":
                is_too_early = not shorten_subtitle(packet, packet_seconds)
            if is_cover or not (is_too_early or packet_seconds >= self._end):
                self._write(packet, shift - self._zero + self._lead_seconds)

    def close(self) -> None:
        """Close the source, and warn of the packets that were left out."""
        for name, count in self._dropped.items():
            self._warnings.append(
                f"{count} packet{'s' * (count > 1)} of {name} run{'s' * (count == 1)} backwards in time and "
                f"{'are' if count > 1 else 'is'} left out"
            )
        for name, count in self._refused.items():
            self._warnings.append(f"{count} damaged packet{'s' * (count > 1)} of {name}: left out")
        self._source.close()

    def _write(self, packet: Packet, shift_seconds: float) -> None:
        """Write a packet moved by ``shift_seconds``, never before the one before it of its stream."""
        stream = packet.stream
        if encoder := self._pcm_encoders.get(stream.index):
            self._target.mux(list(encoder.encode(packet, shift_seconds)))
            return
        if stream.disposition & av.stream.Disposition.attached_pic:
            packet.pts = packet.dts = 0
        else:
            shift_packet(packet, shift_seconds)
        last = self._last_dts.get(stream.index)
        if packet.dts is not None and last is not None:
            # MP4 and MOV want times that grow, Matroska allows equal ones, which subtitles and TrueHD have.
            must_grow = self._target.format.name in ("mp4", "mov")
            earliest = last + max(1, math.ceil(_DENSEST / packet.time_base)) if must_grow else last
            if (last - packet.dts) * packet.time_base > MAX_OVERLAP_SECONDS:
                self._dropped[_name_stream(stream)] += 1
                return
            if packet.dts < earliest:
                packet.dts = earliest
                packet.pts = None if packet.pts is None else max(packet.pts, earliest)
        if packet.dts is not None:
            self._last_dts[stream.index] = packet.dts
        packet.stream = self._target_streams[stream.index]
        try:
            self._target.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError):  # what muxers say of damaged packets
            self._refused[_name_stream(stream)] += 1

    def _add_stream(self, stream: av.stream.Stream) -> None:
        """Open a copy of a stream in the target, or warn that the container cannot hold it."""
        name, container = _name_stream(stream), self._target.format.name
        if isinstance(stream, av.stream.AttachmentStream):
            if container == "matroska":
                attached = self._target.add_attachment(stream.name or "", stream.mimetype or "", stream.data)
                copy_metadata(stream.metadata, attached.metadata)
            else:
                self._warnings.append(f"{name} is left out: only .mkv holds attachments")
        elif stream.disposition & av.stream.Disposition.attached_pic and container == "matroska":
            self._attach_cover(stream)
        elif stream.type == "data" or stream.codec_context is None:
            if not _is_made_anew(stream, self._source):
                self._warnings.append(
                    f"{name} ({getattr(stream, 'name', None) or 'of an unknown kind'}) is left out: data is not copied"
                )
        elif container == "mxf" or not can_hold(container, stream):
            self._add_as_pcm(stream)
        else:
            copy = self._target.add_stream_from_template(stream, opaque=True)
            copy.time_base = stream.time_base
            copy.disposition = stream.disposition
            copy_stream_metadata(stream.metadata, copy.metadata, container)
            self._target_streams[stream.index] = copy

    def _attach_cover(self, stream: av.stream.Stream) -> None:
        """Attach cover art, which is no stream in Matroska; players find it by its name."""
        kind = _COVER_KINDS.get(stream.codec_context.name)
        with open_film(self._path) as source:
            packet = next((one for one in source.demux(source.streams[stream.index]) if one.size), None)
        if kind is None or packet is None:
            self._warnings.append(f"{_name_stream(stream)}, cover art ({stream.codec_context.name}), is left out")
            return
        suffix = kind.rpartition("/")[2].replace("jpeg", "jpg")
        attached = self._target.add_attachment(f"cover.{suffix}", kind, bytes(packet))
        copy_metadata(stream.metadata, attached.metadata)

    def _add_as_pcm(self, stream: av.stream.Stream) -> None:
        """Store sound that the container cannot hold as PCM, leave out all else; a warning in both cases."""
        name, container = _name_stream(stream), self._target.format.name
        codec = stream.codec_context.codec.canonical_name
        if can_be_pcm(stream, container):
            assert isinstance(stream, av.AudioStream)
            kind = ContinuousPcmEncoder if container == "mxf" else PcmEncoder
            encoder = self._pcm_encoders[stream.index] = kind(stream, self._target)
            copy_stream_metadata(stream.metadata, encoder.stream.metadata, container)
            encoder.stream.disposition = stream.disposition
            self._target_streams[stream.index] = encoder.stream
            if codec != encoder.codec:
                self._warnings.append(
                    f"{name} ({codec}) is stored as {encoder.codec}: {container} cannot hold it as it is"
                )
        elif container == "mxf" and can_be_pcm(stream, "mov"):
            self._warnings.append(f"{name} ({codec}) is left out: mxf holds sound of {SOUND_RATE} Hz alone, .mov any")
        else:
            hint = ", .mkv can" if container != "matroska" and _fits_matroska(stream) else ""
            self._warnings.append(f"{name} ({codec}) is left out: {container} cannot hold it{hint}")

    def _iter_packets(self) -> Iterator[Packet]:
        """Yield the packets to copy, in the order of the file; a damaged end of the source is a warning."""
        wanted = [stream for stream in self._source.streams if stream.index in self._target_streams]
        if not wanted:
            return
        for stream in self._source.streams:
            if stream.index not in self._target_streams:
                stream.discard = av.stream.Discard.all
        # AVI has no times for sound: FFmpeg counts them from its beginning, and guesses them behind a jump.
        can_jump = self._start > _MAX_INTERLEAVING_SECONDS and self._source.format.name != "avi"
        if can_jump and has_steady_clock(self._path):
            seek_before(self._source, self._zero - _MAX_INTERLEAVING_SECONDS)  # else all is read from the beginning
        packets = self._source.demux(wanted)
        while True:
            try:
                with translate_foreign_errors(lambda error: InputError(str(error))):
                    packet = next(packets, None)
            except InputError as error:
                self._warnings.append(f"sound and other streams end early: {error}")
                return
            if packet is None:
                return
            if packet.size or packet.stream.index in self._pcm_encoders:  # an empty one flushes a decoder
                yield packet


def can_hold(container: str, stream: av.stream.Stream) -> bool:
    """Say whether a container, by FFmpeg's name, can hold a stream as it is: its codec, and its header too.

    MXF holds no sound but PCM, so there it is whether its samples can be kept.
    """
    if container == "mxf":
        return can_be_pcm(stream, container)
    if stream.codec_context is None:
        return False
    try:
        with av.open(BytesIO(), "w", format=container) as trial:
            if stream.codec_context.codec.canonical_name not in trial.supported_codecs:
                return False
            if container == "mp4" and isinstance(stream, av.AudioStream) and not is_layout_known(stream):
                return not stream.codec_context.name.startswith("pcm_")  # which it says at the very end
            copy = trial.add_stream_from_template(stream, opaque=True)
            copy.time_base = stream.time_base
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _fits_matroska(stream: av.stream.Stream) -> bool:
    return can_hold("matroska", stream) or can_be_pcm(stream, "matroska")


def copy_film_metadata(
    source: av.container.InputContainer, target: av.container.OutputContainer, info: VideoInfo, start_seconds: float
) -> None:
    """Copy the metadata of a film and of its picture stream; the time code becomes that at ``start_seconds``."""
    pictures, copy = find_video_stream(source, info.path).metadata, target.streams.video[0].metadata
    copy_stream_metadata(pictures, copy, target.format.name)
    metadata = dict(source.metadata)
    if source.format.name == "mxf":
        metadata = {key.removeprefix(MXF_COMMENT): value for key, value in metadata.items()}
    copy_metadata(metadata, target.metadata)
    if info.timecode and info.rate:
        skipped = math.ceil((start_seconds - TIME_TOLERANCE_SECONDS) * info.rate)
        timecode = advance_timecode(info.timecode, max(0, skipped), info.rate)
        for tags in (target.metadata, copy) if "timecode" in copy else (target.metadata,):
            tags["timecode"] = timecode


def _name_stream(stream: av.stream.Stream) -> str:
    return f"{stream.type} stream {stream.index}"


def _is_made_anew(stream: av.stream.Stream, source: av.container.InputContainer) -> bool:
    """Whether a stream of data belongs to what the result gets in its own way: time code, chapters, Ogg's skeleton."""
    chapters = len(source.chapters())
    name = getattr(stream, "name", None)  # a stream that lost its codec to damage has none
    is_chapter_track = name == "bin_data" and chapters > 0 and stream.frames == chapters
    is_skeleton = source.format.name == "ogg" and name in (None, "none")
    return "timecode" in stream.metadata or is_chapter_track or is_skeleton
