"""Encoding: a result that keeps all of its source but the chroma, whole or not at all."""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.filter
import numpy as np
import torch

from kinemacolor.color import YCbCr
from kinemacolor.errors import KinemacolorError
from kinemacolor.utils.arrays import Codes, Floats
from kinemacolor.video.encoding import Encoder, is_folder_name
from kinemacolor.video.images import find_pictures, write_exr, write_picture
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.other_streams import OWN_METADATA, OtherStreams, copy_film_metadata
from kinemacolor.video.output import FilmWriter, partial_name, writing
from kinemacolor.video.pixels import build_frame, limited_from_full, planar_name, rescale_codes
from kinemacolor.video.reader import open_film
from kinemacolor.video.timestamps import ResultClock

# What MP4 stores where every player looks; anything else needs its newer key-value atoms.
_STANDARD_MP4_KEYS = {
    *("title", "artist", "album_artist", "album", "composer", "genre", "date", "comment", "copyright", "grouping"),
    *("creation_time", "description", "synopsis", "show", "episode_id", "network", "lyrics", "location", "timecode"),
}


def open_writer(
    output: Path,
    info: VideoInfo,
    encoder: Encoder,
    start_seconds: float = 0,
    end_seconds: float | None = None,
    *,
    with_other_streams: bool = True,
) -> FilmWriter:
    """The writer for this kind of result: film, folder of pictures, or one picture.

    Without other streams a film has the source's metadata and time code, but neither sound, subtitles and
    attachments nor chapters.
    """
    if encoder.picture_suffix:
        return PictureWriter(output, info, encoder)
    return VideoWriter(output, info, encoder, start_seconds, end_seconds, with_other_streams=with_other_streams)


