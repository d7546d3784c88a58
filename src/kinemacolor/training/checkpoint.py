"""Checkpoints of a run, and the export of its weights."""

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
from kinemacolor.training.recipe_aliases import rename_old_keys
from kinemacolor.training.recipe_file import find_differing_keys, recipe_to_dict
from kinemacolor.utils.files import write_file_atomically


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoint files in ``folder``: the newest ``keep``, one for each saved step, each written atomically."""

    folder: Path
    keep: int

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

    def remove_unfinished(self) -> None:
        """Delete unfinished checkpoint files of a killed run."""
        for left in self.folder.glob(".step-*"):
            left.unlink(missing_ok=True)


def load_checkpoint(path: Path, recipe: Recipe) -> dict[str, Any]:
    """Read a checkpoint. Raises WeightsError for a damaged file, UsageError for a checkpoint of another recipe."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        other = rename_old_keys(json.loads(content["recipe"]))
    except UNREADABLE_ERRORS as error:
        raise WeightsError(f"{path} is damaged: delete it, and the run goes on from the one before") from error
    differing_keys = find_differing_keys(recipe_to_dict(recipe), other)
    if differing_keys:
        raise UsageError(
            f"{path} is a checkpoint of another recipe ({', '.join(differing_keys)} differ): take another folder"
        )
    return content


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
    """Licence, provenance and options of a part, in the form that `kinemacolor.weights.import_export` reads."""
    source = recipe.model.start_from.get(path)
    variant = getattr(model.get_submodule(path), "variant", None)
    options = {"vgg": variant} if part == "vgg19" else {}
    if source and not is_weights_file(source) and path in recipe.optimizer.frozen:
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
