"""Previews of frames as the server asks for them: a process of its own makes them (`previewing`)."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from kinemacolor.inference.attribution import Origin
from kinemacolor.web.frame_previews import FramePreview, PaintableFrame
from kinemacolor.web.helper_pool import HelperPool
from kinemacolor.web.previewing import DEVICE_VARIABLE
from kinemacolor.web.project import Project

T = TypeVar("T")
PREVIEW_SECONDS = 600  # a slow model at a large working size, behind others


class RemotePreviewer:
    """The methods of `FramePreviewer` that the server needs, with what they raise, done elsewhere, one at a time."""

    def __init__(self, device: str = "auto") -> None:
        settings = {DEVICE_VARIABLE: device}
        # No limit of memory: a device's driver maps as much as it has.
        self._pool = HelperPool(
            "kinemacolor.web.previewing", size=1, seconds=PREVIEW_SECONDS, memory_bytes=0, settings=settings
        )

    def save_gray_frame(self, project: Project, frame: int) -> Path:
        """As `FramePreviewer.save_gray_frame`."""
        return self._ask(Path, "save_gray_frame", project, frame=frame)

    def export_frame(self, project: Project, frame: int) -> Path:
        """As `FramePreviewer.export_frame`."""
        return self._ask(Path, "export_frame", project, frame=frame)

    def preview_frame(self, project: Project, frame: int) -> FramePreview:
        """As `FramePreviewer.preview_frame`."""
        return self._ask(FramePreview, "preview_frame", project, frame=frame)

    def find_color_origin(self, project: Project, frame: int, row: float, column: float) -> Origin | None:
        """As `FramePreviewer.find_color_origin`."""
        wanted: Any = Origin | None
        found: Origin | None = self._ask(wanted, "find_color_origin", project, frame=frame, row=row, column=column)
        return found

    def open_frame(self, project: Project, frame: int) -> PaintableFrame:
        """As `FramePreviewer.open_frame`."""
        return self._ask(PaintableFrame, "open_frame", project, frame=frame)

    def correct_by_strokes(self, project: Project, frame: int, layer: str, painted_on: str | None) -> None:
        """As `FramePreviewer.correct_by_strokes`."""
        self._ask(type(None), "correct_by_strokes", project, frame=frame, layer=layer, painted_on=painted_on)

    def correct_by_picture(self, project: Project, frame: int, picture: Path) -> None:
        """As `FramePreviewer.correct_by_picture`."""
        self._ask(type(None), "correct_by_picture", project, frame=frame, picture=str(picture))

    def close(self) -> None:
        """End the process."""
        self._pool.close()

    def _ask(self, wanted: type[T], method: str, project: Project, **arguments: object) -> T:
        answer = self._pool.call(method, folder=str(project.folder), **arguments)
        return TypeAdapter(wanted).validate_python(answer)
