"""Kinemacolor's nodes for ComfyUI: put this folder into ComfyUI's custom_nodes."""

from comfy_api.latest import ComfyExtension, io

from . import film_nodes, reference_nodes, streams


class KinemacolorExtension(ComfyExtension):
    """The node pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """List the nodes."""
        return [*reference_nodes.NODES, *film_nodes.NODES, *streams.NODES]


async def comfy_entrypoint() -> KinemacolorExtension:
    """Return what ComfyUI asks for when it loads the pack."""
    return KinemacolorExtension()
