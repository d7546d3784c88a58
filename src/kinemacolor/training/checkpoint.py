"""Checkpoints of a run, and the weights that come out of it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.models.base import Colorizer
from kinemacolor.training.initialization import UNREADABLE_ERRORS, find_stored_part
from kinemacolor.training.recipe import Recipe, is_weights_file
from kinemacolor.training.recipe_file import find_differing_keys, recipe_to_dict
from kinemacolor.utils.files import write_file_atomically


@dataclass(frozen=True)
class CheckpointFolder:
    """Files in ``folder``, one for each step that was kept, at most ``keep``. Each is whole or not there."""

    folder: Path
    keep: int

    def path_for_step(self, step: int) -> Path:
        """Where the state after so many steps lies."""
        return self.folder / f"step-{step:08}.pt"

    def find_newest(self, before: int | None = None) -> Path | None:
        """That of the latest step; or of the latest ``before`` a step."""
        paths = self.folder.glob("step-*.pt")
        return max((path for path in paths if before is None or path < self.path_for_step(before)), default=None)

    def save(self, step: int, content: Mapping[str, Any]) -> Path:
        """The state after ``step`` steps. The old ones go when it is safe on the disk.

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

    def remove_unfinished(self) -> None:
        """Away with what a killed run left unfinished."""
        for left in self.folder.glob(".step-*"):
            left.unlink(missing_ok=True)


def load_checkpoint(path: Path, recipe: Recipe) -> dict[str, Any]:
    """What was saved. Raises WeightsError for a damaged file, UsageError for that of another recipe."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        other = json.loads(content["recipe"])
    except UNREADABLE_ERRORS as error:
        raise WeightsError(f"{path} is damaged: delete it, and the run goes on from the one before") from error
    differing_keys = find_differing_keys(recipe_to_dict(recipe), other)
    if differing_keys:
        raise UsageError(
            f"{path} is a checkpoint of another recipe ({', '.join(differing_keys)} differ): take another folder"
        )
    return content


def export_weights(model: Colorizer, recipe: Recipe, trained_on: str, target: Path) -> None:
    """The model's weights as one file that `kinemacolor models import MODEL` takes.

    ``told`` is what they were trained on. What is frozen keeps the licence and the provenance that it had.
    """
    paths = tuple(f"{path}." if path else "" for path in model.parts.values())
    tensors = {name: x.cpu().contiguous() for name, x in model.state_dict().items() if name.startswith(paths)}
    rows = {part: _describe_part(part, path, model, recipe, trained_on) for part, path in model.parts.items()}
    with write_file_atomically(target) as stream:
        stream.write(save(tensors, {"parts": json.dumps(rows)}))


def _describe_part(part: str, path: str, model: Colorizer, recipe: Recipe, trained_on: str) -> dict[str, Any]:
    """What is to be known of a part, as `kinemacolor.weights.import_export` reads it."""
    source = recipe.model.start_from.get(path)
    variant = getattr(model.get_submodule(path), "variant", None)
    options = {"vgg": variant} if part == "vgg19" else {}
    if source and not is_weights_file(source) and path in recipe.solver.frozen:
        entry = find_stored_part(source).entry
        return {
            "licence": entry.licence,
            "provenance": entry.provenance,
            "trained_on": entry.trained_on,
            "non_commercial": entry.non_commercial,
            "options": options,
        }
    started_with = f", begun with {Path(source).name}" if source else ""
    return {
        "licence": "its makers' choice; mind the licences of the data",
        "provenance": f"kinemacolor train, seed {recipe.seed}{started_with}",
        "trained_on": trained_on,
        "non_commercial": False,
        "options": options,
    }
