"""A recipe: everything that decides what a training run makes. Unknown keys and wrong types are errors.

`recipe_file` reads one from the TOML file that a person edits. Each class here is a section of that file.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from kinemacolor.data.clip import ClipOptions, ReferenceKind
from kinemacolor.losses.numerics import Penalty
from kinemacolor.weights.registry import MODELS

STRICT_CONFIG = ConfigDict(extra="forbid", strict=True, frozen=True)


class _RecipeSection(BaseModel):
    model_config = STRICT_CONFIG


class ModelConfig(_RecipeSection):
    """``name``: one of the models. ``options``: fields of its options class (`Colorizer.options_type`).

    ``start_from``: submodules (``""`` is the whole model) and the weights that they begin with: a part that
    is stored on this machine (see `kinemacolor models info`; of a part for more than the submodule what is the
    submodule's), or a path that ends with ``.safetensors`` or is a
    checkpoint of a run, ``.pt``. All else begins as ``seed`` says.
    """

    name: str
    options: dict[str, Any] = {}
    start_from: dict[str, str] = {}

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if self.name not in MODELS:
            raise ValueError(f"there is no model {self.name!r}: choose one of {', '.join(sorted(MODELS))}")
        return self

    def build_options(self, defaults: Any) -> Any:
        """The model's options; where the recipe says nothing, those of ``defaults``. Raises ValidationError."""
        known = json.loads(create_model("Defaults", options=(type(defaults), ...))(options=defaults).model_dump_json())
        both = {"options": known["options"] | self.options}
        checked = create_model("Options", __config__=STRICT_CONFIG, options=(type(defaults), ...))
        return checked.model_validate_json(json.dumps(both)).options  # type: ignore[attr-defined]


class DataConfig(_RecipeSection):
    """Folders of ``films`` and of ``photographs``, relative to the recipe.

    ``cache``: where decoded frames and motion are kept; without it a folder of the user's. ``workers``:
    processes that make clips; 0 makes them between the steps.
    """

    films: tuple[Path, ...] = ()
    photographs: tuple[Path, ...] = ()
    cache: Path | None = None
    workers: int = Field(default=0, ge=0)


class LossTermConfig(_RecipeSection):
    """A loss and its ``weight``; the weight alone may stand for it, and 0 leaves it out."""

    weight: float = Field(ge=0)


class L1LossConfig(LossTermConfig):
    """`losses.pixel.l1_loss` in Lab units, for clips with these kinds of ``references`` only."""

    references: tuple[ReferenceKind, ...] = get_args(ReferenceKind)


class SmoothL1LossConfig(L1LossConfig):
    """`losses.pixel.smooth_l1_loss` of ab divided by ``scale``."""

    beta: float = Field(default=1.0, gt=0)
    scale: float = Field(default=1.0, gt=0)


class PsnrLossConfig(L1LossConfig):
    """`losses.pixel.psnr_loss`; ``noise`` in Lab units."""

    noise: float = Field(default=1.0, ge=1)


class MatchColorsLossConfig(PsnrLossConfig):
    """Of a chroma that the model gives beside its answer (``Step.aux``), by its name ``aux``: L1, or `psnr_loss`."""

    aux: str = "evidence"
    form: Literal["l1", "psnr"] = "l1"


class SemanticColorsLossConfig(MatchColorsLossConfig):
    """The same of what `models.kind` found."""

    aux: str = "kind"


class PerceptualLossConfig(LossTermConfig):
    """`losses.perceptual.perceptual_loss` of relu5_2 (``top``) or of five layers (``all``)."""

    layers: Literal["top", "all"] = "top"
    penalty: Penalty = "l2"


class ContextualLossConfig(LossTermConfig):
    """`losses.perceptual.contextual_loss` to all references."""

    bandwidth: float = Field(default=0.1, gt=0)


class SmoothnessLossConfig(LossTermConfig):
    """`losses.pixel.smoothness_loss`; ``alpha`` in squared Lab units."""

    alpha: float = Field(default=10.0, gt=0)
    centre: bool = True
    penalty: Penalty = "l1"


class TemporalLossConfig(LossTermConfig):
    """`losses.temporal.temporal_loss` between consecutive frames."""

    penalty: Penalty = "l1"


class AdversarialLossConfig(LossTermConfig):
    """`losses.adversarial`, from step ``after`` on; ``rate`` is the discriminator's, ``width`` scales its channels."""

    after: int = Field(default=0, ge=0)
    rate: float = Field(default=2e-4, gt=0)
    width: float = Field(default=1.0, gt=0)


class ConfidenceLossConfig(LossTermConfig):
    """`losses.confidence.confidence_loss`; ``tolerance`` in Lab units."""

    tolerance: float = Field(default=10.0, gt=0)


class LossesConfig(_RecipeSection):
    """What is minimised: the sum of these, each times its weight. ``adversarial`` is the colorizer's side."""

    l1: L1LossConfig | None = None
    smooth_l1: SmoothL1LossConfig | None = None
    psnr: PsnrLossConfig | None = None
    evidence: MatchColorsLossConfig | None = None
    by_kind: SemanticColorsLossConfig | None = None
    perceptual: PerceptualLossConfig | None = None
    contextual: ContextualLossConfig | None = None
    smoothness: SmoothnessLossConfig | None = None
    temporal: TemporalLossConfig | None = None
    adversarial: AdversarialLossConfig | None = None
    confidence: ConfidenceLossConfig | None = None

    def active_terms(self) -> dict[str, LossTermConfig]:
        """Those that count, by name."""
        every = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: term for name, term in every.items() if term is not None and term.weight > 0}


