"""The part of ComfyUI's node interface (V3) that the node pack uses, with the signatures of ComfyUI's own sources.

ComfyUI is no package that could be installed for a test. Parameters that the sources do not have are refused here too.
"""

from abc import ABC, abstractmethod
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import av
from torch import Tensor

from . import io as io
from . import ui as ui

progress: list[tuple[float, float, str]] = []


class VideoInput(ABC):
    @abstractmethod
    def get_stream_source(self) -> str | BytesIO: ...

    @abstractmethod
    def get_dimensions(self) -> tuple[int, int]: ...

    def get_active_trim_window(self) -> tuple[float, float]:
        return 0.0, 0.0

    def get_container_format(self) -> str:
        with av.open(self.get_stream_source(), mode="r") as container:
            return str(container.format.name)


class VideoFromFile(VideoInput):
    def __init__(self, file: str | BytesIO, *, start_time: float = 0, duration: float = 0) -> None:
        self._file, self._trim = file, (float(start_time), float(duration))

    def get_stream_source(self) -> str | BytesIO:
        if isinstance(self._file, BytesIO):
            self._file.seek(0)
        return self._file

    def get_dimensions(self) -> tuple[int, int]:
        with av.open(self.get_stream_source(), mode="r") as container:
            return container.streams.video[0].width, container.streams.video[0].height

    def get_active_trim_window(self) -> tuple[float, float]:
        return self._trim


class ImageStreamInput(ABC):
    def reset(self) -> None:
        return self.do_reset()

    def pull(self, max_frames: int) -> Tensor:
        return self.do_pull(max_frames)

    @abstractmethod
    def get_dimensions(self) -> tuple[int, int]: ...

    @abstractmethod
    def do_reset(self) -> None: ...

    @abstractmethod
    def do_pull(self, max_frames: int) -> Tensor: ...


class Input:
    Image = Tensor
    Mask = Tensor
    Video = VideoInput
    ImageStream = ImageStreamInput


class InputImpl:
    VideoFromFile = VideoFromFile


class ComfyExtension(ABC):
    @abstractmethod
    async def get_node_list(self) -> list[type[io.ComfyNode]]: ...


class _Execution:
    def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:
        if node_id is None:
            raise ValueError("node_id must be provided if not in executing context")
        progress.append((value, max_value, node_id))


class ComfyAPISync:
    def __init__(self) -> None:
        self.execution = _Execution()


Types = SimpleNamespace()
