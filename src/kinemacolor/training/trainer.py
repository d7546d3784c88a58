"""The run: steps, until they are done, time is up, someone asks to stop, or a loss is no number."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch

from kinemacolor._version import __version__
from kinemacolor.errors import PartialError, ResourceError, UsageError
from kinemacolor.training.checkpoint import Checkpoints, export, load
from kinemacolor.training.datasets import Material, Progress, batches, gather
from kinemacolor.training.distributed import Team, joined
from kinemacolor.training.initialization import begin, loss_network
from kinemacolor.training.logs import Log
from kinemacolor.training.objective import taps
from kinemacolor.training.recipe import Recipe
from kinemacolor.training.recipe_file import plain
from kinemacolor.training.train_state import Learner, NotFinite, precision_note
from kinemacolor.training.validation import validate
from kinemacolor.utils.console import SECONDS_BETWEEN_LINES
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically

Ending = Literal["done", "out of time", "asked to stop"]


@dataclass(frozen=True)
class Outcome:
    """``step`` of ``steps`` are done; where the state and the weights lie; the PSNR in dB of the last validation."""

    ending: Ending
    step: int
    steps: int
    checkpoint: Path
    weights: Path
    psnr: float | None


def train(
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "auto",
    strict: bool = False,
    max_minutes: float | None = None,
    tell: Callable[[str], None] = lambda text: None,
    on_progress: Progress = lambda done, expected: None,
) -> Outcome:
    """Train what a recipe says in ``folder``, or go on with what was begun there; at the end weights lie there.

    The weights after a step depend on the recipe, the data and the step, not on how often the run was ended
    before: bit for bit on one CPU with the same number of threads. With ``max_minutes`` it ends in time. On
    SIGINT and SIGTERM it ends after the step. ``tell`` gets lines for a person.

    Raises UsageError, InputError, WeightsError and ResourceError before the first step where something is
    wrong, ResourceError where a checkpoint cannot be written (the last one stays), PartialError where a loss is
    no number.
    """
    deadline = time.monotonic() + 60 * max_minutes if max_minutes else None
    with joined(device) as team, _quick_denormals(), torch.random.fork_rng():
        run = Run(recipe, folder, team, strict=strict, tell=tell)
        with _asked() as asked:
            return run.go(deadline, asked, on_progress)


class Run:
    """One stretch of a run, from its newest checkpoint on."""

    def __init__(self, recipe: Recipe, folder: Path, team: Team, *, strict: bool, tell: Callable[[str], None]) -> None:
        self.recipe, self.folder, self.team, self.tell = recipe, folder, team, tell
        self.checkpoints = Checkpoints(folder / "checkpoints", recipe.keep)
        if team.leads:
            _prepare(folder, self.checkpoints)
        team.wait()
        newest = self.checkpoints.newest()
        saved: dict[str, Any] | None = load(newest, recipe) if newest else None
        self.step = self.saved = saved["step"] if saved else 0
        if team.leads:
            _write_down(recipe, folder)
        vgg = loss_network(taps(recipe.losses))
        self.learner = Learner(begin(recipe.model, recipe.seed), recipe, team, vgg)
        if saved:
            self.learner.load(saved["learner"])
        self.material = _gathered(recipe, team, strict, tell)
        self.psnr: float | None = None
        self.log = Log(folder, self.step) if team.leads else None
        self._announce(saved)

    def go(self, deadline: float | None, asked: threading.Event, on_progress: Progress) -> Outcome:
        """Steps until the end."""
        ending: Ending = "done"
        first, slow = self.step, 0.0
        clips = batches(self.material.clips, self.recipe, self.team, self.step)
        window = _Window()
        on_progress(0, self.recipe.steps - first)
        try:
            while self.step < self.recipe.steps:
                began = time.monotonic()
                soon = deadline is not None and began + slow > deadline
                stop, late = self.team.agree(asked.is_set(), soon)
                if stop or late:
                    ending = "asked to stop" if stop else "out of time"
                    break
                window.add(self._one(clips))
                self._after(window)
                slow = max(0.8 * slow, time.monotonic() - began)
                on_progress(self.step - first, self.recipe.steps - first)
            return self._end(ending)
        finally:
            if self.log:
                self.log.close()

    def _one(self, clips: Iterator[Any]) -> dict[str, float]:
        """One step of the solver."""
        parts = [next(clips).to(self.team.device) for _ in range(self.recipe.accumulate)]
        try:
            values = self.learner.step(parts, self.step)
        except NotFinite as error:
            if self.log:
                self.log.write(self.step, "end", {"why": str(error)})
            good = self.checkpoints.newest(before=self.step)  # that of this step is what made it
            raise PartialError(
                f"stopped at step {self.step}: {error}. The last good checkpoint is {good or 'none'}: "
                "begin another run with it as model.start_from, and a lower rate or a clip_norm"
            ) from error
        except torch.OutOfMemoryError as error:
            raise ResourceError(
                f"out of memory at step {self.step} ({error}): raise accumulate, say recompute = true, or crop clips"
            ) from error
        self.step += 1
        return values

    def _after(self, window: "_Window") -> None:
        """What is due behind a step."""
        recipe, last = self.recipe, self.step == self.recipe.steps
        if self.step % recipe.log_every == 0 or last:
            facts = window.take()
            if self.log:
                self.log.write(self.step, "train", facts)
        if recipe.validation.every and self.material.films and (self.step % recipe.validation.every == 0 or last):
            self._validate()
        if self.step % recipe.checkpoint_every == 0 or last:
            self._save()

    def _validate(self) -> None:
        with self.learner.resting() as model:
            found = validate(model, self.material.films, self.material.clips.store, self.recipe.validation, self.team)
        self.psnr = found.psnr
        self.tell(f"step {self.step}: {found.psnr:.2f} dB on {len(found.films)} films")
        if self.log:
            self.log.write(self.step, "validation", {"psnr": found.psnr, "films": found.films})
            if found.strip is not None:
                self.log.picture(self.step, found.strip)

    def _save(self) -> Path:
        content = {
            "version": __version__,
            "step": self.step,
            "recipe": json.dumps(plain(self.recipe)),
            "data": self.material.digest,
            "learner": self.learner.state(),
        }
        if self.team.leads:
            self.checkpoints.save(self.step, content)
        self.team.wait()
        self.saved = self.step
        return self.checkpoints.path(self.step)

    def _end(self, ending: Ending) -> Outcome:
        """The last checkpoint, and the weights."""
        newest = self.checkpoints.newest()
        path = newest if newest and self.saved == self.step else self._save()
        weights = self.folder / "weights" / f"{self.recipe.model.name}.safetensors"
        if self.team.leads:
            export(self.learner.result, self.recipe, f"{self.material.summary()}, {self.step} steps", weights)
        if self.log:
            self.log.write(self.step, "end", {"why": ending})
        return Outcome(ending, self.step, self.recipe.steps, path, weights, self.psnr)

    def _announce(self, saved: dict[str, Any] | None) -> None:
        """What a person should know before the first step; and the log too."""
        notes = [*self.material.notes(), precision_note(self.recipe, self.team.device), self.log and self.log.notice]
        if saved and saved["data"] != self.material.digest:
            notes.append("the data is not what it was when the run was begun: it cannot be made again from its recipe")
        told = [note for note in notes if note]
        for note in told:
            self.tell(f"note: {note}")
        begun = f"goes on from step {self.step}" if saved else "begins"
        devices = f"{self.team.world} x {self.team.device}"
        self.tell(f"{self.recipe.model.name} {begun}: {self.material.summary()}, {devices}")
        if self.log:
            facts = {"notes": told, "data": self.material.digest, "devices": devices, "version": __version__}
            self.log.write(self.step, "begin", facts)


class _Window:
    """Means over the steps since the last line of the log."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.began = time.monotonic()

    def add(self, row: dict[str, float]) -> None:
        self.rows.append(row)

    def take(self) -> dict[str, float]:
        """Mean of every value, and ``step_seconds``; the window is empty then."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        columns = {name: [row[name] for row in self.rows if name in row] for name in names}
        means = {name: sum(column) / len(column) for name, column in columns.items()}
        now = time.monotonic()
        means["step_seconds"] = (now - self.began) / len(self.rows)
        self.rows, self.began = [], now
        return means


def _prepare(folder: Path, checkpoints: Checkpoints) -> None:
    """Raises UsageError for a folder that holds something else, ResourceError for one that cannot be made."""
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / "recipe.json").is_file():
            raise UsageError(f"{folder} holds other things than a run: choose another folder")
        checkpoints.sweep()


def _write_down(recipe: Recipe, folder: Path) -> None:
    """For a person, and so that the folder is known as that of a run."""
    with write_file_atomically(folder / "recipe.json") as stream:
        stream.write((json.dumps(plain(recipe), indent=2) + "\n").encode())


def _gathered(recipe: Recipe, team: Team, strict: bool, tell: Callable[[str], None]) -> Material:
    """One process looks at the data, and says how far it is; the others find what it wrote down."""
    spoken = time.monotonic()

    def look(done: int, expected: int | None) -> None:
        nonlocal spoken
        if time.monotonic() - spoken > SECONDS_BETWEEN_LINES:
            spoken = time.monotonic()
            tell(f"looked at {done} of {expected} films and photographs")

    if not team.leads:
        team.wait()
    found = gather(recipe, strict=strict, on_progress=look)
    if team.leads:
        team.wait()
    return found


@contextmanager
def _quick_denormals() -> Iterator[None]:
    """Numbers under 1e-38 are 0: softmax at low temperatures makes many, and a CPU is six times slower with them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def _asked() -> Iterator[threading.Event]:
    """Set by SIGINT or SIGTERM; a second one of the same kind stops at once."""
    asked = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
