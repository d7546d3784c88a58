"""Starts the processes of jobs. One is kept ready that has imported all it needs, so that a job begins at once.

Whoever opens a film has it started, and each job that ends has the next one started, not one that begins: imports take
seconds of a processor that the job itself needs. A process does one job and ends; it can be killed alone.
"""

import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from kinemacolor.utils.processes import OWN_GROUP_FLAG, end_process, make_python_command, make_python_environment
from kinemacolor.web.idle_timer import IdleTimer
from kinemacolor.web.job_messages import JobOrder

WORKER = ("-m", "kinemacolor.web.worker_process")
SPARE_SECONDS = 600  # that a process waits for a job; it takes about 250 MB


class WorkerProcesses:
    """Starts processes of jobs, and keeps a spare one from `prepare` on, until nobody asks for `SPARE_SECONDS`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spare: subprocess.Popen[str] | None = None
        self._timer = IdleTimer(SPARE_SECONDS, self._end_idle)
        self._is_closed = False

    def prepare(self) -> None:
        """Have a process ready for the next job, from now on for `SPARE_SECONDS`; returns at once."""
        with self._lock:
            if self._is_closed:
                return
            if self._spare is None or self._spare.poll() is not None:
                self._end_spare()
                with suppress(OSError):  # whoever has a job is told
                    self._spare = _start_process()
            self._timer.restart()

    def start(self, order: JobOrder) -> "subprocess.Popen[str]":
        """Have a job done by the spare process, or by a new one. Raises OSError where no process can be started."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare:
            if _send_order(spare, order):
                return spare
            end_process(spare)
        process = _start_process(Path(order.log))
        _send_order(process, order)  # where it has ended already, that is told as its end
        return process

    def open(self) -> None:
        """Keep spare processes again after `close`."""
        with self._lock:
            self._is_closed = False

    def close(self) -> None:
        """End the spare process; those that do jobs go on."""
        with self._lock:
            self._is_closed = True
            self._end_spare()

    def _end_idle(self) -> None:
        with self._lock:
            self._end_spare()

    def _end_spare(self) -> None:
        self._timer.cancel()
        spare, self._spare = self._spare, None
        if spare:
            end_process(spare)


def _start_process(log: Path | None = None) -> "subprocess.Popen[str]":
    """Start a process that waits for an order; what goes wrong before it has one stands in ``log``."""
    with open(log or os.devnull, "a", encoding="utf-8") as errors:
        return subprocess.Popen(  # noqa: S603
            make_python_command(*WORKER),
            env=make_python_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the server alone, which suspends what runs
            creationflags=OWN_GROUP_FLAG,
        )


def _send_order(process: "subprocess.Popen[str]", order: JobOrder) -> bool:
    """Send an order; False where the process has ended."""
    assert process.stdin
    try:
        process.stdin.write(order.model_dump_json() + "\n")
        process.stdin.flush()
    except OSError:
        return False
    return process.poll() is None
