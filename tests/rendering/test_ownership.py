"""A result has one owner: a second writer of any of its names is refused before it paints."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.rendering import ownership
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.ownership import lock_work_folder, make_lock_path, own_outputs
from support.small_renders import Recall, render_small, short_segments, small_plan
from support.waiting import until

__all__ = ["short_segments"]

HOLD = """
import sys, time
from pathlib import Path
from kinemacolor.rendering.ownership import own_outputs
with own_outputs([Path(name) for name in sys.argv[2:]]):
    Path(sys.argv[1]).touch()
    time.sleep(600)
"""


def held_elsewhere(folder: Path, *names: Path) -> subprocess.Popen[bytes]:
    """Another process owns these results."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder / "held"), *map(str, names)])
    until(lambda: (folder / "held").exists() or process.poll() is not None)
    return process


def test_a_second_writer_is_refused_and_told_who_is_first(tmp_path: Path, short_segments: None, home: Path) -> None:
    path = small_plan(tmp_path / "project", 4)
    work, model = path.with_name("film.plan.work"), Recall()
    with held_elsewhere(tmp_path, path.with_name("out.mkv")) as process:
        for spec in (
            {"name": "out.mkv", "overwrite": True},
            {"name": "other.mkv", "layer": path.with_name("out.mkv")},
            {"name": "other.mkv", "confidence": path.with_name("out.mkv")},
        ):
            with pytest.raises(UsageError, match=rf"being written by process {process.pid} on .*: wait for it"):
                render_small(path, model=model, **spec)
        (tmp_path / "link").symlink_to(path.parent)
        with pytest.raises(UsageError, match="being written"), own_outputs([tmp_path / "link" / "out.mkv"]):
            pass
        assert model.seen == 0
        assert not work.exists()
        assert not list(path.parent.glob("*.partial.*"))
        process.kill()
    render_small(path)  # the kernel frees the locks of a killed process
    assert not list(path.parent.glob(".*"))


def test_who_owns_a_result_is_told_though_windows_lets_nobody_touch_the_first_byte(tmp_path: Path) -> None:
    """Which is what its locks are made of. A lock that a killed run left may hold a longer name."""
    lock_path = make_lock_path(tmp_path / "out.mkv")
    lock_path.write_bytes(b"Xprocess 1 on some.other.machine.with.a.very.long.name.indeed")
    with own_outputs([tmp_path / "out.mkv"]):
        assert lock_path.read_bytes()[:1] in (b"X", b"\0")
        assert ownership._read_owner(lock_path) == f"process {os.getpid()} on {platform.node()}"
    lock_path.write_bytes(b"")
    assert ownership._read_owner(lock_path) == "another process"


_TOGETHER = ["film.mkv", "film.partial.mkv", "film.mkv.json", "film.mkv.partial.json"]
_TOGETHER += ["film.mkv.kinemacolor.json", "film.mkv.kinemacolor.partial.json", "film.partial.mkv.kinemacolor.json"]


@pytest.mark.parametrize("name", _TOGETHER)
def test_all_names_of_a_result_have_one_lock(tmp_path: Path, name: str) -> None:
    assert make_lock_path(tmp_path / name) == tmp_path / ".film.mkv.lock"


@pytest.mark.parametrize(("name", "lock"), [("made", ".made.lock"), ("made.partial", ".made.lock"), (".x", "..x.lock")])
def test_folders_have_locks_too(tmp_path: Path, name: str, lock: str) -> None:
    assert make_lock_path(tmp_path / name) == tmp_path / lock


def test_one_job_does_not_write_one_file_twice(tmp_path: Path, short_segments: None) -> None:
    path = small_plan(tmp_path / "project", 4)
    (tmp_path / "link").symlink_to(path.parent)
    plan, work = Plan.read(path), tmp_path / "work"
    for other in ("out.mkv", "OUT.mkv", "out.partial.mkv", "../link/out.mkv"):
        spec = OutputSpec(path.with_name("out.mkv"), layer=path.parent / other)
        with pytest.raises(UsageError, match="two results have one name"):
            prepare_plan_output(plan, spec, Recall.spec, work, device="cpu", inputs=[])


def test_another_way_to_an_input_is_an_input(tmp_path: Path) -> None:
    path = small_plan(tmp_path / "project", 4)
    os.link(path.with_name("film.mkv"), path.with_name("hard.mkv"))
    (tmp_path / "soft.mkv").symlink_to(path.with_name("film.mkv"))
    for output in (path.with_name("hard.mkv"), tmp_path / "soft.mkv"):
        with pytest.raises(UsageError, match="is an input"):
            prepare_plan_output(
                Plan.read(path), OutputSpec(output, overwrite=True), Recall.spec, tmp_path, device="cpu", inputs=[]
            )


@pytest.mark.parametrize("length", [242, 245, 251, 256, 300])
def test_a_name_too_long_is_told(tmp_path: Path, length: int) -> None:
    path = small_plan(tmp_path / "project", 4)
    output = path.with_name("n" * (length - 4) + ".mkv")
    with pytest.raises(UsageError, match="too long a name"):
        prepare_plan_output(Plan.read(path), OutputSpec(output), Recall.spec, tmp_path, device="cpu", inputs=[])
    long = path.with_name("n" * 220 + ".mkv")
    assert prepare_plan_output(Plan.read(path), OutputSpec(long), Recall.spec, tmp_path, device="cpu", inputs=[])


def test_a_name_with_a_nul_is_told(tmp_path: Path) -> None:
    path = small_plan(tmp_path / "project", 4)
    spec = OutputSpec(path.with_name("a\0b.mkv"))
    with pytest.raises(UsageError, match="no name of a file"):
        prepare_plan_output(Plan.read(path), spec, Recall.spec, tmp_path, device="cpu", inputs=[])


def test_a_place_that_takes_no_locks_is_told() -> None:
    with pytest.raises(ResourceError, match="may not be written"), own_outputs([Path("/proc/out.mkv")]):
        pass


def test_two_renders_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        lock_work_folder(tmp_path),
        pytest.raises(UsageError, match="in use by another render"),
        lock_work_folder(tmp_path),
    ):
        pass
