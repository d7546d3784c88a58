"""Loads the node pack as ComfyUI does, and runs workflows in ComfyUI's API form, with its checks."""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
STUB, PACK = ROOT / "tests/support/comfyui", ROOT / "integrations/comfyui"


def load_pack() -> ModuleType:
    """Import the folder of the pack under a name of ComfyUI's choice; the stub must lie on the path."""
    spec = importlib.util.spec_from_file_location("comfyui_kinemacolor", PACK / "__init__.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def list_nodes(pack: ModuleType) -> dict[str, Any]:
    """Ask the pack for its nodes, by their ids, and check their schemas."""
    extension = asyncio.run(pack.comfy_entrypoint())
    nodes = {node.define_schema().node_id: node for node in asyncio.run(extension.get_node_list())}
    for node in nodes.values():
        node.define_schema().validate()
    return nodes


def make_core_nodes() -> dict[str, Any]:
    """Stand-ins for the nodes of ComfyUI itself that the workflows use."""
    import folder_paths
    from comfy_api.latest import InputImpl, io

    def make(inputs: list[Any], outputs: list[Any], execute: Any) -> Any:
        schema = io.Schema("core", inputs=inputs, outputs=outputs)
        return type("Core", (io.ComfyNode,), {"define_schema": lambda: schema, "execute": staticmethod(execute)})

    def load_image(image: str) -> Any:
        picture = np.asarray(Image.open(folder_paths.get_annotated_filepath(image)).convert("RGB"), np.float32)
        return io.NodeOutput(torch.from_numpy(picture / 255)[None])

    return {
        "LoadVideo": make(
            [io.String.Input("file")],
            [io.Video.Output()],
            lambda file: io.NodeOutput(InputImpl.VideoFromFile(folder_paths.get_annotated_filepath(file))),
        ),
        "LoadImage": make([io.String.Input("image")], [io.Image.Output()], load_image),
        "PreviewImage": make([io.Image.Input("images")], [], lambda images: io.NodeOutput()),
    }


def run_workflow(nodes: dict[str, Any], workflow: dict[str, Any]) -> dict[str, Any]:
    """Run all nodes of a workflow; gives what each gave, by its number.

    Raises ValueError for what ComfyUI refuses before it runs: unknown nodes and inputs, missing inputs, links of
    another type, values that a widget cannot have.
    """
    done: dict[str, Any] = {}

    def value_of(socket: Any, given: Any) -> Any:
        if not isinstance(given, list):
            socket.check(given)
            return given
        number, index = given
        source = nodes[workflow[number]["class_type"]].define_schema()
        if source.outputs[index].io_type != socket.io_type:
            raise ValueError(f"{socket.id} takes {socket.io_type}, the link gives {source.outputs[index].io_type}")
        return run(number).args[index]

    def run(number: str) -> Any:
        if number not in done:
            node = nodes[workflow[number]["class_type"]]
            schema, given = node.define_schema(), workflow[number]["inputs"]
            sockets = {one.id: one for one in schema.inputs}
            missing = [name for name, one in sockets.items() if not one.optional and name not in given]
            if missing or set(given) - set(sockets):
                raise ValueError(f"node {number} misses {missing}, or has too much: {set(given) - set(sockets)}")
            linked = {name: None if isinstance(one, list) else one for name, one in given.items()}
            if hasattr(node, "fingerprint_inputs"):  # ComfyUI asks before it runs anything, with None for links
                node.fingerprint_inputs(**linked)
            clone = type(node.__name__, (node,), {"hidden": SimpleNamespace(unique_id=number)})
            done[number] = clone.execute(**{name: value_of(sockets[name], one) for name, one in given.items()})
            assert len(done[number].args) == len(schema.outputs)
        return done[number]

    for number in workflow:
        run(number)
    return done
