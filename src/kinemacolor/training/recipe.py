"""`Recipe`: all settings of a training run, strictly validated. Unknown keys and wrong types are errors.

Each class is a section of the TOML file that a user edits and `recipe_file` reads.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, create_model, model_validator

from kinemacolor.data.clip import ClipOptions
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.training.recipe_losses import LossesConfig
from kinemacolor.training.recipe_section import STRICT_CONFIG, RecipeSection

PRINCIPAL_COMPONENTS, COPY = "principal-components", "copy"  # sources of ``start_from`` that are rules


class ModelConfig(RecipeSection):
    """The section ``model``: which model, and the weights that it starts from.

    ``name``: name of the model. ``options``: fields of its options class (`Colorizer.options_type`).
    ``start_from``: paths of submodules (``""`` is the whole model) and the weights that they start from. That is a part
    stored on this machine (see `kinemacolor models info`; of a part that holds more than the submodule, only the
    submodule's weights are taken), the path of a ``.safetensors`` file or of a run's checkpoint, ``.pt``,
    ``principal-components`` (projections of what the submodule will see of the first clips, `nn.principal_start`), or
    ``copy`` (the colours of its guide, `nn.unary_start`). All other weights are random by the recipe's ``seed``.
    """

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    start_from: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if self.name not in MODEL_CATALOG:
            raise ValueError(f"there is no model {self.name!r}: choose one of {', '.join(sorted(MODEL_CATALOG))}")
        return self

    def build_options(self, defaults: Any) -> Any:
        """Build the model's options: ``defaults``, replaced by those of the recipe. Raises ValidationError."""
        known = json.loads(create_model("Defaults", options=(type(defaults), ...))(options=defaults).model_dump_json())
        both = {"options": known["options"] | self.options}
        checked = create_model("Options", __config__=STRICT_CONFIG, options=(type(defaults), ...))
        return checked.model_validate_json(json.dumps(both)).options  # type: ignore[attr-defined]


class DataConfig(RecipeSection):
    """The section ``data``: folders of ``films`` and ``photographs``, relative to the recipe.

    ``pack``: folder of a pack (`data.packed`), which has both, instead. ``cache``: folder of decoded frames and flow;
    by default one in the user's folder. ``workers``: processes that make clips; 0 makes them in the training process.
    ``on_device``: all films, photographs and their motion are decoded into
    the memory of the training device before the first step, and clips are made there; where it has too little memory,
    processes make them. ``held_out``: folders of films and photographs that must never be learned from,
    and lists of names (.txt, .tsv) of some of those above; sources that show the same are left out (`data.held_out`).
    """

    films: tuple[Path, ...] = ()
    photographs: tuple[Path, ...] = ()
    pack: Path | None = None
    cache: Path | None = None
    workers: int = Field(default=0, ge=0)
    on_device: bool = False
    held_out: tuple[Path, ...] = ()


class OptimizerConfig(RecipeSection):
    """The section ``optimizer``: Adam or AdamW and its settings.

    ``lr``: learning rate. ``lr_by_module``: learning rates of submodules by their path. ``frozen``: paths of submodules
    that are not trained. ``frozen_statistics``: batch normalization keeps the means and variances that it starts with.
    """

    kind: Literal["adam", "adamw"] = "adamw"
    lr: float = Field(default=1e-4, gt=0)
    lr_by_module: dict[str, float] = Field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    frozen_statistics: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    amsgrad: bool = False


class LrScheduleConfig(RecipeSection):
    """The section ``lr_schedule``: the factor on all learning rates, linear from 0 over ``warmup`` steps, then 1.

    Kind ``steps``: multiplied by ``factor`` at each step of ``milestones``. Kind ``cosine``: falls to ``floor`` at step
    ``end_step``.
    """

    kind: Literal["constant", "steps", "cosine"] = "constant"
    warmup: int = Field(default=0, ge=0)
    milestones: tuple[int, ...] = ()
    factor: float = Field(default=0.1, gt=0)
    end_step: int = Field(default=0, ge=0)
    floor: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if self.kind == "cosine" and self.end_step <= self.warmup:
            raise ValueError("a cosine needs end_step, a step behind warmup")
        if self.kind == "steps" and not self.milestones:
            raise ValueError("steps need milestones, a list of steps")
        return self


class ValidationConfig(RecipeSection):
    """The section ``validation``: what is measured of held-out films and photographs (`validation_items`).

    ``every``: steps between validations; 0 is never. ``share``: share of the films' origins that is held out, chosen by
    the hash of their names (at least one where there are two). ``folders``: held-out films instead of a share.
    ``films``: number of held-out films that are measured. ``frames``: frames of each, from the first on.
    ``photograph_share``: share of the photographs that is held out, likewise (at least two, none of fewer than ten).
    ``photographs``: number of held-out photographs that are measured.
    """

    every: int = Field(default=1000, ge=0)
    share: float = Field(default=0.1, ge=0, lt=1)
    folders: tuple[Path, ...] = ()
    films: int = Field(default=8, ge=1)
    frames: int = Field(default=16, ge=2)
    photograph_share: float = Field(default=0.01, ge=0, lt=1)
    photographs: int = Field(default=8, ge=0)


class Recipe(RecipeSection):
    """All settings of a training run; `recipe_aliases` has the names that keys had before.

    ``steps``: steps of the optimizer. ``batch_size``: clips of a step, over all devices. ``gradient_accumulation``:
    number of parts into which a device divides its share of a batch, to save memory. ``gradient_checkpointing``: the
    activations of a block of frames are computed twice instead of stored. ``precision``: of the networks, where the
    device has instructions for it, else float32. ``ema_decay``: decay of the running mean of the weights, which is
    validated and exported; 0 turns it off. ``clip_norm``: largest norm of the gradient; 0 is no limit. ``seed``: of
    weights, clips and their order. ``checkpoint_every``, ``log_every``: in steps. ``keep_checkpoints``: number of
    checkpoints that are kept.
    """

    model: ModelConfig
    data: DataConfig = DataConfig()
    clips: ClipOptions = ClipOptions()
    losses: LossesConfig
    optimizer: OptimizerConfig = OptimizerConfig()
    lr_schedule: LrScheduleConfig = LrScheduleConfig()
    validation: ValidationConfig = ValidationConfig()
    steps: int = Field(ge=1)
    batch_size: int = Field(default=4, ge=1)
    gradient_accumulation: int = Field(default=1, ge=1)
    gradient_checkpointing: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    checkpoint_every: int = Field(default=1000, ge=1)
    log_every: int = Field(default=10, ge=1)
    keep_checkpoints: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _check_losses(self) -> Self:
        terms = self.losses.active_terms()
        if not terms:
            raise ValueError("losses: none has a weight, so there is nothing to minimise")
        pairs = [name for name in ("temporal", "adversarial") if name in terms]
        if pairs and self.clips.frames < 2:
            raise ValueError(f"losses: {', '.join(pairs)} wants clips.frames of at least 2")
        return self


def is_stored_part(source: str) -> bool:
    """Whether a source of ``start_from`` is the name of a stored part."""
    return source not in (PRINCIPAL_COMPONENTS, COPY) and not is_weights_file(source)


def is_weights_file(source: object) -> bool:
    """Whether a source of ``start_from`` is a path of a file."""
    return isinstance(source, str) and source.endswith((".safetensors", ".pt"))
