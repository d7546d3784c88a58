"""What a machine has is read where Linux and containers say it."""

from pathlib import Path

from kinemacolor.utils.machine import find_available_memory, has_quick_bfloat16, has_vnni


def test_memory_is_the_least_of_machine_and_container(tmp_path: Path) -> None:
    assert find_available_memory(tmp_path, tmp_path) is None
    (tmp_path / "meminfo").write_text("MemTotal: 2000 kB\nMemAvailable:   1000 kB\n")
    assert find_available_memory(tmp_path, tmp_path) == 1_024_000
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("500000\n")
    assert find_available_memory(tmp_path, tmp_path) == 1_024_000
    (tmp_path / "memory.max").write_text("600000\n")
    assert find_available_memory(tmp_path, tmp_path) == 100_000
    (tmp_path / "memory.stat").write_text("anon 7\ninactive_file 50000\n")
    assert find_available_memory(tmp_path, tmp_path) == 150_000
    (tmp_path / "memory.max").write_text("400000\n")
    assert find_available_memory(tmp_path, tmp_path) == 0


def test_instructions_of_a_cpu_are_those_that_linux_lists(tmp_path: Path) -> None:
    assert not has_vnni(tmp_path)
    for flags, wanted in (("fpu avx2 avx512f", False), ("fpu avx2 avx_vnni", True), ("avx512_vnni fma", True)):
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: avx_vnni\n")
        assert has_vnni(tmp_path) == wanted
    assert not has_quick_bfloat16(tmp_path)
    for flag in ("avx512_bf16", "amx_bf16"):
        (tmp_path / "cpuinfo").write_text(f"flags\t\t: fpu {flag} fma\n")
        assert has_quick_bfloat16(tmp_path)
