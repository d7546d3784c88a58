"""The models by name, as data: naming a model, or asking for its size, loads no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from kinemacolor.errors import UsageError
from kinemacolor.options import EdgeFilter, EngineName

if TYPE_CHECKING:
    from kinemacolor.models.base import Colorizer


@dataclass(frozen=True)
class ModelSpec:
    """The properties of a model that a session needs.

    ``short_side`` is the default working size (shorter side, px), ``block_size`` the number of frames that the model
    processes together. ``saturation`` and ``edge_filter`` are the post-processing of its publication. ``uses_in_shot``:
    whether it makes a difference to the model that references are frames of the film itself. ``can_fill``: whether it
    knows typical colours, for `RenderOptions.fill`. ``matches``: whether it tells which place of a reference a colour
    comes from. ``engines``: those besides torch that can run it.
    """

    name: str
    short_side: int
    block_size: int = 1
    saturation: float = 1.0
    edge_filter: EdgeFilter = "none"
    uses_in_shot: bool = False
    can_fill: bool = False
    matches: bool = False
    engines: tuple[EngineName, ...] = ()


@dataclass(frozen=True)
class ModelEntry:
    """A model of the catalog: ``class_path`` (``module:class``), its spec, and the number of parameters of each part.

    `tests/models/test_catalog.py` compares these numbers with the networks.
    """

    class_path: str
    spec: ModelSpec
    part_parameters: Mapping[str, int]

    @property
    def parameters(self) -> int:
        """The number of parameters of all parts."""
        return sum(self.part_parameters.values())

    def load_class(self) -> "type[Colorizer]":
        """Import the model's module, and torch with it, and return its class."""
        module, _, name = self.class_path.partition(":")
        found: type[Colorizer] = getattr(import_module(module), name)
        return found


MODEL_CATALOG: Mapping[str, ModelEntry] = MappingProxyType(
    {
        "kinema": ModelEntry(
            "kinemacolor.models.kinema.model:Kinema",
            ModelSpec("kinema", short_side=216, can_fill=True, matches=True, engines=("openvino", "cuda-graphs")),
            {"kinema": 5_468_409},
        ),
        "deep-exemplar": ModelEntry(
            "kinemacolor.models.deep_exemplar:DeepExemplar",
            ModelSpec(
                "deep-exemplar", short_side=216, saturation=1.25, edge_filter="fgs", uses_in_shot=True, matches=True
            ),
            {
                "vgg19": 15_304_768,
                "deep-exemplar-correspondence": 6_917_131,
                "deep-exemplar-colorization": 32_802_370,
            },
        ),
        "color2embed": ModelEntry(
            "kinemacolor.models.color2embed:Color2Embed",
            ModelSpec("color2embed", short_side=256),
            {"color2embed-encoder": 28_742_720, "color2embed-unet": 19_413_954},
        ),
        "long-term": ModelEntry(
            "kinemacolor.models.long_term.model:LongTerm",
            ModelSpec("long-term", short_side=216, block_size=3, matches=True),
            {
                "resnet101": 22_996_160,
                "long-term-correspondence": 48_607_622,
                "long-term-linkage": 1_482_240,
                "long-term-colorization": 36_415_618,
            },
        ),
        "long-term-small": ModelEntry(
            "kinemacolor.models.long_term.small:LongTermSmall",
            ModelSpec("long-term-small", short_side=216, block_size=3, matches=True),
            {
                "resnet50": 8_512_704,
                "long-term-small-correspondence": 12_839_110,
                "long-term-small-linkage": 372_480,
                "long-term-small-colorization": 9_233_666,
            },
        ),
    }
)


def list_models() -> tuple[str, ...]:
    """List the names that `load_model` and `--model` take."""
    return tuple(MODEL_CATALOG)


def find_model(name: str) -> ModelEntry:
    """Return the entry of a model by its name. Raises UsageError for an unknown name."""
    if name not in MODEL_CATALOG:
        raise UsageError(f"there is no model {name!r}: choose one of {', '.join(sorted(MODEL_CATALOG))}")
    return MODEL_CATALOG[name]


def check_fill(spec: ModelSpec, *, fill: bool) -> None:
    """Raise UsageError where a model is to fill that cannot."""
    if fill and not spec.can_fill:
        able = " or ".join(name for name, entry in MODEL_CATALOG.items() if entry.spec.can_fill)
        raise UsageError(f"{spec.name} knows no typical colours, so it cannot fill: leave out --fill, or take {able}")
