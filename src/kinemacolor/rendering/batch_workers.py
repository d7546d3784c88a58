"""Workers as rows of one batch: on a GPU they paint several passes at once, in threads of this process."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy

from kinemacolor.inference.batches import SharedBatch
from kinemacolor.references.load import ReferenceReader
from kinemacolor.rendering.cache import PassFolder, WorkFolder
from kinemacolor.rendering.inference_pass import InferenceWorker
from kinemacolor.rendering.parts import FilmPart
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.rendering.scheduler import WorkerEvent

_Events = queue.Queue[WorkerEvent | BaseException]


@contextmanager
def open_batch_workers(render_plan: RenderPlan) -> Iterator["BatchWorkerPool"]:
    """Start a worker for each of the ``rows`` of a render plan; at the end none of their threads is left."""
    pool = BatchWorkerPool(render_plan)
    try:
        yield pool
    finally:
        pool.stop_workers()


class BatchWorkerPool:
    """A `WorkerPool` of threads that share one model: the frames that they predict are rows of one batch."""

    def __init__(self, render_plan: RenderPlan) -> None:
        self.size = rows = render_plan.rows
        self._events: _Events = queue.Queue()
        batch = SharedBatch(rows)
        self._rows = [_BatchRow(number, render_plan, batch, self._events) for number in range(rows)]

    def poll_events(self, seconds: float) -> list[WorkerEvent]:
        """Return the events since the last call, as `WorkerPool.poll_events`."""
        found = []
        with suppress(queue.Empty):
            event = self._events.get(timeout=seconds)
            while True:
                if isinstance(event, BaseException):
                    raise event
                found.append(event)
                event = self._events.get_nowait()
        return found

    def start_pass(self, worker: int, inference_pass: InferencePass, folder: PassFolder) -> None:
        """Start a pass on an idle worker, as `WorkerPool.start_pass`."""
        self._rows[worker].passes.put(inference_pass)

    def can_encode(self, worker: int) -> bool:
        """Whether a worker can encode parts, as `WorkerPool.can_encode`: this process does that beside them."""
        return False

    def start_part(self, worker: int, part: FilmPart) -> None:
        """Raise ValueError: no worker can."""
        raise ValueError("rows of a batch encode nothing")

    def stop_workers(self) -> None:
        """Stop all workers, also those that run a pass, and wait until they have ended."""
        for row in self._rows:
            row.request_stop()
        for row in self._rows:
            row.thread.join()


class _BatchRow:
    """A worker: a thread that paints one pass after another, and takes part in the batch meanwhile."""

    def __init__(
        self,
        number: int,
        render_plan: RenderPlan,
        batch: SharedBatch,
        events: _Events,
    ) -> None:
        self.passes: queue.Queue[InferencePass | None] = queue.Queue()
        self._number, self._batch, self._events = number, batch, events
        self._work = WorkFolder(render_plan.work.folder, render_plan.work.runtime)
        self._worker = InferenceWorker(
            render_plan.plan.film,
            render_plan.model,
            self._work,
            render_plan.reference_digests,
            references=ReferenceReader(),  # of its own: readers are for one thread
            device=render_plan.device,
            kept_luma=copy(render_plan.kept_luma),  # likewise: it holds the piece that was read last
            shared_batch=batch,
        )
        self.thread = threading.Thread(target=self._paint_passes, name=f"kinemacolor row {number}", daemon=True)
        self.thread.start()

    def request_stop(self) -> None:
        """End what it paints, and then its thread."""
        self._worker.request_stop()
        self.passes.put(None)

    def _paint_passes(self) -> None:
        try:
            with self._worker:
                self._events.put(WorkerEvent(self._number, "idle"))
                while (inference_pass := self.passes.get()) is not None:
                    self._paint_pass(inference_pass)
                    self._events.put(WorkerEvent(self._number, "idle"))
        except BaseException as error:  # raised by the thread that polls
            self._events.put(error)

    def _paint_pass(self, inference_pass: InferencePass) -> None:
        folder = self._work.pass_folder(inference_pass.digest, len(inference_pass))
        folder.reload_journal()
        with self._batch.join():
            while not folder.is_complete:
                self._worker.ensure_segment(inference_pass, folder.segment_count)
                self._events.put(WorkerEvent(self._number, "segment"))
