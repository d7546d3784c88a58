"""Many workers paint what one would have painted, whatever happens to them."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import kinemacolor.cluster.ray_backend as crews
from kinemacolor.cluster.ray_backend import ClusterOptions, count_worker_slots
from kinemacolor.cluster.render import render_on_cluster
from kinemacolor.errors import InputError, ResourceError, UsageError, WeightsError
from kinemacolor.inference.engines import choice
from kinemacolor.inference.engines.choice import Runtime
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering import parts
from kinemacolor.rendering.cache import PassFolder, WorkFolder
from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.part_encoding import PartEncoder
from kinemacolor.rendering.pass_worker import Worker, WorkerConfig
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.rendering.scheduler import Coordinator, Scheduler, WorkerEvent, order_passes
from kinemacolor.utils.checked_files import append_checked_line
from kinemacolor.utils.files import iter_json_lines
from kinemacolor.utils.stages import Stages
from kinemacolor.utils.threads import single_thread
from support.plans import two_scenes
from support.renders import command, edited, planned, rendered
from support.waiting import PATIENCE, until

FRAMES = 180
LOSSLESS = EncodingOptions(lossless=True)  # x264 does not make the same bytes every time


def opened(path: Path, model: Colorizer, work: str = "cluster.work") -> RenderPlan:
    return RenderPlan(Plan.read(path), model, path.with_name(work))


def clustered(
    path: Path,
    job: RenderPlan,
    name: str = "cluster.mkv",
    workers: int = 2,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    encoding: EncodingOptions = LOSSLESS,
) -> RenderReport:
    target = OutputSpec(path.with_name(name), encoding)
    prepared = prepare_plan_output(job.plan, target, job.model.spec, job.work.folder, device="cpu", inputs=[path])
    return render_on_cluster(ClusterOptions(workers=workers), job, prepared, on_progress)


def journals(job: RenderPlan) -> Counter[tuple[str, int]]:
    """How often each segment of each pass was painted."""
    folders = (job.work.folder / "passes").iterdir()
    return Counter((one.name, line["segment"]) for one in folders for line in iter_json_lines(one / "journal.jsonl"))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small workers, so that several find room."""
    with single_thread():
        yield


