"""The models by name, as data: whoever only names a model, or asks how large it is, loads no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from kinemacolor.errors import UsageError
from kinemacolor.options import EdgeFilter

if TYPE_CHECKING:
    from kinemacolor.models.base import Colorizer


@dataclass(frozen=True)
class ModelSpec:
    """What a session must know of a model.

    ``short_side`` is the working size in px, ``block_size`` the number of frames that the model sees together.
    ``saturation`` and ``edge_filter`` are what its published recipe does to ab afterwards.
    """

    name: str
    short_side: int
    block_size: int = 1
    saturation: float = 1.0
    edge_filter: EdgeFilter = "none"


@dataclass(frozen=True)
class ModelEntry:
    """A model: where its class lies, its spec, and how many parameters each part of its weights has.

    `tests/models/test_catalog.py` holds these numbers against the networks.
    """

    class_path: str
    spec: ModelSpec
    part_parameters: Mapping[str, int]

    @property
    def parameters(self) -> int:
        """All parameters of the model."""
        return sum(self.part_parameters.values())

    def load_class(self) -> "type[Colorizer]":
        """Import the network."""
        module, _, name = self.class_path.partition(":")
        found: type[Colorizer] = getattr(import_module(module), name)
        return found


MODEL_CATALOG: Mapping[str, ModelEntry] = MappingProxyType(
    {
        "kinema": ModelEntry(
            "kinemacolor.models.kinema.model:Kinema",
            ModelSpec("kinema", short_side=216),
            {"kinema": 2_322_467},
        ),
        "deep-exemplar": ModelEntry(
            "kinemacolor.models.deep_exemplar:DeepExemplar",
            ModelSpec("deep-exemplar", short_side=216, saturation=1.25, edge_filter="fgs"),
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
            ModelSpec("long-term", short_side=216, block_size=3),
            {
                "resnet101": 22_996_160,
                "long-term-correspondence": 48_607_622,
                "long-term-linkage": 1_482_240,
                "long-term-colorization": 36_415_618,
            },
        ),
    }
)


def list_models() -> tuple[str, ...]:
    """The names that `load_model` and `--model` take."""
    return tuple(MODEL_CATALOG)


def find_model(name: str) -> ModelEntry:
    """The entry of a model. Raises UsageError for a name that there is not."""
    if name not in MODEL_CATALOG:
        raise UsageError(f"there is no model {name!r}: choose one of {', '.join(sorted(MODEL_CATALOG))}")
    return MODEL_CATALOG[name]
