"""What a process cost, on any system: core-seconds of all its threads, and the most memory that it held."""

import ctypes
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of a unit of ``ru_maxrss``
_OWN_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class ProcessCost:
    """Core-seconds of all threads of a process, and the peak of its resident memory in MB."""

    core_seconds: float
    peak_memory_mb: float


class _FileTime(ctypes.Structure):
    """FILETIME of Windows: two halves of a number of 100 ns."""

    _fields_ = (("low", ctypes.c_uint32), ("high", ctypes.c_uint32))

    @property
    def seconds(self) -> float:
        return float((self.high << 32) + self.low) / 1e7


class _MemoryCounters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS of Windows, in bytes."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("page_faults", ctypes.c_uint32),
        ("peak_working_set", ctypes.c_size_t),
        ("others", ctypes.c_size_t * 7),
    )


def wait_for_cost(process: "subprocess.Popen[bytes]") -> ProcessCost:
    """Wait for a process that this one started, set its ``returncode``, and return what it alone cost."""
    if sys.platform == "win32":
        process.wait()
        handle = process._handle  # type: ignore[attr-defined, unused-ignore]
        return _ask_windows(int(handle))  # which stays open, and knows of a process that has ended
    _, status, usage = os.wait4(process.pid, 0)  # not of all children: others may run
    process.returncode = os.waitstatus_to_exitcode(status)
    return ProcessCost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT / 1e6)


def read_own_peak_memory_mb() -> float:
    """Return the peak resident memory of this process in MB.

    Linux reads /proc, because getrusage there would include the peak of the process that started this one.
    """
    if sys.platform == "win32":
        return _ask_windows(-1).peak_memory_mb  # the handle that means the process itself
    if _OWN_STATUS.is_file():
        peak = next(line for line in _OWN_STATUS.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    import resource  # which Windows has not

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6


def _ask_windows(handle: int) -> ProcessCost:
    """Ask Windows what the process of a handle cost. Raises OSError where it does not tell."""
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    begun, ended, in_kernel, in_program = (_FileTime() for _ in range(4))
    counters = _MemoryCounters(size=ctypes.sizeof(_MemoryCounters))
    process, times = ctypes.c_void_p(handle), map(ctypes.byref, (begun, ended, in_kernel, in_program))
    if not (
        kernel.GetProcessTimes(process, *times)
        and kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.size)
    ):
        raise ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined, unused-ignore]
    return ProcessCost(in_kernel.seconds + in_program.seconds, counters.peak_working_set / 1e6)
