"""Copying of all that a source has beside its pictures: sound, subtitles, attachments, chapters and metadata."""

import math
from collections.abc import Iterator

import av

from kinemacolor.video.container import find_video_stream
from kinemacolor.video.info import TIME_TOLERANCE_SECONDS, VideoInfo
from kinemacolor.video.output import NO_SPACE_ERRNOS
from kinemacolor.video.timecode import advance_timecode

CONTAINER_METADATA_KEYS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("handler_name", "vendor_id", "duration"),
}


class StreamCopier:
    """Copies sound, subtitles and other streams packet by packet, in step with the new pictures.

    They go from ``source``, which it closes, into ``target``. Only what lies between ``start_seconds`` and
    ``end_seconds`` is copied, and moved so that it starts at zero. Attachments are copied at once, chapters only with a
    whole film. What the container cannot hold is named in ``warnings``.
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
        self._target, self._start, self._end = target, start_seconds, end_seconds
        self._warnings = warnings
        self._target_streams: dict[int, av.stream.Stream] = {}
        self._pending_packet: av.Packet[av.stream.Stream] | None = None
        self._source = source
        self._origin = info.origin_seconds if start_seconds else 0.0
        self._last_dts: dict[int, int] = {}
        self._dropped = 0
        video = find_video_stream(self._source, info.path)
        for stream in self._source.streams:
            if stream.index != video.index:
                self._add_stream(stream)
        if not start_seconds and end_seconds is None and self._source.chapters():
            target.set_chapters(self._source.chapters())
        self._packets = self._iter_packets()

    def copy_until(self, seconds: float | None) -> None:
        """Copy the packets up to ``seconds`` of the result; None copies all that are left.

        Packets whose time does not grow are left out and counted: containers refuse them.
        """
        while (packet := self._pending_packet or next(self._packets, None)) is not None:
            self._pending_packet = packet
            if seconds is not None and _get_packet_seconds(packet) > seconds:
                return
            self._pending_packet = None
            index = packet.stream.index
            if packet.dts is not None and packet.dts <= self._last_dts.get(index, packet.dts - 1):
                self._dropped += 1
                continue
            if packet.dts is not None:
                self._last_dts[index] = packet.dts
            packet.stream = self._target_streams[index]
            self._target.mux(packet)

    def close(self) -> None:
        """Close the source, and warn of the packets that were left out."""
        if self._dropped:
            self._warnings.append(
                f"{self._dropped} packets of sound or subtitles run backwards in time and are left out"
            )
        self._source.close()

    def _add_stream(self, stream: av.stream.Stream) -> None:
        """Open a copy of a stream in the target, or warn that the container cannot hold it."""
        name = f"{stream.type} stream {stream.index}"
        container = self._target.format.name
        if isinstance(stream, av.stream.AttachmentStream):
            if container == "matroska":
                attached = self._target.add_attachment(stream.name or "", stream.mimetype or "", stream.data)
                copy_metadata(stream.metadata, attached.metadata)
            else:
                self._warnings.append(f"{name} is left out: only .mkv holds attachments")
        elif stream.type == "data" or stream.codec_context is None:
            # A time code track is made anew from the metadata; an Ogg skeleton belongs to its container.
            if stream.name not in (None, "tmcd", "none"):
                self._warnings.append(f"{name} ({stream.name}) is left out: data is not copied")
        elif stream.codec_context.codec.canonical_name not in self._target.supported_codecs:
            codec = stream.codec_context.codec.canonical_name
            self._warnings.append(f"{name} ({codec}) is left out: {container} cannot hold it")
        else:
            copy = self._target.add_stream_from_template(stream)
            copy.time_base = stream.time_base
            copy.disposition = stream.disposition
            copy_metadata(stream.metadata, copy.metadata)
            self._target_streams[stream.index] = copy

    def _iter_packets(self) -> Iterator["av.Packet[av.stream.Stream]"]:
        """Yield the packets to copy, with times of the result; a damaged end of the source is a warning."""
        wanted = [stream for stream in self._source.streams if stream.index in self._target_streams]
        if not wanted:
            return
        for stream in self._source.streams:
            if stream.index not in self._target_streams:
                stream.discard = av.stream.Discard.all
        if self._start > 0:
            self._source.seek(int((self._start + self._origin) * av.time_base))
        try:
            for packet in self._source.demux(wanted):
                if not packet.size:
                    continue
                if packet.stream.disposition & av.stream.Disposition.attached_pic:
                    packet.pts = packet.dts = 0
                    yield packet
                    continue
                seconds = _get_packet_seconds(packet) - self._origin
                # Sound may begin before zero, with the samples that an encoder adds before it (priming).
                is_too_early = self._start > 0 and seconds < self._start
                if not is_too_early and (self._end is None or seconds < self._end):
                    _shift_packet(packet, -(self._start + self._origin))
                    yield packet
        except (av.error.FFmpegError, OSError) as error:
            if error.errno in NO_SPACE_ERRNOS:
                raise
            self._warnings.append(f"sound and other streams end early: {error}")


def copy_film_metadata(
    source: av.container.InputContainer, target: av.container.OutputContainer, info: VideoInfo, start_seconds: float
) -> None:
    """Copy the metadata of a film and of its picture stream; the time code becomes that at ``start_seconds``."""
    copy_metadata(find_video_stream(source, info.path).metadata, target.streams.video[0].metadata)
    copy_metadata(source.metadata, target.metadata)
    if info.timecode and info.rate:
        skipped = math.ceil((start_seconds - TIME_TOLERANCE_SECONDS) * info.rate)
        target.metadata["timecode"] = advance_timecode(info.timecode, max(0, skipped), info.rate)


def copy_metadata(source: dict[str, str], target: dict[str, str]) -> None:
    """Copy all metadata but what a container writes about itself (`CONTAINER_METADATA_KEYS`)."""
    target.update({key: value for key, value in source.items() if key.lower() not in CONTAINER_METADATA_KEYS})


def _get_packet_seconds(packet: "av.Packet[av.stream.Stream]") -> float:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return float((ticks or 0) * packet.time_base)


def _shift_packet(packet: "av.Packet[av.stream.Stream]", seconds: float) -> None:
    ticks = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