class OptimizerConfig(_RecipeSection):
    """Adam or AdamW and its numbers; ``rate`` is that of everything without one of its own.

    ``rates``: submodules and their rates. ``frozen``: submodules that are not trained. With
    ``frozen_statistics`` batch normalisation keeps the means and variances that it begins with.
    """

    kind: Literal["adam", "adamw"] = "adamw"
    rate: float = Field(default=1e-4, gt=0)
    rates: dict[str, float] = {}
    frozen: tuple[str, ...] = ()
    frozen_statistics: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    amsgrad: bool = False


class LrScheduleConfig(_RecipeSection):
    """What the rates are multiplied with, by step: linear from 0 over ``warmup`` steps, then 1, and

    ``steps``: times ``factor`` at each step of ``at``. ``cosine``: down to ``floor`` at step ``until``.
    """

    kind: Literal["constant", "steps", "cosine"] = "constant"
    warmup: int = Field(default=0, ge=0)
    at: tuple[int, ...] = ()
    factor: float = Field(default=0.1, gt=0)
    until: int = Field(default=0, ge=0)
    floor: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if self.kind == "cosine" and self.until <= self.warmup:
            raise ValueError("a cosine needs until, a step behind warmup")
        if self.kind == "steps" and not self.at:
            raise ValueError("steps need at, a list of steps")
        return self


class ValidationConfig(_RecipeSection):
    """PSNR of whole films whose first frame is given, ``every`` so many steps; 0 is never.

    Held out is a ``share`` of what films were cut from, chosen by the hash of its name (at least one, where
    there are two), or, where named, what lies in ``folders``. ``films`` of these are seen, and of each the first
    ``frames``.
    """

    every: int = Field(default=1000, ge=0)
    share: float = Field(default=0.1, ge=0, lt=1)
    folders: tuple[Path, ...] = ()
    films: int = Field(default=8, ge=1)
    frames: int = Field(default=16, ge=2)


class Recipe(_RecipeSection):
    """All of a run.

    ``steps``: so many times the solver moves. ``batch``: clips for each of these, over all devices.
    ``accumulate``: parts that a device's share of them is worked off in, where memory is short; ``recompute``
    keeps no activations of a block of frames but computes them twice. ``precision``: of the networks, where the
    device has it; a CPU trains in float32. ``ema``: decay of the running mean of the weights, which is validated
    and exported; 0 takes the weights themselves. ``clip_norm``: largest norm of the gradient; 0 is any. ``seed``:
    of the weights, the clips and their order. ``keep``: so many checkpoints.
    """

    model: ModelConfig
    data: DataConfig = DataConfig()
    clips: ClipOptions = ClipOptions()
    losses: LossesConfig
    solver: OptimizerConfig = OptimizerConfig()
    schedule: LrScheduleConfig = LrScheduleConfig()
    validation: ValidationConfig = ValidationConfig()
    steps: int = Field(ge=1)
    batch: int = Field(default=4, ge=1)
    accumulate: int = Field(default=1, ge=1)
    recompute: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    ema: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    checkpoint_every: int = Field(default=1000, ge=1)
    log_every: int = Field(default=10, ge=1)
    keep: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _check_losses(self) -> Self:
        terms = self.losses.active_terms()
        if not terms:
            raise ValueError("losses: none has a weight, so there is nothing to minimise")
        pairs = [name for name in ("temporal", "adversarial") if name in terms]
        if pairs and self.clips.frames < 2:
            raise ValueError(f"losses: {', '.join(pairs)} wants clips.frames of at least 2")
        return self


def is_weights_file(source: object) -> bool:
    """Whether ``start_from`` means a file; else it is a part of the store."""
    return isinstance(source, str) and source.endswith((".safetensors", ".pt"))
