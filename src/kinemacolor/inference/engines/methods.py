"""Methods of models as modules, in the form that compilers and exporters take."""

from torch import Tensor, nn

from kinemacolor.models.base import Colorizer


class MethodModule(nn.Module):
    """One of `Colorizer.tensor_methods`, as a module that can be traced."""

    def __init__(self, model: Colorizer, name: str) -> None:
        super().__init__()
        self.model, self.name = model, name

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(getattr(self.model, self.name)(*inputs))