@pytest.fixture(scope="module")
def ray(one_thread: None) -> Iterator[ModuleType]:
    pytest.importorskip("ray")
    found = crews.import_ray(crews.AUTO)
    here = Path(__file__)
    search = os.pathsep.join([str(here.parents[2]), str(here.parents[1]), os.environ.get("PYTHONPATH", "")])
    options = {"include_dashboard": False, "log_to_driver": False, "logging_level": 50, "object_store_memory": 2**27}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", search)  # workers import the classes of this file
        found.init(address="local", num_cpus=2, **options)
        yield found
        found.shutdown()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of three shots; the second dissolves into the third."""
    folder = tmp_path_factory.mktemp("cluster")
    found = planned(folder, frames=FRAMES, picture=lambda index: two_scenes(index // 2))
    return edited(found, lambda content: content["shots"][2].update(dissolve=8, transition="dissolve"))


@pytest.fixture(scope="module")
def local(path: Path, kinema: Colorizer, one_thread: None) -> bytes:
    rendered(path, kinema, "local.mkv", encoding=LOSSLESS)
    return path.with_name("local.mkv").read_bytes()


class Pids(Worker):
    """Workers that leave their process number in the work folder, and how often each of them painted a segment."""

    def paint_pass(self, inference_pass: InferencePass, files: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
        for painted in super().paint_pass(inference_pass, files):
            (self.told / f"{os.getpid()}.painting").touch()
            yield painted

    def configure(self, config: WorkerConfig) -> bool:
        self.told = config.work
        return super().configure(config)


@pytest.fixture
def pids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "Worker", Pids)


def kill_painters(work: Path, kills: int, pause: Callable[[], float] = lambda: 0) -> list[int]:
    """Kill workers that have painted something; gives whom, as long as it goes on."""
    killed: list[int] = []

    def hunt() -> None:
        deadline = time.monotonic() + PATIENCE
        while len(killed) < kills and time.monotonic() < deadline:
            for mark in work.glob("*.painting"):
                mark.unlink()
                if len(killed) < kills and int(mark.stem) not in killed:
                    time.sleep(pause())
                    with suppress(ProcessLookupError):
                        os.kill(int(mark.stem), signal.SIGKILL)
                        killed.append(int(mark.stem))
            time.sleep(0.01)

    threading.Thread(target=hunt, daemon=True).start()
    return killed


def test_workers_make_the_bytes_that_one_makes_though_one_is_killed(
    path: Path, kinema: Colorizer, local: bytes, ray: ModuleType, pids: None
) -> None:
    job, told = opened(path, kinema, "killed"), []
    killed = kill_painters(job.work.folder, 1)
    report = clustered(path, job, on_progress=told.append)
    assert len(killed) == 1
    assert path.with_name("cluster.mkv").read_bytes() == local
    assert job.frames_to_paint == FRAMES + 8
    untold = job.frames_to_paint - report.painted  # the one that was killed may have stored a segment and not told
    assert 0 <= untold <= SEGMENT_FRAMES
    assert set(journals(job).values()) == {1}
    assert [at.frames for at in told] == sorted(at.frames for at in told)
    assert told[-1].frames == told[-1].expected == FRAMES
    assert not list(job.work.folder.glob(".probe*"))
    assert clustered(path, opened(path, kinema, "killed"), "again.mkv").painted == 0


def test_without_a_shared_disk_segments_travel(
    path: Path, kinema: Colorizer, local: bytes, ray: ModuleType, pids: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden(monkeypatch)
    job = opened(path, kinema, "carried")
    killed = kill_painters(job.work.folder, 1)
    report = clustered(path, job, "carried.mkv")
    assert len(killed) == 1
    assert path.with_name("carried.mkv").read_bytes() == local
    assert report.painted == job.frames_to_paint
    assert set(journals(job).values()) == {1}
    assert not list(job.work.folder.glob("passes/*/*.safetensors"))


def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look for the probe where it is not."""
    tell = WorkerConfig.for_render_plan
    monkeypatch.setattr(WorkerConfig, "for_render_plan", lambda *given: replace(tell(*given), probe="nowhere"))


