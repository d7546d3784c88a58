"""Other processes of this machine: begun with a clean search path; who still runs, and is it the one that was meant.

Python looks for modules in the folder where it is started, before its own: a `json.py` beside somebody's films would be
run. So whatever this package starts is started by one of the three functions here (`tests/utils/test_processes.py`).
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any, BinaryIO, Self

_environment_lock = threading.Lock()
if sys.platform == "win32":  # so that Ctrl-C does not reach a process, as `start_new_session` does elsewhere
    OWN_GROUP_FLAG = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    OWN_GROUP_FLAG = 0
ENDED_STATES = "ZX"  # of Linux: a zombie has ended, its parent has only not asked how


@dataclass(frozen=True)
class ProcessIdentity:
    """A process by its number and by ``mark``, which says when it began: numbers are given out again, also by a reboot.

    ``mark`` is empty where the machine tells no beginnings (Windows); such a process counts as ended.
    """

    pid: int
    mark: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the identity of the process that has the number ``pid`` now."""
        return cls(pid, _read_start_mark(pid))

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Read the identity back from the keys ``pid`` and ``mark``; wrong values give one that has ended."""
        pid, mark = row.get("pid"), row.get("mark")
        return cls(pid, mark) if isinstance(pid, int) and isinstance(mark, str) else cls(0, "")

    def is_running(self) -> bool:
        """Whether this very process still runs."""
        return bool(self.mark) and _read_start_mark(self.pid) == self.mark

    def send_signal(self, number: int) -> None:
        """Send a signal, if the process still runs."""
        if self.is_running():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(self.pid, number)


def make_python_command(*arguments: str, python: str | None = None) -> list[str]:
    """Return the command of a new Python, by default this one, that does not look for modules in the current folder.

    To be started with the environment of `make_python_environment`, which keeps its own children from it.
    """
    return [python or sys.executable, "-P", *arguments]  # not -I: packages of the user's account are wanted


def make_python_environment() -> dict[str, str]:
    """Return the variables of this process, with a search path for modules that has only absolute folders."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    own = Path(__file__).absolute().parents[2]  # where this package lies stays, or a child would find another one
    folders = [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    kept = [str(folder.absolute()) for folder in folders if folder.is_absolute() or folder.resolve() == own.resolve()]
    return environment | {"PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": os.pathsep.join(kept)} if kept else {})


@contextmanager
def clean_python_environment() -> Iterator[None]:
    """Give this process the variables of `make_python_environment`, for libraries that start Python by themselves."""
    names = ("PYTHONPATH", "PYTHONSAFEPATH")
    with _environment_lock:
        before, clean = {name: os.environ.get(name) for name in names}, make_python_environment()
        _set_variables({name: clean.get(name) for name in names})
        try:
            yield
        finally:
            _set_variables(before)


def _set_variables(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class _CleanProcess(SpawnProcess):
    """A process of `multiprocessing` that begins with a clean search path; it then gets that of its parent."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  multiprocessing's name
        with clean_python_environment():
            return SpawnProcess._Popen(process_obj)


class CleanSpawnContext(SpawnContext):
    """The way to start worker processes with `multiprocessing`: not fork, which hangs in a process that runs OpenMP."""

    Process = _CleanProcess

    def __init__(self) -> None:
        super().__init__()
        if sys.platform != "win32":
            from multiprocessing import resource_tracker

            with clean_python_environment():  # a process too, which the first lock would start
                resource_tracker.ensure_running()


def end_process(process: "subprocess.Popen[str]") -> None:
    """End a process, and free what this one holds of it."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream:
            with suppress(OSError):  # what it did not read any more
                stream.close()
    process.wait()


def take_input() -> BinaryIO:
    """Return the input of this process, unbuffered, and put an empty one in its place.

    On Windows whatever loads a library while a thread waits for input waits as well: libraries ask the system about
    their standard input, which answers one at a time (numpy issue 24290).
    """
    taken = os.fdopen(os.dup(0), "rb", buffering=0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return taken


def lower_priority_of_session(pid: int) -> None:
    """Let a session yield to all others where the kernel shares the processor between sessions, not processes.

    With autogroups (Linux) a nice value counts only inside of a session. Failures are ignored: it is then only nice.
    """
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("19")


def _read_start_mark(pid: int) -> str:
    """When a process began, as a text to compare; empty where it has ended."""
    if pid <= 0 or sys.platform == "win32":
        return ""
    try:
        # the name of the program, in brackets, may itself hold spaces and brackets
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if fields[0] in ENDED_STATES else f"{boot} {fields[19]}"  # ticks since the machine was started
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _ask_ps(pid)
    except (OSError, IndexError):
        return ""


def _ask_ps(pid: int) -> str:
    """The beginning of a process where there is no /proc."""
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    try:
        told = subprocess.run(  # noqa: S603
            command, env=os.environ | {"LC_ALL": "C", "TZ": "UTC"}, capture_output=True, text=True, check=False
        ).stdout.split(maxsplit=1)
    except OSError:
        return ""
    return told[1].strip() if len(told) == 2 and told[0][0] not in ENDED_STATES else ""
