"""Writers of results, which keep all of the source but its Cb and Cr, and are there whole or not at all."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
import av.filter

from kinemacolor.errors import KinemacolorError
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.container import open_film
from kinemacolor.video.encoding import EncoderSettings
from kinemacolor.video.info import NO_EXTRAS, FrameExtras, VideoInfo
from kinemacolor.video.matroska_aspect import write_pixel_aspect
from kinemacolor.video.orientation import is_rigid
from kinemacolor.video.other_streams import CONTAINER_METADATA_KEYS, StreamCopier, copy_film_metadata
from kinemacolor.video.output import FilmWriter, make_partial_path, translate_encoding_errors
from kinemacolor.video.picture_writer import PictureWriter
from kinemacolor.video.pixels import build_frame, full_to_limited_range, get_planar_format, rescale_codes
from kinemacolor.video.side_data import SideDataAccount
from kinemacolor.video.timestamps import TimestampConverter

if TYPE_CHECKING:
    pass

_MATROSKA_SUFFIXES = (".mkv", ".webm")
# Metadata that MP4 stores where every player looks; any other needs its newer key-value atoms.
_STANDARD_MP4_KEYS = {
    *("title", "artist", "album_artist", "album", "composer", "genre", "date", "comment", "copyright", "grouping"),
    *("creation_time", "description", "synopsis", "show", "episode_id", "network", "lyrics", "location", "timecode"),
}


def open_writer(
    output: Path,
    info: VideoInfo,
    encoder: EncoderSettings,
    start_seconds: float = 0,
    end_seconds: float | None = None,
    *,
    with_other_streams: bool = True,
) -> FilmWriter:
    """Open the writer for this kind of result: film, folder of pictures, or one picture.

    Without ``with_other_streams`` a film has the source's metadata and time code, but neither sound, subtitles and
    attachments nor chapters.
    """
    if encoder.picture_suffix:
        return PictureWriter(output, info, encoder)
    return VideoWriter(output, info, encoder, start_seconds, end_seconds, with_other_streams=with_other_streams)


class VideoWriter:
    """Writes a film in a container, with the timestamps, colour tags and other streams of the source.

    Where ``start_seconds`` is not zero the timestamps start at zero again. The same frames make the same file, byte
    for byte.
    """

    def __init__(
        self,
        output: Path,
        info: VideoInfo,
        encoder: EncoderSettings,
        start_seconds: float = 0,
        end_seconds: float | None = None,
        *,
        with_other_streams: bool = True,
    ) -> None:
        self.output, self.info, self.encoder = output, info, encoder
        self.partial_path = make_partial_path(output)
        self.warnings: list[str] = []
        # Formats that are not planar Y'CbCr are made from its planes by swscale.
        self._planar_format = get_planar_format(encoder.subsampling, encoder.depth)
        self._needs_limited_range = encoder.is_limited_range and info.colors.full_range
        self._colors = replace(info.colors, full_range=False) if self._needs_limited_range else info.colors
        if self._needs_limited_range:
            self.warnings.append("the film is full range and ProRes is not: black and white lie at 16 and 235 now")
        self._timestamps = TimestampConverter(info, output)
        self._side_data = SideDataAccount(encoder.name, info.side_data)
        self._lead_ticks: int | None = None  # of the result, by which all is moved; known with the first frame
        first_seconds = start_seconds + info.origin_seconds if start_seconds else 0
        self._shift_ticks = -round(first_seconds / info.time_base)
        self._stream_copier: StreamCopier | None = None
        self._field_filter: av.filter.Graph | None = None
        self._closed = False
        with translate_encoding_errors(self.partial_path):
            # One opening of the source for all that is not its pictures.
            source = None if info.is_pictures else open_film(info.path)
            options = _build_container_options(output, source.metadata if source else {})
            self._container = av.open(str(self.partial_path.absolute()), "w", container_options=options)
            self._stream = self._add_video_stream()
            if source:
                copy_film_metadata(source, self._container, info, start_seconds)
            if source and with_other_streams:
                self._stream_copier = StreamCopier(
                    source, self._container, info, start_seconds, end_seconds, self.warnings
                )
            elif source:
                source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._close_container()
            return
        with suppress(KinemacolorError):  # the first failure is the one to report
            self._close_container()

    def write(
        self,
        luma_codes: UIntArray,
        cbcr_codes: UIntArray,
        pts: int,
        duration: int,
        extras: FrameExtras = NO_EXTRAS,
    ) -> None:
        """Write one frame, as `FilmWriter.write` describes."""
        frame = self._build_frame(luma_codes, cbcr_codes, extras)
        ticks = self._timestamps.convert_pts(pts, self._shift_ticks)
        if self._lead_ticks is None:
            self._lead_ticks = self._find_lead(ticks)
        frame.pts, frame.duration = ticks + self._lead_ticks, self._timestamps.convert_duration(duration)
        frame.time_base = self._timestamps.time_base
        frame = self._mark_fields(frame)
        with translate_encoding_errors(self.partial_path):
            if self._stream_copier:
                self._stream_copier.copy_until(float((pts + self._shift_ticks) * self.info.time_base), extras.jumps)
            self._container.mux(self._stream.encode(frame))

    def _build_frame(self, luma_codes: UIntArray, cbcr_codes: UIntArray, extras: FrameExtras) -> av.VideoFrame:
        """Build a frame in the encoder's pixel format, with the side data of the source's."""
        self._side_data.count(extras.carrier)
        codes = rescale_codes(luma_codes, self.info.depth, self.encoder.depth, full_range=self.info.colors.full_range)
        if self._needs_limited_range:
            codes = full_to_limited_range(codes, self.encoder.depth, is_cbcr=False)
            cbcr_codes = full_to_limited_range(cbcr_codes, self.encoder.depth, is_cbcr=True)
        planes = (codes, cbcr_codes[0], cbcr_codes[1])
        frame = build_frame(planes, self._planar_format, self._colors, extras.carrier)
        if self._planar_format != self.encoder.pixel_format:
            frame = frame.reformat(format=self.encoder.pixel_format, dst_color_range=2 if self.encoder.is_rgb else None)
        return frame

    def _find_lead(self, first_ticks: int) -> int:
        """Return by how many ticks all streams are moved, so that nothing of the film lies before zero.

        Players do not show what lies there in MP4 and MOV; Matroska cannot store it.
        """
        time_base = self._timestamps.time_base
        sound_ticks = round(self._stream_copier.lead_seconds / time_base) if self._stream_copier else 0
        lead = max(0, -first_ticks, sound_ticks)
        if lead:
            seconds = float(lead * time_base)
            self.warnings.append(f"the film begins {seconds:.3f} s before zero: all streams are moved by that much")
            if self._stream_copier:
                self._stream_copier.move(seconds)
        return lead

    def finish(self) -> None:
        """Finish writing: all lies at ``partial_path``, and is closed."""
        with translate_encoding_errors(self.partial_path):
            if self._stream_copier:
                self._stream_copier.copy_until(None)
            self._close_container()

    def _close_container(self) -> None:
        """Flush the encoder and close all files, once."""
        if self._closed:
            return
        self._closed = True
        try:
            with translate_encoding_errors(self.partial_path):
                self._container.mux(self._stream.encode(None))
        finally:
            with translate_encoding_errors(self.partial_path):
                self._container.close()
                self._tell_pixel_aspect()
            if self._stream_copier:
                self._stream_copier.close()
            self.warnings.extend(self._side_data.describe_losses())

    def _tell_pixel_aspect(self) -> None:
        """Write the pixel aspect where PyAV's muxer cannot: into Matroska and WebM."""
        aspect = self.info.sample_aspect
        is_matroska = self.output.suffix.lower() in _MATROSKA_SUFFIXES
        if (
            is_matroska
            and aspect
            and aspect != 1
            and not write_pixel_aspect(self.partial_path, self.info.width, aspect)
        ):
            self.warnings.append(f"the pixel aspect {aspect} is not in the header of {self.output.suffix}: .mp4 has it")

    def _add_video_stream(self) -> av.VideoStream:
        """Add the picture stream, with the source's size, time base, colour tags, fields and display matrix."""
        info, encoder = self.info, self.encoder
        stream = self._container.add_stream(encoder.name, rate=info.rate, options=encoder.options)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, encoder.pixel_format
        context.time_base = stream.time_base = self._timestamps.time_base
        context.framerate = info.rate or Fraction(25)
        context.color_range = 2 if self._colors.full_range else 1
        context.colorspace = 0 if encoder.is_rgb else info.colors.matrix
        context.color_primaries, context.color_trc = info.colors.primaries, info.colors.transfer
        context.thread_type = "AUTO"
        if info.sample_aspect:
            context.sample_aspect_ratio = info.sample_aspect
        if info.is_interlaced:
            context.field_order = info.field_order
            context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
            if self.output.suffix.lower() == ".webm":
                self.warnings.append("the film is interlaced, and .webm cannot say so: .mkv and .mp4 can")
        if info.display_matrix:
            stream.set_display_matrix(info.display_matrix)
            if self.output.suffix.lower() in _MATROSKA_SUFFIXES and not is_rigid(info.display_matrix):
                self.warnings.append(
                    "the film is stretched or skewed when it is shown, which only .mp4 and .mov can say"
                )
        return stream

    def _mark_fields(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Mark a frame as interlaced: encoders take the order of fields from frames, and only a filter can set it."""
        if not self.info.is_interlaced:
            return frame
        if self._field_filter is None:
            self._field_filter = _build_field_filter(frame, self._timestamps.time_base, self.info)
        self._field_filter.push(frame)
        marked = self._field_filter.pull()
        assert isinstance(marked, av.VideoFrame)
        marked.duration = frame.duration
        return marked


def _build_container_options(output: Path, metadata: Mapping[str, str]) -> dict[str, str]:
    """Options of the muxer for a result with a film's metadata."""
    if output.suffix.lower() in _MATROSKA_SUFFIXES:
        return {"fflags": "+bitexact"}  # else Matroska gives the film and its streams random numbers
    unusual = {key.partition("-")[0] for key in metadata} - CONTAINER_METADATA_KEYS - _STANDARD_MP4_KEYS
    return {"movflags": "use_metadata_tags"} if unusual else {}


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
