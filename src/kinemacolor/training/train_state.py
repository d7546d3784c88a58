"""What learns: a model, the mean of its weights, a discriminator, and the solvers that move them."""

import copy
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import clip_grad_norm_

from kinemacolor.data.loader import Batch
from kinemacolor.errors import WeightsError
from kinemacolor.losses.adversarial import VideoDiscriminator
from kinemacolor.models.base import Colorizer
from kinemacolor.nn.backbones import VGG19
from kinemacolor.training.distributed import ProcessGroup
from kinemacolor.training.initialization import get_submodule
from kinemacolor.training.objective import (
    LossInputs,
    compute_discriminator_loss,
    compute_losses,
    is_adversarial_active,
    predict_batch,
)
from kinemacolor.training.recipe import AdversarialLossConfig, OptimizerConfig, Recipe
from kinemacolor.training.schedule import lr_factor


class NonFiniteLossError(ArithmeticError):
    """A loss or a gradient that is no number; nothing was moved by it."""


class OptimizedModule:
    """A network and the solver of its weights that want a gradient."""

    def __init__(
        self, module: nn.Module, groups: list[dict[str, Any]], config: OptimizerConfig, clip_norm: float
    ) -> None:
        self.module, self.clip_norm = module, clip_norm or math.inf
        optimizer_type = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
        self.optimizer = optimizer_type(
            [group | {"base": group["lr"]} for group in groups],
            betas=config.betas,
            eps=config.epsilon,
            weight_decay=config.weight_decay,
            amsgrad=config.amsgrad,
        )
        self.parameters = [weight for group in self.optimizer.param_groups for weight in group["params"]]

    def zero_gradients(self) -> None:
        """Gradients of 0: a weight that this step does not touch has one too, in every process."""
        for weight in self.parameters:
            weight.grad = torch.zeros_like(weight)

    def collect_gradients(self) -> list[Tensor]:
        """Those of the weights, in their order."""
        return [weight.grad for weight in self.parameters]

    def clip_gradients(self) -> Tensor:
        """The norm of the gradient, before it is held to the largest that is allowed."""
        return clip_grad_norm_(self.parameters, self.clip_norm)

    def step_optimizer(self, lr_scale: float) -> None:
        """One step of the solver, at its rates times ``scale``."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * lr_scale
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """All that is to be kept."""
        return {"weights": self.module.state_dict(), "solver": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""
        self.module.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["solver"])


class TrainState:
    """The model of a recipe while it is trained on the ``team``'s device. ``vgg`` is what its losses look through."""

    def __init__(self, model: Colorizer, recipe: Recipe, process_group: ProcessGroup, vgg: VGG19 | None = None) -> None:
        self.recipe, self.process_group = recipe, process_group
        self.model = model.to(process_group.device)
        self.vgg = vgg.to(process_group.device) if vgg else None
        for path in recipe.solver.frozen:
            get_submodule(model, path, "solver.frozen").requires_grad_(False)
        self.generator = OptimizedModule(
            model, make_parameter_groups(model, recipe.solver), recipe.solver, recipe.clip_norm
        )
        self.ema_model = copy.deepcopy(model).eval().requires_grad_(False) if recipe.ema else None
        self.discriminator = _make_discriminator(recipe, process_group.device)
        self._autocast = _make_autocast(recipe, process_group.device)
        self._set_train_mode()

    @property
    def inference_model(self) -> Colorizer:
        """The model to validate and to export."""
        return self.ema_model or self.model

    def train_step(self, parts: Sequence[Batch], step: int) -> dict[str, float]:
        """Step ``number``, from 0 on, with the clips of this process. Gives the means of the losses.

        Raises NotFinite, in every process and before anything is moved.
        """
        torch.manual_seed(_derive_seed(self.recipe.seed, step, self.process_group.rank))
        active = [self.generator]
        if self.discriminator and is_adversarial_active(self.recipe.losses, step):
            active.append(self.discriminator)
        for one in active:
            one.zero_gradients()
        rows = [self._accumulate_gradients(batch, step, len(parts)) for batch in parts]
        values = {name: torch.stack([row[name] for row in rows]).mean() for name in rows[0]}
        means = torch.stack(list(values.values()))
        self.process_group.all_reduce_mean(
            [*(gradient for one in active for gradient in one.collect_gradients()), means]
        )
        norms = torch.stack([one.clip_gradients() for one in active])
        mean_values = dict(zip(values, means.tolist(), strict=True)) | {"gradient": norms[0].item()}
        wrong = [f"{name} is {x}" for name, x in mean_values.items() if not math.isfinite(x)]
        if wrong or not norms.isfinite().all():
            raise NonFiniteLossError(", ".join(wrong) or "the discriminator's gradient is not finite")
        for one in active:
            one.step_optimizer(lr_factor(self.recipe.schedule, step))
        self._update_ema(step)
        return mean_values

    def _accumulate_gradients(self, batch: Batch, step: int, part_count: int) -> dict[str, Tensor]:
        """Adds the gradients of one part of a step; its losses, detached."""
        discriminator = self.discriminator.module if self.discriminator else None
        assert discriminator is None or isinstance(discriminator, VideoDiscriminator)
        with self._autocast:
            prediction = predict_batch(self.model, batch, recompute=self.recipe.recompute)
        inputs = LossInputs(batch, prediction, self.vgg, discriminator)
        with _frozen_discriminator(discriminator):
            terms, weights = compute_losses(self.recipe.losses, inputs, step), self.recipe.losses.active_terms()
            total = torch.stack([weights[name].weight * value for name, value in terms.items()]).sum()
            (total / part_count).backward()  # type: ignore[no-untyped-call]
        terms["loss"] = total
        if "adversarial" in terms:
            terms["discriminator"] = compute_discriminator_loss(inputs)
            (terms["discriminator"] / part_count).backward()  # type: ignore[no-untyped-call]
        return {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def _update_ema(self, step: int) -> None:
        """The mean of the weights goes after them, faster at the beginning."""
        if self.ema_model is None:
            return
        share = 1 - min(self.recipe.ema, (1 + step) / (10 + step))
        for mean, now in zip(self.ema_model.state_dict().values(), self.model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, share)
            else:
                mean.copy_(now)

    def _set_train_mode(self) -> None:
        """In training mode, but for what is frozen."""
        self.model.train()
        for path in self.recipe.solver.frozen:
            self.model.get_submodule(path).eval()
        if self.recipe.solver.frozen_statistics:
            for module in self.model.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    @contextmanager
    def evaluation_mode(self) -> Iterator[Colorizer]:
        """`result` in evaluation mode, without gradients."""
        with torch.inference_mode():
            yield self.inference_model.eval()
        self._set_train_mode()

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint must hold."""
        return {
            "model": self.model.state_dict(),
            "average": self.ema_model.state_dict() if self.ema_model else None,
            "solver": self.generator.optimizer.state_dict(),
            "discriminator": self.discriminator.state_dict() if self.discriminator else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state` gave. Raises WeightsError where it is of another model."""
        try:
            self.generator.load_state_dict({"weights": state["model"], "solver": state["solver"]})
            if self.ema_model:
                self.ema_model.load_state_dict(state["average"])
            if self.discriminator:
                self.discriminator.load_state_dict(state["discriminator"])
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise WeightsError(f"the checkpoint is of another model or recipe ({error})") from error


def make_parameter_groups(model: Colorizer, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Weights that want a gradient and their rate: that of the deepest submodule that has one. Raises UsageError."""
    for path in config.rates:
        get_submodule(model, path, "solver.rates")
    groups: dict[float, list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            own = [path for path in config.rates if name.startswith(f"{path}.")]
            rate = config.rates[max(own, key=len)] if own else config.rate
            groups.setdefault(rate, []).append(weight)
    return [{"params": weights, "lr": rate} for rate, weights in groups.items()]


def describe_precision_fallback(recipe: Recipe, device: torch.device) -> str | None:
    """What to tell where the device lacks the recipe's precision."""
    if recipe.precision == "float32" or _choose_autocast_dtype(recipe, device):
        return None
    return f"{device.type} has no quick {recipe.precision}: training in float32"


def _choose_autocast_dtype(recipe: Recipe, device: torch.device) -> torch.dtype | None:
    has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 and recipe.precision == "bfloat16" else None


def _make_autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    dtype = _choose_autocast_dtype(recipe, device)
    return torch.autocast(device.type if dtype else "cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None)


def _make_discriminator(recipe: Recipe, device: torch.device) -> OptimizedModule | None:
    term = recipe.losses.active_terms().get("adversarial")
    if not isinstance(term, AdversarialLossConfig):
        return None
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        network = VideoDiscriminator(width=term.width).to(device)
    groups = [{"params": list(network.parameters()), "lr": term.rate}]
    return OptimizedModule(network, groups, recipe.solver, recipe.clip_norm)


@contextmanager
def _frozen_discriminator(discriminator: nn.Module | None) -> Iterator[None]:
    """The discriminator as the colorizer meets it: no gradient for its weights, and nothing in it moves."""
    if discriminator is None:
        yield
        return
    discriminator.eval().requires_grad_(False)
    try:
        yield
    finally:
        discriminator.train().requires_grad_(True)


def _derive_seed(*numbers: int) -> int:
    """One number of 63 bits for several."""
    return int.from_bytes(hashlib.sha256(str(numbers).encode()).digest()[:8]) >> 1
