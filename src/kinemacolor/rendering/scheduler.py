"""Decides which worker paints which pass or encodes which part, and when; work of lost ones resumes. No Ray here."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self

from kinemacolor.errors import Interrupted, ResourceError
from kinemacolor.rendering.cache import PassFolder, WorkFolder
from kinemacolor.rendering.parts import FilmPart, PartStore, list_needed_passes
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.rendering.renderer import RenderPlan

MAX_WORKER_LOSSES = 3  # workers that may be lost in one pass
_POLL_SECONDS = 0.5


def order_passes(lengths: Sequence[int], workers: int) -> list[int]:
    """Return the indices of passes in the order to run them, given their frames in the order of the film.

    The earliest is next, so that the film can be written meanwhile; but a pass that is longer than an even share of all
    that waits cannot wait, as the other workers would then wait for it (Graham 1969). docs/scaling.md has measurements.
    """
    longest_first = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    order: list[int] = []
    done, earliest, longest, left = set[int](), 0, 0, sum(lengths)
    while len(order) < len(lengths):
        while earliest in done:
            earliest += 1
        while longest_first[longest] in done:
            longest += 1
        chosen = longest_first[longest]
        if lengths[chosen] * workers <= left:
            chosen = earliest
        order.append(chosen)
        done.add(chosen)
        left -= lengths[chosen]
    return order


class WorkerEvent(NamedTuple):
    """News of a worker: it is ``idle``, it has finished a ``segment``, or it is ``lost``.

    ``files``: the segment as `PassFolder.export_files` gives it, empty if the worker shares the work folder.
    ``reason``: why the worker was lost.
    """

    worker: int
    kind: Literal["idle", "segment", "lost"]
    files: Mapping[str, bytes] = {}
    reason: str = ""


class WorkerPool(Protocol):
    """Workers, identified by numbers. The pool replaces a lost one under a new number.

    ``size``: how many workers there are.
    """

    size: int

    def poll_events(self, seconds: float) -> list[WorkerEvent]:
        """Return the events since the last call, waiting up to ``seconds``. Raises what a worker raised."""

    def start_pass(self, worker: int, inference_pass: InferencePass, folder: PassFolder) -> None:
        """Start the missing segments of a pass on an idle worker; ``folder`` has those that are finished."""

    def can_encode(self, worker: int) -> bool:
        """Whether a worker that is idle can encode parts: it sees the predictions of all others."""

    def start_part(self, worker: int, part: FilmPart) -> None:
        """Start a part on an idle worker that can encode."""


class Coordinator:
    """Connects the thread that schedules passes and the thread that renders the film from their segments.

    ``work``: the work folder as the renderer has it. As a context manager: an error inside ends both threads.
    """

    def __init__(self, work: WorkFolder) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._new_frames = 0
        self._error: BaseException | None = None
        self._is_requested = self.is_closed = self._declines_parts = False
        self._part_store = PartStore(work.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self.close(error)

    def ensure_segment(self, inference_pass: InferencePass, segment: int, on_frames: Callable[[int], None]) -> None:
        """Wait until workers have finished a segment of a pass. Raises the error that stopped them, or Interrupted.

        ``on_frames`` receives the number of frames that were finished since the last time.
        """
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        while True:
            on_frames(self._take_new_frames())
            if not folder.has_segment(segment):
                folder.reload_journal()
            if folder.has_segment(segment):
                return
            if self.is_closed:
                raise self._error or Interrupted("painting was stopped")
            with self._changed:
                self._changed.wait_for(lambda: self._new_frames or self.is_closed, 2 * _POLL_SECONDS)

    def wait_for_part(self, part: FilmPart, on_frames: Callable[[int], None]) -> bool:
        """Wait until workers have encoded a part; False if none of them can. Arguments, errors as `ensure_segment`."""
        while True:
            on_frames(self._take_new_frames())
            if self._part_store.has(part):
                return True
            if self._declines_parts:
                return False
            if self.is_closed:
                raise self._error or Interrupted("encoding was stopped")
            with self._changed:
                self._changed.wait_for(lambda: self._new_frames or self.is_closed, _POLL_SECONDS)

    def decline_parts(self) -> None:
        """Report that no worker will encode any more part."""
        self._declines_parts = True

    def add_painted(self, frames: int) -> None:
        """Report that ``frames`` more frames are finished."""
        with self._changed:
            self._new_frames += frames
            self._changed.notify_all()

    def request_stop(self) -> None:
        """End the scheduling, and the waiting for segments."""
        self.close()

    def close(self, error: BaseException | None = None) -> None:
        """End the scheduling; ``error``: why the film cannot be rendered, None if nobody waits for segments now."""
        with self._changed:
            self._error, self.is_closed = self._error or error, True
            self._changed.notify_all()

    def wait_until_requested(self) -> bool:
        """Wait for the renderer's first request, when it holds its lock. False if it ended before that."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_requested or self.is_closed) and not self.is_closed

    def _take_new_frames(self) -> int:
        """Return the frames finished since the last call. Raises the error that stopped the workers."""
        with self._changed:
            if self._error:
                raise self._error
            new_frames, self._new_frames = self._new_frames, 0
            self._is_requested = True
            self._changed.notify_all()
            return new_frames


