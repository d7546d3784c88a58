"""The objective: runs a model over a batch of clips and computes the losses of the recipe by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from kinemacolor.data.loader import Batch
from kinemacolor.errors import UsageError
from kinemacolor.losses.adversarial import VideoDiscriminator, discriminator_loss, generator_loss
from kinemacolor.losses.confidence import confidence_loss
from kinemacolor.losses.perceptual import (
    ALL_LAYERS,
    CONTEXTUAL_LAYERS,
    TOP_LAYER,
    Features,
    contextual_loss,
    extract_vgg_features,
    perceptual_loss,
)
from kinemacolor.losses.pixel import l1_loss, psnr_loss, smooth_l1_loss, smoothness_loss
from kinemacolor.losses.temporal import temporal_loss
from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.nn.backbones import VGG19
from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.training import recipe_losses as recipes

PERCEPTUAL_LAYERS = {"top": TOP_LAYER, "all": ALL_LAYERS}


@dataclass(frozen=True)
class BatchPrediction:
    """A model's output for a batch: ``ab`` ``B T 2 h w``, ``confidence`` ``B T 1 h w``, and `ModelOutput.aux`."""

    ab: Tensor
    confidence: Tensor
    aux: Mapping[str, Tensor]


def predict_batch(model: Colorizer, batch: Batch, *, recompute: bool = False) -> BatchPrediction:
    """Predict all frames of a batch; gradients flow through the states of all frames.

    Where it makes a difference to the model, rows with references from their own film (``in_shot``) and the other rows
    run separately, as `init_state` takes one value for all rows. ``recompute`` is gradient checkpointing for each block
    of ``spec.block_size`` frames: less memory, a third more time.
    """
    together = not model.spec.uses_in_shot or len(set(batch.in_shot)) == 1
    if together:
        return _predict_rows(model, batch, batch.in_shot[0], recompute)
    groups = [[row for row, own in enumerate(batch.in_shot) if own == here] for here in (True, False)]
    predictions = [_predict_rows(model, batch.select_rows(rows), batch.in_shot[rows[0]], recompute) for rows in groups]
    original_order = get_constant(tuple(groups[0] + groups[1]), batch.lightness).long().argsort()
    return BatchPrediction(
        torch.cat([one.ab for one in predictions])[original_order],
        torch.cat([one.confidence for one in predictions])[original_order],
        {name: torch.cat([one.aux[name] for one in predictions])[original_order] for name in predictions[0].aux},
    )


def _predict_rows(model: Colorizer, batch: Batch, in_shot: bool, recompute: bool) -> BatchPrediction:
    """Predict a batch whose rows share a value of ``in_shot``."""
    state, outputs = model.init_state(batch.references, in_shot=in_shot), []
    block_size = model.spec.block_size if recompute else batch.lightness.shape[1]
    for block in torch.split(batch.lightness, block_size, 1):
        output = _forward_with_recompute(model, block, state) if recompute else model(block, state)
        state = output.state
        outputs.append(output)
    return BatchPrediction(
        promote_to_float32(torch.cat([output.ab for output in outputs], 1)),
        promote_to_float32(torch.cat([output.confidence for output in outputs], 1)),
        {name: promote_to_float32(torch.cat([output.aux[name] for output in outputs], 1)) for name in outputs[0].aux},
    )


def _forward_with_recompute(model: Colorizer, block: Tensor, state: State) -> ModelOutput:
    """Forward pass of a block without storing its activations."""
    output: ModelOutput = checkpoint(model, block, state, use_reentrant=False)
    return output


