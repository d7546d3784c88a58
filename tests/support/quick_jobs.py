"""Small jobs of the command line, painted by the quick model: a film, a picture, a plan, and how to stop them."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from kinemacolor.cli.main import run
from kinemacolor.provenance.record import RECORD_SUFFIX
from support.films import scene
from support.plans import save
from support.quick_model import QuickColorizer
from support.strange_films import code_film

SEGMENT_FRAMES = 4
FRAMES = 12
FAST = ["--preset", "ultrafast", "-q"]


class StoppedError(BaseException):
    """As if the process were ended at this place, but for what runs on the way out."""


@dataclass(frozen=True)
class QuickJob:
    """A folder with film, picture and plan; results go to its folder ``out``."""

    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "film.plan.json"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def results(self) -> dict[str, bytes]:
        """The finished files, by name; of records without the date, and what a run told of its own way there."""
        return {
            path.name: _read_without_way(path)
            for path in sorted(self.out.iterdir())
            if path.is_file() and ".partial" not in path.name and not path.name.startswith(".")
        }

    def colorize(self) -> int:
        """Do the whole job; gives the exit code."""
        film, picture = str(self.folder / "film.mp4"), str(self.folder / "still.png")
        return run(["colorize", film, "-r", picture, "-o", str(self.out / "film.mkv"), *FAST])

    def render(self) -> int:
        """Render the plan to three results; gives the exit code."""
        names = {"-o": "film.mkv", "--layer": "layer.mkv", "--confidence-out": "sure.mkv"}
        more = [word for option, name in names.items() for word in (option, str(self.out / name))]
        return run(["render", str(self.plan), "--work", str(self.out / "work"), *more, *FAST])


def _read_without_way(path: Path) -> bytes:
    if not path.name.endswith(RECORD_SUFFIX):
        return path.read_bytes()
    content = json.loads(path.read_text())
    del content["made_utc"], content["report"]["warnings"]
    return json.dumps(content).encode()


def make_quick_job(folder: Path, frames: int = FRAMES) -> QuickJob:
    """Write film and picture, and make the plan; the quick model must be in use."""
    folder.mkdir(exist_ok=True)
    code_film(folder / "film.mp4", frames, options={"preset": "ultrafast"}, sound="aac", sound_seconds=frames / 25)
    save(folder / "still.png", scene(0))
    job = QuickJob(folder)
    job.out.mkdir()
    assert run(["plan", str(folder / "film.mp4"), "-r", str(folder / "still.png"), "-o", str(job.plan), "-q"]) == 0
    return job


def stop_after(model: QuickColorizer, frames: int) -> None:
    """Let the model end its process when it has seen so many frames more."""
    seen = 0

    def count(module: torch.nn.Module, given: tuple[torch.Tensor, object]) -> None:
        nonlocal seen
        seen += given[0].shape[1]
        if seen > frames:
            hook.remove()
            raise StoppedError

    hook = model.register_forward_pre_hook(count)
