"""From a batch of clips and a model to named losses, through the two methods of the interface."""

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
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.training import recipe as recipes

LAYERS = {"top": TOP_LAYER, "all": ALL_LAYERS}


@dataclass(frozen=True)
class Colored:
    """What a model made of clips: ab ``B T 2 h w``, confidence ``B T 1 h w``, and what it gave beside them."""

    chroma: Tensor
    confidence: Tensor
    aux: Mapping[str, Tensor]


def colorize(model: Colorizer, batch: Batch, *, recompute: bool = False) -> Colored:
    """All frames of a batch, in blocks of ``spec.block``. Gradients flow through the states from end to end.

    Rows whose references are frames of their film and rows where they are not run one after the other.
    ``recompute`` keeps no activations of a block: less memory, a third more time.
    """
    told = batch.in_shot.tolist()
    groups = [[row for row, own in enumerate(told) if own == here] for here in (True, False)]
    made = [_rows(model, batch, rows, told[rows[0]], recompute) for rows in groups if rows]
    if len(made) == 1:
        return made[0]
    back = torch.tensor(groups[0] + groups[1], device=batch.luma.device).argsort()
    return Colored(
        torch.cat([one.chroma for one in made])[back],
        torch.cat([one.confidence for one in made])[back],
        {name: torch.cat([one.aux[name] for one in made])[back] for name in made[0].aux},
    )


def _rows(model: Colorizer, batch: Batch, rows: list[int], in_shot: bool, recompute: bool) -> Colored:
    luma, references = batch.luma[rows], batch.references[rows]
    state, steps = model.init_state(references, in_shot=in_shot), []
    for block in torch.split(luma, model.spec.block_size, 1):
        step = _recomputed(model, block, state) if recompute else model(block, state)
        state = step.state
        steps.append(step)
    return Colored(
        promote_to_float32(torch.cat([step.chroma for step in steps], 1)),
        promote_to_float32(torch.cat([step.confidence for step in steps], 1)),
        {name: promote_to_float32(torch.cat([step.aux[name] for step in steps], 1)) for name in steps[0].aux},
    )


def _recomputed(model: Colorizer, block: Tensor, state: State) -> ModelOutput:
    step: ModelOutput = checkpoint(model, block, state, use_reentrant=False)
    return step


@dataclass(frozen=True)
class Compared:
    """A batch and its result; frames of all clips in one row ``B·T`` where a loss looks at one picture alone."""

    batch: Batch
    colored: Colored
    vgg: VGG19 | None = None
    discriminator: VideoDiscriminator | None = None

    @cached_property
    def lab(self) -> Tensor:
        """The result ``B T 3 h w`` with the true L."""
        return torch.cat([self.batch.lab[:, :, :1], self.colored.chroma], 2)

    @cached_property
    def chroma(self) -> Tensor:
        """ab ``B·T 2 h w``."""
        return self.colored.chroma.flatten(0, 1)

    @cached_property
    def truth(self) -> Tensor:
        """True Lab ``B·T 3 h w``."""
        return self.batch.lab.flatten(0, 1)

    @cached_property
    def features(self) -> Features:
        """VGG19 of the result."""
        return self._seen(self.lab.flatten(0, 1))

    @cached_property
    def true_features(self) -> Features:
        """VGG19 of the truth."""
        with torch.no_grad():
            return self._seen(self.truth)

    @cached_property
    def reference_features(self) -> Features:
        """VGG19 of all references of a clip side by side, once for each of its frames."""
        pictures, frames = self.batch.references, self.batch.lab.shape[1]
        with torch.no_grad():
            seen = self._seen(pictures.flatten(0, 1))
        batch, count = pictures.shape[:2]
        joined = {tap: torch.cat(x.reshape(batch, count, *x.shape[1:]).unbind(1), -1) for tap, x in seen.items()}
        return {tap: x.repeat_interleave(frames, 0) for tap, x in joined.items()}

    def scores(self, result: Tensor) -> tuple[Tensor, Tensor]:
        """What the discriminator says of consecutive frames of the truth and of ``result``, ``B T 3 h w``."""
        assert self.discriminator
        both = torch.cat([_pairs(self.batch.lab), _pairs(result)])
        real, fake = self.discriminator(both).chunk(2)
        return real, fake

    def counted(self, term: recipes.L1) -> Tensor:
        """``B·T 1 1 1``: 1 for clips whose kind of reference the term counts, else 0."""
        kinds = [float(kind in term.references) for kind in self.batch.reference_kind]
        return self.truth.new_tensor(kinds).repeat_interleave(self.batch.lab.shape[1])[:, None, None, None]

    def _seen(self, lab: Tensor) -> Features:
        assert self.vgg
        return extract_vgg_features(self.vgg, lab)