class Scheduler:
    """Runs the missing passes and parts of a render plan on a worker pool, each on one worker at a time.

    A part is encoded as soon as its passes are painted, before any further pass.
    """

    def __init__(self, render_plan: RenderPlan, worker_pool: WorkerPool, coordinator: Coordinator) -> None:
        self._render_plan, self._worker_pool, self._coordinator = render_plan, worker_pool, coordinator
        self._work = WorkFolder(render_plan.work.folder)
        missing = [one for one in render_plan.passes if not self._pass_folder(one).is_complete]
        turns = order_passes([len(one) - self._pass_folder(one).frames_painted for one in missing], worker_pool.size)
        self._waiting = [missing[index] for index in reversed(turns)]
        self._unpainted = {one.digest for one in missing}
        self._part_store = PartStore(render_plan.work.folder)
        parts = render_plan.parts.parts if render_plan.parts else ()
        if len(parts) == 1:  # it is encoded here, while it is painted
            parts = ()
            coordinator.decline_parts()
        self._waiting_parts = [part for part in parts if not self._part_store.has(part)]
        needed = list_needed_passes(parts, render_plan.passes)
        self._needed = {
            part: self._unpainted & {one.digest for one in passes} for part, passes in zip(parts, needed, strict=True)
        }
        self._running: dict[int, InferencePass | FilmPart] = {}
        self._idle: set[int] = set()
        self._known: dict[int, bool] = {}  # workers that were idle, and whether they can encode
        self._losses: Counter[str] = Counter()

    def run(self) -> None:
        """Hand out passes and parts until all are complete or the coordinator is closed.

        Raises ResourceError where one of them ends several workers, and what a worker raised.
        """
        while (self._waiting or self._running or self._waiting_parts) and not self._coordinator.is_closed:
            for worker in sorted(self._idle):
                self._start_next(worker)
            for event in self._worker_pool.poll_events(_POLL_SECONDS):
                self._handle_event(event)
            self._check_encoders()

    def _start_next(self, worker: int) -> None:
        """Start a part that is ready on an idle worker that can encode, else a pass, if there is one."""
        ready = (part for part in self._waiting_parts if self._needed[part].isdisjoint(self._unpainted))
        part = next(ready, None) if self._known[worker] else None
        if part:
            self._waiting_parts.remove(part)
            self._running[worker] = part
            self._worker_pool.start_part(worker, part)
        elif self._waiting:
            self._running[worker] = inference_pass = self._waiting.pop()
            self._worker_pool.start_pass(worker, inference_pass, self._pass_folder(inference_pass))
        self._idle -= self._running.keys()

    def _handle_event(self, event: WorkerEvent) -> None:
        work = self._running.get(event.worker)
        if isinstance(work, InferencePass):
            self._import_files(self._pass_folder(work), event.files)
            if self._pass_folder(work).is_complete:
                self._unpainted.discard(work.digest)
        if event.kind != "segment":
            self._running.pop(event.worker, None)
        if event.kind == "idle":
            self._idle.add(event.worker)
            self._known[event.worker] = self._worker_pool.can_encode(event.worker)
        if event.kind == "lost":
            self._known.pop(event.worker, None)
            self._idle.discard(event.worker)
            self._handle_loss(work, event.reason)

    def _check_encoders(self) -> None:
        """Decline parts where no worker can encode: known of all, or once all is painted of those that ever started."""
        is_painted = not self._waiting and not self._running
        if self._known and not any(self._known.values()) and (is_painted or len(self._known) >= self._worker_pool.size):
            self._waiting_parts.clear()
            self._coordinator.decline_parts()

    def _import_files(self, folder: PassFolder, files: Mapping[str, bytes]) -> None:
        before = folder.frames_painted
        folder.import_files(files)
        self._coordinator.add_painted(folder.frames_painted - before)

    def _handle_loss(self, work: InferencePass | FilmPart | None, reason: str) -> None:
        """Queue a lost worker's work again; a pass resumes after its last segment. None: it had not begun any."""
        name = work.digest if work else ""
        self._losses[name] += 1
        if self._losses[name] == MAX_WORKER_LOSSES:
            what = self._describe_work(work) if work else "starting"
            raise ResourceError(
                f"{what} ended {MAX_WORKER_LOSSES} workers, one after the other ({reason or 'memory may be short'}); "
                f"what was painted is kept, and the same command goes on from there"
            )
        if isinstance(work, FilmPart) and not self._part_store.has(work):
            self._waiting_parts.insert(0, work)
        if isinstance(work, InferencePass) and not self._pass_folder(work).is_complete:
            self._waiting.append(work)

    def _describe_work(self, work: InferencePass | FilmPart) -> str:
        frames = f"frames {work.first} to {work.end - 1}"
        if isinstance(work, FilmPart):
            return f"encoding {frames}"
        numbers = (
            number
            for number, shot_passes in enumerate(self._render_plan.shot_passes, 1)
            if any(weighted_pass.source.digest == work.digest for weighted_pass in shot_passes.weighted_passes)
        )
        return f"shot {next(numbers)} ({frames})"

    def _pass_folder(self, inference_pass: InferencePass) -> PassFolder:
        return self._work.pass_folder(inference_pass.digest, len(inference_pass))
