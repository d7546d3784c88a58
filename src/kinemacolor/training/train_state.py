"""The state of training: model, running mean of its weights, discriminator, and their optimizers."""

import copy
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import clip_grad_norm_
from torch.profiler import record_function

from kinemacolor.data.loader import Batch
from kinemacolor.errors import WeightsError
from kinemacolor.losses.adversarial import VideoDiscriminator
from kinemacolor.losses.networks import LossNetworks
from kinemacolor.models.base import Colorizer
from kinemacolor.training.distributed import ProcessGroup
from kinemacolor.training.initialization import get_submodule
from kinemacolor.training.loss_inputs import NO_NETWORKS, LossInputs, predict_batch
from kinemacolor.training.objective import compute_discriminator_loss, compute_losses, is_adversarial_active
from kinemacolor.training.recipe import OptimizerConfig, Recipe
from kinemacolor.training.recipe_losses import AdversarialLossConfig
from kinemacolor.training.schedule import lr_factor
from kinemacolor.utils.machine import has_quick_bfloat16

STAGES = ("clips", "forward", "losses", "backward", "optimizer")  # of a step, as a profiler names them


class NonFiniteLossError(ArithmeticError):
    """A loss or gradient is not finite."""


class OptimizedModule:
    """A network and the optimizer of its trainable weights.

    ``groups``: parameter groups with their base ``lr``. ``clip_norm``: largest norm of the gradient; 0 is no limit.
    """

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
            fused=True,  # one kernel for all weights
        )
        self.parameters = [weight for group in self.optimizer.param_groups for weight in group["params"]]

    def zero_gradients(self) -> None:
        """Set all gradients to zeros, not None: weights that a step does not use have one too, in every process."""
        for weight in self.parameters:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        self.optimizer.zero_grad(set_to_none=False)

    def collect_gradients(self) -> list[Tensor]:
        """Return the gradients of the weights, in their order."""
        return [weight.grad for weight in self.parameters]

    def clip_gradients(self) -> Tensor:
        """Clip the gradient to the largest norm; return its norm before that."""
        return clip_grad_norm_(self.parameters, self.clip_norm)

    def step_optimizer(self, lr_scale: float) -> None:
        """Run the optimizer for one step, with all learning rates multiplied by ``lr_scale``."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * lr_scale
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Return weights and optimizer state for a checkpoint."""
        return {"weights": self.module.state_dict(), "solver": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.module.load_state_dict(state["weights"])
        solver = dict(state["solver"])  # of a version that was not fused, too
        solver["param_groups"] = [group | {"fused": True, "foreach": None} for group in solver["param_groups"]]
        self.optimizer.load_state_dict(solver)


class TrainState:
    """Everything that changes while the model of a recipe is trained on the device of ``process_group``.

    ``networks`` are the frozen networks through which losses look.
    """

    def __init__(
        self, model: Colorizer, recipe: Recipe, process_group: ProcessGroup, networks: LossNetworks = NO_NETWORKS
    ) -> None:
        self.recipe, self.process_group = recipe, process_group
        self.model = _place_network(model, process_group.device)
        self.networks = LossNetworks(
            vgg=_place_network(networks.vgg, process_group.device) if networks.vgg else None,
            backbone=_place_network(networks.backbone, process_group.device) if networks.backbone else None,
        )
        for path in recipe.optimizer.frozen:
            get_submodule(model, path, "optimizer.frozen").requires_grad_(False)
        self.generator = OptimizedModule(
            model, make_parameter_groups(model, recipe.optimizer), recipe.optimizer, recipe.clip_norm
        )
        self.ema_model = copy.deepcopy(model).eval().requires_grad_(False) if recipe.ema_decay else None
        self.discriminator = _make_discriminator(recipe, process_group.device)
        self._autocast = _make_autocast(recipe, process_group.device)
        self._set_train_mode()

    @property
    def inference_model(self) -> Colorizer:
        """The model to validate and export: the running mean (EMA) where the recipe has one."""
        return self.ema_model or self.model

    def restart_average(self) -> None:
        """Let the running mean of the weights begin anew, with the weights that the model has now."""
        if self.ema_model:
            self.ema_model.load_state_dict(self.model.state_dict())

    def train_step(self, parts: Sequence[Batch], step: int) -> dict[str, Tensor]:
        """Do step ``step``, from 0 on, with this process's parts of the batch; return the means of the losses.

        Nothing waits for a GPU: the losses stay on the device until `read_losses`. On a CPU, where reading is free, it
        is called before any weight changes. Raises NonFiniteLossError then, in every process.
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
        losses = dict(zip(values, means.unbind(), strict=True))
        for one, name in zip(active, ("gradient", "discriminator_gradient"), strict=False):
            losses[name] = one.clip_gradients()
        if self.process_group.device.type == "cpu":
            read_losses([losses])
        with record_function("optimizer"):
            for one in active:
                one.step_optimizer(lr_factor(self.recipe.lr_schedule, step))
            self._update_ema(step)
        return losses

    def _accumulate_gradients(self, batch: Batch, step: int, part_count: int) -> dict[str, Tensor]:
        """Add the gradients of one part of a batch; return its losses, detached."""
        discriminator = self.discriminator.module if self.discriminator else None
        assert discriminator is None or isinstance(discriminator, VideoDiscriminator)
        with self._autocast, record_function("forward"):
            prediction = predict_batch(self.model, batch, recompute=self.recipe.gradient_checkpointing)
        inputs = LossInputs(batch, prediction, self.networks, discriminator)
        with _frozen_discriminator(discriminator):
            with record_function("losses"):
                terms, weights = compute_losses(self.recipe.losses, inputs, step), self.recipe.losses.active_terms()
                total = torch.stack([weights[name].weight * value for name, value in terms.items()]).sum()
            with record_function("backward"):
                (total / part_count).backward()
        terms["loss"] = total
        if "adversarial" in terms:
            terms["discriminator"] = compute_discriminator_loss(inputs)
            (terms["discriminator"] / part_count).backward()
        return {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def _update_ema(self, step: int) -> None:
        """Update the running mean of the weights; its decay is smaller in the first steps, (1 + n) / (10 + n)."""
        if self.ema_model is None:
            return
        share = 1 - min(self.recipe.ema_decay, (1 + step) / (10 + step))
        pairs = list(zip(self.ema_model.state_dict().values(), self.model.state_dict().values(), strict=True))
        floating = [(mean, now) for mean, now in pairs if mean.is_floating_point()]
        torch._foreach_lerp_([mean for mean, _ in floating], [now for _, now in floating], share)
        for mean, now in pairs:
            if not mean.is_floating_point():
                mean.copy_(now)

    def _set_train_mode(self) -> None:
        """Set training mode, except for frozen submodules (and, if asked, all batch normalization)."""
        self.model.train()
        for path in self.recipe.optimizer.frozen:
            self.model.get_submodule(path).eval()
        if self.recipe.optimizer.frozen_statistics:
            for module in self.model.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    @contextmanager
    def evaluation_mode(self) -> Iterator[Colorizer]:
        """Give `inference_model` in evaluation mode, without gradients; training mode is restored after it."""
        with torch.inference_mode():
            yield self.inference_model.eval()
        self._set_train_mode()

    def state_dict(self) -> dict[str, Any]:
        """Return all tensors that a checkpoint must hold."""
        return {
            "model": self.model.state_dict(),
            "average": self.ema_model.state_dict() if self.ema_model else None,
            "solver": self.generator.optimizer.state_dict(),
            "discriminator": self.discriminator.state_dict() if self.discriminator else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave. Raises WeightsError for the state of another model."""
        try:
            self.generator.load_state_dict({"weights": state["model"], "solver": state["solver"]})
            if self.ema_model:
                self.ema_model.load_state_dict(state["average"])
            if self.discriminator:
                self.discriminator.load_state_dict(state["discriminator"])
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise WeightsError(f"the checkpoint is of another model or recipe ({error})") from error


def read_losses(rows: Sequence[Mapping[str, Tensor]]) -> list[dict[str, float]]:
    """Read the losses of steps from their device, with one wait for all of them.

    Raises NonFiniteLossError, with their names, where some are not finite.
    """
    if not rows:
        return []
    numbers = iter(torch.stack([value for row in rows for value in row.values()]).tolist())
    read = [{name: next(numbers) for name in row} for row in rows]
    for row in read:
        wrong = [f"{name} is {x}" for name, x in row.items() if not math.isfinite(x)]
        if wrong:
            raise NonFiniteLossError(", ".join(wrong))
    return read


def make_parameter_groups(model: Colorizer, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Group the trainable weights by learning rate: that of the deepest submodule with one of its own.

    Raises UsageError for an unknown submodule.
    """
    for path in config.lr_by_module:
        get_submodule(model, path, "optimizer.lr_by_module")
    groups: dict[float, list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            own = [path for path in config.lr_by_module if name.startswith(f"{path}.")]
            lr = config.lr_by_module[max(own, key=len)] if own else config.lr
            groups.setdefault(lr, []).append(weight)
    return [{"params": weights, "lr": lr} for lr, weights in groups.items()]


def describe_precision_fallback(recipe: Recipe, device: torch.device) -> str | None:
    """Return a note for the user where the device does not support the recipe's precision; else None."""
    if recipe.precision == "float32" or _choose_autocast_dtype(recipe, device):
        return None
    return f"{device.type} has no quick {recipe.precision}: training in float32"


def _choose_autocast_dtype(recipe: Recipe, device: torch.device) -> torch.dtype | None:
    """The dtype of autocast; None for float32."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = device.type == "cpu" and has_quick_bfloat16()
    return torch.bfloat16 if has_bfloat16 and recipe.precision == "bfloat16" else None


def _make_autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    dtype = _choose_autocast_dtype(recipe, device)
    return torch.autocast(device.type if dtype else "cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None)


N = TypeVar("N", bound=nn.Module)


def _place_network(network: N, device: torch.device) -> N:
    """Move a network to the device; on a GPU with channels last, in which half precision is fastest."""
    if device.type != "cuda":
        return network.to(device)
    network.to(device)
    for weight in network.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def _make_discriminator(recipe: Recipe, device: torch.device) -> OptimizedModule | None:
    """The discriminator of the adversarial loss with its optimizer; None where the recipe has no such loss."""
    term = recipe.losses.active_terms().get("adversarial")
    if not isinstance(term, AdversarialLossConfig):
        return None
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        network = _place_network(VideoDiscriminator(width=term.width), device)
    groups = [{"params": list(network.parameters()), "lr": term.lr}]
    return OptimizedModule(network, groups, recipe.optimizer, recipe.clip_norm)


@contextmanager
def _frozen_discriminator(discriminator: nn.Module | None) -> Iterator[None]:
    """Freeze the discriminator while the model's own loss is computed: evaluation mode, no gradients of its weights."""
    if discriminator is None:
        yield
        return
    discriminator.eval().requires_grad_(False)
    try:
        yield
    finally:
        discriminator.train().requires_grad_(True)


def _derive_seed(*numbers: int) -> int:
    """Hash several numbers to one seed of 63 bits."""
    return int.from_bytes(hashlib.sha256(str(numbers).encode()).digest()[:8]) >> 1
