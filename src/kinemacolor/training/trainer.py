"""The training loop: steps until all are done, time is up, a signal asks to stop, or a loss is not finite."""

import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from kinemacolor._version import __version__
from kinemacolor.errors import PartialError
from kinemacolor.nn.precision import flush_denormals
from kinemacolor.training.checkpoint import (
    BestStep,
    CheckpointFolder,
    export_weights,
    load_checkpoint,
    load_inference_weights,
)
from kinemacolor.training.datasets import (
    TrainingData,
    TrainingProgressCallback,
    iter_batch_parts,
    load_training_data,
    move_data_to_device,
)
from kinemacolor.training.device_errors import translate_device_errors
from kinemacolor.training.distributed import ProcessGroup, join_process_group
from kinemacolor.training.initialization import build_model, load_loss_networks, start_from_clips
from kinemacolor.training.logs import RunLog
from kinemacolor.training.loss_window import LossWindow
from kinemacolor.training.recipe import Recipe
from kinemacolor.training.recipe_file import recipe_to_dict
from kinemacolor.training.run_folder import RECIPE_FILE, hold_run_folder, write_state
from kinemacolor.training.schedule import lr_factor
from kinemacolor.training.stop_signals import catch_stop_signals
from kinemacolor.training.train_state import NonFiniteLossError, TrainState, describe_precision_fallback
from kinemacolor.training.validation import load_lpips, validate_model
from kinemacolor.utils.console import SECONDS_BETWEEN_LINES

EndReason = Literal["done", "out of time", "asked to stop"]


@dataclass(frozen=True)
class TrainingResult:
    """How training ended: ``step`` of ``steps`` are done; ``psnr`` (dB) is that of ``near`` in the last validation.

    ``best`` is the best validated step, ``best_weights`` its weights; None where nothing was validated.
    """

    end_reason: EndReason
    step: int
    steps: int
    checkpoint: Path
    weights: Path
    psnr: float | None
    best: BestStep | None = None
    best_weights: Path | None = None


def train(
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "auto",
    strict: bool = False,
    max_minutes: float | None = None,
    on_message: Callable[[str], None] = lambda text: None,
    on_progress: TrainingProgressCallback = lambda done, expected: None,
) -> TrainingResult:
    """Train the model of a recipe in ``folder``, or resume the run there; its weights are exported at the end.

    The weights after a step depend on the recipe, the data and the step, not on how often the run was interrupted: bit
    for bit on one CPU with the same number of threads. With ``max_minutes`` the run ends before that time, on SIGINT
    and SIGTERM after the current step. ``on_message`` receives lines for the user.

    Raises UsageError (also where another process trains in ``folder``), InputError, WeightsError and ResourceError
    before the first step; ResourceError where the disk refuses, memory runs out or a device is lost (the last
    checkpoint stays); PartialError for a loss that is not finite.
    """
    deadline = time.monotonic() + 60 * max_minutes if max_minutes else None
    with (
        join_process_group(device) as process_group,
        hold_run_folder(folder, is_main_process=process_group.is_main_process),
        flush_denormals(),
        torch.random.fork_rng(),
    ):
        with translate_device_errors(lambda: "before the first step"):
            trainer = Trainer(recipe, folder, process_group, strict=strict, on_message=on_message)
        with catch_stop_signals() as stop_requested:
            return trainer.run(deadline, stop_requested, on_progress)


