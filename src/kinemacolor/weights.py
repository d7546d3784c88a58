"""Models by name: what they are, and their weights, checked before they are used."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.models.base import Colorizer
from kinemacolor.models.kinema import Kinema

MODELS: dict[str, type[Colorizer]] = {"kinema": Kinema}
DEFAULT_MODEL = "kinema"


@dataclass(frozen=True)
class WeightsEntry:
    """One row of the manifest: where weights come from and what may be done with them."""

    file: str
    sha256: str
    licence: str
    trained_on: str
    provenance: str


@cache
def manifest() -> dict[str, WeightsEntry]:
    """The weights that ship with the package, by model name."""
    rows = json.loads(files("kinemacolor").joinpath("assets/weights.json").read_text(encoding="utf-8"))
    return {name: WeightsEntry(**row) for name, row in rows.items()}


def load_model(name: str = DEFAULT_MODEL) -> Colorizer:
    """A model with its weights, on the CPU, ready to colorize.

    Raises UsageError for an unknown name, WeightsError where the weights are missing or not the
    ones of the manifest.
    """
    if name not in MODELS:
        raise UsageError(f"there is no model {name!r}: choose one of {', '.join(sorted(MODELS))}")
    model = MODELS[name]()
    entry = manifest()[name]
    with as_file(files("kinemacolor").joinpath("assets", entry.file)) as path:
        check_weights(path, entry)
        try:
            model.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError) as error:
            raise WeightsError(f"{path} does not fit {name} ({error}): install kinemacolor again") from error
    return model.eval()


def describe_models() -> list[dict[str, object]]:
    """Name, parameter count, licence and provenance of every model."""
    rows: list[dict[str, object]] = []
    for name, kind in MODELS.items():
        entry = manifest()[name]
        parameters = sum(parameter.numel() for parameter in kind().parameters())
        rows.append({"name": name, "parameters": parameters} | asdict(entry))
    return rows


def check_weights(path: Path, entry: WeightsEntry) -> None:
    """Raises WeightsError unless ``path`` holds exactly what the manifest says."""
    if not path.is_file():
        raise WeightsError(f"the weights {path} are missing: install kinemacolor again")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry.sha256:
        raise WeightsError(
            f"the weights {path} are damaged or of another version (sha256 {found[:12]}…, wanted "
            f"{entry.sha256[:12]}…): install kinemacolor again"
        )
