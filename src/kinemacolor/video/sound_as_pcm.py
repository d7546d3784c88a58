"""Sound that a container cannot hold as it is, decoded and stored as PCM: larger, and the same samples."""

from collections.abc import Iterator
from fractions import Fraction

import av

from kinemacolor.errors import find_machine_fault
from kinemacolor.video.mxf import SOUND_RATE
from kinemacolor.video.packet_times import Packet

# Of the formats that decoders give; planar ones are woven first.
_PCM_CODECS = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}
# MXF has PCM of 16 and 24 bits: what they are woven to, and the codec.
_MXF_CODECS = {"u8": ("s16", "pcm_s16le"), "s16": ("s16", "pcm_s16le")}
_MXF_DEEP = ("s32", "pcm_s24le")
PCM_CONTAINERS = ("matroska", "mov", "mp4", "mxf")
# MP4 wants to know which channel is which; Matroska and AVI may say no more than how many there are.
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}
_SLACK_SECONDS = 0.0025  # by which times of packets are rounded: no gap
_MOST_INTERLEAVED_SECONDS = 5  # by which sound may lie behind its pictures in a file


class PcmEncoder:
    """Turns the packets of one stream of sound into packets of PCM, in a stream of ``target``."""

    def __init__(self, source: av.AudioStream, target: av.container.OutputContainer) -> None:
        context = source.codec_context
        packed = context.format.packed.name
        self._format, self.codec = packed, _PCM_CODECS[packed]
        if target.format.name == "mxf":
            self._format, self.codec = _MXF_CODECS.get(packed, _MXF_DEEP)
        self._layout = context.layout
        if not is_layout_known(source):
            self._layout = av.AudioLayout(_USUAL_LAYOUTS.get(context.layout.nb_channels, context.layout.name))
        self._rate = context.sample_rate
        stream = target.add_stream(self.codec, rate=self._rate, layout=self._layout, format=self._format)
        assert isinstance(stream, av.AudioStream)
        self.stream = stream
        self._resampler = av.AudioResampler(self._format, self._layout, self._rate)

    def encode(self, packet: Packet, shift_seconds: float) -> Iterator[Packet]:
        """Yield the packets that one packet becomes, moved by ``shift_seconds``; damaged sound becomes none."""
        for frame in self._iter_moved(packet, shift_seconds):
            yield from self.stream.encode(frame)

    def _iter_moved(self, packet: Packet, shift_seconds: float) -> Iterator[av.AudioFrame]:
        """Yield the decoded sound of a packet, in the format that is stored, moved by ``shift_seconds``."""
        try:
            frames = [frame for frame in packet.decode() if isinstance(frame, av.AudioFrame)]
        except av.error.FFmpegError as error:
            if machine_fault := find_machine_fault(error):
                raise machine_fault from error
            return
        for frame in frames:
            for woven in self._resampler.resample(frame):
                if woven.pts is not None and woven.time_base:
                    woven.pts += round(shift_seconds / woven.time_base)
                yield woven


class ContinuousPcmEncoder(PcmEncoder):
    """The same for a container without times of sound (MXF): it runs from the first picture to the end of the last one.

    Silence is put where the source has no sound, and what lies before or behind the pictures is left out. Sound waits
    until `take_until` asks for it.
    """

    def __init__(self, source: av.AudioStream, target: av.container.OutputContainer) -> None:
        super().__init__(source, target)
        self._sample_bytes = (2 if self._format == "s16" else 4) * self._layout.nb_channels
        self._waiting = bytearray()
        self._first_seconds: float | None = None
        self._placed = self._taken = 0  # samples, from the first picture on
        self.end_seconds: float | None = None  # of the pictures, once it is known

    def begin(self, seconds: float) -> None:
        """Say when the first picture is shown in the result; later calls change nothing."""
        if self._first_seconds is None:
            self._first_seconds = seconds

    def encode(self, packet: Packet, shift_seconds: float) -> Iterator[Packet]:
        """Put the sound of a packet into its place; it is yielded by `take_until`."""
        for frame in self._iter_moved(packet, shift_seconds):
            self._place(frame)
        return iter(())

    def take_until(self, seconds: float, *, is_ended: bool) -> Iterator[Packet]:
        """Yield the sound up to a time of the result, as far as it is known; ``is_ended``: there is no more of it."""
        limit = self._count_samples(seconds)
        silent_until = limit if is_ended else limit - _MOST_INTERLEAVED_SECONDS * self._rate
        self._pad(silent_until)
        count = min(limit, self._placed) - self._taken
        if count <= 0:
            return
        frame = av.AudioFrame(self._format, self._layout, count)
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        size = count * self._sample_bytes
        frame.planes[0].update(bytes(self._waiting[:size]).ljust(frame.planes[0].buffer_size, b"\0"))
        frame.pts = self._taken - self._count_samples(0)
        del self._waiting[:size]
        self._taken += count
        yield from self.stream.encode(frame)

    def _count_samples(self, seconds: float) -> int:
        return round((seconds - (self._first_seconds or 0.0)) * self._rate)

    def _place(self, frame: av.AudioFrame) -> None:
        content = bytes(frame.planes[0])[: frame.samples * self._sample_bytes]
        if frame.pts is not None and frame.time_base:
            begin = self._count_samples(float(frame.pts * frame.time_base))
            if begin - self._placed > _SLACK_SECONDS * self._rate:
                self._pad(begin)
            elif self._placed - begin > _SLACK_SECONDS * self._rate:
                content = content[(self._placed - begin) * self._sample_bytes :]
        if self.end_seconds is not None:
            room = max(0, self._count_samples(self.end_seconds) - self._placed)
            content = content[: room * self._sample_bytes]
        self._waiting += content
        self._placed += len(content) // self._sample_bytes

    def _pad(self, until: int) -> None:
        """Put silence up to so many samples."""
        if self.end_seconds is not None:
            until = min(until, self._count_samples(self.end_seconds))
        if until > self._placed:
            self._waiting += bytes((until - self._placed) * self._sample_bytes)
            self._placed = until


def is_layout_known(stream: av.AudioStream) -> bool:
    """Say whether a film tells which channel of its sound is which, and not only how many there are."""
    return not stream.codec_context.layout.name.endswith("channels")


def can_be_pcm(stream: av.stream.Stream, container: str) -> bool:
    """Say whether a stream is sound that can be decoded, and the container of FFmpeg's name holds PCM."""
    if not isinstance(stream, av.AudioStream) or container not in PCM_CONTAINERS:
        return False
    context = stream.codec_context
    if not context.sample_rate or not context.layout.nb_channels:
        return False  # cut off before its first packet
    if container == "mxf" and context.sample_rate != SOUND_RATE:
        return False
    return context.format is not None and context.format.packed.name in _PCM_CODECS
