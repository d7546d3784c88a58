"""Runs the passes of a plan through the model, each frame once: hands predictions on, and has them stored."""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from kinemacolor.errors import InputError
from kinemacolor.inference.batches import SharedBatch
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.session import Session, complete_reference
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import FilmEntry
from kinemacolor.references.load import LoadedReference, ReferenceReader
from kinemacolor.references.spec import Reference
from kinemacolor.rendering.cache import PassFolder, WorkFolder
from kinemacolor.rendering.kept_luma import KeptLuma
from kinemacolor.rendering.luma import LumaReader
from kinemacolor.rendering.painting import LastFrame, OpenSegment, PassPainter, SegmentStore, restore_start
from kinemacolor.rendering.parts import FilmPart
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.stages import Stages
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.random_access import FrameSource, RangeReader

_FRAMES_AHEAD = 8  # that are read before they are painted


class SegmentPainter(Protocol):
    """Others who paint into the same work folder, as a `Coordinator` has them."""

    def ensure_segment(self, inference_pass: InferencePass, segment: int, on_frames: Callable[[int], None]) -> None:
        """Wait until they have stored a segment; ``on_frames`` gets how many frames are newly painted."""

    def wait_for_part(self, part: FilmPart, on_frames: Callable[[int], None]) -> bool:
        """Wait until they have encoded a part; False at once if nobody does. ``on_frames`` as `ensure_segment`."""

    def request_stop(self) -> None:
        """Stop painting, from another thread: who waits gets an error."""