class Trainer:
    """A run from its newest checkpoint on, within one process of the group."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        process_group: ProcessGroup,
        *,
        strict: bool,
        on_message: Callable[[str], None],
    ) -> None:
        self.recipe, self.folder, self.process_group, self.on_message = recipe, folder, process_group, on_message
        self.checkpoints = CheckpointFolder(folder / "checkpoints", recipe.keep_checkpoints)
        if process_group.is_main_process:
            self.checkpoints.remove_unfinished()
        process_group.wait_for_all()
        newest = self.checkpoints.find_newest()
        restored: dict[str, Any] | None = load_checkpoint(newest, recipe) if newest else None
        self.step = self.saved_step = restored["step"] if restored else 0
        if process_group.is_main_process:
            write_state(folder / RECIPE_FILE, recipe_to_dict(recipe))  # for people, and as the mark of a run
        networks = load_loss_networks(recipe.losses)
        self.train_state = TrainState(build_model(recipe.model, recipe.seed), recipe, process_group, networks)
        self.training_data = _load_data_main_first(recipe, process_group, strict, on_message)
        if restored:
            self.train_state.load_state_dict(restored["learner"])
        else:  # behind the optimizer: it loads what torch's random generators need, where torch was imported quickly
            clips, device = self.training_data.clips, process_group.device
            start_from_clips(self.train_state.model, recipe.model, clips, recipe.seed, device)
            self.train_state.restart_average()
        if recipe.data.on_device:
            self.training_data = move_data_to_device(self.training_data, process_group.device)
        self.psnr: float | None = None
        self.best = self.checkpoints.restore_best(restored) if restored else None
        self.lpips, self._lpips_note = None, ""
        if recipe.validation.every and self.training_data.validation_items:
            self.lpips, self._lpips_note = load_lpips(process_group.device)
        self.log = RunLog(folder, self.step) if process_group.is_main_process else None
        self._announce_start(restored)

    def run(
        self, deadline: float | None, stop_requested: threading.Event, on_progress: TrainingProgressCallback
    ) -> TrainingResult:
        """Train until the end, the deadline (``time.monotonic``) or a stop signal."""
        end_reason: EndReason = "done"
        first, slowest_step = self.step, 0.0
        batch_parts = iter_batch_parts(self.training_data.clips, self.recipe, self.process_group, self.step)
        window = LossWindow()
        on_progress(0, self.recipe.steps - first)
        try:
            with translate_device_errors(self._describe_place, self._log_failure):
                while self.step < self.recipe.steps:
                    began = time.monotonic()
                    is_deadline_near = deadline is not None and began + slowest_step > deadline
                    stop, late = self.process_group.all_reduce_any(stop_requested.is_set(), is_deadline_near)
                    if stop or late:
                        end_reason = "asked to stop" if stop else "out of time"
                        break
                    window.add_row(self._run_step(batch_parts))
                    self._run_due_tasks(window)
                    slowest_step = max(0.8 * slowest_step, time.monotonic() - began)
                    on_progress(self.step - first, self.recipe.steps - first)
                self._read_losses(window)
                return self._finish_run(end_reason)
        finally:
            if self.log:
                self.log.close()

    def _describe_place(self) -> str:
        """Where a failure happens, and what is kept."""
        newest = self.checkpoints.find_newest()
        return f"at step {self.step}; " + (f"{newest} is whole" if newest else "there is no checkpoint yet")

    def _log_failure(self, why: str) -> None:
        """Log that the run ends by a failure of the machine."""
        if self.log:
            self.log.write(self.step, "end", {"why": why})

    def _run_step(self, batch_parts: Iterator[Any]) -> dict[str, Tensor]:
        """Do one step of training. Raises PartialError for a loss that is not finite."""
        parts = [next(batch_parts).to(self.process_group.device) for _ in range(self.recipe.gradient_accumulation)]
        with self._stop_at_non_finite_loss():
            values = self.train_state.train_step(parts, self.step)
        self.step += 1
        return values

    @contextmanager
    def _stop_at_non_finite_loss(self) -> Iterator[None]:
        """Turn a NonFiniteLossError into a logged PartialError, which tells how to go on."""
        try:
            yield
        except NonFiniteLossError as error:
            self._log_failure(str(error))
            good = self.checkpoints.find_newest(before=self.step)  # the one of this step gave the non-finite loss
            raise PartialError(
                f"stopped at step {self.step}: {error}. The last good checkpoint is {good or 'none'}: "
                "begin another run with it as model.start_from, and a lower lr or a clip_norm"
            ) from error

    def _run_due_tasks(self, window: LossWindow) -> None:
        """Log, validate and save where it is due after a step; none of it with losses that are not finite."""
        recipe, last = self.recipe, self.step == self.recipe.steps
        if last or any(
            every and self.step % every == 0
            for every in (recipe.log_every, recipe.validation.every, recipe.checkpoint_every)
        ):
            self._read_losses(window)
        if self.step % recipe.log_every == 0 or last:
            facts = window.take_means() | {"lr_scale": lr_factor(recipe.lr_schedule, self.step - 1)}
            if self.log:
                self.log.write(self.step, "train", facts)
        began = time.monotonic()
        every = recipe.validation.every if self.training_data.validation_items else 0
        is_best = every > 0 and (self.step % every == 0 or last) and self._run_validation()
        if is_best or self.step % recipe.checkpoint_every == 0 or last:
            self._save_checkpoint()
        window.skip_time(time.monotonic() - began)

    def _read_losses(self, window: LossWindow) -> None:
        """Read the losses of all steps up to this one. Raises PartialError where one is not finite."""
        with self._stop_at_non_finite_loss():
            window.read_rows()

    def _run_validation(self) -> bool:
        """Validate the model and log the result; return whether it is the best so far, whose state is to be kept."""
        with self.train_state.evaluation_mode() as model:
            found = validate_model(
                model,
                self.training_data.validation_items,
                self.training_data.clips.frame_cache,
                self.recipe.validation.frames,
                self.process_group,
                self.lpips,
            )
        self.psnr = found.mean_psnr
        column, psnr = found.score()
        is_best = self.best is None or self.best.is_beaten_by(column, psnr)
        if is_best:
            self.best = BestStep(self.step, column, psnr)
        self.on_message(f"step {self.step}: {found.summarize()}{', the best so far' if is_best else ''}")
        if self.log:
            self.log.write(self.step, "validation", found.to_facts())
            self.log.write_filmstrip(self.step, found.filmstrip)
            if is_best:
                self.log.write(self.step, "best", {"column": column, "psnr": psnr})
        return is_best

    def _save_checkpoint(self) -> Path:
        """Save the state after this step, also as the best one if it is; only the main process writes."""
        content = {
            "version": __version__,
            "step": self.step,
            "recipe": json.dumps(recipe_to_dict(self.recipe)),
            "data": self.training_data.digest,
            "learner": self.train_state.state_dict(),
            "best": asdict(self.best) if self.best else None,
        }
        if self.process_group.is_main_process:
            self.checkpoints.save(self.step, content)
            if self.best and self.best.step == self.step:
                self.checkpoints.mark_best(self.step)
        self.process_group.wait_for_all()
        self.saved_step = self.step
        return self.checkpoints.path_for_step(self.step)

    def _finish_run(self, end_reason: EndReason) -> TrainingResult:
        """Save the last checkpoint, export the weights, log the end."""
        newest = self.checkpoints.find_newest()
        path = newest if newest and self.saved_step == self.step else self._save_checkpoint()
        weights, best_weights = self._export_weights()
        if self.log:
            self.log.write(self.step, "end", {"why": end_reason})
        self.process_group.wait_for_all()  # torchrun stops all others as soon as one ends by a signal
        return TrainingResult(
            end_reason, self.step, self.recipe.steps, path, weights, self.psnr, self.best, best_weights
        )

    def _export_weights(self) -> tuple[Path, Path | None]:
        """Export the weights of the last step, and those of the best validated step where its checkpoint is whole."""
        name, data = self.recipe.model.name, self.training_data.summarize_sources()
        last, best = (self.folder / "weights" / f"{name}{suffix}.safetensors" for suffix in ("", "-best"))
        has_best = self.best is not None and self.checkpoints.read_best() == self.best
        if self.process_group.is_main_process:
            model = self.train_state.inference_model
            export_weights(model, self.recipe, f"{data}, {self.step} steps", last)
            if self.best and has_best:
                best_model = copy.deepcopy(model)
                load_inference_weights(best_model, self.checkpoints.best_path)
                export_weights(best_model, self.recipe, f"{data}, {self.best.step} steps", best)
        return last, best if has_best else None

    def _announce_start(self, restored: dict[str, Any] | None) -> None:
        """Send the notes and the first message to the user, and log them."""
        notes = [
            *self.training_data.collect_notes(),
            describe_precision_fallback(self.recipe, self.process_group.device),
            self.log and self.log.notice,
            self._lpips_note,
        ]
        if restored and restored["data"] != self.training_data.digest:
            notes.append("the data is not what it was when the run was begun: it cannot be made again from its recipe")
        given_notes = [note for note in notes if note]
        for note in given_notes:
            self.on_message(f"note: {note}")
        begun = f"goes on from step {self.step}" if restored else "begins"
        devices = f"{self.process_group.world_size} x {self.process_group.device}"
        self.on_message(f"{self.recipe.model.name} {begun}: {self.training_data.summarize_sources()}, {devices}")
        if self.log:
            facts = {
                "notes": given_notes,
                "data": self.training_data.digest,
                "devices": devices,
                "version": __version__,
            }
            self.log.write(self.step, "begin", facts)


def _load_data_main_first(
    recipe: Recipe, process_group: ProcessGroup, strict: bool, on_message: Callable[[str], None]
) -> TrainingData:
    """Load the data in the main process first, with messages of progress; the others then read its cache."""
    last_message_at = time.monotonic()

    def report_progress(done: int, expected: int | None) -> None:
        nonlocal last_message_at
        if time.monotonic() - last_message_at > SECONDS_BETWEEN_LINES:
            last_message_at = time.monotonic()
            on_message(f"looked at {done} of {expected} films and photographs")

    if not process_group.is_main_process:
        process_group.wait_for_all()
    found = load_training_data(recipe, strict=strict, on_progress=report_progress)
    if process_group.is_main_process:
        process_group.wait_for_all()
    return found
