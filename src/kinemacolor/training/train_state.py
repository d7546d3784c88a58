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
from kinemacolor.training.distributed import Team
from kinemacolor.training.initialization import submodule
from kinemacolor.training.objective import Compared, adversarial_at, colorize, discriminate, losses
from kinemacolor.training.recipe import Adversarial, Recipe, Solver
from kinemacolor.training.schedule import factor


class NotFinite(ArithmeticError):  # noqa: N818
    """A loss or a gradient that is no number; nothing was moved by it."""


class Trainee:
    """A network and the solver of its weights that want a gradient."""

    def __init__(self, module: nn.Module, groups: list[dict[str, Any]], solver: Solver, clip_norm: float) -> None:
        self.module, self.clip_norm = module, clip_norm or math.inf
        kind = torch.optim.AdamW if solver.kind == "adamw" else torch.optim.Adam
        self.solver = kind(
            [group | {"base": group["lr"]} for group in groups],
            betas=solver.betas,
            eps=solver.epsilon,
            weight_decay=solver.weight_decay,
            amsgrad=solver.amsgrad,
        )
        self.weights = [weight for group in self.solver.param_groups for weight in group["params"]]

    def clear(self) -> None:
        """Gradients of 0: a weight that this step does not touch has one too, in every process."""
        for weight in self.weights:
            weight.grad = torch.zeros_like(weight)

    def gradients(self) -> list[Tensor]:
        """Those of the weights, in their order."""
        return [weight.grad for weight in self.weights]

    def clip(self) -> Tensor:
        """The norm of the gradient, before it is held to the largest that is allowed."""
        return clip_grad_norm_(self.weights, self.clip_norm)

    def move(self, scale: float) -> None:
        """One step of the solver, at its rates times ``scale``."""
        for group in self.solver.param_groups:
            group["lr"] = group["base"] * scale
        self.solver.step()

    def state(self) -> dict[str, Any]:
        """All that is to be kept."""
        return {"weights": self.module.state_dict(), "solver": self.solver.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""
        self.module.load_state_dict(state["weights"])
        self.solver.load_state_dict(state["solver"])


class Learner:
    """The model of a recipe while it is trained on the ``team``'s device. ``vgg`` is what its losses look through."""

    def __init__(self, model: Colorizer, recipe: Recipe, team: Team, vgg: VGG19 | None = None) -> None:
        self.recipe, self.team = recipe, team
        self.model = model.to(team.device)
        self.vgg = vgg.to(team.device) if vgg else None
        for path in recipe.solver.frozen:
            submodule(model, path, "solver.frozen").requires_grad_(False)
        self.generator = Trainee(model, groups_of(model, recipe.solver), recipe.solver, recipe.clip_norm)
        self.average = copy.deepcopy(model).eval().requires_grad_(False) if recipe.ema else None
        self.discriminator = _discriminator(recipe, team.device)
        self._autocast = _autocast(recipe, team.device)
        self._ready()

    @property
    def result(self) -> Colorizer:
        """The model to validate and to export."""
        return self.average or self.model

    def step(self, parts: Sequence[Batch], number: int) -> dict[str, float]:
        """Step ``number``, from 0 on, with the clips of this process. Gives the means of the losses.

        Raises NotFinite, in every process and before anything is moved.
        """
        torch.manual_seed(_seed(self.recipe.seed, number, self.team.rank))
        active = [self.generator]
        if self.discriminator and adversarial_at(self.recipe.losses, number):
            active.append(self.discriminator)
        for one in active:
            one.clear()
        rows = [self._backward(batch, number, len(parts)) for batch in parts]
        values = {name: torch.stack([row[name] for row in rows]).mean() for name in rows[0]}
        means = torch.stack(list(values.values()))
        self.team.average([*(gradient for one in active for gradient in one.gradients()), means])
        norms = torch.stack([one.clip() for one in active])
        found = dict(zip(values, means.tolist(), strict=True)) | {"gradient": norms[0].item()}
        wrong = [f"{name} is {x}" for name, x in found.items() if not math.isfinite(x)]
        if wrong or not norms.isfinite().all():
            raise NotFinite(", ".join(wrong) or "the discriminator's gradient is not finite")
        for one in active:
            one.move(factor(self.recipe.schedule, number))
        self._follow(number)
        return found

    def _backward(self, batch: Batch, number: int, parts: int) -> dict[str, Tensor]:
        """Adds the gradients of one part of a step; its losses, detached."""
        judge = self.discriminator.module if self.discriminator else None
        assert judge is None or isinstance(judge, VideoDiscriminator)
        with self._autocast:
            colored = colorize(self.model, batch, recompute=self.recipe.recompute)
        compared = Compared(batch, colored, self.vgg, judge)
        with _frozen(judge):
            terms, weights = losses(self.recipe.losses, compared, number), self.recipe.losses.terms()
            total = torch.stack([weights[name].weight * value for name, value in terms.items()]).sum()
            (total / parts).backward()  # type: ignore[no-untyped-call]
        terms["loss"] = total
        if "adversarial" in terms:
            terms["discriminator"] = discriminate(compared)
            (terms["discriminator"] / parts).backward()  # type: ignore[no-untyped-call]
        return {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def _follow(self, number: int) -> None:
        """The mean of the weights goes after them, faster at the beginning."""
        if self.average is None:
            return
        share = 1 - min(self.recipe.ema, (1 + number) / (10 + number))
        for mean, now in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, share)
            else:
                mean.copy_(now)

    def _ready(self) -> None:
        """In training mode, but for what is frozen."""
        self.model.train()
        for path in self.recipe.solver.frozen:
            self.model.get_submodule(path).eval()
        if self.recipe.solver.frozen_statistics:
            for module in self.model.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    @contextmanager
    def resting(self) -> Iterator[Colorizer]:
        """`result` in evaluation mode, without gradients."""
        with torch.inference_mode():
            yield self.result.eval()
        self._ready()

    def state(self) -> dict[str, Any]:
        """All that a checkpoint must hold."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "solver": self.generator.solver.state_dict(),
            "discriminator": self.discriminator.state() if self.discriminator else None,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """What `state` gave. Raises WeightsError where it is of another model."""
        try:
            self.generator.load({"weights": state["model"], "solver": state["solver"]})
            if self.average:
                self.average.load_state_dict(state["average"])
            if self.discriminator:
                self.discriminator.load(state["discriminator"])
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise WeightsError(f"the checkpoint is of another model or recipe ({error})") from error


def groups_of(model: Colorizer, solver: Solver) -> list[dict[str, Any]]:
    """Weights that want a gradient and their rate: that of the deepest submodule that has one. Raises UsageError."""
    for path in solver.rates:
        submodule(model, path, "solver.rates")
    groups: dict[float, list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            own = [path for path in solver.rates if name.startswith(f"{path}.")]
            rate = solver.rates[max(own, key=len)] if own else solver.rate
            groups.setdefault(rate, []).append(weight)
    return [{"params": weights, "lr": rate} for rate, weights in groups.items()]


def precision_note(recipe: Recipe, device: torch.device) -> str | None:
    """What to tell where the device lacks the recipe's precision."""
    if recipe.precision == "float32" or _autocast_type(recipe, device):
        return None
    return f"{device.type} has no quick {recipe.precision}: training in float32"


def _autocast_type(recipe: Recipe, device: torch.device) -> torch.dtype | None:
    quick = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if quick and recipe.precision == "bfloat16" else None


def _autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    dtype = _autocast_type(recipe, device)
    return torch.autocast(device.type if dtype else "cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None)


def _discriminator(recipe: Recipe, device: torch.device) -> Trainee | None:
    term = recipe.losses.terms().get("adversarial")
    if not isinstance(term, Adversarial):
        return None
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        network = VideoDiscriminator(width=term.width).to(device)
    groups = [{"params": list(network.parameters()), "lr": term.rate}]
    return Trainee(network, groups, recipe.solver, recipe.clip_norm)


@contextmanager
def _frozen(judge: nn.Module | None) -> Iterator[None]:
    """The discriminator as the colorizer meets it: no gradient for its weights, and nothing in it moves."""
    if judge is None:
        yield
        return
    judge.eval().requires_grad_(False)
    try:
        yield
    finally:
        judge.train().requires_grad_(True)


def _seed(*numbers: int) -> int:
    """One number of 63 bits for several."""
    return int.from_bytes(hashlib.sha256(str(numbers).encode()).digest()[:8]) >> 1