class InferenceWorker:
    """Runs passes and stores their predictions in ``work``; callers ask for segments.

    ``reference_digests`` has the sha256 of each reference file as it was when the render began. A caller that has read
    references or film before passes ``references`` and ``info``. ``stages`` gets the stages that it starts. Frames in
    ``kept_luma`` are not read from the film. With ``shared_batch`` frames are rows of that. Where ``others`` paint,
    it waits for them, and paints only what of theirs is found to be damaged. ``encodes_ahead``: as `PassPainter`.
    ``source`` has the frames, by default the file of ``film``; it is closed at the end.

    All but `request_stop` is for one thread.
    """

    def __init__(
        self,
        film: FilmEntry,
        model: Colorizer,
        work: WorkFolder,
        reference_digests: Mapping[Path, str],
        *,
        references: ReferenceReader | None = None,
        device: str = "auto",
        info: VideoInfo | None = None,
        stages: Stages | None = None,
        kept_luma: KeptLuma | None = None,
        shared_batch: SharedBatch | None = None,
        others: SegmentPainter | None = None,
        encodes_ahead: bool = True,
        source: FrameSource | None = None,
    ) -> None:
        self._film, self._model, self._work, self._reference_digests = film, model, work, reference_digests
        self._references, self._device, self._info = references or ReferenceReader(), device, info
        self._stages, self._kept_luma, self._shared_batch = stages or Stages(), kept_luma, shared_batch
        self._store, self._others = SegmentStore(self._stages), others
        self._encodes_ahead = encodes_ahead
        self._reader = source
        self._painter: PassPainter | None = None
        self._open_segment = OpenSegment(iter(()))
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._painter:
            self._painter.close()
        self._store.close()
        if self._reader is not None:
            self._reader.close()

    def open_segment(
        self, inference_pass: InferencePass, segment: int, on_frames: Callable[[int], None] = lambda frames: None
    ) -> Iterator[ColorPrediction]:
        """Yield the predictions of a segment in the order of painting, each as it is stored.

        What is not stored is painted, and handed on at once. ``on_frames`` gets how many frames are new.

        Raises InputError for a film or reference that is missing or has changed, ResourceError where the disk is full
        or refuses, Interrupted after `request_stop`, and as `SegmentPainter.ensure_segment`.
        """
        if self._others:
            self._others.ensure_segment(inference_pass, segment, on_frames)
        self._open_segment.finish()
        painter, folder = self._painter, self._pass_folder(inference_pass)
        is_next = painter and painter.inference_pass == inference_pass and painter.next_segment == segment
        if not is_next:
            self._store.flush()
        if folder.has_segment(segment):
            try:
                return iter(folder.read_segment(segment))
            except InputError:  # damaged since the render began: it is painted again
                folder.forget_segment(segment)
        if painter is None or not is_next:
            painter = self._continue_pass(inference_pass, segment)
        while painter.next_segment < segment:
            for _ in painter.paint_segment(folder, self._store, self._stopped, on_frames):
                pass
        self._open_segment = OpenSegment(painter.paint_segment(folder, self._store, self._stopped, on_frames))
        return self._open_segment

    def ensure_segment(
        self, inference_pass: InferencePass, segment: int, on_frames: Callable[[int], None] = lambda frames: None
    ) -> None:
        """Paint a pass until a segment is stored; does nothing if it is. Arguments and errors as in `open_segment`."""
        if not self._pass_folder(inference_pass).has_segment(segment):
            self.open_segment(inference_pass, segment, on_frames)
            self.finish()

    def finish(self) -> None:
        """Paint the rest of the open segment, and store all. Raises as `open_segment`."""
        self._open_segment.finish()
        self.flush()

    def flush(self) -> None:
        """Wait until all painted segments are stored. Raises ResourceError where the disk is full or refuses."""
        self._store.flush()

    def wait_for_part(self, part: FilmPart, on_frames: Callable[[int], None]) -> bool:
        """Wait until others have encoded a part; False where nobody does. As `SegmentPainter.wait_for_part`."""
        return self._others is not None and self._others.wait_for_part(part, on_frames)

    def request_stop(self) -> None:
        """Stop painting, from another thread: the thread that paints raises Interrupted. Others stop too."""
        self._stopped.set()
        if self._others:
            self._others.request_stop()

    def _continue_pass(self, inference_pass: InferencePass, segment: int) -> PassPainter:
        """Return what paints a pass up to a segment: what runs already, or from the state stored nearest before it."""
        painter, self._painter = self._painter, None
        if painter:
            painter.close()  # what reads for it, so that nothing else reads the film
        if painter and (painter.inference_pass != inference_pass or painter.next_segment > segment):
            painter = None
        reader = self._open_film()
        session = self._open_session(inference_pass, reader)
        begin, last_frame = 0, LastFrame()
        for start in self._pass_folder(inference_pass).iter_starts(segment):
            if (restored := restore_start(session, start)) is not None:
                begin, last_frame = start.segments, restored
                break
        if painter is None or painter.next_segment < begin:
            coding = reader.info.colors.build_ycbcr(reader.info.depth)
            painter = PassPainter(inference_pass, begin, last_frame, session, coding, encodes_ahead=self._encodes_ahead)
        luma = LumaReader(reader, session.geometry, self._kept_luma)
        frames = luma.iter_pass(inference_pass, painter.next_segment)
        painter.read_from(self._stages.start("luma", frames, ahead=_FRAMES_AHEAD), self._stages)
        self._painter = painter
        return painter

    def _pass_folder(self, inference_pass: InferencePass) -> PassFolder:
        return self._work.pass_folder(inference_pass.digest, len(inference_pass))

    def _open_film(self) -> FrameSource:
        """Return the one reader of all passes, so that consecutive shots are read without seeking."""
        if self._reader is None:
            film = self._film
            self._reader = RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds, info=self._info)
        return self._reader

    def _open_session(self, inference_pass: InferencePass, reader: FrameSource) -> Session:
        """Make a session for a pass, with its references and options."""
        info = reader.info
        return Session(
            self._model,
            [self._load_unchanged_picture(reference, reader) for reference in inference_pass.references],
            height=info.height,
            width=info.width,
            options=inference_pass.options,
            device=self._device,
            engine=self._work.runtime.engine,
            shared_batch=self._shared_batch,
            pixel_aspect=info.sample_aspect,
            orientation=info.orientation,
            in_shot=inference_pass.has_reference_at_start,
        )

    def _load_unchanged_picture(self, reference: Reference, reader: FrameSource) -> UInt8Array:
        """Load a reference as a session takes it. Raises InputError where its file has changed."""
        loaded = self._references.load(reference)
        if loaded.sha256 != self._reference_digests[reference.path]:
            raise InputError(f"the reference {reference.path} has changed since the render began: render again")
        return make_session_picture(loaded, reader)


def make_session_picture(reference: LoadedReference, reader: FrameSource) -> UInt8Array:
    """Return a reference as a session takes it: a partial one that has a frame of the film is laid over that frame.

    Raises InputError where the film cannot be read.
    """
    if not reference.is_whole and reference.frame is not None:
        (block,) = reader.iter_blocks(reference.frame, reference.frame + 1, 1)
        return complete_reference(reference.image, to_display_gray(block.luma_codes[0], reader.info))
    return reference.image
