"""What processes cost, as Linux, macOS and Windows tell it."""

import ctypes
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kinemacolor.benchmark import process_cost
from kinemacolor.benchmark.process_cost import read_own_peak_memory_mb, wait_for_cost

WORK = "held = bytes(90_000_000).count(0) + sum(range(3_000_000)); raise SystemExit(3)"


def test_a_process_costs_time_and_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", WORK])
    cost = wait_for_cost(process)
    assert process.returncode == 3
    assert cost.core_seconds > 0.01
    assert cost.peak_memory_mb > 90


def test_the_own_peak_is_told_with_proc_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_own_peak_memory_mb() > 20
    monkeypatch.setattr(process_cost, "_OWN_STATUS", tmp_path / "none")
    assert read_own_peak_memory_mb() > 20


class FakeKernel:
    """Fills the structures of Windows as its kernel32 does, for the handles 7 and -1 alone."""

    def GetProcessTimes(self, process: Any, begun: Any, ended: Any, in_kernel: Any, in_program: Any) -> bool:  # noqa: N802
        ctypes.memmove(in_kernel, (5_000_000).to_bytes(8, "little"), 8)
        ctypes.memmove(in_program, (600 * 10_000_000).to_bytes(8, "little"), 8)
        return process.value in (7, 2 ** (8 * ctypes.sizeof(ctypes.c_void_p)) - 1)

    def K32GetProcessMemoryInfo(self, process: Any, counters: Any, size: int) -> bool:  # noqa: N802
        assert size == (72 if ctypes.sizeof(ctypes.c_void_p) == 8 else 40)  # PROCESS_MEMORY_COUNTERS
        content = (ctypes.c_char * size).from_address(ctypes.addressof(counters._obj))
        content[8 : 8 + ctypes.sizeof(ctypes.c_size_t)] = (250_000_000).to_bytes(
            ctypes.sizeof(ctypes.c_size_t), "little"
        )
        return True


def test_windows_is_asked_by_the_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_cost, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: FakeKernel(), raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 6, raising=False)
    monkeypatch.setattr(ctypes, "WinError", lambda number: OSError(number, "wrong handle"), raising=False)
    waited = []
    process: Any = SimpleNamespace(wait=lambda: waited.append(True), _handle=7)
    cost = wait_for_cost(process)
    assert (waited, cost.core_seconds, cost.peak_memory_mb) == ([True], 600.5, 250.0)
    assert read_own_peak_memory_mb() == 250.0
    with pytest.raises(OSError, match="wrong handle"):
        process_cost._ask_windows(8)
