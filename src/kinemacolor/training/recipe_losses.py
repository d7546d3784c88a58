"""The section ``losses`` of a recipe: which losses an objective has, their weights and their settings."""

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from kinemacolor.data.clip import ReferenceKind
from kinemacolor.losses.penalty import Penalty
from kinemacolor.training.recipe_section import RecipeSection


class LossTermConfig(RecipeSection):
    """A loss with its ``weight``; 0 turns it off. In a file the number alone may stand for the table."""

    weight: float = Field(ge=0)


class L1LossConfig(LossTermConfig):
    """`losses.pixel.l1_loss` of ab in Lab units, only for clips with these kinds of ``references``."""

    references: tuple[ReferenceKind, ...] = get_args(ReferenceKind)


class SmoothL1LossConfig(L1LossConfig):
    """`losses.pixel.smooth_l1_loss` of ab (Lab units) divided by ``scale``."""

    beta: float = Field(default=1.0, gt=0)
    scale: float = Field(default=1.0, gt=0)


class PsnrLossConfig(L1LossConfig):
    """`losses.pixel.psnr_loss` of ab; ``noise`` in Lab units."""

    noise: float = Field(default=1.0, ge=1)


class DetailLossConfig(L1LossConfig):
    """`losses.detail.detail_loss` of ab; ``weights`` of the bands of 25 to 9, 9 to 3 and under 3 px."""

    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)


class VividnessLossConfig(L1LossConfig):
    """`losses.vividness.vividness_loss`, by default where the reference shows another scene; ``cell`` in px."""

    references: tuple[ReferenceKind, ...] = ("similar", "wrong")
    cell: int = Field(default=8, ge=1)


class ColorClassesLossConfig(L1LossConfig):
    """`losses.color_classes.color_classes_loss` of the logits ``aux`` of `ModelOutput.aux`."""

    aux: str = "prior"


class DeepFeaturesLossConfig(L1LossConfig):
    """`losses.deep_features.deep_features_loss` on these ``blocks`` of the backbone, at 1/2, 1/4, 1/8, 1/16, 1/16."""

    blocks: tuple[Literal[0, 2, 4, 7, 10], ...] = Field(default=(0, 2, 4, 7), min_length=1)


class MatchColorsLossConfig(PsnrLossConfig):
    """Loss on the colours of matching, before fusion: on the ab map ``aux`` of `ModelOutput.aux`.

    ``form``: `losses.pixel.l1_loss` or `losses.pixel.psnr_loss`.
    """

    aux: str = "evidence"
    form: Literal["l1", "psnr"] = "l1"


class SemanticColorsLossConfig(MatchColorsLossConfig):
    """Loss on the colours of semantic attention (`models.kinema.semantic`), as `MatchColorsLossConfig`."""

    aux: str = "semantic"


class FilledColorsLossConfig(MatchColorsLossConfig):
    """Loss on the colours with `MatchingOptions.fill` (`models.kinema.fusion`), as `MatchColorsLossConfig`."""

    aux: str = "full"


class PerceptualLossConfig(LossTermConfig):
    """`losses.perceptual.perceptual_loss` on relu5_2 (``top``) or on five layers (``all``)."""

    layers: Literal["top", "all"] = "top"
    penalty: Penalty = "l2"


class ContextualLossConfig(LossTermConfig):
    """`losses.perceptual.contextual_loss` between prediction and all references."""

    bandwidth: float = Field(default=0.1, gt=0)


class SmoothnessLossConfig(LossTermConfig):
    """`losses.pixel.smoothness_loss`; ``alpha`` in squared Lab units.

    ``centre``: the pixel itself counts among its neighbours.
    """

    alpha: float = Field(default=10.0, gt=0)
    centre: bool = True
    penalty: Penalty = "l1"


class TemporalLossConfig(LossTermConfig):
    """`losses.temporal.temporal_loss` between consecutive frames."""

    penalty: Penalty = "l1"


class AdversarialLossConfig(LossTermConfig):
    """`losses.adversarial`, from step ``start_step`` on.

    ``lr``: the discriminator's learning rate. ``width``: factor on its number of channels.
    """

    start_step: int = Field(default=0, ge=0)
    lr: float = Field(default=2e-4, gt=0)
    width: float = Field(default=1.0, gt=0)


class ConfidenceLossConfig(LossTermConfig):
    """`losses.confidence.confidence_loss`; ``tolerance`` in Lab units, ``region`` in px: 0, or an odd number.

    ``form``: of what is to be predicted, `losses.confidence.soft_correctness` or `hard_correctness`.
    """

    tolerance: float = Field(default=10.0, gt=0)
    region: int = Field(default=0, ge=0)
    form: Literal["soft", "hard"] = "soft"

    @model_validator(mode="after")
    def _check_region(self) -> Self:
        if self.region and self.region % 2 == 0:
            raise ValueError("region: wanted 0 or an odd number of px, which has a middle")
        return self


class LossesConfig(RecipeSection):
    """The section ``losses``: the objective is their sum, each times its weight.

    ``adversarial`` is the model's side; the discriminator minimises its own loss.
    """

    l1: L1LossConfig | None = None
    smooth_l1: SmoothL1LossConfig | None = None
    psnr: PsnrLossConfig | None = None
    detail: DetailLossConfig | None = None
    match_colors: MatchColorsLossConfig | None = None
    semantic_colors: SemanticColorsLossConfig | None = None
    filled_colors: FilledColorsLossConfig | None = None
    color_classes: ColorClassesLossConfig | None = None
    vividness: VividnessLossConfig | None = None
    deep_features: DeepFeaturesLossConfig | None = None
    perceptual: PerceptualLossConfig | None = None
    contextual: ContextualLossConfig | None = None
    smoothness: SmoothnessLossConfig | None = None
    temporal: TemporalLossConfig | None = None
    adversarial: AdversarialLossConfig | None = None
    confidence: ConfidenceLossConfig | None = None
    confidence_correlation: LossTermConfig | None = None

    def active_terms(self) -> dict[str, LossTermConfig]:
        """Return the losses with a weight above 0, by name."""
        every = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: term for name, term in every.items() if term is not None and term.weight > 0}
