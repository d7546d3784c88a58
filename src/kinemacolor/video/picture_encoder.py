"""Encodes frames of a film to packets: of a whole result, or of a part of it that is encoded for itself."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import av.filter

from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.editing_codecs import name_dnxhr_matrix
from kinemacolor.video.encoding import EncoderSettings
from kinemacolor.video.info import UNSPECIFIED, FrameExtras, VideoInfo
from kinemacolor.video.orientation import is_rigid
from kinemacolor.video.pixels import build_frame, full_to_limited_range, get_planar_format, rescale_codes
from kinemacolor.video.side_data import SideDataAccount
from kinemacolor.video.timestamps import TimestampConverter

VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
MATROSKA_SUFFIXES = (".mkv", ".webm")
_RESERVED = 0  # in ITU-T H.273, of primaries and transfer: it says as little as "unspecified"


class PictureEncoder:
    """The picture stream of ``container`` and what encodes its frames, as a result named ``output`` has them.

    What is at ``start_seconds`` comes at zero (`VideoInfo.find_zero`). What the result cannot hold is added to
    ``warnings``. The same frames make the same packets, byte for byte.
    """

    def __init__(
        self,
        container: av.container.OutputContainer,
        output: Path,
        info: VideoInfo,
        encoder: EncoderSettings,
        start_seconds: float,
        warnings: list[str],
    ) -> None:
        self._output, self._info, self._encoder, self._warnings = output, info, encoder, warnings
        # Formats that are not planar Y'CbCr are made from its planes by swscale.
        self._planar_format = get_planar_format(encoder.subsampling, encoder.depth)
        self._needs_limited_range = encoder.is_limited_range and info.colors.full_range
        self._colors = replace(info.colors, full_range=False) if self._needs_limited_range else info.colors
        if self._needs_limited_range:
            self._warnings.append("the film is full range and ProRes is not: black and white lie at 16 and 235 now")
        self._timestamps = TimestampConverter(info, output)
        self._side_data = SideDataAccount(encoder.name, info.side_data)
        self._shift_ticks = -round(info.find_zero(start_seconds) / info.time_base)
        self._field_filter: av.filter.Graph | None = None
        self.stream = self._add_stream(container)

    @property
    def time_base(self) -> Fraction:
        """The length of a tick of the packets, in seconds."""
        return self._timestamps.time_base

    @property
    def extradata(self) -> bytes:
        """The header of the stream, as containers store it; known once its encoder is open."""
        return self.stream.codec_context.extradata or b""

    def find_seconds(self, pts: int) -> float:
        """Return when a frame with this ``pts`` of the film is shown in the result, in seconds."""
        return float((pts + self._shift_ticks) * self._info.time_base)

    def find_ticks(self, pts: int) -> int:
        """Return the same in ticks of the result, to be asked once for each frame in their order (they grow)."""
        return self._timestamps.convert_pts(pts, self._shift_ticks)

    def convert_duration(self, duration: int) -> int:
        """Return in ticks of the result how long a frame is shown, for ticks of the film."""
        return self._timestamps.convert_duration(duration)

    def encode(
        self, luma_codes: UIntArray, cbcr_codes: UIntArray, ticks: int, duration: int, extras: FrameExtras
    ) -> Sequence[VideoPacket]:
        """Encode a frame that is shown at ``ticks`` of the result; ``duration`` is in ticks of the film."""
        frame = self._build_frame(luma_codes, cbcr_codes, extras)
        frame.pts, frame.duration = ticks, self._timestamps.convert_duration(duration)
        frame.time_base = self._timestamps.time_base
        return self._complete(self.stream.encode(self._mark_fields(frame)))

    def flush(self) -> Sequence[VideoPacket]:
        """Return the packets that are left."""
        return self._complete(self.stream.encode(None))

    def _complete(self, packets: Sequence[VideoPacket]) -> Sequence[VideoPacket]:
        """Write into packets what FFmpeg's encoder does not: the matrix of DNxHR."""
        if self._encoder.name == "dnxhd":
            for packet in packets:
                packet.update(name_dnxhr_matrix(bytes(packet), self._colors.matrix))
        return packets

    def describe_losses(self) -> list[str]:
        """Say in words what side data of the frames was lost."""
        return self._side_data.describe_losses()

    def _build_frame(self, luma_codes: UIntArray, cbcr_codes: UIntArray, extras: FrameExtras) -> av.VideoFrame:
        """Build a frame in the encoder's pixel format, with the side data of the source's."""
        self._side_data.count(extras.carrier)
        codes = rescale_codes(
            luma_codes, self._info.depth, self._encoder.depth, full_range=self._info.colors.full_range
        )
        if self._needs_limited_range:
            codes = full_to_limited_range(codes, self._encoder.depth, is_cbcr=False)
            cbcr_codes = full_to_limited_range(cbcr_codes, self._encoder.depth, is_cbcr=True)
        planes = (codes, cbcr_codes[0], cbcr_codes[1])
        frame = build_frame(planes, self._planar_format, self._colors, extras.carrier)
        if self._planar_format != self._encoder.pixel_format:
            frame = frame.reformat(
                format=self._encoder.pixel_format, dst_color_range=2 if self._encoder.is_rgb else None
            )
        return frame

    def _add_stream(self, container: av.container.OutputContainer) -> av.VideoStream:
        """Add the picture stream, with the source's size, time base, colour tags, fields and display matrix."""
        info, encoder = self._info, self._encoder
        stream = container.add_stream(encoder.name, rate=self._timestamps.rate, options=encoder.options)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, encoder.pixel_format
        context.time_base = stream.time_base = self._timestamps.time_base
        context.framerate = self._timestamps.rate or Fraction(25)
        context.color_range = 2 if self._colors.full_range else 1
        context.colorspace = 0 if encoder.is_rgb else info.colors.matrix
        context.color_primaries, context.color_trc = info.colors.primaries, info.colors.transfer
        if encoder.name == "dnxhd":  # else QuickTime gets no colour tags where one of them is unknown
            context.color_primaries = info.colors.primaries if info.colors.primaries != UNSPECIFIED else _RESERVED
            context.color_trc = info.colors.transfer if info.colors.transfer != UNSPECIFIED else _RESERVED
        context.thread_type = "AUTO"
        if info.sample_aspect:
            context.sample_aspect_ratio = info.sample_aspect
        if info.is_interlaced:
            context.field_order = info.field_order
            context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
            if self._output.suffix.lower() == ".webm":
                self._warnings.append("the film is interlaced, and .webm cannot say so: .mkv and .mp4 can")
        if info.display_matrix:
            stream.set_display_matrix(info.display_matrix)
            if self._output.suffix.lower() in MATROSKA_SUFFIXES and not is_rigid(info.display_matrix):
                self._warnings.append(
                    "the film is stretched or skewed when it is shown, which only .mp4 and .mov can say"
                )
        return stream

    def _mark_fields(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Mark a frame as interlaced: encoders take the order of fields from frames, and only a filter can set it."""
        if not self._info.is_interlaced:
            return frame
        if self._field_filter is None:
            self._field_filter = _build_field_filter(frame, self._timestamps.time_base, self._info)
        self._field_filter.push(frame)
        marked = self._field_filter.pull()
        assert isinstance(marked, av.VideoFrame)
        marked.duration = frame.duration
        return marked


def _build_field_filter(frame: av.VideoFrame, time_base: Fraction, info: VideoInfo) -> av.filter.Graph:
    """Build FFmpeg's filter that sets the order of fields."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    setter = graph.add("setfield", "tff" if info.is_top_field_first else "bff")
    sink = graph.add("buffersink")
    source.link_to(setter)
    setter.link_to(sink)
    graph.configure()
    return graph
