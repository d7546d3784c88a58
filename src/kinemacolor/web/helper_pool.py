"""The server's side of helper processes: a few are kept warm, one that breaks or hangs is told as the file's fault."""

import json
import subprocess
import threading
import time
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
from kinemacolor.utils.processes import OWN_GROUP_FLAG, make_python_command, make_python_environment
from kinemacolor.web.storage import NotFoundError

_ERRORS = {kind.exit_code: kind for kind in (UsageError, InputError, WeightsError, PartialError, ResourceError)}


class HelperPool:
    """Processes that answer calls by functions of a module (`kinemacolor.web.helper`), at most ``size`` at a time.

    ``seconds``: that a call may take. ``memory_bytes``: that a process may take, where the system can limit it; 0: any.
    ``settings``: further variables of their environment.
    """

    def __init__(
        self, module: str, *, size: int, seconds: float, memory_bytes: int, settings: dict[str, str] | None = None
    ) -> None:
        self._command = make_python_command("-m", "kinemacolor.web.helper", module, str(memory_bytes))
        self._seconds, self._settings = seconds, settings or {}
        self._places = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[str]] = []
        self._busy: set[subprocess.Popen[str]] = set()
        self._is_closed = False

    def call(self, name: str, **arguments: object) -> Any:
        """Have a function called with arguments that JSON can hold; gives what it returns, as JSON gives it back.

        Raises what the function raises, InputError where the process breaks or takes too long, ResourceError where
        none can be started.
        """
        line = json.dumps({"call": name, "arguments": arguments})
        with self._places:
            began = time.monotonic()
            process, answer = self._ask_one(line)
            # Perhaps somebody ended the process: another one is asked before the file is blamed.
            if answer is None and not self._is_closed and time.monotonic() - began < self._seconds:
                process, answer = self._ask_one(line)
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
        """End all processes; calls that wait for one raise InputError."""
        with self._lock:
            self._is_closed, idle, self._idle = True, self._idle, []
            for process in self._busy:
                process.kill()  # whoever asked it frees the rest
        for process in idle:
            _end(process)

    def _ask_one(self, line: str) -> "tuple[subprocess.Popen[str], dict[str, Any] | None]":
        process = self._take_process()
        answer = self._ask(process, line)
        self._put_back(process)
        return process, answer

    def _take_process(self) -> "subprocess.Popen[str]":
        with self._lock:
            self._is_closed = False
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    self._busy.add(process)
                    return process
                _end(process)
        process = self._start_process()
        with self._lock:
            self._busy.add(process)
        return process

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
            _end(process)
            return None
        return answer

    def _put_back(self, process: "subprocess.Popen[str]") -> None:
        with self._lock:
            self._busy.discard(process)
            if not self._is_closed and process.poll() is None:
                self._idle.append(process)
                return
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a process and free what the server holds of it."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream:
            try:
                stream.close()
            except OSError:  # what it did not read any more
                continue
    process.wait()


def _describe_end(process: "subprocess.Popen[str]") -> str:
    how = f"signal {-process.returncode}" if process.returncode < 0 else f"code {process.returncode}"
    return f"the file breaks what reads it, or takes too long ({how}): save it anew with another program, or smaller"
