"""Starts and stops workers with Ray, on this machine or on many.

Ray core: Moritz et al., Ray: A Distributed Framework for Emerging AI Applications, OSDI 2018.
"""

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from itertools import count
from types import ModuleType
from typing import Any
from uuid import uuid4

from kinemacolor.errors import UsageError
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.rendering.parts import FilmPart
from kinemacolor.rendering.pass_worker import Worker, WorkerConfig
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.rendering.scheduler import WorkerEvent
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.utils.processes import clean_python_environment

AUTO = "auto"
_NO_USAGE_STATS = {"RAY_USAGE_STATS_ENABLED": "0"}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # Ray's name for: this machine only, on 127.0.0.1
_ANSWER_SECONDS = 10.0
_STORE_BYTES = 256 * 2**20  # of the object store that `auto` starts; segments are smaller than 10 MB


@dataclass(frozen=True)
class ClusterOptions:
    """Where the workers run, and how many.

    ``address``: ``auto`` starts Ray on this machine for one render; else the address of a running Ray cluster.
    ``workers``: at most this number; None: as many as fit.
    """

    address: str = AUTO
    workers: int | None = None


def import_ray(address: str) -> ModuleType:
    """Import Ray without usage statistics.

    Raises UsageError where it is not installed, or no cluster answers at the address.
    """
    os.environ.update(_NO_USAGE_STATS | (_LOOPBACK if address == AUTO else {}))
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(f"--cluster wants {error.name}: pip install 'kinemacolor[cluster]'") from error
    if address != AUTO:
        _check_answer(address)
    return ray


@contextmanager
def open_worker_pool(options: ClusterOptions, render_plan: RenderPlan) -> Iterator["RayWorkerPool"]:
    """Start the workers for a render plan; at the end stop them, and Ray too if it was started here.

    Raises UsageError where there is no Ray at the address, or no machine has the resources for a worker.
    """
    need = {"CPU": render_plan.work.torch_threads}
    if render_plan.work.runtime.device == "cuda":
        need["GPU"] = 1
    with redirect_stdout(sys.stderr), _connect_ray(options, need) as ray, _create_probe_file(render_plan) as probe_name:
        worker_slots = count_worker_slots(ray.nodes(), need)
        if not worker_slots:
            raise UsageError(
                f"no machine of the cluster has {_format_resources(need)} for a worker: set OMP_NUM_THREADS lower"
            )
        worker_config = WorkerConfig.for_render_plan(render_plan, probe_name)
        most = min(options.workers or worker_slots, len(render_plan.passes))
        worker_pool = RayWorkerPool(ray, worker_config, need, min(worker_slots, most))
        try:
            yield worker_pool
        finally:
            worker_pool.stop_workers()


