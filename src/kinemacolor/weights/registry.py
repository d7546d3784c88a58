"""Models by name: what they are, and their weights, checked before they are used.

A model is made of parts (`Colorizer.parts`). One part is one safetensors file and one row of a
manifest: the package's for what is known and what ships, the user's for what was imported.
"""

import json
import warnings
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.models.base import Colorizer
from kinemacolor.models.color2embed import Color2Embed
from kinemacolor.models.deep_exemplar import DeepExemplar
from kinemacolor.models.kinema.model import Kinema
from kinemacolor.models.long_term.model import LongTerm
from kinemacolor.nn.backbones import EfficientNetLite0
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.options import DEFAULT_MODEL
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.weights.store import WeightsEntry, user_folder, user_manifest

MODELS: dict[str, type[Colorizer]] = {
    "kinema": Kinema,
    "deep-exemplar": DeepExemplar,
    "color2embed": Color2Embed,
    "long-term": LongTerm,
}
BACKBONE_PART = "imagenet-backbone"  # a part of no model
UNTRAINED_SEED = 0  # of the weights that nobody trained

PartState = Literal["built in", "imported", "untrained"]


class WeightsNotice(UserWarning):
    """What a user must know of the weights that a model was loaded with."""


@dataclass(frozen=True)
class StoredPart:
    """A part of a model as it is on this machine; ``path`` is None where it is untrained."""

    name: str
    state: PartState
    path: Path | None
    entry: WeightsEntry


@dataclass(frozen=True)
class PartCheck:
    """Whether a part's file is what its manifest says."""

    part: str
    state: Literal["ok", "missing", "damaged"]
    detail: str


@cache
def package_manifest() -> dict[str, WeightsEntry]:
    """The package's rows, by part."""
    rows = json.loads(files("kinemacolor").joinpath("assets/weights.json").read_text(encoding="utf-8"))
    return {name: WeightsEntry(**row) for name, row in rows.items()}


def stored_parts(name: str) -> tuple[StoredPart, ...]:
    """The parts of a model; what the user imported comes before what is built in.

    Raises UsageError for an unknown model, WeightsError for a damaged manifest.
    """
    if name not in MODELS:
        raise UsageError(f"there is no model {name!r}: choose one of {', '.join(sorted(MODELS))}")
    imported = user_manifest()
    return tuple(_find_stored_part(part, imported.get(part)) for part in MODELS[name].parts)


def make_meta_model(name: str) -> Colorizer:
    """A model without numbers, on the meta device: its modules, names and shapes."""
    with torch.device("meta"):
        return MODELS[name](MODELS[name].options_type())


def make_meta_parts() -> dict[str, dict[str, Tensor]]:
    """Names and shapes of the tensors of every part of every model, on the meta device."""
    meta_models = [make_meta_model(name) for name in MODELS]
    return {part: model.get_submodule(path).state_dict() for model in meta_models for part, path in model.parts.items()}


