"""The frozen networks through which losses look at pictures."""

from dataclasses import dataclass

from torch import Tensor

from kinemacolor.color import lab_to_rgb
from kinemacolor.nn.backbones import VGG19, EfficientNetLite0
from kinemacolor.nn.precision import no_autocast, promote_to_float32


@dataclass(frozen=True)
class LossNetworks:
    """The networks of a recipe's losses; None where no loss looks through it.

    ``vgg`` is for `losses.perceptual`, ``backbone`` for `losses.deep_features`.
    """

    vgg: VGG19 | None = None
    backbone: EfficientNetLite0 | None = None


def extract_maps(network: VGG19 | EfficientNetLite0, lab: Tensor) -> tuple[Tensor, ...]:
    """Compute the maps of ``network``, ``B C h w`` each, of Lab ``B 3 h w`` as sRGB clipped to 0..1.

    Where a colour is clipped its gradient is 0. Raises ValueError unless the network is frozen: in
    evaluation mode, with parameters that require no gradient. Computed in float32, also under autocast.
    """
    if network.training or any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"wanted a frozen {type(network).__name__}: network.eval().requires_grad_(False)")
    with no_autocast(lab.device):
        maps: tuple[Tensor, ...] = network(lab_to_rgb(promote_to_float32(lab)))
    return maps
