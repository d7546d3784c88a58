"""Who paints which pass, and when: each by one worker at a time, again where a worker is lost. No Ray here."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self

from kinemacolor.errors import ResourceError
from kinemacolor.render.cache import PassFolder, WorkFolder
from kinemacolor.render.passes import InferencePass
from kinemacolor.render.renderer import RenderPlan

MAX_WORKER_LOSSES = 3  # workers that one pass may take with it
LONG_PASS_SHARE = 1 / 10  # of what each worker would paint of all, evenly shared
_POLL_SECONDS = 0.5


def order_passes(lengths: Sequence[int], workers: int) -> list[int]:
    """Indices of passes in the order to paint them, given their frames in the order of the film.

    Long ones first, the longest before all: one that is begun late is what everybody waits for (Graham 1969). The rest
    as they come in the film, so that it can be put together meanwhile: docs/scaling.md has both measured.
    """
    long_frames = sum(lengths) / workers * LONG_PASS_SHARE
    return sorted(
        range(len(lengths)), key=lambda index: (-lengths[index] if lengths[index] > long_frames else 0, index)
    )


class WorkerEvent(NamedTuple):
    """What a worker tells: it is ``idle``, it has painted a ``segment``, or it is ``lost``.

    ``files``: what it painted, where it does not see the work folder; see `PassFolder.files`. ``why`` it was lost.
    """

    worker: int
    kind: Literal["idle", "segment", "lost"]
    files: Mapping[str, bytes] = {}
    reason: str = ""


class WorkerPool(Protocol):
    """Workers, by number. One that is lost is replaced by the crew, under a new number.

    ``size``: how many there are.
    """

    size: int

    def poll_events(self, seconds: float) -> list[WorkerEvent]:
        """What happened, waiting at most so long. Raises what a worker raised."""

    def start_pass(self, worker: int, inference_pass: InferencePass, folder: PassFolder) -> None:
        """Have what is missing of a pass painted by a worker that is idle."""


class Coordinator:
    """What the thread that hands out the work and the one that assembles the film tell each other.

    ``work``: as the assembling one sees it. As a context: an error inside ends both.
    """

    def __init__(self, work: WorkFolder) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._new_frames = 0
        self._error: BaseException | None = None
        self._is_requested = self.is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self.close(error)

    def wait_for_segment(self, inference_pass: InferencePass, segment: int, on_frames: Callable[[int], None]) -> None:
        """Wait until others have painted a segment of a pass. Raises what stopped them."""
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        while True:
            on_frames(self._take_new_frames())
            if folder.segment_count <= segment:
                folder.reload_journal()
            if folder.segment_count > segment:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._new_frames or self._error, 2 * _POLL_SECONDS)

    def add_painted(self, frames: int) -> None:
        """So many more frames are painted."""
        with self._changed:
            self._new_frames += frames
            self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """No more is wanted; ``error``: why the film cannot be."""
        with self._changed:
            self._error, self.is_closed = self._error or error, True
            self._changed.notify_all()

    def wait_until_requested(self) -> bool:
        """The first question means that the render has its lock. False where it ended before that."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_requested or self.is_closed) and not self.is_closed

    def _take_new_frames(self) -> int:
        with self._changed:
            if self._error:
                raise self._error
            new_frames, self._new_frames = self._new_frames, 0
            self._is_requested = True
            self._changed.notify_all()
            return new_frames


class Scheduler:
    """Has the passes of a job painted by a crew."""

    def __init__(self, render_plan: RenderPlan, worker_pool: WorkerPool, coordinator: Coordinator) -> None:
        self._render_plan, self._worker_pool, self._coordinator = render_plan, worker_pool, coordinator
        self._work = WorkFolder(render_plan.work.folder)
        missing = [one for one in render_plan.passes if not self._pass_folder(one).is_complete]
        turns = order_passes([len(one) - self._pass_folder(one).frames_painted for one in missing], worker_pool.size)
        self._waiting = [missing[index] for index in reversed(turns)]
        self._running: dict[int, InferencePass] = {}
        self._idle: set[int] = set()
        self._losses: Counter[str] = Counter()

    def run(self) -> None:
        """Return when all is painted or nobody wants more.

        Raises ResourceError where a pass takes worker after worker with it, and what a worker raised.
        """
        while (self._waiting or self._running) and not self._coordinator.is_closed:
            while self._waiting and self._idle:
                worker, inference_pass = self._idle.pop(), self._waiting.pop()
                self._running[worker] = inference_pass
                self._worker_pool.start_pass(worker, inference_pass, self._pass_folder(inference_pass))
            for event in self._worker_pool.poll_events(_POLL_SECONDS):
                self._handle_event(event)

    def _handle_event(self, event: WorkerEvent) -> None:
        inference_pass = self._running.get(event.worker)
        if inference_pass:
            self._import_files(self._pass_folder(inference_pass), event.files)
        if event.kind != "segment":
            self._running.pop(event.worker, None)
        if event.kind == "idle":
            self._idle.add(event.worker)
        if event.kind == "lost":
            self._handle_loss(inference_pass, event.reason)

    def _import_files(self, folder: PassFolder, files: Mapping[str, bytes]) -> None:
        before = folder.frames_painted
        folder.import_files(files)
        self._coordinator.add_painted(folder.frames_painted - before)

    def _handle_loss(self, inference_pass: InferencePass | None, reason: str) -> None:
        """A pass whose worker died goes on where it was; without one, a worker died before it had any."""
        name = inference_pass.digest if inference_pass else ""
        self._losses[name] += 1
        if self._losses[name] == MAX_WORKER_LOSSES:
            what = self._describe_pass(inference_pass) if inference_pass else "starting"
            raise ResourceError(
                f"{what} ended {MAX_WORKER_LOSSES} workers, one after the other ({reason or 'memory may be short'}); "
                f"what was painted is kept, and the same command goes on from there"
            )
        if inference_pass and not self._pass_folder(inference_pass).is_complete:
            self._waiting.append(inference_pass)

    def _describe_pass(self, inference_pass: InferencePass) -> str:
        numbers = (
            number
            for number, shot_passes in enumerate(self._render_plan.shot_passes, 1)
            if any(
                weighted_pass.source.digest == inference_pass.digest for weighted_pass in shot_passes.weighted_passes
            )
        )
        return f"shot {next(numbers)} (frames {inference_pass.first} to {inference_pass.end - 1})"

    def _pass_folder(self, inference_pass: InferencePass) -> PassFolder:
        return self._work.pass_folder(inference_pass.digest, len(inference_pass))
