"""Colorizes single frames; what was last encoded and predicted is kept in memory, so that little is done twice."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from kinemacolor.inference.attribution import FrameTrace
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.references.load import LoadedReference, ReferenceReader
from kinemacolor.rendering.inference_pass import make_session_picture
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.random_access import RangeReader
from kinemacolor.web.frame_passes import FrameColors, hash_words
from kinemacolor.weights.registry import load_model

MAX_SESSIONS, MAX_TRACES = 4, 64
MAX_SESSION_BYTES, MAX_TRACE_BYTES = 512 * 2**20, 256 * 2**20  # a trace takes 0.1 MB at 96 px, 27 MB at 1080 px
T = TypeVar("T")


class FrameColorizer:
    """Predicts frames alone, without history; for one thread. The model that was used last stays loaded."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._model: tuple[str, Colorizer] | None = None
        self._sessions: OrderedDict[str, tuple[Session, dict[str, Tensor]]] = OrderedDict()
        self._traces: OrderedDict[str, FrameTrace] = OrderedDict()

    def trace_frame(self, plan: Plan, colors: FrameColors, gray: UInt8Array) -> FrameTrace:
        """Predict a frame of a plan, ``gray`` ``H W`` as a display shows it.

        Raises InputError where film or references cannot be read.
        """

        def trace() -> FrameTrace:
            return self.trace_way(plan, colors, [gray], {}, in_shot=colors.is_picture_of_frame)[0]

        return _recall(
            self._traces, hash_words(colors.key, gray.shape), MAX_TRACES, MAX_TRACE_BYTES, _measure_trace, trace
        )

    def trace_way(
        self,
        plan: Plan,
        colors: FrameColors,
        grays: Sequence[UInt8Array],
        painted: Mapping[Path, UInt8Array],
        *,
        in_shot: bool | None = None,
    ) -> list[FrameTrace]:
        """Predict frames one after the other, of one pass; ``colors`` of any of them.

        ``painted``: pictures of references, ``H W 3`` or ``H W 4``, that are not in their files yet. ``in_shot``: as of
        a `Session`, by default that of the pass. Raises as `trace_frame`.
        """
        is_led = colors.source.has_reference_at_start if in_shot is None else in_shot
        session = self._recall_session(
            hash_words(colors.session_key, is_led, grays[0].shape),
            lambda: Session(
                self.load_model(plan.model),
                _read_pictures(plan, colors, painted),
                height=grays[0].shape[0],
                width=grays[0].shape[1],
                options=colors.source.options,
                device=self._device,
                engine="torch",  # a few frames are not worth compiling
                in_shot=is_led,
            ),
        )
        return [session.trace_frame(gray) for gray in grays]

    def trace_picture(self, model: str, reference: UInt8Array, gray: UInt8Array) -> FrameTrace:
        """Predict a gray picture ``H W`` by a reference ``H W 3``, by the model's own options; nothing is kept."""
        rows, columns = gray.shape
        session = Session(
            self.load_model(model), [reference], height=rows, width=columns, device=self._device, engine="torch"
        )
        return session.trace_frame(gray)

    def _recall_session(self, key: str, make: Callable[[], Session]) -> Session:
        """Return a session before its first frame, from memory if it is there."""

        def begin() -> tuple[Session, dict[str, Tensor]]:
            session = make()
            return session, session.snapshot_state()

        session, start = _recall(self._sessions, key, MAX_SESSIONS, MAX_SESSION_BYTES, _measure_session, begin)
        session.restore_state(start)
        return session

    def load_model(self, name: str) -> Colorizer:
        """Return a model, from memory if it was the last one."""
        if self._model is None or self._model[0] != name:
            self._sessions.clear()
            self._model = name, load_model(name)
        return self._model[1]


def _read_pictures(plan: Plan, colors: FrameColors, painted: Mapping[Path, UInt8Array]) -> list[UInt8Array]:
    """Read the references of a pass as a session takes them."""
    film, files = plan.film, ReferenceReader()  # anew each time: somebody may have painted on a picture
    with RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds) as reader:
        return [
            make_session_picture(
                LoadedReference(one.path, "", one.frame, painted[one.path]) if one.path in painted else files.load(one),
                reader,
            )
            for one in colors.source.references
        ]


def _measure_trace(trace: FrameTrace) -> int:
    arrays = (*trace.prediction, trace.origin, trace.matched, trace.filled)
    return sum(one.nbytes for one in arrays if one is not None)


def _measure_session(kept: tuple[Session, dict[str, Tensor]]) -> int:
    return 2 * sum(tensor.nbytes for tensor in kept[1].values())  # as it began, and as it is


def _recall(
    kept: OrderedDict[str, T], key: str, most: int, most_bytes: int, measure: Callable[[T], int], make: Callable[[], T]
) -> T:
    """Return what is kept under a key, or make it.

    The ``most`` that were used last are kept, fewer where they take more than ``most_bytes``; the last one always.
    """
    if key not in kept:
        kept[key] = make()
        while len(kept) > most or (len(kept) > 1 and sum(map(measure, kept.values())) > most_bytes):
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
