"""The Long-term network at a size that two cores can train: ResNet-50 for ResNet-101, fewer channels behind it."""

from dataclasses import dataclass
from types import MappingProxyType

from kinemacolor.models.long_term.model import LongTerm
from kinemacolor.models.long_term.subnets import LongTermOptions
from kinemacolor.nn.backbones import ResNet50


@dataclass(frozen=True)
class LongTermSmallOptions(LongTermOptions):
    """Options of `LongTermOptions`; ``width`` 0.5 is half of the published channels."""

    width: float = 0.5


class LongTermSmall(LongTerm):
    """`LongTerm` with the whole of ResNet-50, and half the channels behind it but for maps at full size.

    It is not the paper's network, so its quality is not the paper's.
    """

    name = "long-term-small"
    options_type = LongTermSmallOptions
    backbone_type = ResNet50
    outer_width = 2
    parts = MappingProxyType(
        {
            "resnet50": "backbone",
            "long-term-small-correspondence": "correspondence",
            "long-term-small-linkage": "linkage",
            "long-term-small-colorization": "colorization",
        }
    )