def losses(chosen: recipes.Losses, compared: Compared, step: int) -> dict[str, Tensor]:
    """The value of every term that counts at ``step``, without its weight."""
    terms = chosen.terms()
    if not adversarial_at(chosen, step):
        terms.pop("adversarial", None)
    return {name: TERMS[name](term, compared) for name, term in terms.items()}


def adversarial_at(chosen: recipes.Losses, step: int) -> bool:
    """Whether the discriminator takes part at ``step``."""
    term = chosen.terms().get("adversarial")
    return isinstance(term, recipes.Adversarial) and step >= term.after


def discriminate(compared: Compared) -> Tensor:
    """What the discriminator minimises; no gradient flows to the result."""
    return discriminator_loss(*compared.scores(compared.lab.detach()))


def taps(chosen: recipes.Losses) -> tuple[str, ...]:
    """The layers of VGG19 that the losses look at; none if they do without it."""
    terms, wanted = chosen.terms(), set()
    perceptual = terms.get("perceptual")
    if isinstance(perceptual, recipes.Perceptual):
        wanted |= {layer.tap for layer in LAYERS[perceptual.layers]}
    if "contextual" in terms:
        wanted |= {layer.tap for layer in CONTEXTUAL_LAYERS}
    return tuple(sorted(wanted))


def _pairs(lab: Tensor) -> Tensor:
    """Consecutive frames of ``B T 3 h w`` as ``B·(T-1) 2 3 h w``."""
    return torch.stack([lab[:, :-1], lab[:, 1:]], 2).flatten(0, 1)


def _l1(term: recipes.L1, seen: Compared) -> Tensor:
    return l1_loss(seen.chroma, seen.truth[:, 1:], seen.counted(term))


def _smooth_l1(term: recipes.SmoothL1, seen: Compared) -> Tensor:
    result, truth = seen.chroma / term.scale, seen.truth[:, 1:] / term.scale
    return smooth_l1_loss(result, truth, seen.counted(term), beta=term.beta)


def _psnr(term: recipes.Psnr, seen: Compared) -> Tensor:
    return psnr_loss(seen.chroma, seen.truth[:, 1:], seen.counted(term), noise=term.noise)


def _evidence(term: recipes.Evidence, seen: Compared) -> Tensor:
    chroma = [name for name, field in seen.colored.aux.items() if field.shape == seen.colored.chroma.shape]
    if term.aux not in chroma:
        known = ", ".join(chroma) or "nothing"
        raise UsageError(f"losses: the model gives {known} beside its colours, no {term.aux}")
    found, truth, counted = seen.colored.aux[term.aux].flatten(0, 1), seen.truth[:, 1:], seen.counted(term)
    return l1_loss(found, truth, counted) if term.form == "l1" else psnr_loss(found, truth, counted, noise=term.noise)


def _perceptual(term: recipes.Perceptual, seen: Compared) -> Tensor:
    return perceptual_loss(seen.features, seen.true_features, layers=LAYERS[term.layers], penalty=term.penalty)


def _contextual(term: recipes.Contextual, seen: Compared) -> Tensor:
    return contextual_loss(seen.features, seen.reference_features, bandwidth=term.bandwidth)


def _smoothness(term: recipes.Smoothness, seen: Compared) -> Tensor:
    return smoothness_loss(seen.chroma, seen.truth, alpha=term.alpha, centre=term.centre, penalty=term.penalty)


def _temporal(term: recipes.Temporal, seen: Compared) -> Tensor:
    first, second = (part.flatten(0, 1) for part in (seen.colored.chroma[:, :-1], seen.colored.chroma[:, 1:]))
    return temporal_loss(
        first, second, seen.batch.flow.flatten(0, 1), seen.batch.seen.flatten(0, 1), penalty=term.penalty
    )


def _adversarial(term: recipes.Adversarial, seen: Compared) -> Tensor:
    return generator_loss(*seen.scores(seen.lab))


def _confidence(term: recipes.Confidence, seen: Compared) -> Tensor:
    confidence = seen.colored.confidence.flatten(0, 1)
    return confidence_loss(confidence, seen.chroma, seen.truth[:, 1:], tolerance=term.tolerance)


TERMS: Mapping[str, Callable[..., Tensor]] = {
    "l1": _l1,
    "smooth_l1": _smooth_l1,
    "psnr": _psnr,
    "evidence": _evidence,
    "by_kind": _evidence,
    "perceptual": _perceptual,
    "contextual": _contextual,
    "smoothness": _smoothness,
    "temporal": _temporal,
    "adversarial": _adversarial,
    "confidence": _confidence,
}