def test_parts_are_encoded_by_workers_that_share_the_folder_else_here(
    path: Path, kinema: Colorizer, ray: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MIN_PART_SECONDS", 1)
    begun, encode = list[parts.FilmPart](), PartEncoder.encode_part

    def encode_and_tell(encoder: PartEncoder, part: parts.FilmPart, stages: Stages) -> None:
        begun.append(part)
        encode(encoder, part, stages)

    monkeypatch.setattr(PartEncoder, "encode_part", encode_and_tell)  # in this process alone
    wanted = replace(LOSSLESS, parts=True)
    clustered(path, opened(path, kinema, "shared-parts"), "shared.mkv", encoding=wanted)
    assert not begun
    hidden(monkeypatch)
    clustered(path, opened(path, kinema, "carried-parts"), "here.mkv", encoding=wanted)
    assert len(begun) == 3
    assert path.with_name("here.mkv").read_bytes() == path.with_name("shared.mkv").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("carried", [False, True])
def test_many_kills_at_random_moments_change_nothing(
    carried: bool,
    path: Path,
    kinema: Colorizer,
    local: bytes,
    ray: ModuleType,
    pids: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if carried:
        hidden(monkeypatch)
    generator, kills = random.Random(1), 0
    for number in range(12):
        job = opened(path, kinema, f"many-{carried}-{number}")
        killed = kill_painters(job.work.folder, 2, lambda: generator.uniform(0, 1.5))
        clustered(path, job, f"many-{carried}-{number}.mkv", workers=3)
        kills += len(killed)
        assert path.with_name(f"many-{carried}-{number}.mkv").read_bytes() == local
        assert set(journals(job).values()) == {1}
    assert kills >= 12


def test_a_reference_that_vanishes_is_told_in_its_own_words(
    path: Path, kinema: Colorizer, local: bytes, ray: ModuleType
) -> None:
    job = opened(path, kinema, "vanished")
    there, away = path.with_name("blocks.png"), path.with_name("away.png")
    there.rename(away)
    try:
        with pytest.raises(InputError, match=r"blocks\.png (does not exist|: put film and references where)"):
            clustered(path, job, "vanished.mkv")
    finally:
        away.rename(there)
    assert not path.with_name("vanished.mkv").exists()


def test_a_stopped_command_leaves_no_process_and_goes_on(path: Path, local: bytes) -> None:
    """Also: the command line with a Ray of its own, quiet, and what a cluster began goes on without one."""
    pytest.importorskip("ray")
    line = [*command(path, "stopped.mkv"), "--lossless", "--cluster", "auto", "--workers", "2"]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(line, env=alone, start_new_session=True, stdout=pipe, stderr=pipe, text=True) as process:
        journals = "film.plan.work/passes/*/journal.jsonl"
        until(lambda: process.poll() is not None or list(path.parent.glob(journals)))
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert said == "kinemacolor: stopped; what was done is kept: the same command goes on from there\n"
    assert out == ""
    assert not ray_processes()
    done = subprocess.run([*line[:-4], "--json"], env=alone, check=True, stdout=pipe, text=True)
    assert 0 < json.loads(done.stdout)["painted"] < FRAMES + 8
    assert path.with_name("stopped.mkv").read_bytes() == local


def ray_processes() -> list[str]:
    """Those of a Ray that belongs to nobody any more."""
    found = subprocess.run(["ps", "-wweo", "ppid,args"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line for line in found.splitlines() if line.split()[0] == "1" and ("raylet" in line or "ray::" in line)]


class Hands:
    """A crew of one thread and no Ray: each worker paints a segment whenever the news is read."""

    def __init__(self, workers: int, deadly: Callable[[InferencePass], bool] = lambda one: False) -> None:
        self.size = workers
        self._begun = list(range(workers))
        self._next, self._deadly = workers, deadly
        self._busy: dict[int, tuple[InferencePass, PassFolder]] = {}
        self.order: list[InferencePass] = []
        self.most = 0

    def poll_events(self, seconds: float) -> list[WorkerEvent]:
        found = [WorkerEvent(worker, "idle") for worker in self._begun]
        self._begun = []
        for worker, (one, folder) in list(self._busy.items()):
            if self._deadly(one):
                found.append(WorkerEvent(worker, "lost"))
                self._begun.append(self._next)
                self._next += 1
            else:
                line = {"segment": 0, "frames": len(one), "sha256": "", "state": None, "threads": 1}
                append_checked_line(folder.folder / "journal.jsonl", line)
                found.append(WorkerEvent(worker, "idle"))
            del self._busy[worker]
        return found

    def can_encode(self, worker: int) -> bool:
        return False

    def start_pass(self, worker: int, inference_pass: InferencePass, folder: PassFolder) -> None:
        assert worker not in self._busy
        assert inference_pass not in [busy for busy, _ in self._busy.values()]
        folder.folder.mkdir(parents=True, exist_ok=True)
        self._busy[worker] = inference_pass, folder
        self.order.append(inference_pass)
        self.most = max(self.most, len(self._busy))


def foreman(job: RenderPlan, crew: Hands) -> Coordinator:
    board = Coordinator(job.work)
    Scheduler(job, crew, board).run()
    return board


def test_the_earliest_is_painted_first_and_workers_work_side_by_side(path: Path, kinema: Colorizer) -> None:
    job = opened(path, kinema, "order")
    crew = Hands(2)
    told: list[int] = []
    board = foreman(job, crew)
    assert crew.order == job.passes
    assert crew.most == 2
    board.ensure_segment(job.passes[0], 0, told.append)
    assert sum(told) == FRAMES + 8


def test_the_film_goes_forward_but_for_what_would_be_waited_for() -> None:
    assert order_passes([5, 5, 300, 5, 400, 5], 4) == [4, 2, 0, 1, 3, 5]
    assert order_passes([5, 6, 7, 5] * 50, 2) == list(range(200))
    assert order_passes([5, 6, 7], 100) == [2, 1, 0]
    assert order_passes([5, 5, 30, 5, 5, 5], 2) == [2, 0, 1, 3, 4, 5]
    assert order_passes([5, 5, 25, 5, 5, 5], 2) == [0, 2, 1, 3, 4, 5]
    assert order_passes([], 3) == []


def test_a_pass_that_kills_every_worker_is_named(path: Path, kinema: Colorizer) -> None:
    job = opened(path, kinema, "deadly")
    crew = Hands(2, lambda one: one is job.passes[1])
    with pytest.raises(ResourceError, match=r"shot 2 \(frames 60 to 123\) ended 3 workers"):
        foreman(job, crew)
    assert crew.order.count(job.passes[1]) == 3


def test_workers_that_cannot_start_stop_the_job(path: Path, kinema: Colorizer) -> None:
    class Stillborn(Hands):
        def poll_events(self, seconds: float) -> list[WorkerEvent]:
            return [WorkerEvent(0, "lost")]

    with pytest.raises(ResourceError, match="starting ended 3 workers"):
        foreman(opened(path, kinema, "stillborn"), Stillborn(1))


def test_what_stops_the_painting_ends_the_wait_for_it(path: Path, kinema: Colorizer) -> None:
    job = opened(path, kinema, "stop")
    board = Coordinator(job.work)
    threading.Timer(0.2, lambda: board.close(InputError("gone"))).start()
    with pytest.raises(InputError, match="gone"):
        board.ensure_segment(job.passes[0], 0, lambda frames: None)
    assert not board.wait_until_requested()


def test_a_worker_that_differs_is_told(path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    job = opened(path, kinema)
    size = job.plan.film.path.stat().st_size
    good = WorkerConfig(job.plan, job.reference_digests, job.work.folder, "none", 1, size, Runtime("torch", "cpu"))
    with pytest.raises(UsageError, match=r"has kinemacolor .*, wanted 0\.0\.0"):
        Worker().configure(replace(good, version="0.0.0"))
    with pytest.raises(InputError, match=r"film\.mp4 is another film"):
        Worker().configure(replace(good, film_bytes=size + 1))
    with pytest.raises(WeightsError, match="other weights of kinema"):
        Worker().configure(replace(good, plan=job.plan.model_copy(update={"weights": {"kinema": "0"}})))
    monkeypatch.setattr(choice, "has_openvino", lambda: False)
    with pytest.raises(UsageError, match=r"cannot paint: OpenVINO is not installed: pip install"):
        Worker().configure(replace(good, runtime=Runtime("openvino", "cpu")))


def test_a_folder_moves_with_what_is_needed_to_go_on(path: Path, kinema: Colorizer, local: bytes) -> None:
    whole = opened(path, kinema, "work")
    one = max(whole.passes, key=len)
    source = whole.work.pass_folder(one.digest, len(one))
    assert source.is_complete
    other = WorkFolder(path.with_name("moved")).pass_folder(one.digest, len(one))
    assert other.export_files(-1) == {}
    other.import_files(source.export_files(source.segment_count - 1))
    assert other.is_complete
    assert sorted(file.name for file in other.folder.iterdir()) == ["000001.mkv", "journal.jsonl"]
    last = other.read_segment(other.segment_count - 1)[-1], source.read_segment(source.segment_count - 1)[-1]
    assert (last[0].ab == last[1].ab).all()


def test_workers_have_room_where_all_they_need_is() -> None:
    nodes = [
        {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 1.0}},
        {"Alive": True, "Resources": {"CPU": 5.0}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
        {"Alive": True, "Resources": {"memory": 1e9}},
    ]
    assert count_worker_slots(nodes, {"CPU": 2}) == 6
    assert count_worker_slots(nodes, {"CPU": 2, "GPU": 1}) == 1
    assert count_worker_slots(nodes, {"CPU": 9}) == 0


@pytest.mark.parametrize("address", ["127.0.0.1:1", "somewhere", "host:port"])
def test_an_address_where_nobody_answers_is_told_at_once(address: str) -> None:
    with pytest.raises(UsageError, match="no Ray cluster answers"):
        crews.import_ray(address)


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1"])
def test_without_the_extra_its_name_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'kinemacolor\[cluster\]'"):
        crews.import_ray(address)


def test_workers_of_ray_do_not_look_for_modules_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    config = crews._make_job_config(ray)
    config._py_driver_sys_path = [str(tmp_path), "/opt/kinemacolor"]  # as ray.init fills it
    config._serialize()
    assert config._py_driver_sys_path == ["/opt/kinemacolor"]
