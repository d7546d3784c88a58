"""What this machine has: memory that is free for further processes, instructions of its CPU."""

import re
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def find_available_memory(proc: Path = Path("/proc"), cgroup: Path = _CGROUP) -> int | None:
    """Find how many bytes of memory new processes may take without swapping; None where the machine does not tell.

    Limits of a container (control groups, version 2) count; so does what Linux gives back from its caches.
    """
    free = _read_number(proc / "meminfo", "MemAvailable:")
    limit, used = _read_number(cgroup / "memory.max"), _read_number(cgroup / "memory.current")
    cached = _read_number(cgroup / "memory.stat", "inactive_file")
    bounds = [1024 * free] if free is not None else []
    bounds += [max(0, limit - used + (cached or 0))] if limit is not None and used is not None else []
    return min(bounds, default=None)


def has_vnni(proc: Path = Path("/proc")) -> bool:
    """Whether the CPU has instructions that add products of eight bits in 32; False where the machine does not tell."""
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(_read_cpu_flags(proc))


def has_quick_bfloat16(proc: Path = Path("/proc")) -> bool:
    """Whether the CPU has instructions that multiply bfloat16; False where the machine does not tell."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(_read_cpu_flags(proc))


def _read_cpu_flags(proc: Path) -> set[str]:
    """Read the names of the instruction sets of the CPU; none where the machine does not tell."""
    try:
        flags = re.search(r"^flags\s*:(.*)$", (proc / "cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return set()
    return set(flags[1].split()) if flags else set()


def _read_number(file: Path, name: str | None = None) -> int | None:
    """Read the number of a file, or that behind a name at the beginning of a line; None where there is none."""
    try:
        rows = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return None
    for row in rows:
        value = row[1:2] if name and row[:1] == [name] else row[:1] if not name else []
        if value and value[0].isdigit():
            return int(value[0])
    return None
