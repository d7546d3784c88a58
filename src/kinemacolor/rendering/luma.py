"""What passes paint: luma codes at the working size, in the order of painting."""

from collections.abc import Iterator

from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.kept_luma import PIECE_FRAMES, KeptLuma, downscale_luma
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.random_access import FrameSource


class LumaReader:
    """Reads frames of a film as a model sees them: those that are kept, all others from the film."""

    def __init__(self, reader: FrameSource, geometry: Geometry, kept: KeptLuma | None = None) -> None:
        self._reader, self._geometry = reader, geometry
        self._kept = kept if kept and kept.geometry == geometry else None

    def iter_pass(self, inference_pass: InferencePass, first_segment: int) -> Iterator[UIntArray]:
        """Yield luma codes ``h w`` of the frames of a pass from a segment on, in the order of painting.

        Raises as the `FrameSource`.
        """
        for start in range(first_segment * SEGMENT_FRAMES, len(inference_pass), SEGMENT_FRAMES):
            count = min(SEGMENT_FRAMES, len(inference_pass) - start)
            first = inference_pass.end - start - count if inference_pass.is_backward else inference_pass.first + start
            frames = self._iter_frames(first, first + count)
            yield from reversed(list(frames)) if inference_pass.is_backward else frames

    def _iter_frames(self, first: int, end: int) -> Iterator[UIntArray]:
        while first < end:
            piece, place = divmod(first, PIECE_FRAMES)
            count = min(end - first, PIECE_FRAMES - place)
            kept = self._kept.read_piece(piece) if self._kept else None
            yield from self._iter_from_film(first, first + count) if kept is None else kept[place : place + count]
            first += count

    def _iter_from_film(self, first: int, end: int) -> Iterator[UIntArray]:
        for block in self._reader.iter_blocks(first, end, 1):
            yield downscale_luma(block.luma_codes[0], self._reader.info, self._geometry)
