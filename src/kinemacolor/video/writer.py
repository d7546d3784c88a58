"""Writers of results, which keep all of the source but its Cb and Cr, and are there whole or not at all."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av

from kinemacolor.errors import KinemacolorError, UsageError
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.container import open_film
from kinemacolor.video.disclosure import add_tag
from kinemacolor.video.encoded_part import DecodingTimes, EncodedPart
from kinemacolor.video.encoding import EncoderSettings
from kinemacolor.video.info import NO_EXTRAS, TIME_TOLERANCE_SECONDS, FrameExtras, VideoInfo
from kinemacolor.video.matroska_aspect import write_pixel_aspect
from kinemacolor.video.metadata import CONTAINER_METADATA_KEYS
from kinemacolor.video.mxf import complete_metadata, make_comments
from kinemacolor.video.other_streams import StreamCopier, copy_film_metadata
from kinemacolor.video.output import FilmWriter, make_partial_path, translate_encoding_errors
from kinemacolor.video.picture_encoder import MATROSKA_SUFFIXES, PictureEncoder
from kinemacolor.video.picture_writer import PictureWriter

# Metadata that MP4 stores where every player looks. Any other needs its newer key-value atoms, which take the place of
# those: many programs read the old ones alone, so they are given up where a film would lose something, not for a tag.
_STANDARD_MP4_KEYS = {
    *("title", "artist", "album_artist", "album", "composer", "genre", "date", "comment", "copyright", "grouping"),
    *("creation_time", "description", "synopsis", "show", "episode_id", "network", "lyrics", "location", "timecode"),
}
_STANDARD_MOV_KEYS = {
    *("title", "artist", "album", "genre", "date", "comment", "copyright", "make", "model"),
    *("creation_time", "location", "timecode"),
}


def open_writer(
    output: Path,
    info: VideoInfo,
    encoder: EncoderSettings,
    start_seconds: float = 0,
    end_seconds: float | None = None,
    *,
    with_other_streams: bool = True,
    words: str = "",
    frame_names: Sequence[str] = (),
) -> FilmWriter:
    """Open the writer for this kind of result: film, folder of pictures, or one picture.

    Without ``with_other_streams`` a film has the source's metadata and time code, but neither sound, subtitles and
    attachments nor chapters. ``words``: what the result says of itself (`describe_result`); ``frame_names`` are for
    `PictureWriter`.
    """
    if encoder.picture_suffix:
        return PictureWriter(output, info, encoder, words, frame_names)
    seconds = start_seconds, end_seconds
    return VideoWriter(output, info, encoder, *seconds, with_other_streams=with_other_streams, words=words)


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
        words: str = "",
    ) -> None:
        self.output, self.info, self.encoder = output, info, encoder
        self.partial_path = make_partial_path(output)
        self.warnings: list[str] = []
        self._end_ticks = 0  # of the last picture, before all is moved
        self._first_ticks, self._first_seconds = 0, 0.0  # MXF has whole frames, and sound begins with the first of them
        self._lead_ticks: int | None = None  # of the result, by which all is moved; known with the first frame
        self._decoding_times = DecodingTimes()
        self._stream_copier: StreamCopier | None = None
        self._closed = False
        self._is_mxf, self._essence = output.suffix.lower() == ".mxf", blake2b(digest_size=16)
        with translate_encoding_errors(self.partial_path):
            # One opening of the source for all that is not its pictures.
            source = None if info.is_pictures else open_film(info.path)
            takes_any_key = _can_take_any_key(output, source.metadata if source else {})
            options = _build_container_options(output, takes_any_key=takes_any_key)
            self._container = av.open(str(self.partial_path.absolute()), "w", container_options=options)
            self._pictures = PictureEncoder(self._container, output, info, encoder, start_seconds, self.warnings)
            if source:
                copy_film_metadata(source, self._container, info, start_seconds)
            if words:
                add_tag(self._container.metadata, words, takes_any_key=takes_any_key)
            if self._is_mxf:
                make_comments(self._container.metadata)
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
        ticks, seconds = self._pictures.find_ticks(pts), self._pictures.find_seconds(pts)
        if self._lead_ticks is None:
            self._lead_ticks = self._find_lead(ticks)
            self._first_ticks, self._first_seconds = ticks, seconds
        with translate_encoding_errors(self.partial_path):
            if self._stream_copier:
                self._stream_copier.copy_until(seconds, extras.jumps)
            self._end_ticks = ticks + self._pictures.convert_duration(duration)
            ticks += self._lead_ticks
            self._mux_pictures(self._pictures.encode(luma_codes, cbcr_codes, ticks, duration, extras))

    def write_part(self, part: EncodedPart) -> None:
        """Write the next part of the film, which was encoded for itself, instead of frames.

        Raises UsageError where its encoder has made another header than that of this process would: the parts of one
        film have to be alike.
        """
        time_base, stream = self._pictures.time_base, self._pictures.stream
        if self._lead_ticks is None:
            self._lead_ticks = self._find_lead(part.times[0])
        with translate_encoding_errors(self.partial_path):
            self._container.start_encoding()
            if part.extradata != self._pictures.extradata:
                raise UsageError(
                    f"a part of {self.output.name} was encoded by another version of {self.encoder.name} or on another "
                    f"kind of machine: do without --parts"
                )
            self._decoding_times.add_part(part)
            for packet in part.iter_packets():
                if self._stream_copier:
                    self._stream_copier.copy_until(float((packet.pts or 0) * time_base))
                self._end_ticks = max(self._end_ticks, (packet.pts or 0) + (packet.duration or 1))
                packet.dts = self._decoding_times.find_next(packet)
                packet.pts, packet.dts = (packet.pts or 0) + self._lead_ticks, packet.dts + self._lead_ticks
                packet.time_base, packet.stream = time_base, stream
                self._mux_pictures([packet])

    def _find_lead(self, first_ticks: int) -> int:
        """Return by how many ticks all streams are moved, so that nothing of the film lies before zero.

        Players do not show what lies there in MP4 and MOV; Matroska cannot store it.
        """
        time_base = self._pictures.time_base
        sound_ticks = round(self._stream_copier.lead_seconds / time_base) if self._stream_copier else 0
        lead = max(0, -first_ticks, sound_ticks)
        if lead:
            seconds = float(lead * time_base)
            if seconds > TIME_TOLERANCE_SECONDS:  # less is the rounding of a time that somebody typed
                self.warnings.append(f"the film begins {seconds:.3f} s before zero: all streams are moved by that much")
            if self._stream_copier:
                self._stream_copier.move(seconds)
        return lead

    def finish(self) -> None:
        """Finish writing: all lies at ``partial_path``, and is closed."""
        with translate_encoding_errors(self.partial_path):
            if self._stream_copier:
                lasted = float((self._end_ticks - self._first_ticks) * self._pictures.time_base)
                self._stream_copier.copy_rest(self._first_seconds + lasted)
            self._close_container()

    def _close_container(self) -> None:
        """Flush the encoder and close all files, once."""
        if self._closed:
            return
        self._closed = True
        try:
            with translate_encoding_errors(self.partial_path):
                self._mux_pictures(self._pictures.flush())
        finally:
            with translate_encoding_errors(self.partial_path):
                self._container.close()
                self._complete_header()
            if self._stream_copier:
                self._stream_copier.close()
            self.warnings.extend(self._pictures.describe_losses())

    def _mux_pictures(self, packets: "Sequence[av.Packet[Any]]") -> None:
        if self._is_mxf:
            for packet in packets:
                self._essence.update(bytes(packet))
        self._container.mux(packets)

    def _complete_header(self) -> None:
        """Write what FFmpeg's muxer cannot: the pixel aspect into Matroska, WebM and MXF, and names of materials."""
        aspect = self.info.sample_aspect
        if self._is_mxf:
            shown = Fraction(self.info.width, self.info.height) * (aspect or 1)
            complete_metadata(self.partial_path, shown, self._essence.digest())
            return
        is_matroska = self.output.suffix.lower() in MATROSKA_SUFFIXES
        if (
            is_matroska
            and aspect
            and aspect != 1
            and not write_pixel_aspect(self.partial_path, self.info.width, aspect)
        ):
            self.warnings.append(f"the pixel aspect {aspect} is not in the header of {self.output.suffix}: .mp4 has it")


def _can_take_any_key(output: Path, metadata: Mapping[str, str]) -> bool:
    """Whether a result with a film's metadata gets a place for any key, or for the usual ones alone."""
    usual = _STANDARD_MOV_KEYS if output.suffix.lower() == ".mov" else _STANDARD_MP4_KEYS
    unusual = {key.partition("-")[0].lower() for key in metadata} - CONTAINER_METADATA_KEYS - usual
    return output.suffix.lower() in (*MATROSKA_SUFFIXES, ".mxf") or bool(unusual)


def _build_container_options(output: Path, *, takes_any_key: bool) -> dict[str, str]:
    """Options of the muxer for a result."""
    if output.suffix.lower() in (*MATROSKA_SUFFIXES, ".mxf"):
        return {"fflags": "+bitexact"}  # else these give the film and its streams random numbers
    return {"movflags": "use_metadata_tags"} if takes_any_key else {}
