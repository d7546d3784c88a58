"""The objective: computes the losses of the recipe by name."""

from collections.abc import Callable, Mapping

from torch import Tensor

from kinemacolor.errors import UsageError
from kinemacolor.losses.adversarial import discriminator_loss, generator_loss
from kinemacolor.losses.color_classes import color_classes_loss
from kinemacolor.losses.confidence import confidence_correlation_loss, confidence_loss
from kinemacolor.losses.deep_features import deep_features_loss
from kinemacolor.losses.detail import detail_loss
from kinemacolor.losses.perceptual import ALL_LAYERS, CONTEXTUAL_LAYERS, TOP_LAYER, contextual_loss, perceptual_loss
from kinemacolor.losses.pixel import l1_loss, psnr_loss, smooth_l1_loss, smoothness_loss
from kinemacolor.losses.temporal import temporal_loss
from kinemacolor.losses.vividness import vividness_loss
from kinemacolor.nn.ab_bins import BIN_COUNT
from kinemacolor.training import recipe_losses as recipes
from kinemacolor.training.loss_inputs import LossInputs

PERCEPTUAL_LAYERS = {"top": TOP_LAYER, "all": ALL_LAYERS}


def compute_losses(config: recipes.LossesConfig, inputs: LossInputs, step: int) -> dict[str, Tensor]:
    """Compute the value of every term that is active at ``step``, not multiplied with its weight."""
    terms = config.active_terms()
    if not is_adversarial_active(config, step):
        terms.pop("adversarial", None)
    return {name: LOSS_FUNCTIONS[name](term, inputs) for name, term in terms.items()}


def is_adversarial_active(config: recipes.LossesConfig, step: int) -> bool:
    """Whether the adversarial loss is active at ``step``."""
    term = config.active_terms().get("adversarial")
    return isinstance(term, recipes.AdversarialLossConfig) and step >= term.start_step


def compute_discriminator_loss(inputs: LossInputs) -> Tensor:
    """Compute the discriminator's own loss; no gradient flows to the prediction."""
    return discriminator_loss(*inputs.discriminator_scores(inputs.predicted_lab.detach()))


def required_vgg_taps(config: recipes.LossesConfig) -> tuple[str, ...]:
    """Return the VGG19 layers that the active losses use; empty if none uses VGG19."""
    terms, wanted = config.active_terms(), set()
    perceptual = terms.get("perceptual")
    if isinstance(perceptual, recipes.PerceptualLossConfig):
        wanted |= {layer.tap for layer in PERCEPTUAL_LAYERS[perceptual.layers]}
    if "contextual" in terms:
        wanted |= {layer.tap for layer in CONTEXTUAL_LAYERS}
    return tuple(sorted(wanted))


def needs_backbone(config: recipes.LossesConfig) -> bool:
    """Whether an active loss looks through the ImageNet backbone."""
    return "deep_features" in config.active_terms()


def _l1_term(term: recipes.L1LossConfig, inputs: LossInputs) -> Tensor:
    return l1_loss(inputs.predicted_ab, inputs.true_lab[:, 1:], inputs.reference_kind_mask(term))


def _smooth_l1_term(term: recipes.SmoothL1LossConfig, inputs: LossInputs) -> Tensor:
    predicted, truth = inputs.predicted_ab / term.scale, inputs.true_lab[:, 1:] / term.scale
    return smooth_l1_loss(predicted, truth, inputs.reference_kind_mask(term), beta=term.beta)


def _psnr_term(term: recipes.PsnrLossConfig, inputs: LossInputs) -> Tensor:
    return psnr_loss(inputs.predicted_ab, inputs.true_lab[:, 1:], inputs.reference_kind_mask(term), noise=term.noise)


def _detail_term(term: recipes.DetailLossConfig, inputs: LossInputs) -> Tensor:
    mask = inputs.reference_kind_mask(term)
    return detail_loss(inputs.predicted_ab, inputs.true_lab[:, 1:], mask, band_weights=term.weights)


def _vividness_term(term: recipes.VividnessLossConfig, inputs: LossInputs) -> Tensor:
    return vividness_loss(inputs.predicted_ab, inputs.true_lab[:, 1:], inputs.reference_kind_mask(term), cell=term.cell)


