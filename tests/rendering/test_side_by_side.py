"""Several processes paint what one would have painted, whatever happens to them, and none is left."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kinemacolor.errors import InputError, UsageError
from kinemacolor.inference.engines.choice import Runtime
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.rendering.job_count import FRAMES_PER_JOB, JOB_BYTES, choose_jobs, count_jobs
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.rendering.scheduler import Coordinator
from kinemacolor.rendering.side_by_side import render_in_jobs
from kinemacolor.rendering.worker_process import _make_portable
from kinemacolor.utils.threads import single_thread
from support.plans import two_scenes
from support.renders import break_after_check, command, edited, planned, rendered
from support.waiting import PATIENCE, until

FRAMES = 180
LOSSLESS = EncodingOptions(lossless=True)
WORKER = "kinemacolor.rendering.worker_process"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with single_thread():
        yield


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of three shots; the first has a keyframe in its middle, the second dissolves into the third."""
    found = planned(tmp_path_factory.mktemp("jobs"), frames=FRAMES, picture=lambda index: two_scenes(index // 2))

    def change(content: dict) -> None:
        content["shots"][2].update(dissolve=8, transition="dissolve")
        content["references"][next(iter(content["shots"][0]["references"]))]["frame"] = 20

    return edited(found, change)


@pytest.fixture(scope="module")
def alone(path: Path, kinema: Colorizer) -> Path:
    """What one process makes of it."""
    rendered(path, kinema, "alone.mkv", encoding=LOSSLESS)
    return path.with_name("alone.mkv")


def in_jobs(
    path: Path, model: Colorizer, name: str, jobs: int = 2, on_progress: object = None
) -> tuple[RenderPlan, RenderReport]:
    target = OutputSpec(path.with_name(f"{name}.mkv"), LOSSLESS)
    job = RenderPlan(Plan.read(path), model, path.with_name(f"{name}.work"))
    prepared = prepare_plan_output(job.plan, target, model.spec, job.work.folder, device="cpu", inputs=[path])
    return job, render_in_jobs(job, prepared, on_progress, jobs)


def segments(work: Path) -> dict[str, bytes]:
    return {str(file.relative_to(work)): file.read_bytes() for file in work.glob("passes/*/*.mkv")}


def children(pid: int) -> list[int]:
    """The worker processes that a process has started."""
    rows = subprocess.run(["ps", "-wweo", "pid,ppid,args"], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [row.split(maxsplit=2) for row in rows.splitlines()[1:]]
    return [int(row[0]) for row in found if row[1] == str(pid) and WORKER in row[2]]


def kill_one_that_paints(work: Path) -> list[int]:
    """Kill the first worker once a segment is there; gives whom."""
    killed: list[int] = []

    def hunt() -> None:
        end = time.monotonic() + PATIENCE
        while not killed and time.monotonic() < end:
            if list(work.glob("passes/*/journal.jsonl")):
                with suppress(ProcessLookupError, IndexError):
                    chosen = children(os.getpid())[0]
                    os.kill(chosen, signal.SIGKILL)
                    killed.append(chosen)
            time.sleep(0.01)

    threading.Thread(target=hunt, daemon=True).start()
    return killed


def test_jobs_make_the_bytes_that_one_makes_though_one_is_killed(
    path: Path, kinema: Colorizer, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    killed = kill_one_that_paints(path.with_name("two.work"))
    job, report = in_jobs(path, kinema, "two", on_progress=told.append)
    assert killed
    assert len(job.passes) == 4
    assert path.with_name("two.mkv").read_bytes() == alone.read_bytes()
    assert segments(job.work.folder) == segments(path.with_name("work"))
    assert report.painted == job.frames_to_paint
    assert [at.frames for at in told] == sorted(at.frames for at in told)
    assert told[-1].frames == told[-1].expected == FRAMES
    assert not children(os.getpid())
    assert choose_jobs(job, 8) == 1  # all is painted
    monkeypatch.setattr(job.work, "runtime", Runtime("torch", "cuda"))
    assert choose_jobs(job, 8) == 4  # one batch, also where all was painted and some of it is found to be damaged


def test_a_segment_that_breaks_while_it_is_rendered_is_painted_again(
    path: Path, kinema: Colorizer, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Path(shutil.copytree(path.with_name("work"), path.with_name("broken.work")))
    for one in RenderPlan(Plan.read(path), kinema, work).passes[:2]:
        shutil.rmtree(work / "passes" / one.digest)  # there is something to paint beside it
    broken = break_after_check(monkeypatch, "000000.mkv")
    told: list[Progress] = []
    in_jobs(path, kinema, "broken", on_progress=told.append)
    assert len(broken) == 2
    assert max(at.frames for at in told) == FRAMES
    assert path.with_name("broken.mkv").read_bytes() == alone.read_bytes()
    assert segments(work) == segments(path.with_name("work"))


def test_an_error_of_a_worker_has_its_own_words_and_class(path: Path, kinema: Colorizer) -> None:
    there, away = path.with_name("blocks.png"), path.with_name("away.png")
    job = RenderPlan(Plan.read(path), kinema, path.with_name("vanished.work"))
    target = OutputSpec(path.with_name("vanished.mkv"), LOSSLESS)
    prepared = prepare_plan_output(job.plan, target, kinema.spec, job.work.folder, device="cpu", inputs=[path])
    there.rename(away)
    try:
        with pytest.raises(InputError, match=r"blocks\.png does not exist"):
            render_in_jobs(job, prepared, None, 2)
    finally:
        away.rename(there)
    assert not target.output.exists()
    assert not children(os.getpid())


def test_a_worker_that_cannot_be_started_leaves_none_of_the_others(
    path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = subprocess.Popen, list[object]()

    def start_one(*given: object, **more: object) -> object:
        if started:
            raise OSError(11, "Resource temporarily unavailable")
        started.append(start(*given, **more))
        return started[0]

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", start_one)
        with pytest.raises(OSError, match="temporarily"):
            in_jobs(path, kinema, "refused")
    assert started
    assert not children(os.getpid())


def test_an_error_that_comes_while_a_segment_is_looked_for_is_told(
    path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = RenderPlan(Plan.read(path), kinema, path.with_name("late.work"))
    coordinator = Coordinator(job.work)
    monkeypatch.setattr(PassFolder, "reload_journal", lambda folder: coordinator.close(OSError("no worker")))
    with pytest.raises(OSError, match="no worker"):
        coordinator.ensure_segment(job.passes[0], 0, lambda frames: None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_or_killed_leaves_no_process_and_goes_on(
    number: signal.Signals, path: Path, kinema: Colorizer, alone: Path
) -> None:
    name = number.name
    work = path.with_name(f"{name}.work")
    line = [*command(path, f"{name}.mkv"), "--lossless", "--work", str(work), "--jobs", "2"]
    settings = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(line, env=settings, start_new_session=True, stderr=subprocess.PIPE) as process:
        until(lambda: process.poll() is not None or list(work.glob("passes/*/journal.jsonl")))
        assert process.poll() is None
        workers = children(process.pid)
        assert len(workers) == 2
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the end of the workers")
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert said.decode() == "kinemacolor: stopped; what was done is kept: the same command goes on from there\n"
    job, report = in_jobs(path, kinema, name, 1)
    assert 0 < report.painted < job.frames_to_paint
    assert path.with_name(f"{name}.mkv").read_bytes() == alone.read_bytes()


def test_as_many_jobs_as_cores_memory_and_passes_keep_busy() -> None:
    many = [200] * 50
    assert count_jobs(many, cores=16, threads=1, memory=None) == 16
    assert count_jobs(many, cores=16, threads=4, memory=None) == 4
    assert count_jobs(many, cores=16, threads=1, memory=3 * JOB_BYTES) == 3
    assert count_jobs(many, cores=2, threads=4, memory=0) == 1
    assert count_jobs([5000], cores=16, threads=1, memory=None) == 1
    assert count_jobs([5000, 4000], cores=16, threads=1, memory=None) == 2
    assert count_jobs([5000, FRAMES_PER_JOB - 1], cores=16, threads=1, memory=None) == 1
    assert count_jobs([10] * 30, cores=16, threads=1, memory=None) == 1 + 290 // FRAMES_PER_JOB
    assert count_jobs([], cores=16, threads=1, memory=None) == 1


def test_what_cannot_be_sent_is_told_in_words() -> None:
    class OddError(ValueError):
        def __init__(self, one: int, other: int) -> None:
            super().__init__(f"{one} is not {other}")

    sent = _make_portable(UsageError("so"))
    assert (type(sent), str(sent)) == (UsageError, "so")
    assert "1 is not 2" in str(_make_portable(OddError(1, 2)))
    assert type(_make_portable(KeyError("gone"))) is KeyError
