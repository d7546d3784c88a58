"""The Long-term network at a size that two cores can train: ResNet-50 for ResNet-101, half the channels behind it."""

from dataclasses import dataclass
from types import MappingProxyType

from kinemacolor.models.long_term.model import LongTerm
from kinemacolor.models.long_term.subnets import LongTermOptions
from kinemacolor.nn.backbones import ResNet50


@dataclass(frozen=True)
class LongTermSmallOptions(LongTermOptions):
    """Options of `LongTermOptions`; the channels are half of the published ones."""

    width: float = 0.5


class LongTermSmall(LongTerm):
    """`LongTerm` with half the channels and the whole of ResNet-50; not the paper's network, so not its quality."""

    name = "long-term-small"
    options_type = LongTermSmallOptions
    backbone_type = ResNet50
    backbone_width = 2
    parts = MappingProxyType(
        {
            "resnet50": "backbone",
            "long-term-small-correspondence": "correspondence",
            "long-term-small-linkage": "linkage",
            "long-term-small-colorization": "colorization",
        }
    )
