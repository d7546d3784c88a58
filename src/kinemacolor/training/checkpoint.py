"""Checkpoints of a run, and the export of its weights."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from safetensors.torch import save

from kinemacolor.errors import UsageError, WeightsError, translate_foreign_errors
from kinemacolor.models.base import Colorizer
from kinemacolor.training.initialization import find_stored_part
from kinemacolor.training.recipe import Recipe, is_stored_part
from kinemacolor.training.recipe_file import find_differing_keys, recipe_to_dict, restore_recipe
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically


@dataclass(frozen=True)
class BestStep:
    """The best validated step of a run: the mean ``psnr`` (dB) of the ``column`` that decides was the highest then."""

    step: int
    column: str
    psnr: float

    def is_beaten_by(self, column: str, psnr: float) -> bool:
        """Whether a later value is better; one of another column cannot be compared, and takes its place."""
        return column != self.column or psnr > self.psnr


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoint files in ``folder``: the newest ``keep``, one for each saved step, each written atomically.

    Beside them ``best_path`` is the checkpoint of the best validated step, whichever of the others are deleted.
    """

    folder: Path
    keep: int

    @property
    def best_path(self) -> Path:
        """The path of the best checkpoint."""
        return self.folder / "best.pt"

    def path_for_step(self, step: int) -> Path:
        """Return the path of the checkpoint after ``step`` steps."""
        return self.folder / f"step-{step:08}.pt"

    def find_newest(self, before: int | None = None) -> Path | None:
        """Find the newest checkpoint (of a step less than ``before``); None where there is none."""
        paths = self.folder.glob("step-*.pt")
        return max((path for path in paths if before is None or path < self.path_for_step(before)), default=None)

    def save(self, step: int, content: Mapping[str, Any]) -> Path:
        """Save the state after ``step`` steps, then delete the oldest checkpoints.

        Raises ResourceError where it cannot be written; then the old ones stay.
        """
        path = self.path_for_step(step)
        with write_file_atomically(path) as stream:
            torch.save(dict(content), stream)
            stream.flush()
            os.fsync(stream.fileno())
        for old in sorted(self.folder.glob("step-*.pt"))[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    def mark_best(self, step: int) -> None:
        """Make the checkpoint of ``step`` the best one, as a hard link where the disk can do that.

        Raises ResourceError where it cannot be written; then the old one stays.
        """
        new = self.folder / f".best.{uuid4().hex}"
        try:
            with translate_disk_errors(self.best_path):
                try:
                    os.link(self.path_for_step(step), new)
                except OSError:
                    shutil.copyfile(self.path_for_step(step), new)
                new.replace(self.best_path)
        finally:
            new.unlink(missing_ok=True)  # also where both names were of one file already: replace does nothing then

    def read_best(self) -> BestStep | None:
        """Read which step the best checkpoint is of; None where there is none, or it is damaged."""
        try:
            with translate_foreign_errors(lambda error: WeightsError(f"{self.best_path}: {error}")):
                return BestStep(**torch.load(self.best_path, map_location="cpu", mmap=True, weights_only=True)["best"])
        except WeightsError:
            return None

    def restore_best(self, newest: Mapping[str, Any]) -> BestStep | None:
        """Find the best step of a run that resumes from the content ``newest``, also of a run killed while it kept it.

        Where the best checkpoint is not here any more, its value is still the one to beat.
        """
        told = newest.get("best")  # checkpoints of earlier versions have none
        claimed = BestStep(**told) if told else None
        if claimed and claimed.step == newest["step"]:
            self.mark_best(claimed.step)
        return self.read_best() or claimed

    def remove_unfinished(self) -> None:
        """Delete unfinished checkpoint files of a killed run."""
        for left in (*self.folder.glob(".*.new"), *self.folder.glob(".step-*"), *self.folder.glob(".best.*")):
            left.unlink(missing_ok=True)


def load_checkpoint(path: Path, recipe: Recipe) -> dict[str, Any]:
    """Read a checkpoint. Raises WeightsError for a damaged file, UsageError for a checkpoint of another recipe."""
    with translate_foreign_errors(
        lambda _: WeightsError(f"{path} is damaged: delete it, and the run goes on from the one before")
    ):
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        other = recipe_to_dict(restore_recipe(json.loads(content["recipe"])))
    differing_keys = find_differing_keys(recipe_to_dict(recipe), other)
    if differing_keys:
        raise UsageError(
            f"{path} is a checkpoint of another recipe ({', '.join(differing_keys)} differ): take another folder"
        )
    return content


def load_inference_weights(model: Colorizer, path: Path) -> None:
    """Load what `TrainState.inference_model` was at a checkpoint.

    Raises WeightsError for a damaged file.
    """
    with translate_foreign_errors(
        lambda _: WeightsError(f"{path} is damaged: the best step of the run is lost, delete the file")
    ):
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)["learner"]
        model.load_state_dict(state["average"] or state["model"])


def export_weights(model: Colorizer, recipe: Recipe, trained_on: str, target: Path) -> None:
    """Write the model's weights as one safetensors file that `kinemacolor models import MODEL` takes.

    ``trained_on`` describes the data. Frozen parts keep the licence and the provenance that they had.
    """
    paths = tuple(f"{path}." if path else "" for path in model.parts.values())
    tensors = {name: x.cpu().contiguous() for name, x in model.state_dict().items() if name.startswith(paths)}
    rows = {part: _describe_part(part, path, model, recipe, trained_on) for part, path in model.parts.items()}
    with write_file_atomically(target) as stream:
        stream.write(save(tensors, {"parts": json.dumps(rows)}))


def _describe_part(part: str, path: str, model: Colorizer, recipe: Recipe, trained_on: str) -> dict[str, Any]:
    """Licence, provenance and the options of training, in the form that `kinemacolor.weights.import_export` reads."""
    source = recipe.model.start_from.get(path)
    variant = getattr(model.get_submodule(path), "variant", None)
    options = {"vgg": variant} if part == "vgg19" else _list_changed_options(model)
    if source and is_stored_part(source) and path in recipe.optimizer.frozen:
        entry = find_stored_part(source).entry
        return {
            "licence": entry.licence,
            "provenance": entry.provenance,
            "trained_on": entry.trained_on,
            "non_commercial": entry.non_commercial,
            "options": options,
        }
    starts = recipe.model.start_from.items()
    begun = [Path(one).name for at, one in starts if not at or f"{at}.".startswith(f"{path}.")]
    started_with = f", begun with {', '.join(begun)}" if begun else ""
    return {
        "licence": "its makers' choice; mind the licences of the data",
        "provenance": f"kinemacolor train, seed {recipe.seed}{started_with}",
        "trained_on": trained_on,
        "non_commercial": False,
        "options": options,
    }


def _list_changed_options(model: Colorizer) -> dict[str, Any]:
    """List the model's options that are not the defaults, less the variant of VGG19, which belongs to that part."""
    defaults = asdict(model.options_type())
    return {key: x for key, x in asdict(model.options).items() if x != defaults[key] and key != "vgg"}
