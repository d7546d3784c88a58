"""What a worker does, in a process of its own, on any machine."""

import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from kinemacolor._version import __version__
from kinemacolor.errors import InputError, UsageError, WeightsError
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import weights_sha256
from kinemacolor.render.cache import WorkFolder
from kinemacolor.render.inference_pass import Painter
from kinemacolor.render.passes import Pass
from kinemacolor.weights.registry import load_model


@dataclass(frozen=True)
class Briefing:
    """What all workers must know. Who sees the file ``probe`` in ``work`` shares that folder.

    ``contents``: as `Painter` has it; ``film_bytes``: the size of the film, None for a folder of pictures.
    """

    plan: Plan
    contents: Mapping[Path, str]
    work: Path
    probe: str
    threads: int
    film_bytes: int | None
    version: str = __version__


class Workman:
    """Paints passes into the work folder, or into one of its own where it does not see that."""

    def begin(self, briefing: Briefing) -> bool:
        """Whether the work folder is seen.

        Raises InputError, WeightsError or UsageError where film, references, weights or version are not the job's.
        """
        _check(briefing)
        torch.set_num_threads(briefing.threads)
        cv2.setNumThreads(briefing.threads)
        self._shares = (briefing.work / briefing.probe).is_file()
        folder = briefing.work if self._shares else Path(tempfile.mkdtemp(prefix="kinemacolor-"))
        self._work = WorkFolder(folder)
        model = load_model(briefing.plan.model)
        self._painter = Painter(briefing.plan.film, model, self._work, briefing.contents)
        return self._shares

    def paint(self, one: Pass, files: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
        """Paint a pass from where the work folder has it, or else ``files``; gives `PassFolder.files` of each segment.

        They are empty where the folder is shared. Raises as `Painter.ensure`.
        """
        folder = self._work.of(one.digest, len(one))
        folder.take(files)
        while not folder.is_whole:
            self._painter.ensure(one, folder.segments)
            yield {} if self._shares else folder.files()
        if not self._shares:
            shutil.rmtree(folder.folder)


def _check(briefing: Briefing) -> None:
    plan, host = briefing.plan, platform.node()
    if briefing.version != __version__:
        raise UsageError(f"{host} has kinemacolor {__version__}, wanted {briefing.version}: install one everywhere")
    if weights_sha256(plan.model) != plan.weights:
        raise WeightsError(f"{host} has other weights of {plan.model} than the plan: import the same everywhere")
    film = plan.film.path
    for path in (film, *briefing.contents):
        if not path.exists():
            raise InputError(f"{host} does not see {path}: put film and references where all machines see them")
    if briefing.film_bytes is not None and film.stat().st_size != briefing.film_bytes:
        raise InputError(f"{film} is another film on {host}: put film and references where all machines see them")