def load_model(name: str = DEFAULT_MODEL, **options: object) -> Colorizer:
    """A model with its weights, on the CPU, ready to colorize.

    ``options`` are fields of the model's ``options_type``, such as ``temperature=0.01``; those that the
    weights need come with them. What is not here stays as a fixed seed makes it, which a
    WeightsNotice and ``notices`` say loudly.
    Raises UsageError for an unknown name, WeightsError where weights are missing that ship with
    the package, or are not the ones of the manifest.
    """
    parts = stored_parts(name)
    model_class = MODELS[name]
    trained = all(part.path for part in parts)
    with torch.device("meta" if trained else "cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(UNTRAINED_SEED)
        model = model_class(replace(recorded_options(name), **options))
    for part in parts:
        if part.path:
            module = model.get_submodule(model_class.parts[part.name])
            try:
                module.load_state_dict(read_part(part), assign=True)
            except RuntimeError as error:
                raise WeightsError(f"{part.path} does not fit {name} ({error}): {_repair_hint(part)}") from error
    model.notices = weights_notices(name)
    for notice in model.notices:
        warnings.warn(notice, WeightsNotice, stacklevel=2)
    return model.eval()


def load_imagenet_backbone() -> EfficientNetLite0:
    """The backbone as a classifier of ImageNet: what `match` looks with, and what tells which pictures are alike.

    Raises WeightsError where it is not as it was installed.
    """
    network = EfficientNetLite0()
    network.load_state_dict(read_part(stored_backbone_part()))
    return network.eval().requires_grad_(False)


def stored_backbone_part() -> StoredPart:
    """The weights of `imagenet_backbone`."""
    return _find_stored_part(BACKBONE_PART, None)


def recorded_options(name: str) -> Any:
    """The options that a model's stored weights need; the defaults for all else. Raises as `stored_parts`."""
    recorded = {key: value for part in stored_parts(name) for key, value in part.entry.options.items()}
    try:
        return MODELS[name].options_type(**recorded)
    except TypeError as error:
        raise WeightsError(f"the weights of {name} want unknown options ({error}): import them again") from error


def read_part(part: StoredPart) -> dict[str, Tensor]:
    """A part's tensors, float32 or wider, by their names in its submodule.

    Raises WeightsError unless they are the manifest's.
    """
    assert part.path
    check_weights(part.path, part.entry, _repair_hint(part))
    try:
        tensors: dict[str, Tensor] = load_file(part.path)
    except SafetensorError as error:
        raise WeightsError(f"{part.path} cannot be read ({error}): {_repair_hint(part)}") from error
    return {name: promote_to_float32(tensor) for name, tensor in tensors.items()}


def check_weights(path: Path, entry: WeightsEntry, remedy: str = "install kinemacolor again") -> None:
    """Raises WeightsError unless ``path`` holds exactly what the manifest says."""
    if not path.is_file():
        raise WeightsError(f"the weights {path} are missing: {remedy}")
    try:
        digest = compute_file_sha256(path)
    except OSError as error:
        raise WeightsError(f"the weights {path} cannot be read ({error.strerror}): {remedy}") from error
    if digest != entry.sha256:
        raise WeightsError(
            f"the weights {path} are damaged or of another version (sha256 {digest[:12]}…, wanted "
            f"{str(entry.sha256)[:12]}…): {remedy}"
        )


def verify_weights(name: str | None = None) -> list[PartCheck]:
    """Reads every part of a model, or of all, and compares it with its manifest. Raises as `stored_parts`."""
    parts = {part.name: part for model in ([name] if name else MODELS) for part in stored_parts(model)}
    return [_check_part(part) for part in (*parts.values(), *(() if name else (stored_backbone_part(),)))]


def describe_model(name: str) -> dict[str, Any]:
    """What a model is and what its weights are, ready for JSON. Nothing is loaded. Raises as `stored_parts`."""
    parts, meta_model = stored_parts(name), make_meta_model(name)
    rows: list[dict[str, Any]] = [
        {
            "part": part.name,
            "parameters": _count_parameters(meta_model.get_submodule(meta_model.parts[part.name])),
            "state": part.state,
        }
        | asdict(replace(part.entry, file=str(part.path) if part.path else None))
        for part in parts
    ]
    states = {part.state for part in parts}
    return {
        "name": name,
        "parameters": _count_parameters(meta_model),
        "short_side": meta_model.spec.short_side,
        "block": meta_model.spec.block_size,
        "weights": next(state for state in ("untrained", "imported", "built in") if state in states),
        **{key: "; ".join(dict.fromkeys(row[key] for row in rows)) for key in ("licence", "trained_on", "provenance")},
        "parts": rows,
    }


def describe_models() -> list[dict[str, Any]]:
    """`describe_model` of every model."""
    return [describe_model(name) for name in MODELS]


def _find_stored_part(part: str, imported: WeightsEntry | None) -> StoredPart:
    entry = package_manifest()[part]
    if imported and (path := user_folder() / "weights" / str(imported.file)).is_file():
        return StoredPart(part, "imported", path, imported)
    if entry.file:
        return StoredPart(part, "built in", Path(str(files("kinemacolor").joinpath("assets", entry.file))), entry)
    return StoredPart(part, "untrained", None, entry)


def _repair_hint(part: StoredPart) -> str:
    if part.state == "built in":
        return "install kinemacolor again"
    return f"import them again (`kinemacolor models import --help`; they came from {part.entry.source})"


def weights_notices(name: str) -> tuple[str, ...]:
    """What a user must know of a model's weights on this machine. Raises as `stored_parts`."""
    parts = stored_parts(name)
    untrained = [part for part in parts if part.state == "untrained"]
    non_commercial = [
        f"{part.name} ({part.entry.licence})" for part in parts if part.path and part.entry.non_commercial
    ]
    notices = []
    if untrained:
        names = ", ".join(part.name for part in untrained)
        remedy = f"`kinemacolor models import {name} FILE...` brings the published weights"
        if not all(part.entry.published for part in untrained):
            remedy = "nobody published weights"
        notices.append(
            f"{name}: {names} {'is' if len(untrained) == 1 else 'are'} UNTRAINED: its colours mean nothing; "
            f"{remedy}, see `kinemacolor models info {name}`"
        )
    if non_commercial:
        notices.append(f"{name}: {', '.join(non_commercial)}: for non-commercial use only")
    return tuple(notices)


def _check_part(part: StoredPart) -> PartCheck:
    if not part.path:
        return PartCheck(part.name, "missing", "not imported")
    try:
        read_part(part)
    except WeightsError as error:
        return PartCheck(part.name, "damaged", str(error))
    return PartCheck(part.name, "ok", str(part.path))


def _count_parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