class VideoWriter:
    """A film in a container, with the source's clock, tags and other streams.

    Where ``start_seconds`` is not zero the clock starts at zero again. The same frames make the same file, byte
    for byte.
    """

    def __init__(
        self,
        output: Path,
        info: VideoInfo,
        encoder: Encoder,
        start_seconds: float = 0,
        end_seconds: float | None = None,
        *,
        with_other_streams: bool = True,
    ) -> None:
        self.output, self.info, self.encoder = output, info, encoder
        self.partial = partial_name(output)
        self.warnings: list[str] = []
        # Formats that are not planar Y'CbCr are made from its planes by swscale.
        self._planes = planar_name(encoder.subsampling, encoder.depth)
        self._narrow = encoder.is_limited and info.colors.full_range
        self._colors = replace(info.colors, full_range=False) if self._narrow else info.colors
        if self._narrow:
            self.warnings.append("the film is full range and ProRes is not: black and white lie at 16 and 235 now")
        self._clock = ResultClock(info, output)
        cut = start_seconds + info.origin_seconds if start_seconds else 0
        self._shift = -round(cut / info.time_base)
        self._others: OtherStreams | None = None
        self._fields: av.filter.Graph | None = None
        self._closed = False
        with writing(self.partial):
            target = str(self.partial.absolute())
            self._container = av.open(target, "w", container_options=self._container_options())
            self._stream = self._add_video()
            if not info.is_pictures:
                copy_film_metadata(info, self._container, start_seconds)
            if with_other_streams and not info.is_pictures:
                self._others = OtherStreams(self._container, info, start_seconds, end_seconds, self.warnings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._close()
            return
        with suppress(KinemacolorError):  # the first failure is the one to report
            self._close()

    def write(self, luma: Codes, chroma: Codes, pts: int, duration: int) -> None:
        codes = rescale_codes(luma, self.info.depth, self.encoder.depth, full_range=self.info.colors.full_range)
        if self._narrow:
            codes = limited_from_full(codes, self.encoder.depth, chroma=False)
            chroma = limited_from_full(chroma, self.encoder.depth, chroma=True)
        frame = build_frame((codes, chroma[0], chroma[1]), self._planes, self._colors)
        if self._planes != self.encoder.pixel_format:
            frame = frame.reformat(format=self.encoder.pixel_format, dst_color_range=2 if self.encoder.is_rgb else None)
        frame.pts, frame.duration = self._clock.ticks(pts, self._shift), self._clock.duration(duration)
        frame.time_base = self._clock.time_base
        frame = self._mark_fields(frame)
        with writing(self.partial):
            if self._others:
                self._others.copy_until(float((pts + self._shift) * self.info.time_base))
            self._container.mux(self._stream.encode(frame))

    def commit(self) -> None:
        with writing(self.partial):
            if self._others:
                self._others.copy_until(None)
            self._close()
            self.partial.replace(self.output)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            with writing(self.partial):
                self._container.mux(self._stream.encode(None))
        finally:
            with writing(self.partial):
                self._container.close()
            if self._others:
                self._others.close()

    def _add_video(self) -> av.VideoStream:
        info, encoder = self.info, self.encoder
        stream = self._container.add_stream(encoder.name, rate=info.rate, options=encoder.options)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, encoder.pixel_format
        context.time_base = stream.time_base = self._clock.time_base
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
        if info.display_rotation:
            stream.set_display_rotation(info.display_rotation)
        return stream

    def _mark_fields(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Encoders take the order of fields from the frames; only a filter can set it there."""
        if not self.info.is_interlaced:
            return frame
        if self._fields is None:
            self._fields = _field_setter(frame, self._clock.time_base, self.info)
        self._fields.push(frame)
        marked = self._fields.pull()
        assert isinstance(marked, av.VideoFrame)
        marked.duration = frame.duration
        return marked

    def _container_options(self) -> dict[str, str]:
        if self.output.suffix.lower() in (".mkv", ".webm"):
            return {"fflags": "+bitexact"}  # Matroska would give the film and its streams random numbers
        if self.info.is_pictures:
            return {}
        with open_film(self.info.path) as source:
            unusual = {key.partition("-")[0] for key in source.metadata} - OWN_METADATA - _STANDARD_MP4_KEYS
        return {"movflags": "use_metadata_tags"} if unusual else {}


def _field_setter(frame: av.VideoFrame, time_base: Fraction, info: VideoInfo) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    setter = graph.add("setfield", "tff" if info.top_field_first else "bff")
    sink = graph.add("buffersink")
    source.link_to(setter)
    setter.link_to(sink)
    graph.configure()
    return graph


class PictureWriter:
    """A folder of pictures named after the source's, or one picture; films are turned upright."""

    def __init__(self, output: Path, info: VideoInfo, encoder: Encoder) -> None:
        self.output, self.info, self.encoder = output, info, encoder
        self.partial = partial_name(output)
        self.warnings: list[str] = []
        sources = find_pictures(info.path) if info.is_pictures else []
        stems = [source.stem for source in sources]
        alike = len(set(stems)) < len(stems)  # 1.png beside 1.jpg
        self._names = [f"{source.name if alike else source.stem}{encoder.picture_suffix}" for source in sources]
        self._is_folder = is_folder_name(output)
        self._count = 0
        if self._is_folder:
            with writing(self.partial):
                self.partial.mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, luma: Codes, chroma: Codes, pts: int, duration: int) -> None:
        info, depth = self.info, self.encoder.depth
        codes = rescale_codes(luma, info.depth, depth, full_range=info.colors.full_range)
        rgb = np.rot90(_rgb_of_planes(codes, chroma, info.colors.coding(depth)), round(info.display_rotation / 90))
        with writing(self.partial):
            if self.encoder.picture_suffix == ".exr":
                write_exr(self._target(pts), rgb, self.encoder.options["format"], self._pixel_aspect)
            else:
                write_picture(self._target(pts), _codes_of_rgb(rgb, depth))
        self._count += 1

    @property
    def _pixel_aspect(self) -> Fraction:
        stored = self.info.sample_aspect or Fraction(1)
        return stored if self.info.display_rotation % 180 == 0 else 1 / stored

    def commit(self) -> None:
        with writing(self.partial):
            if self._is_folder and self.output.exists():
                self.output.rmdir()  # preflight made sure that it is empty
            self.partial.replace(self.output)

    def _target(self, pts: int) -> Path:
        if not self._is_folder:
            return self.partial
        return self.partial / (self._names[pts] if self._names else f"{self._count:06d}{self.encoder.picture_suffix}")


def _rgb_of_planes(luma: Codes, chroma: Codes, coding: YCbCr) -> Floats:
    """R'G'B' 0..1 of full-size Y'CbCr planes, H W 3."""
    rgb: Floats = coding.to_rgb(torch.from_numpy(luma)[None], torch.from_numpy(chroma)).permute(1, 2, 0).numpy()
    return rgb


def _codes_of_rgb(rgb: Floats, depth: int) -> Codes:
    codes: Codes = np.rint(rgb * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    return codes
