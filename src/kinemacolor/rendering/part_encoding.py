"""Encodes parts of a film for themselves, and joins them to the film."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av

from kinemacolor.errors import InputError
from kinemacolor.inference.postprocess import ChromaPostprocessor
from kinemacolor.plan.document import FilmEntry
from kinemacolor.rendering.blend import OpenSegment, iter_frame_predictions
from kinemacolor.rendering.frame_writing import EncodedFrame, iter_encoded_frames
from kinemacolor.rendering.parts import FilmPart, KeptPart, PartSettings, PartStore
from kinemacolor.rendering.passes import ShotPasses
from kinemacolor.rendering.progress import ProgressMeter
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.utils.stages import Stages
from kinemacolor.video.encoded_part import EncodedPart, PacketEntry
from kinemacolor.video.encoding import CONTAINERS
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.output import translate_encoding_errors
from kinemacolor.video.picture_encoder import PictureEncoder, VideoPacket
from kinemacolor.video.random_access import RangeReader
from kinemacolor.video.writer import VideoWriter

_PREDICTIONS_AHEAD = 4  # of a frame each, at the working size


class JoinedParts(NamedTuple):
    """Of all frames the mean confidence and filled part, as `write_frames` gives them; and the film's bad packets."""

    confidences: "array[float]"
    filled: "array[float]"
    corrupt_packets: int


class PartEncoder:
    """Encodes parts from predictions, which ``open_segment`` gives, into ``store``; through stages, as a whole film.

    ``on_stop`` ends what ``open_segment`` may wait for.
    """

    def __init__(
        self,
        film: FilmEntry,
        info: VideoInfo,
        settings: PartSettings,
        shot_passes: Sequence[ShotPasses],
        postprocessors: Sequence[ChromaPostprocessor],
        open_segment: OpenSegment,
        store: PartStore,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        self._film, self._info, self._settings, self._store = film, info, settings, store
        self._shot_passes, self._postprocessors = shot_passes, postprocessors
        self._open_segment, self._on_stop = open_segment, on_stop

    def encode_part(self, part: FilmPart, stages: Stages) -> None:
        """Encode and store a part. Raises InputError for a film that has changed, ResourceError for a full disk."""
        film, info, settings = self._film, self._info, self._settings
        count = part.end - part.first
        container = av.open(BytesIO(), "w", format=CONTAINERS[settings.output.suffix.lower()])  # nothing is written
        pictures = PictureEncoder(container, settings.output, info, settings.encoder, film.start_seconds, [])
        predictions = islice(
            iter_frame_predictions(self._shot_passes, self._postprocessors, self._open_segment, part.first), count
        )
        with (
            RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds, info=info) as reader,
            self._store.writing_packets(part) as stream,
            _closing_after_error(stages),
        ):
            blocks = stages.start("decode", reader.iter_blocks(part.first, part.end, 1))
            painted = stages.start("network", predictions, ahead=_PREDICTIONS_AHEAD, on_stop=self._on_stop)
            encoded = iter_encoded_frames(blocks, painted, info, settings.encoder)
            frames = stages.start("chroma", encoded)
            confidences, filled, packets = array("d"), array("d"), list[PacketEntry]()
            for means, entries in stages.start("encode", _iter_packets(frames, pictures, stream, settings)):
                packets.extend(entries)
                if means is not None:
                    confidences.append(means[0])
                    filled.append(means[1])
            corrupt_packets = reader.corrupt_packets
        if len(confidences) != count or len(packets) != count:
            raise InputError(f"{film.path} has fewer frames than the plan says: correct it, or make it again")
        where = f"frames {part.first} to {part.end - 1}"
        losses = [f"{where}: {loss}" for loss in pictures.describe_losses()]
        whole = EncodedPart(settings.output, pictures.extradata, tuple(packets))
        self._store.add(part, KeptPart(whole, tuple(confidences), tuple(filled), corrupt_packets, tuple(losses)))

    def join_parts(
        self, writer: VideoWriter, wait_for_part: Callable[[FilmPart], bool], stages: Stages, meter: ProgressMeter
    ) -> JoinedParts:
        """Write a film from its parts, as they get ready; what is nobody else's (``wait_for_part``) is encoded here.

        Raises as `encode_part` and `VideoWriter.write_part`, InputError for a part that was damaged meanwhile.
        """
        confidences, filled, corrupt_packets, store = array("d"), array("d"), 0, self._store
        for part in self._settings.parts:
            if not store.has(part) and not wait_for_part(part):
                self.encode_part(part, stages)
            stored = store.read(part)
            if stored is None:
                raise InputError(f"a part in {store.folder} was damaged: render again, and it is encoded again")
            with stages.measure("join", part.end - part.first):
                writer.write_part(stored.encoded)
            writer.warnings.extend(stored.losses)
            confidences.extend(stored.confidences)
            filled.extend(stored.filled)
            corrupt_packets += stored.corrupt_packets
            meter.add_assembled(part.end - part.first)
        return JoinedParts(confidences, filled, corrupt_packets)


@contextmanager
def _closing_after_error(stages: Stages) -> Iterator[None]:
    """End all threads after an error in the block, before what they use is closed."""
    try:
        yield
    except BaseException:
        stages.close()
        raise


def _iter_packets(
    frames: Iterator[EncodedFrame], pictures: PictureEncoder, stream: BinaryIO, settings: PartSettings
) -> Iterator[tuple[tuple[float, float] | None, list[PacketEntry]]]:
    """Encode frames and write their packets; yields the means of each with what the encoder gave then, at last None."""
    for frame in frames:  # whose errors are not those of encoding
        ticks = pictures.find_ticks(frame.pts)
        with translate_encoding_errors(settings.output):
            packets = pictures.encode(frame.luma_codes, frame.cbcr_codes, ticks, frame.duration, frame.extras)
        yield (frame.mean_confidence, frame.mean_filled), _write_packets(packets, stream)
    with translate_encoding_errors(settings.output):
        packets = pictures.flush()
    yield None, _write_packets(packets, stream)


def _write_packets(packets: Sequence[VideoPacket], stream: BinaryIO) -> list[PacketEntry]:
    entries = []
    for packet in packets:
        with translate_disk_errors(Path(stream.name).parent):
            stream.write(bytes(packet))
        pts = packet.pts or 0
        dts = pts if packet.dts is None else packet.dts
        entries.append(PacketEntry(pts, dts, packet.duration or 0, packet.is_keyframe, packet.size))
    return entries
