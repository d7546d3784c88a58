"""Builds models and loads their weights, which are verified before they are used."""

import json
import warnings
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file
from torch import Tensor

from kinemacolor.errors import WeightsError, translate_foreign_errors
from kinemacolor.models.base import Colorizer
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.nn.backbones import EfficientNetLite0
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.options import DEFAULT_MODEL
from kinemacolor.weights.manifest import (
    StoredPart,
    check_weights,
    repair_hint,
    stored_backbone_part,
    stored_parts,
    weights_notices,
)
from kinemacolor.weights.misfit import explain_misfit

MODELS: dict[str, type[Colorizer]] = {name: entry.load_class() for name, entry in MODEL_CATALOG.items()}
UNTRAINED_SEED = 0  # for the initial values of untrained weights


class WeightsNotice(UserWarning):
    """Warning with something that a user must know of the weights that a model was loaded with."""


def make_meta_model(name: str) -> Colorizer:
    """Build a model on the meta device: modules, names and shapes, but no values."""
    with torch.device("meta"):
        return MODELS[name](MODELS[name].options_type())


def make_meta_parts() -> dict[str, dict[str, Tensor]]:
    """Return the tensors of every part of every model on the meta device: names, shapes and types, but no values."""
    meta_models = [make_meta_model(name) for name in MODELS]
    return {part: model.get_submodule(path).state_dict() for model in meta_models for part, path in model.parts.items()}


def load_model(name: str = DEFAULT_MODEL, **options: object) -> Colorizer:
    """Load a model with its weights, on the CPU, in evaluation mode.

    ``options`` are fields of the model's ``options_type``, such as ``temperature=0.01``; options that the weights need
    are set from the manifest. Parts that this machine does not have keep random values of a fixed seed, of which a
    WeightsNotice and the model's ``notices`` warn.
    Raises UsageError for an unknown name, WeightsError where weights that ship with the package are missing, or where
    weights do not match the manifest.
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
            tensors = read_part(part)
            try:
                module.load_state_dict(tensors, assign=True)
            except RuntimeError as error:
                misfit = explain_misfit(tensors, module.state_dict())
                raise WeightsError(f"{part.path} does not fit {name}, {misfit}: {repair_hint(part)}") from error
    model.notices = weights_notices(name)
    for notice in model.notices:
        warnings.warn(notice, WeightsNotice, stacklevel=2)
    return model.eval()


def load_imagenet_backbone() -> EfficientNetLite0:
    """Load the ImageNet classifier whose features `MatchBaseline` matches and training data is compared by.

    Raises WeightsError where its file is missing or damaged.
    """
    network = EfficientNetLite0()
    network.load_state_dict(read_part(stored_backbone_part()))
    return network.eval().requires_grad_(False)


def recorded_options(name: str) -> Any:
    """Return the options of a model that its stored weights need, defaults for the others. Raises as `stored_parts`."""
    recorded = {key: value for part in stored_parts(name) for key, value in part.entry.options.items()}
    try:
        return MODELS[name].options_type(**recorded)
    except TypeError as error:
        raise WeightsError(f"the weights of {name} want unknown options ({error}): import them again") from error


def are_options(name: str, options: object) -> bool:
    """Whether ``options`` are fields of a model's ``options_type`` with values of their types."""
    with suppress(ValueError, TypeError):
        checked: Any = TypeAdapter(MODELS[name].options_type).validate_json(json.dumps(options), strict=True)
        return isinstance(options, dict) and options.keys() <= asdict(checked).keys()
    return False


def read_part(part: StoredPart) -> dict[str, Tensor]:
    """Read the tensors of a part, float32 or wider, by their names in its submodule.

    Raises WeightsError where the file does not match the manifest.
    """
    assert part.path
    check_weights(part.path, part.entry, repair_hint(part))
    with translate_foreign_errors(
        lambda error: WeightsError(f"{part.path} cannot be read ({error}): {repair_hint(part)}")
    ):
        tensors: dict[str, Tensor] = load_file(part.path)
    return {name: promote_to_float32(tensor) for name, tensor in tensors.items()}
