"""Frames that come one after the other, where ComfyUI has such streams: a session fits them exactly."""

import comfy_api.latest as comfy
import torch
from comfy_api.latest import io

import kinemacolor
from kinemacolor.models.catalog import list_models
from kinemacolor.options import DEFAULT_MODEL
from kinemacolor.references.load import load_reference
from kinemacolor.references.spec import ReferenceSpec

from .comfy_files import to_codes
from .reference_nodes import CATEGORY, References

HAS_STREAMS = hasattr(io, "ImageStream") and hasattr(comfy.Input, "ImageStream")

if HAS_STREAMS:

    class ColorizedStream(comfy.Input.ImageStream):
        """The frames of a stream in colour: 8 bits, one shot, in their order."""

        def __init__(
            self, frames: "comfy.Input.ImageStream", references: tuple[str, ...], model: str, device: str
        ) -> None:
            super().__init__()
            self._frames, self._device = frames, device
            specs = [ReferenceSpec.parse(text) for text in references]
            self._references = [load_reference(one.path) for spec in specs for one in spec.list_references()]
            self._model = kinemacolor.load_model(model)
            self._session: kinemacolor.Session | None = None

        def get_dimensions(self) -> tuple[int, int]:
            """Return columns and rows of a frame."""
            width, height = self._frames.get_dimensions()
            return width, height

        def do_reset(self) -> None:
            """Begin again with the first frame."""
            self._frames.reset()
            self._session = None

        def do_pull(self, max_frames: int) -> torch.Tensor:
            """Return up to so many frames ``B H W 3``, 0..1; fewer are the end of the stream."""
            width, height = self.get_dimensions()
            self._session = self._session or kinemacolor.Session(
                self._model, self._references, height=height, width=width, device=self._device
            )
            frames = self._frames.pull(max_frames)
            colorized = torch.empty(len(frames), height, width, 3)
            for number, frame in enumerate(frames):
                rgb, _ = self._session.colorize(to_codes(frame[..., :3]))
                colorized[number] = torch.from_numpy(rgb) / 255
            return colorized

    class ColorizeStream(io.ComfyNode):
        """Stream and references to a stream in colour."""

        @classmethod
        def define_schema(cls) -> io.Schema:
            """Describe the node to ComfyUI."""
            return io.Schema(
                node_id="KinemacolorColorizeStream",
                display_name="Colorize Stream",
                category=CATEGORY,
                description="Colorizes the frames of one shot as they come. For a film, Colorize Film keeps more.",
                inputs=[
                    io.ImageStream.Input("frames"),
                    References.Input("references"),
                    io.Combo.Input("model", options=list(list_models()), default=DEFAULT_MODEL),
                    io.Combo.Input("device", options=["auto", "cpu", "cuda", "mps"], default="auto"),
                ],
                outputs=[io.ImageStream.Output(display_name="frames in colour")],
            )

        @classmethod
        def execute(
            cls, frames: "comfy.Input.ImageStream", references: tuple[str, ...], model: str, device: str
        ) -> io.NodeOutput:
            """Wrap the stream: nothing is computed until frames are asked for."""
            return io.NodeOutput(ColorizedStream(frames, references, model, device))


NODES = (ColorizeStream,) if HAS_STREAMS else ()
