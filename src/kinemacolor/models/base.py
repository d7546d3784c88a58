"""The interface of all models, for training, evaluation and rendering: `Colorizer`, its state and its output."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from kinemacolor.errors import WeightsError
from kinemacolor.models.catalog import ModelSpec, check_fill
from kinemacolor.nn.partial import premultiply_references


@dataclass(frozen=True)
class State:
    """State that a model carries from frame to frame; tensors have the batch first. Never mutated."""

    def to(self, device: torch.device | str) -> Self:
        """Return the same state on another device."""
        return self._map_tensors(lambda tensor: tensor.to(device))

    def detach(self) -> Self:
        """Return the same state, detached from the autograd graph."""
        return self._map_tensors(Tensor.detach)

    def contiguous(self) -> Self:
        """Return the same state in contiguous memory: kernels round differently for different layouts."""
        return self._map_tensors(Tensor.contiguous)

    def named_tensors(self) -> dict[str, Tensor]:
        """Return all tensors of the state by field name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: x for name, x in values.items() if isinstance(x, Tensor)}

    def _map_tensors(self, transform: Callable[[Tensor], Tensor]) -> Self:
        return replace(self, **{name: transform(x) for name, x in self.named_tensors().items()})


class ModelOutput(NamedTuple):
    """Prediction for a block of frames: ab ``B T 2 h w``, confidence 0..1 ``B T 1 h w``, the state after it.

    ``aux``, empty unless it was asked for, has further results of a model by name. Three names mean the same in every
    model that gives them, ``h' w'`` being a grid over the whole frame: ``origin``, ``B T 3 h' w'``, is where in the
    references the match of each cell lies: the number of the reference (of those with paint), and row and column in it,
    0..1 from its top left; ``matched``, ``B T 1 h' w'``, is the part 0..1 of the ab that comes from that match;
    ``filled``, ``B T 1 h' w'``, the part that no reference shows, which only a model that fills gives.
    """

    ab: Tensor
    confidence: Tensor
    state: State
    aux: Mapping[str, Tensor] = {}


class TensorNames(NamedTuple):
    """The names of the tensors that a method takes, and of those that it gives, no two alike."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Colorizer(nn.Module, ABC):
    """A network that predicts ab of gray frames from colour references.

    Splitting a film at multiples of ``spec.block_size`` changes no result, rows of a batch are
    independent, and any frame of at least 64 px a side keeps its size.

    ``parts`` names the sets of weights that a model is made of, each with the submodule that holds
    it; ``options_type`` is the type of its constructor's argument, which a model that can fill keeps as ``options``.
    ``notices`` is what a user must know of the weights it was loaded with.

    ``tensor_methods`` names methods that take tensors and give tuples of tensors, all with the batch first, and depend
    on nothing but the weights: another engine than torch may compute them (`with_methods`), and they can be exported.
    """

    spec: ModelSpec
    options: Any
    parts: ClassVar[Mapping[str, str]]
    options_type: ClassVar[type]
    tensor_methods: ClassVar[Mapping[str, TensorNames]] = MappingProxyType({})
    notices: tuple[str, ...] = ()

    def init_state(self, references: Tensor, *, paint_mask: Tensor | None = None, in_shot: bool = False) -> State:
        """Compute the state before the first frame from references ``B R 3 H W``, Lab.

        The order of references does not matter; ``in_shot`` says that they are frames of the film itself. For
        partial references ``paint_mask``, ``R H W`` and the same for all rows of the batch, says how much of each
        pixel is painted, 0..1: the ab of the rest does not matter, but its L does, because it shows the models what
        the painted part belongs to.

        Raises ValueError for masks of another shape, or where nothing is painted.
        """
        return self._build_initial_state(*premultiply_references(references, paint_mask), in_shot=in_shot)

    def with_fill(self, fill: bool) -> Self:
        """Return this model, or one of the same weights, that fills or does not. Raises UsageError where it cannot."""
        check_fill(self.spec, fill=fill)
        if not self.spec.can_fill or self.options.fill == fill:
            return self
        other = copy(self)  # shares all modules, and so the weights
        other.options = replace(self.options, fill=fill)
        return other

    def with_methods(self, methods: Mapping[str, Callable[..., tuple[Tensor, ...]]]) -> Self:
        """Return a model of the same weights that calls ``methods`` in the place of its own of these names."""
        other = copy(self)
        for name, method in methods.items():
            setattr(other, name, method)
        return other

    @abstractmethod
    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        """Compute the state of `init_state` from references and masks as `premultiply_references` gives them."""

    @abstractmethod
    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        """Predict ab and confidence of the frames ``lightness``, ``B T 1 h w``, L 0..100, that follow ``state``.

        ``with_aux`` asks for `ModelOutput.aux`, and changes nothing else.
        """

    def encode_frames(self, lightness: Tensor) -> tuple[Tensor, ...]:
        """Compute of frames, given as to `forward`, what does not depend on a state: it can be done ahead.

        That is nothing for a model that does not say otherwise.
        """
        return ()

    def forward_encoded(
        self, lightness: Tensor, encoding: tuple[Tensor, ...], state: State, *, with_aux: bool = False
    ) -> ModelOutput:
        """Do what is left of `forward` for frames with the ``encoding`` of `encode_frames`."""
        output: ModelOutput = self(lightness, state, with_aux=with_aux)
        return output


def require_finite(model: str, *results: Tensor) -> None:
    """Check what a network gave before anything is made of it. Raises WeightsError for NaN or infinity."""
    if not all(bool(torch.isfinite(one).all()) for one in results):
        raise WeightsError(
            f"{model} gives NaN or infinity instead of colours: its weights are damaged or of another network, or "
            "--precision is too low for them. Look with `kinemacolor models verify`, or import others"
        )
