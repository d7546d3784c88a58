"""Previews of frames as the server asks for them: a process of its own makes them (`previewing`). Loads no torch."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from kinemacolor.errors import KinemacolorError
from kinemacolor.web.frame_answers import ColorOrigin, FirstLook, FramePreview, PaintableFrame, SpreadFrame
from kinemacolor.web.frame_passes import read_planned_frames
from kinemacolor.web.helper_pool import HelperPool
from kinemacolor.web.project import Project
from kinemacolor.web.thumbnails import Thumbnail, find_thumbnail

T = TypeVar("T")
DEVICE_VARIABLE = "KINEMACOLOR_PREVIEW_DEVICE"
PREVIEW_SECONDS = 600  # a slow model at a large working size, behind others


class RemotePreviewer:
    """The methods of `FramePreviewer` that the server needs, with what they raise, done elsewhere, one at a time."""

    def __init__(self, device: str = "auto") -> None:
        settings = {DEVICE_VARIABLE: device}
        # No limit of memory: a device's driver maps as much as it has.
        self._pool = HelperPool(
            "kinemacolor.web.previewing", size=1, seconds=PREVIEW_SECONDS, memory_bytes=0, settings=settings
        )
        self._warming = threading.Lock()

    def warm_up(self) -> None:
        """Start the process in the background, with the default model, so that the first frame comes sooner.

        Nothing happens where it runs already.
        """
        if not self._pool.is_started and self._warming.acquire(blocking=False):  # many pages may be opened meanwhile
            threading.Thread(target=self._warm_up, daemon=True).start()

    def preview_frame(
        self, project: Project, frame: int, saturation: float | None = None, edge_filter: str | None = None
    ) -> FramePreview:
        """As `FramePreviewer.preview_frame`."""
        return self._ask(
            FramePreview, "preview_frame", project, frame=frame, saturation=saturation, edge_filter=edge_filter
        )

    def save_thumbnail(self, project: Project, frame: int) -> Thumbnail:
        """As `FramePreviewer.save_thumbnail`; answered here where the picture is there already."""
        found = find_thumbnail(project, read_planned_frames(project), frame)
        return found or self._ask(Thumbnail, "save_thumbnail", project, patient=True, frame=frame)

    def find_color_origin(self, project: Project, frame: int, row: float, column: float) -> ColorOrigin | None:
        """As `FramePreviewer.find_color_origin`."""
        wanted: Any = ColorOrigin | None
        found: ColorOrigin | None = self._ask(wanted, "find_color_origin", project, frame=frame, row=row, column=column)
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

    def spread_strokes(
        self, project: Project, frame: int, layer: str, painted_on: str | None, frames: Sequence[int]
    ) -> list[SpreadFrame]:
        """As `FramePreviewer.spread_strokes`; where this is asked for again meanwhile, only the newest is answered."""
        return self._ask(
            list[SpreadFrame],
            "spread_strokes",
            project,
            topic=f"spread {project.folder}",
            frame=frame,
            layer=layer,
            painted_on=painted_on,
            frames=list(frames),
        )

    def color_first_look(self, project: Project) -> FirstLook:
        """As `FramePreviewer.color_first_look`."""
        return self._ask(FirstLook, "color_first_look", project)

    def close(self) -> None:
        """End the process."""
        self._pool.close()

    def _warm_up(self) -> None:
        try:
            self._pool.call("warm_up")
        except KinemacolorError:  # whoever asks for a frame is told
            return
        finally:
            self._warming.release()

    def _ask(
        self,
        wanted: type[T],
        method: str,
        project: Project,
        *,
        patient: bool = False,
        topic: str | None = None,
        **arguments: object,
    ) -> T:
        answer = self._pool.call(method, patient=patient, topic=topic, folder=str(project.folder), **arguments)
        return TypeAdapter(wanted).validate_python(answer)
