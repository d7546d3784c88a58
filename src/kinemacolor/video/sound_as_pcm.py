"""Sound that a container cannot hold as it is, decoded and stored as PCM: larger, and the same samples."""

from collections.abc import Iterator

import av

from kinemacolor.errors import find_machine_fault

# Of the formats that decoders give; planar ones are woven first.
_PCM_CODECS = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}
PCM_CONTAINERS = ("matroska", "mov", "mp4")
# MP4 wants to know which channel is which; Matroska and AVI may say no more than how many there are.
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}


class PcmEncoder:
    """Turns the packets of one stream of sound into packets of PCM, in a stream of ``target``."""

    def __init__(self, source: av.AudioStream, target: av.container.OutputContainer) -> None:
        context = source.codec_context
        packed = context.format.packed.name
        self.codec = _PCM_CODECS[packed]
        layout = context.layout
        if not is_layout_known(source):
            layout = av.AudioLayout(_USUAL_LAYOUTS.get(context.layout.nb_channels, context.layout.name))
        stream = target.add_stream(self.codec, rate=context.sample_rate, layout=layout, format=packed)
        assert isinstance(stream, av.AudioStream)
        self.stream = stream
        self._resampler = av.AudioResampler(packed, layout, context.sample_rate)

    def encode(
        self, packet: "av.Packet[av.stream.Stream]", shift_seconds: float
    ) -> "Iterator[av.Packet[av.stream.Stream]]":
        """Yield the packets that one packet becomes, moved by ``shift_seconds``; damaged sound becomes none."""
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
                yield from self.stream.encode(woven)


def is_layout_known(stream: av.AudioStream) -> bool:
    """Say whether a film tells which channel of its sound is which, and not only how many there are."""
    return not stream.codec_context.layout.name.endswith("channels")


def can_be_pcm(stream: av.stream.Stream, container: str) -> bool:
    """Say whether a stream is sound that can be decoded, and the container of FFmpeg's name holds PCM."""
    if not isinstance(stream, av.AudioStream) or container not in PCM_CONTAINERS:
        return False
    sample_format = stream.codec_context.format
    if not stream.codec_context.sample_rate or not stream.codec_context.layout.nb_channels:
        return False  # cut off before its first packet
    return sample_format is not None and sample_format.packed.name in _PCM_CODECS
