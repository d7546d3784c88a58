"""Starts and stops workers as processes of this machine, which share its disk. The other side is `worker_process`."""

import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from kinemacolor.rendering.cache import PassFolder
from kinemacolor.rendering.parts import FilmPart
from kinemacolor.rendering.pass_worker import WorkerConfig
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.rendering.scheduler import WorkerEvent
from kinemacolor.rendering.worker_process import Answer, write_request
from kinemacolor.utils.processes import OWN_GROUP_FLAG, make_python_command, make_python_environment

_OWN_GROUP = None if sys.platform == "win32" else 0  # Ctrl-C reaches this process alone, which ends the others


@contextmanager
def open_local_workers(workers: int, render_plan: RenderPlan) -> Iterator["LocalWorkerPool"]:
    """Start so many processes for a render plan; at the end none of them is left."""
    pool = LocalWorkerPool(WorkerConfig.for_render_plan(render_plan), workers)
    try:
        pool.start_workers()
        yield pool
    finally:
        pool.stop_workers()


class LocalWorkerPool:
    """A `WorkerPool` of processes. They end with this one, however it ends: their input closes."""

    def __init__(self, worker_config: WorkerConfig, workers: int) -> None:
        self.size = workers
        self._worker_config = worker_config
        self._numbers = count()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._answers: queue.Queue[tuple[int, Answer]] = queue.Queue()

    def start_workers(self) -> None:
        """Start all workers. Raises OSError where one cannot be started: others run then, until `stop_workers`."""
        for _ in range(self.size):
            self._start_worker()

    def poll_events(self, seconds: float) -> list[WorkerEvent]:
        """Return the events since the last call, as `WorkerPool.poll_events`."""
        found = []
        with suppress(queue.Empty):
            found.append(self._event_from_answer(*self._answers.get(timeout=seconds)))
            while True:
                found.append(self._event_from_answer(*self._answers.get_nowait()))
        return found

    def start_pass(self, worker: int, inference_pass: InferencePass, folder: PassFolder) -> None:
        """Start a pass on an idle worker, as `WorkerPool.start_pass`."""
        self._send(worker, inference_pass)

    def can_encode(self, worker: int) -> bool:
        """Whether a worker can encode parts, as `WorkerPool.can_encode`: all share the work folder."""
        return True

    def start_part(self, worker: int, part: FilmPart) -> None:
        """Start a part on an idle worker, as `WorkerPool.start_part`."""
        self._send(worker, part)

    def stop_workers(self) -> None:
        """Kill all workers at once, also those that run a pass."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            _close_process(process)
        self._processes.clear()

    def _start_worker(self) -> None:
        number = next(self._numbers)
        process = subprocess.Popen(  # noqa: S603
            make_python_command("-m", "kinemacolor.rendering.worker_process"),
            env=make_python_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=_OWN_GROUP,
            creationflags=OWN_GROUP_FLAG,
        )
        self._processes[number] = process
        threading.Thread(target=self._read_answers, args=(number, process), daemon=True).start()
        self._send(number, self._worker_config)

    def _send(self, worker: int, request: object) -> None:
        stream = self._processes[worker].stdin
        with suppress(BrokenPipeError):  # it was lost: that event is on its way
            write_request(stream, request)  # type: ignore[arg-type]

    def _read_answers(self, number: int, process: "subprocess.Popen[bytes]") -> None:
        """Hand on what a worker answers, in a thread of its own, until it has ended."""
        with suppress(EOFError, pickle.UnpicklingError, ValueError):  # it was killed, perhaps in the middle of a word
            while True:
                self._answers.put((number, pickle.load(process.stdout)))  # type: ignore[arg-type]  # noqa: S301
        self._answers.put((number, ("lost", None)))

    def _event_from_answer(self, worker: int, answer: Answer) -> WorkerEvent:
        """Turn an answer into an event; a lost worker is replaced. Raises what the worker raised."""
        kind, error = answer
        if error is not None:
            raise error
        if kind == "lost":
            code = _close_process(self._processes.pop(worker))
            self._start_worker()
            return WorkerEvent(worker, "lost", reason=f"exit code {code}; memory may be short")
        return WorkerEvent(worker, kind)


def _close_process(process: "subprocess.Popen[bytes]") -> int:
    """Wait for the end of a process and close its pipes; gives its exit code, negative for a signal."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
    return process.wait()
