"""Workers that Ray starts, on this machine or on many.

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

from kinemacolor.cluster.scheduler import News
from kinemacolor.cluster.worker import Briefing, Workman
from kinemacolor.errors import UsageError
from kinemacolor.render.cache import PassFolder
from kinemacolor.render.passes import Pass
from kinemacolor.render.renderer import Render
from kinemacolor.utils.device import choose_device
from kinemacolor.utils.files import write_file_atomically

AUTO = "auto"
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # Ray's name for: this machine only, on 127.0.0.1
_ANSWER_SECONDS = 10.0
_STORE_BYTES = 256 * 2**20  # of the object store that `auto` starts; segments are smaller than 10 MB


@dataclass(frozen=True)
class Cluster:
    """``auto``: a Ray on this machine, for this job; or the address of one that runs. Workers: at most so many."""

    address: str = AUTO
    workers: int | None = None


def import_ray(address: str) -> ModuleType:
    """Ray, quiet. Raises UsageError where it is not installed, or nobody answers at the address."""
    if address != AUTO:
        _check_answer(address)
    os.environ.update(_QUIET | (_LOOPBACK if address == AUTO else {}))
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(f"--cluster wants {error.name}: pip install 'kinemacolor[cluster]'") from error
    return ray


@contextmanager
def open_crew(cluster: Cluster, job: Render) -> Iterator["RayCrew"]:
    """Workers for a job, gone at the end, and Ray with them where it was started here.

    Raises UsageError where there is no Ray at the address, or no room for a worker.
    """
    need = {"CPU": job.work.threads}
    if choose_device(job.passes[0].options.device).type == "cuda":
        need["GPU"] = 1
    with redirect_stdout(sys.stderr), _connected(cluster, need) as ray, _probe(job) as probe:
        places = room(ray.nodes(), need)
        if not places:
            raise UsageError(f"no machine of the cluster has {_listed(need)} for a worker: set OMP_NUM_THREADS lower")
        film = job.plan.film.path
        size = film.stat().st_size if film.is_file() else None
        briefing = Briefing(job.plan, job.contents, job.work.folder.resolve(), probe, need["CPU"], size)
        crew = RayCrew(ray, briefing, need, min(places, cluster.workers or places, len(job.passes)))
        try:
            yield crew
        finally:
            crew.dismiss()


def room(nodes: Sequence[Mapping[str, Any]], need: Mapping[str, int]) -> int:
    """How many workers that ``need`` so much of each resource fit on Ray's ``nodes``."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    return sum(min(int(has.get(name, 0) // amount) for name, amount in need.items()) for has in alive)


class RayCrew:
    """A `Crew` of Ray's actors."""

    def __init__(self, ray: ModuleType, briefing: Briefing, need: Mapping[str, int], workers: int) -> None:
        self.size = workers
        self._ray, self._briefing = ray, ray.put(briefing)
        self._kind = ray.remote(Workman).options(num_cpus=need["CPU"], num_gpus=need.get("GPU", 0))
        self._numbers = count()
        self._actors: dict[int, Any] = {}
        self._shares: dict[int, bool] = {}
        self._pending: dict[Any, int] = {}  # what is asked of which worker
        for _ in range(workers):
            self._hire()

    def news(self, seconds: float) -> list[News]:
        """As `Crew`."""
        ready, _ = self._ray.wait(list(self._pending), timeout=seconds)
        return [self._heard(answer) for answer in ready]

    def paint(self, worker: int, one: Pass, folder: PassFolder) -> None:
        """As `Crew`."""
        files = {} if self._shares[worker] else folder.files()
        self._pending[self._actors[worker].paint.options(num_returns="streaming").remote(one, files)] = worker

    def dismiss(self) -> None:
        """Stop all workers, whatever they do."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()

    def _hire(self) -> None:
        number, actor = next(self._numbers), self._kind.remote()
        self._actors[number] = actor
        self._pending[actor.begin.remote(self._briefing)] = number

    def _heard(self, answer: Any) -> News:
        """``answer``: of `Workman.begin`, or the running one of `Workman.paint`."""
        worker = self._pending[answer]
        try:
            if isinstance(answer, self._ray.ObjectRefGenerator):
                return News(worker, "segment", self._ray.get(next(answer)))
            self._shares[worker] = self._ray.get(answer)
        except StopIteration:
            pass
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            self._ray.kill(self._actors.pop(worker))
            del self._pending[answer]
            self._hire()
            return News(worker, "lost", why=str(error).strip().splitlines()[-1])
        del self._pending[answer]
        return News(worker, "idle")


@contextmanager
def _connected(cluster: Cluster, need: Mapping[str, int]) -> Iterator[ModuleType]:
    """Ray, connected; where that was so before, it stays so."""
    ray = import_ray(cluster.address)
    before = ray.is_initialized()
    if not before:
        own = (cluster.workers or max(1, (os.cpu_count() or 1) // need["CPU"])) * need["CPU"]
        local = {"num_cpus": own, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        try:
            ray.init(
                address="local" if cluster.address == AUTO else cluster.address,
                log_to_driver=False,
                logging_level=logging.FATAL,
                **(local if cluster.address == AUTO else {}),
            )
        except (ConnectionError, ValueError) as error:
            raise UsageError(f"there is no Ray cluster at {cluster.address} ({error}): run `ray start`") from error
    try:
        yield ray
    finally:
        if not before:
            ray.shutdown()


def _check_answer(address: str) -> None:
    """Ray itself would go on asking for ever."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Ray cluster answers at {address!r} ({error}): give auto, or HOST:PORT as `ray start --head` says it"
        ) from error


@contextmanager
def _probe(job: Render) -> Iterator[str]:
    """The name of a new file in the work folder."""
    name = f".probe.{uuid4().hex}"
    path = job.work.folder / name
    with write_file_atomically(path):
        pass
    try:
        yield name
    finally:
        path.unlink(missing_ok=True)


def _listed(need: Mapping[str, int]) -> str:
    return " and ".join(f"{amount} {name}" for name, amount in need.items())
