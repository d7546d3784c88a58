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

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Section(BaseModel):
    model_config = STRICT


class ModelChoice(_Section):
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
    def _known(self) -> Self:
        if self.name not in MODELS:
            raise ValueError(f"there is no model {self.name!r}: choose one of {', '.join(sorted(MODELS))}")
        return self

    def built(self, defaults: Any) -> Any:
        """The model's options; where the recipe says nothing, those of ``defaults``. Raises ValidationError."""
        known = json.loads(create_model("Defaults", options=(type(defaults), ...))(options=defaults).model_dump_json())
        both = {"options": known["options"] | self.options}
        checked = create_model("Options", __config__=STRICT, options=(type(defaults), ...))
        return checked.model_validate_json(json.dumps(both)).options  # type: ignore[attr-defined]


class DataChoice(_Section):
    """Folders of ``films`` and of ``photographs``, relative to the recipe.

    ``cache``: where decoded frames and motion are kept; without it a folder of the user's. ``workers``:
    processes that make clips; 0 makes them between the steps.
    """

    films: tuple[Path, ...] = ()
    photographs: tuple[Path, ...] = ()
    cache: Path | None = None
    workers: int = Field(default=0, ge=0)


class Term(_Section):
    """A loss and its ``weight``; the weight alone may stand for it, and 0 leaves it out."""

    weight: float = Field(ge=0)


class L1(Term):
    """`losses.pixel.l1_loss` in Lab units, for clips with these kinds of ``references`` only."""

    references: tuple[ReferenceKind, ...] = get_args(ReferenceKind)


class SmoothL1(L1):
    """`losses.pixel.smooth_l1_loss` of ab divided by ``scale``."""

    beta: float = Field(default=1.0, gt=0)
    scale: float = Field(default=1.0, gt=0)


class Psnr(L1):
    """`losses.pixel.psnr_loss`; ``noise`` in Lab units."""

    noise: float = Field(default=1.0, ge=1)


class Evidence(Psnr):
    """Of a chroma that the model gives beside its answer (``Step.aux``), by its name ``aux``: L1, or `psnr_loss`."""

    aux: str = "evidence"
    form: Literal["l1", "psnr"] = "l1"


class ByKind(Evidence):
    """The same of what `models.kind` found."""

    aux: str = "kind"


class Perceptual(Term):
    """`losses.perceptual.perceptual_loss` of relu5_2 (``top``) or of five layers (``all``)."""

    layers: Literal["top", "all"] = "top"
    penalty: Penalty = "l2"


class Contextual(Term):
    """`losses.perceptual.contextual_loss` to all references."""

    bandwidth: float = Field(default=0.1, gt=0)


class Smoothness(Term):
    """`losses.pixel.smoothness_loss`; ``alpha`` in squared Lab units."""

    alpha: float = Field(default=10.0, gt=0)
    centre: bool = True
    penalty: Penalty = "l1"


class Temporal(Term):
    """`losses.temporal.temporal_loss` between consecutive frames."""

    penalty: Penalty = "l1"


class Adversarial(Term):
    """`losses.adversarial`, from step ``after`` on; ``rate`` is the discriminator's, ``width`` scales its channels."""

    after: int = Field(default=0, ge=0)
    rate: float = Field(default=2e-4, gt=0)
    width: float = Field(default=1.0, gt=0)


class Confidence(Term):
    """`losses.confidence.confidence_loss`; ``tolerance`` in Lab units."""

    tolerance: float = Field(default=10.0, gt=0)


class Losses(_Section):
    """What is minimised: the sum of these, each times its weight. ``adversarial`` is the colorizer's side."""

    l1: L1 | None = None
    smooth_l1: SmoothL1 | None = None
    psnr: Psnr | None = None
    evidence: Evidence | None = None
    by_kind: ByKind | None = None
    perceptual: Perceptual | None = None
    contextual: Contextual | None = None
    smoothness: Smoothness | None = None
    temporal: Temporal | None = None
    adversarial: Adversarial | None = None
    confidence: Confidence | None = None

    def terms(self) -> dict[str, Term]:
        """Those that count, by name."""
        every = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: term for name, term in every.items() if term is not None and term.weight > 0}


class Solver(_Section):
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


class Schedule(_Section):
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
    def _whole(self) -> Self:
        if self.kind == "cosine" and self.until <= self.warmup:
            raise ValueError("a cosine needs until, a step behind warmup")
        if self.kind == "steps" and not self.at:
            raise ValueError("steps need at, a list of steps")
        return self


class Validation(_Section):
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


class Recipe(_Section):
    """All of a run.

    ``steps``: so many times the solver moves. ``batch``: clips for each of these, over all devices.
    ``accumulate``: parts that a device's share of them is worked off in, where memory is short; ``recompute``
    keeps no activations of a block of frames but computes them twice. ``precision``: of the networks, where the
    device has it; a CPU trains in float32. ``ema``: decay of the running mean of the weights, which is validated
    and exported; 0 takes the weights themselves. ``clip_norm``: largest norm of the gradient; 0 is any. ``seed``:
    of the weights, the clips and their order. ``keep``: so many checkpoints.
    """

    model: ModelChoice
    data: DataChoice = DataChoice()
    clips: ClipOptions = ClipOptions()
    losses: Losses
    solver: Solver = Solver()
    schedule: Schedule = Schedule()
    validation: Validation = Validation()
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
    def _fitting(self) -> Self:
        terms = self.losses.terms()
        if not terms:
            raise ValueError("losses: none has a weight, so there is nothing to minimise")
        pairs = [name for name in ("temporal", "adversarial") if name in terms]
        if pairs and self.clips.frames < 2:
            raise ValueError(f"losses: {', '.join(pairs)} wants clips.frames of at least 2")
        return self


def is_file(start: object) -> bool:
    """Whether ``start_from`` means a file; else it is a part of the store."""
    return isinstance(start, str) and start.endswith((".safetensors", ".pt"))
