"""Other processes of this machine: who still runs, and is it the one that was meant."""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

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
