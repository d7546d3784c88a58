"""Types of sockets, schemas and nodes (comfy_api/latest/_io.py of ComfyUI)."""

from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any


class FolderType(str, Enum):  # noqa: UP042  as in ComfyUI
    input = "input"
    output = "output"
    temp = "temp"


class Hidden(str, Enum):  # noqa: UP042  as in ComfyUI
    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


class _Socket:
    io_type = ""


class Input(_Socket):
    def __init__(
        self,
        id: str,  # noqa: A002  as in ComfyUI
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
    ) -> None:
        self.id, self.display_name, self.optional, self.tooltip = id, display_name, optional, tooltip

    def check(self, value: Any) -> None:
        """Raise ValueError for what ComfyUI refuses as the value of a widget."""


class Output(_Socket):
    def __init__(
        self,
        id: str | None = None,  # noqa: A002  as in ComfyUI
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id, self.display_name, self.tooltip, self.is_output_list = id, display_name, tooltip, is_output_list


class _Widget(Input):
    kind: type = object

    def __init__(self, id: str, *, default: Any = None, **rest: Any) -> None:  # noqa: A002
        super().__init__(id, **rest)
        self.default = default

    def check(self, value: Any) -> None:
        if not isinstance(value, self.kind):
            raise ValueError(f"{self.id}: {value!r} is no {self.kind.__name__}")


class _Number(_Widget):
    def __init__(self, id: str, *, min: Any = None, max: Any = None, step: Any = None, **rest: Any) -> None:  # noqa: A002
        super().__init__(id, **rest)
        self.min, self.max, self.step = min, max, step

    def check(self, value: Any) -> None:
        super().check(value)
        if not self.min <= value <= self.max:
            raise ValueError(f"{self.id}: {value} lies outside of {self.min} to {self.max}")


def Custom(io_type: str) -> Any:  # noqa: N802  as in ComfyUI
    """Make a type of sockets."""
    return SimpleNamespace(
        io_type=io_type,
        Input=type("Input", (Input,), {"io_type": io_type}),
        Output=type("Output", (Output,), {"io_type": io_type}),
    )


Image, Mask, Video, ImageStream = (Custom(name) for name in ("IMAGE", "MASK", "VIDEO", "IMAGE_STREAM"))


class String(SimpleNamespace):
    class Input(_Widget):
        io_type, kind = "STRING", str

        def __init__(self, id: str, *, multiline: bool = False, **rest: Any) -> None:  # noqa: A002
            super().__init__(id, **rest)

    class Output(Output):
        io_type = "STRING"


class Boolean(SimpleNamespace):
    class Input(_Widget):
        io_type, kind = "BOOLEAN", bool


class Int(SimpleNamespace):
    class Input(_Number):
        io_type, kind = "INT", int


class Float(SimpleNamespace):
    class Input(_Number):
        io_type, kind = "FLOAT", float


class Combo(SimpleNamespace):
    class Input(_Widget):
        io_type = "COMBO"

        def __init__(self, id: str, options: list[str] | None = None, **rest: Any) -> None:  # noqa: A002
            super().__init__(id, **rest)
            self.options = options or []

        def check(self, value: Any) -> None:
            if value not in self.options:
                raise ValueError(f"{self.id}: {value!r} is none of {self.options}")


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    not_idempotent: bool = False

    def validate(self) -> None:
        """Raise ValueError where two sockets have one id, as ComfyUI does when it loads a pack."""
        ids = [one.id for one in self.inputs]
        if len(set(ids)) < len(ids):
            raise ValueError(f"Input ids must be unique: {ids}")


class NodeOutput:
    def __init__(
        self, *args: Any, ui: Any = None, expand: dict | None = None, block_execution: str | None = None
    ) -> None:
        self.args, self.ui = args, ui


class ComfyNode:
    hidden: Any = None

    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError

    @classmethod
    def execute(cls, **kwargs: Any) -> NodeOutput:
        raise NotImplementedError