def count_worker_slots(nodes: Sequence[Mapping[str, Any]], need: Mapping[str, int]) -> int:
    """Count the workers that fit on Ray's ``nodes`` if each needs the resources ``need``."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    return sum(min(int(has.get(name, 0) // amount) for name, amount in need.items()) for has in alive)


class RayWorkerPool:
    """A `WorkerPool` whose workers are Ray actors; each needs the resources ``need`` (CPU, perhaps GPU)."""

    def __init__(self, ray: ModuleType, worker_config: WorkerConfig, need: Mapping[str, int], workers: int) -> None:
        self.size = workers
        self._ray, self._worker_config = ray, ray.put(worker_config)
        self._actor_class = ray.remote(Worker).options(num_cpus=need["CPU"], num_gpus=need.get("GPU", 0))
        self._numbers = count()
        self._actors: dict[int, Any] = {}
        self._shares_folder: dict[int, bool] = {}
        self._pending: dict[Any, int] = {}  # unfinished remote calls, and the worker of each
        for _ in range(workers):
            self._start_worker()

    def poll_events(self, seconds: float) -> list[WorkerEvent]:
        """Return the events since the last call, as `WorkerPool.poll_events`."""
        ready, _ = self._ray.wait(list(self._pending), timeout=seconds)
        return [self._event_from_answer(answer) for answer in ready]

    def start_pass(self, worker: int, inference_pass: InferencePass, folder: PassFolder) -> None:
        """Start a pass on an idle worker, as `WorkerPool.start_pass`."""
        files = {} if self._shares_folder[worker] else folder.export_files(folder.segment_count - 1)
        paint_pass = self._actors[worker].paint_pass.options(num_returns="streaming")
        self._pending[paint_pass.remote(inference_pass, files)] = worker

    def can_encode(self, worker: int) -> bool:
        """Whether a worker can encode parts, as `WorkerPool.can_encode`: it needs the work folder, with all passes."""
        return self._shares_folder[worker]

    def start_part(self, worker: int, part: FilmPart) -> None:
        """Start a part on an idle worker, as `WorkerPool.start_part`."""
        self._pending[self._actors[worker].encode_part.remote(part)] = worker

    def stop_workers(self) -> None:
        """Kill all workers at once, also those that run a pass."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()

    def _start_worker(self) -> None:
        number, actor = next(self._numbers), self._actor_class.remote()
        self._actors[number] = actor
        self._pending[actor.configure.remote(self._worker_config)] = number

    def _event_from_answer(self, answer: Any) -> WorkerEvent:
        """Turn the result of a remote call into an event; a lost worker is replaced.

        ``answer``: the result of `Worker.configure` or `Worker.encode_part`, or the running generator of
        `Worker.paint_pass`.
        """
        worker = self._pending[answer]
        try:
            if isinstance(answer, self._ray.ObjectRefGenerator):
                return WorkerEvent(worker, "segment", self._ray.get(next(answer)))
            self._shares_folder[worker] = self._ray.get(answer)
        except StopIteration:
            pass
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            self._ray.kill(self._actors.pop(worker))
            del self._pending[answer]
            self._start_worker()
            return WorkerEvent(worker, "lost", reason=str(error).strip().splitlines()[-1])
        del self._pending[answer]
        return WorkerEvent(worker, "idle")


@contextmanager
def _connect_ray(options: ClusterOptions, need: Mapping[str, int]) -> Iterator[ModuleType]:
    """Connect to Ray, and disconnect at the end unless it was connected before."""
    ray = import_ray(options.address)
    was_initialized = ray.is_initialized()
    if not was_initialized:
        own = (options.workers or max(1, (os.cpu_count() or 1) // need["CPU"])) * need["CPU"]
        local = {"num_cpus": own, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        try:
            with clean_python_environment():  # Ray's own processes inherit it
                ray.init(
                    address="local" if options.address == AUTO else options.address,
                    job_config=_make_job_config(ray),
                    log_to_driver=False,
                    logging_level=logging.FATAL,
                    **(local if options.address == AUTO else {}),
                )
        except (ConnectionError, ValueError) as error:
            raise UsageError(f"there is no Ray cluster at {options.address} ({error}): run `ray start`") from error
    try:
        yield ray
    finally:
        if not was_initialized:
            ray.shutdown()


def _make_job_config(ray: ModuleType) -> Any:
    """Make the settings of a job whose workers do not look for modules in the current folder, as Ray has them do.

    A folder that this process looks in stays: the package itself may lie there.
    """

    class CleanJobConfig(ray.job_config.JobConfig):  # type: ignore[misc, name-defined]
        def _serialize(self) -> Any:
            folders: list[str] = vars(self)["_py_driver_sys_path"]
            self._py_driver_sys_path = [one for one in folders if one != os.getcwd() or one in sys.path]
            return super()._serialize()

    return CleanJobConfig()


def _check_answer(address: str) -> None:
    """Raise UsageError where nothing listens at the address: Ray itself would retry without end."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Ray cluster answers at {address!r} ({error}): give auto, or HOST:PORT as `ray start --head` says it"
        ) from error


@contextmanager
def _create_probe_file(render_plan: RenderPlan) -> Iterator[str]:
    """Create a file in the work folder by which workers see whether they share it; gives its name."""
    name = f".probe.{uuid4().hex}"
    path = render_plan.work.folder / name
    with write_file_atomically(path):
        pass
    try:
        yield name
    finally:
        path.unlink(missing_ok=True)


def _format_resources(need: Mapping[str, int]) -> str:
    return " and ".join(f"{amount} {name}" for name, amount in need.items())