def _color_classes_term(term: recipes.ColorClassesLossConfig, inputs: LossInputs) -> Tensor:
    """Loss on logits of ab bins in the model's ``aux``. Raises UsageError where the model has none of that name."""
    logits = inputs.prediction.aux.get(term.aux)
    if logits is None or logits.dim() != 5 or logits.shape[2] != BIN_COUNT:
        raise UsageError(f"losses.color_classes: the model gives no {term.aux} with logits of {BIN_COUNT} bins of ab")
    return color_classes_loss(logits.flatten(0, 1), inputs.true_lab[:, 1:], inputs.reference_kind_mask(term))


def _deep_features_term(term: recipes.DeepFeaturesLossConfig, inputs: LossInputs) -> Tensor:
    mask = inputs.reference_kind_mask(term)
    return deep_features_loss(inputs.predicted_backbone_maps, inputs.true_backbone_maps, mask, blocks=term.blocks)


def _aux_ab_term(term: recipes.MatchColorsLossConfig, inputs: LossInputs) -> Tensor:
    """Loss on an ab map in the model's ``aux``. Raises UsageError where the model has no such map."""
    ab_names = [name for name, field in inputs.prediction.aux.items() if field.shape == inputs.prediction.ab.shape]
    if term.aux not in ab_names:
        known = ", ".join(ab_names) or "nothing"
        raise UsageError(f"losses: the model gives {known} beside its colours, no {term.aux}")
    predicted, truth, mask = (
        inputs.prediction.aux[term.aux].flatten(0, 1),
        inputs.true_lab[:, 1:],
        inputs.reference_kind_mask(term),
    )
    return l1_loss(predicted, truth, mask) if term.form == "l1" else psnr_loss(predicted, truth, mask, noise=term.noise)


def _perceptual_term(term: recipes.PerceptualLossConfig, inputs: LossInputs) -> Tensor:
    return perceptual_loss(
        inputs.predicted_features, inputs.true_features, layers=PERCEPTUAL_LAYERS[term.layers], penalty=term.penalty
    )


def _contextual_term(term: recipes.ContextualLossConfig, inputs: LossInputs) -> Tensor:
    return contextual_loss(inputs.predicted_features, inputs.reference_features, bandwidth=term.bandwidth)


def _smoothness_term(term: recipes.SmoothnessLossConfig, inputs: LossInputs) -> Tensor:
    return smoothness_loss(
        inputs.predicted_ab, inputs.true_lab, alpha=term.alpha, centre=term.centre, penalty=term.penalty
    )


def _temporal_term(term: recipes.TemporalLossConfig, inputs: LossInputs) -> Tensor:
    first, second = (part.flatten(0, 1) for part in (inputs.prediction.ab[:, :-1], inputs.prediction.ab[:, 1:]))
    return temporal_loss(
        first, second, inputs.batch.flow.flatten(0, 1), inputs.batch.visibility.flatten(0, 1), penalty=term.penalty
    )


def _adversarial_term(term: recipes.AdversarialLossConfig, inputs: LossInputs) -> Tensor:
    return generator_loss(*inputs.discriminator_scores(inputs.predicted_lab))


def _confidence_term(term: recipes.ConfidenceLossConfig, inputs: LossInputs) -> Tensor:
    confidence = inputs.prediction.confidence.flatten(0, 1)
    return confidence_loss(
        confidence,
        inputs.predicted_ab,
        inputs.true_lab[:, 1:],
        tolerance=term.tolerance,
        region=term.region,
        form=term.form,
    )


def _confidence_correlation_term(_: recipes.LossTermConfig, inputs: LossInputs) -> Tensor:
    confidence = inputs.prediction.confidence.flatten(0, 1)
    return confidence_correlation_loss(confidence, inputs.predicted_ab, inputs.true_lab[:, 1:])


LOSS_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "l1": _l1_term,
    "smooth_l1": _smooth_l1_term,
    "psnr": _psnr_term,
    "detail": _detail_term,
    "match_colors": _aux_ab_term,
    "semantic_colors": _aux_ab_term,
    "filled_colors": _aux_ab_term,
    "color_classes": _color_classes_term,
    "vividness": _vividness_term,
    "deep_features": _deep_features_term,
    "perceptual": _perceptual_term,
    "contextual": _contextual_term,
    "smoothness": _smoothness_term,
    "temporal": _temporal_term,
    "adversarial": _adversarial_term,
    "confidence": _confidence_term,
    "confidence_correlation": _confidence_correlation_term,
}