@dataclass(frozen=True)
class LossInputs:
    """A batch, its prediction, and what losses derive from both; losses of single frames take all frames as ``B·T``."""

    batch: Batch
    prediction: BatchPrediction
    vgg: VGG19 | None = None
    discriminator: VideoDiscriminator | None = None

    @cached_property
    def predicted_lab(self) -> Tensor:
        """Predicted ab with the true L*, ``B T 3 h w``."""
        return torch.cat([self.batch.lab[:, :, :1], self.prediction.ab], 2)

    @cached_property
    def predicted_ab(self) -> Tensor:
        """Predicted ab, ``B·T 2 h w``."""
        return self.prediction.ab.flatten(0, 1)

    @cached_property
    def true_lab(self) -> Tensor:
        """True Lab, ``B·T 3 h w``."""
        return self.batch.lab.flatten(0, 1)

    @cached_property
    def predicted_features(self) -> Features:
        """VGG19 features of the prediction."""
        return self._extract_features(self.predicted_lab.flatten(0, 1))

    @cached_property
    def true_features(self) -> Features:
        """VGG19 features of the true frames."""
        with torch.no_grad():
            return self._extract_features(self.true_lab)

    @cached_property
    def reference_features(self) -> Features:
        """VGG19 features of a clip's references, side by side along the width, repeated for each of its frames."""
        pictures, frames = self.batch.references, self.batch.lab.shape[1]
        with torch.no_grad():
            features_by_tap = self._extract_features(pictures.flatten(0, 1))
        batch, count = pictures.shape[:2]
        joined = {
            tap: torch.cat(x.reshape(batch, count, *x.shape[1:]).unbind(1), -1) for tap, x in features_by_tap.items()
        }
        return {tap: x.repeat_interleave(frames, 0) for tap, x in joined.items()}

    def discriminator_scores(self, predicted_lab: Tensor) -> tuple[Tensor, Tensor]:
        """Return the discriminator's scores for pairs of consecutive frames: true ones, and those of ``predicted_lab``.

        ``predicted_lab`` is ``B T 3 h w``.
        """
        assert self.discriminator
        both = torch.cat([_consecutive_pairs(self.batch.lab), _consecutive_pairs(predicted_lab)])
        real, fake = self.discriminator(both).chunk(2)
        return real, fake

    def reference_kind_mask(self, term: recipes.L1LossConfig) -> Tensor:
        """Return ``B·T 1 1 1``: 1 for frames of clips whose kind of reference the term uses, else 0."""
        kinds = tuple(float(kind in term.references) for kind in self.batch.reference_kind)
        return get_constant(kinds, self.true_lab).repeat_interleave(self.batch.lab.shape[1])[:, None, None, None]

    def _extract_features(self, lab: Tensor) -> Features:
        assert self.vgg
        return extract_vgg_features(self.vgg, lab)


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


def _consecutive_pairs(lab: Tensor) -> Tensor:
    """Pairs of consecutive frames of ``B T 3 h w``, ``B·(T-1) 2 3 h w``."""
    return torch.stack([lab[:, :-1], lab[:, 1:]], 2).flatten(0, 1)


def _l1_term(term: recipes.L1LossConfig, inputs: LossInputs) -> Tensor:
    return l1_loss(inputs.predicted_ab, inputs.true_lab[:, 1:], inputs.reference_kind_mask(term))


def _smooth_l1_term(term: recipes.SmoothL1LossConfig, inputs: LossInputs) -> Tensor:
    predicted, truth = inputs.predicted_ab / term.scale, inputs.true_lab[:, 1:] / term.scale
    return smooth_l1_loss(predicted, truth, inputs.reference_kind_mask(term), beta=term.beta)


def _psnr_term(term: recipes.PsnrLossConfig, inputs: LossInputs) -> Tensor:
    return psnr_loss(inputs.predicted_ab, inputs.true_lab[:, 1:], inputs.reference_kind_mask(term), noise=term.noise)


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
    return confidence_loss(confidence, inputs.predicted_ab, inputs.true_lab[:, 1:], tolerance=term.tolerance)


LOSS_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "l1": _l1_term,
    "smooth_l1": _smooth_l1_term,
    "psnr": _psnr_term,
    "match_colors": _aux_ab_term,
    "semantic_colors": _aux_ab_term,
    "perceptual": _perceptual_term,
    "contextual": _contextual_term,
    "smoothness": _smoothness_term,
    "temporal": _temporal_term,
    "adversarial": _adversarial_term,
    "confidence": _confidence_term,
}
