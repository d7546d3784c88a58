"""What losses compare: a model's predictions for a batch of clips, the truth, and what follows from both."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from kinemacolor.data.loader import Batch
from kinemacolor.losses.adversarial import VideoDiscriminator
from kinemacolor.losses.deep_features import extract_backbone_maps
from kinemacolor.losses.networks import LossNetworks
from kinemacolor.losses.perceptual import Features, extract_vgg_features
from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.training.recipe_losses import L1LossConfig

NO_NETWORKS = LossNetworks()


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
        output = _forward_with_recompute(model, block, state) if recompute else model(block, state, with_aux=True)
        state = output.state
        outputs.append(output)
    return BatchPrediction(
        promote_to_float32(torch.cat([output.ab for output in outputs], 1)),
        promote_to_float32(torch.cat([output.confidence for output in outputs], 1)),
        {name: promote_to_float32(torch.cat([output.aux[name] for output in outputs], 1)) for name in outputs[0].aux},
    )


def _forward_with_recompute(model: Colorizer, block: Tensor, state: State) -> ModelOutput:
    """Forward pass of a block without storing its activations."""
    output: ModelOutput = checkpoint(model, block, state, with_aux=True, use_reentrant=False)
    return output


@dataclass(frozen=True)
class LossInputs:
    """A batch, its prediction, and what losses derive from both; losses of single frames take all frames as ``B·T``."""

    batch: Batch
    prediction: BatchPrediction
    networks: LossNetworks = NO_NETWORKS
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
    def predicted_backbone_maps(self) -> dict[int, Tensor]:
        """The backbone's maps of the prediction."""
        assert self.networks.backbone
        return extract_backbone_maps(self.networks.backbone, self.predicted_lab.flatten(0, 1))

    @cached_property
    def true_backbone_maps(self) -> dict[int, Tensor]:
        """The backbone's maps of the true frames."""
        assert self.networks.backbone
        with torch.no_grad():
            return extract_backbone_maps(self.networks.backbone, self.true_lab)

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

    def reference_kind_mask(self, term: L1LossConfig) -> Tensor:
        """Return ``B·T 1 1 1``: 1 for frames of clips whose kind of reference the term uses, else 0."""
        kinds = tuple(float(kind in term.references) for kind in self.batch.reference_kind)
        return get_constant(kinds, self.true_lab).repeat_interleave(self.batch.lab.shape[1])[:, None, None, None]

    def _extract_features(self, lab: Tensor) -> Features:
        assert self.networks.vgg
        return extract_vgg_features(self.networks.vgg, lab)


def _consecutive_pairs(lab: Tensor) -> Tensor:
    """Pairs of consecutive frames of ``B T 3 h w``, ``B·(T-1) 2 3 h w``."""
    return torch.stack([lab[:, :-1], lab[:, 1:]], 2).flatten(0, 1)
