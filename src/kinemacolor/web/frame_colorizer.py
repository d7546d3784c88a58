"""Colorizes single frames; what was last encoded and predicted is kept in memory, so that little is done twice."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from kinemacolor.inference.attribution import FrameTrace
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.options import RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.references.load import LoadedReference, ReferenceReader
from kinemacolor.rendering.inference_pass import make_session_picture
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.random_access import RangeReader
from kinemacolor.web.frame_passes import FrameColors, hash_words
from kinemacolor.weights.registry import load_model

MAX_SESSIONS, MAX_TRACES = 4, 64  # a session takes tens of MB, a trace less than one
T = TypeVar("T")


class FrameColorizer:
    """Predicts frames alone, without history; for one thread. The model that was used last stays loaded."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._model: tuple[str, Colorizer] | None = None
        self._sessions: OrderedDict[str, tuple[Session, dict[str, Tensor]]] = OrderedDict()
        self._traces: OrderedDict[str, FrameTrace] = OrderedDict()

    def trace_frame(
        self, plan: Plan, colors: FrameColors, gray: UInt8Array, painted: Mapping[Path, UInt8Array] | None = None
    ) -> FrameTrace:
        """Predict a frame of a plan, ``gray`` ``H W`` as a display shows it.

        ``painted``: pictures of references, ``H W 3`` or ``H W 4``, that are not in their files yet. Raises InputError
        where film or references cannot be read.
        """
        return self.trace_gray(
            plan.model,
            colors.source.options,
            lambda: _read_pictures(plan, colors, painted or {}),
            gray,
            session_key=hash_words(colors.session_key, colors.is_picture_of_frame),
            frame_key=colors.frame,
            in_shot=colors.is_picture_of_frame,
        )

    def trace_gray(
        self,
        model: str,
        options: RenderOptions,
        read_pictures: Callable[[], Sequence[UInt8Array]],
        gray: UInt8Array,
        *,
        session_key: str,
        frame_key: object,
        in_shot: bool = False,
    ) -> FrameTrace:
        """Predict a gray picture ``H W`` by references, which are read if they are not in memory.

        ``session_key`` changes with model, options and references, ``frame_key`` with the picture.
        """
        session_key = hash_words(session_key, gray.shape)

        def open_session() -> tuple[Session, dict[str, Tensor]]:
            session = Session(
                self.load_model(model),
                read_pictures(),
                height=gray.shape[0],
                width=gray.shape[1],
                options=options,
                device=self._device,
                engine="torch",  # a frame alone is not worth compiling
                in_shot=in_shot,
            )
            return session, session.snapshot_state()

        def predict() -> FrameTrace:
            session, start = _recall(self._sessions, session_key, MAX_SESSIONS, open_session)
            session.restore_state(start)
            return session.trace_frame(gray)

        return _recall(self._traces, hash_words(session_key, frame_key), MAX_TRACES, predict)

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


def _recall(kept: OrderedDict[str, T], key: str, most: int, make: Callable[[], T]) -> T:
    """Return what is kept under a key, or make it; the ``most`` that were used last are kept."""
    if key not in kept:
        kept[key] = make()
        while len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
