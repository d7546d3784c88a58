"""The interface that training, evaluation and rendering share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from kinemacolor.nn.partial import premultiply_references
from kinemacolor.options import EdgeFilter


@dataclass(frozen=True)
class ModelSpec:
    """What a session must know of a model.

    ``short_side`` is the working size in px, ``block`` the number of frames seen together.
    ``saturation`` and ``edge_filter`` are what its published recipe does to the chroma afterwards.
    """

    name: str
    short_side: int
    block_size: int = 1
    saturation: float = 1.0
    edge_filter: EdgeFilter = "none"


@dataclass(frozen=True)
class State:
    """What a model carries from frame to frame; tensors have the batch first. Never mutated."""

    def to(self, device: torch.device | str) -> Self:
        """The same state on another device."""
        return self._map_tensors(lambda tensor: tensor.to(device))

    def detach(self) -> Self:
        """The same state, cut from the graph that made it."""
        return self._map_tensors(Tensor.detach)

    def contiguous(self) -> Self:
        """The same state, laid out in memory as its numbers alone say: kernels differ in rounding between layouts."""
        return self._map_tensors(Tensor.contiguous)

    def named_tensors(self) -> dict[str, Tensor]:
        """All that it carries, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: x for name, x in values.items() if isinstance(x, Tensor)}

    def _map_tensors(self, transform: Callable[[Tensor], Tensor]) -> Self:
        return replace(self, **{name: transform(x) for name, x in self.named_tensors().items()})


class ModelOutput(NamedTuple):
    """Answer to a block of frames: ab ``B T 2 h w``, confidence 0..1 ``B T 1 h w``, the state after it.

    ``aux`` is what else a model knows of its answer. Two names mean the same wherever they are given, ``h' w'``
    being a grid over the whole frame: ``origin``, ``B T 3 h' w'``, is where in the references the match of each
    cell lies: the number of the reference (of those with paint), and row and column in it, 0..1 from its top left;
    ``matched``, ``B T 1 h' w'``, is which part of the chroma comes from that match, 0..1.
    """

    ab: Tensor
    confidence: Tensor
    state: State
    aux: Mapping[str, Tensor] = {}


class Colorizer(nn.Module, ABC):
    """A network that gives gray frames the chroma of references.

    Cutting a film at multiples of ``spec.block`` changes nothing, rows of a batch are
    independent, any frame of at least 64 px a side keeps its size.

    ``parts`` names the sets of weights that a model is made of, each with the submodule that holds
    it; ``options_type`` is what its constructor takes. ``notices`` is what a user must know of the
    weights it was loaded with.
    """

    spec: ModelSpec
    parts: ClassVar[Mapping[str, str]]
    options_type: ClassVar[type]
    notices: tuple[str, ...] = ()

    def init_state(self, references: Tensor, *, paint_mask: Tensor | None = None, in_shot: bool = False) -> State:
        """The state before the first frame.

        ``references`` is ``B R 3 H W`` Lab, their order of no matter; ``in_shot`` says that they
        are frames of the film itself. Of partial references ``painted``, ``R H W`` and the same for all rows of the
        batch, says how much of each pixel is painted, 0..1: the chroma of the rest does not matter, but its L does,
        because by it the models see what the painted part belongs to.

        Raises ValueError for masks of another shape, or where nothing is painted.
        """
        return self._build_initial_state(*premultiply_references(references, paint_mask), in_shot=in_shot)

    @abstractmethod
    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        """The state of `init_state`, of references and masks as `over_gray` gives them."""

    @abstractmethod
    def forward(self, lightness: Tensor, state: State) -> ModelOutput:
        """Colours for ``luma``, ``B T 1 h w``, L 0..100, the frames that follow ``state``."""
