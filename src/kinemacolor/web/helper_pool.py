"""The server's side of helper processes, kept warm while they are used; one that breaks is told as the file's fault."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kinemacolor.errors import (
    InputError,
    KinemacolorError,
    PartialError,
    ResourceError,
    UsageError,
    WeightsError,
    find_machine_fault,
)
from kinemacolor.utils.processes import OWN_GROUP_FLAG, end_process, make_python_command, make_python_environment
from kinemacolor.web.idle_timer import IdleTimer
from kinemacolor.web.storage import NotFoundError

IDLE_SECONDS = 600  # that processes are kept for another call; one that colours takes about 370 MB
_ERRORS = {kind.exit_code: kind for kind in (UsageError, InputError, WeightsError, PartialError, ResourceError)}


class _Places:
    """So many places; whoever is ``patient`` gets one when nobody else waits."""

    def __init__(self, size: int) -> None:
        self._free, self._impatient = size, 0
        self._newest: dict[str, object] = {}  # who asked last of those who wait, by topic
        self._changed = threading.Condition()

    @contextmanager
    def take(self, *, patient: bool = False, topic: str | None = None) -> Iterator[None]:
        """Wait for a place, and hold it while the block runs.

        Raises UsageError where somebody else asks for a place on the same ``topic`` meanwhile.
        """
        with self._changed:
            self._wait(patient, topic)
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _wait(self, patient: bool, topic: str | None) -> None:
        def is_replaced() -> bool:
            return topic is not None and self._newest.get(topic) is not myself

        myself = object()
        if topic is not None:
            self._newest[topic] = myself
            self._changed.notify_all()
        self._impatient += not patient
        self._changed.wait_for(lambda: is_replaced() or (self._free and not (patient and self._impatient)))
        self._impatient -= not patient
        if is_replaced():
            self._changed.notify_all()
            raise UsageError("this was asked for again meanwhile: only the newest is answered")
        if topic is not None:
            del self._newest[topic]


class HelperPool:
    """Processes that answer calls by functions of a module (`kinemacolor.web.helper`), at most ``size`` at a time.

    ``seconds``: that a call may take. ``memory_bytes``: that a process may take, where the system can limit it; 0: any.
    ``settings``: further variables of their environment. ``idle_seconds``: after which those end that nobody asks.
    """

    def __init__(
        self,
        module: str,
        *,
        size: int,
        seconds: float,
        memory_bytes: int,
        settings: dict[str, str] | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._command = make_python_command("-m", "kinemacolor.web.helper", module, str(memory_bytes))
        self._seconds, self._settings = seconds, settings or {}
        self._places = _Places(size)
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[str]] = []
        self._busy: set[subprocess.Popen[str]] = set()
        self._timer = IdleTimer(idle_seconds, self._end_idle)
        self._closings = 0  # how often it was closed; it is open again for whoever calls then

    def call(self, name: str, *, patient: bool = False, topic: str | None = None, **arguments: object) -> Any:
        """Have a function called with arguments that JSON can hold; gives what it returns, as JSON gives it back.

        A ``patient`` call lets all others go before it. One on a ``topic`` takes the place of those that still wait.

        Raises what the function raises, InputError where the process breaks or takes too long, ResourceError where
        none can be started or the pool is closed, UsageError where a newer call took its place.
        """
        line = json.dumps({"call": name, "arguments": arguments})
        closings = self._closings
        with self._places.take(patient=patient, topic=topic):
            began = time.monotonic()
            process, answer = self._ask_one(line, closings)
            # Perhaps somebody ended the process: another one is asked before the file is blamed.
            if answer is None and time.monotonic() - began < self._seconds:
                process, answer = self._ask_one(line, closings)
            if answer is None:
                raise InputError(_describe_end(process))
        if "error" in answer:
            kind = NotFoundError if answer["not_found"] else _ERRORS.get(answer["exit_code"], KinemacolorError)
            raise kind(answer["error"])
        return answer["result"]

    @property
    def is_started(self) -> bool:
        """Whether a process runs, or is about to."""
        with self._lock:
            return bool(self._idle or self._busy)

    def close(self) -> None:
        """End all processes; calls that wait for one raise ResourceError."""
        with self._lock:
            self._closings += 1
            for process in self._busy:
                process.kill()  # whoever asked it frees the rest
        self._timer.cancel()
        self._end_idle()

    def _end_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            end_process(process)

    def _ask_one(self, line: str, closings: int) -> "tuple[subprocess.Popen[str], dict[str, Any] | None]":
        process = self._take_process(closings)
        answer = self._ask(process, line)
        self._put_back(process, closings)
        return process, answer

    def _take_process(self, closings: int) -> "subprocess.Popen[str]":
        """Take or start a process. Raises ResourceError where the pool was closed since the call."""
        with self._lock:
            self._check_open(closings)
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    self._busy.add(process)
                    return process
                end_process(process)
            process = self._start_process()  # under the lock, so that `close` finds it
            self._busy.add(process)
            return process

    def _check_open(self, closings: int) -> None:
        if self._closings != closings:
            raise ResourceError("the server stops: try again when it runs")

    def _start_process(self) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(  # noqa: S603
                self._command,
                env=make_python_environment() | self._settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C is for the server alone, which closes their input
                creationflags=OWN_GROUP_FLAG,
            )
        except OSError as error:
            fault = find_machine_fault(error)
            raise fault or ResourceError(f"no process could be started ({error.strerror}): try again") from error

    def _ask(self, process: "subprocess.Popen[str]", line: str) -> dict[str, Any] | None:
        """Ask a process; None, and the process has ended, where no answer came."""
        assert process.stdin
        assert process.stdout
        deadline = threading.Timer(self._seconds, process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
        except (OSError, ValueError):
            answer = None
        finally:
            deadline.cancel()
        if not isinstance(answer, dict) or not ({"error", "result"} & answer.keys()):
            end_process(process)
            return None
        return answer

    def _put_back(self, process: "subprocess.Popen[str]", closings: int) -> None:
        with self._lock:
            self._busy.discard(process)
            if self._closings == closings and process.poll() is None:
                self._idle.append(process)
                self._timer.restart()
                return
        end_process(process)


def _describe_end(process: "subprocess.Popen[str]") -> str:
    how = f"signal {-process.returncode}" if process.returncode < 0 else f"code {process.returncode}"
    return f"the file breaks what reads it, or takes too long ({how}): save it anew with another program, or smaller"
