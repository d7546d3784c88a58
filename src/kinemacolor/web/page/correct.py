"""A frame is corrected: painted on, or given in colour; then the film is rendered again."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import gradio as gr
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinemacolor.errors import UsageError
from kinemacolor.video.images import PICTURE_SUFFIXES
from kinemacolor.web.corrections import LAYER_NOT_RECEIVED
from kinemacolor.web.page.calls import data_of, project_of, told, user_of
from kinemacolor.web.page.parts import Value, paint_frame
from kinemacolor.web.page.shown import look_url, reference_values
from kinemacolor.web.project import Project
from kinemacolor.web.requests import RenderFilm
from kinemacolor.web.service import Service

LARGEST_LAYER = 12_000_000  # characters


class Strokes(BaseModel):
    """What `paint_frame` sends."""

    model_config = ConfigDict(extra="ignore", strict=True)
    project: str
    frame: int = Field(ge=0)
    image: str
    layer: str = Field(max_length=LARGEST_LAYER)
    whole: bool


class CorrectPanel:
    """The components, and what they do."""

    def __init__(self, desk: Service) -> None:
        self._desk = desk
        with gr.Accordion("Correct a frame", open=False, elem_id="correct") as self.panel:
            gr.Markdown(
                "Paint over what is wrong, or give a picture of this frame in colour, all of it or with the rest "
                "transparent. The film keeps its own light and shade. The frame then leads its shot in both "
                "directions; only what depends on it is rendered again."
            )
            with gr.Row(equal_height=True):
                self.frame = gr.Number(0, label="Frame", precision=0, minimum=0, elem_id="correct-frame", min_width=120)
                self.fetch = gr.Button("Paint on it", size="sm", elem_id="correct-show", min_width=120)
            self.painter = paint_frame(elem_id="painter")
            self.taken = gr.State("")
            self.picture = gr.File(
                label="Or a picture of this frame in colour",
                file_types=list(PICTURE_SUFFIXES),
                height=110,
                elem_id="correct-upload",
            )
            self.save = gr.Button("Take this picture, and render again", elem_id="correct-save")

    @told
    def open_frame(self, current: str, frame: float | None, request: gr.Request) -> dict[str, Any]:
        """A frame as it was rendered, to paint on."""
        return self._opened(project_of(self._desk, request, current), _number(frame))

    @told
    def choose(self, current: str, event: gr.EventData, request: gr.Request) -> tuple[Any, Any, Any]:
        """The frame at which the player stands."""
        project, sent = project_of(self._desk, request, current), data_of(event)
        frame = self._desk.find_frame_at(project, float(sent["seconds"]))
        return gr.update(open=True), frame, self._opened(project, frame)

    @told
    def take_strokes(self, event: gr.EventData, request: gr.Request) -> str:
        """What was painted on a frame becomes a reference of its shot; the address of the picture it was painted on."""
        try:
            sent = Strokes.model_validate(data_of(event))
        except ValidationError as error:
            raise UsageError(LAYER_NOT_RECEIVED) from error
        project = project_of(self._desk, request, sent.project)
        painted_on = unquote(urlsplit(sent.image).path.rpartition("/")[2]) if sent.whole else None
        self._desk.previewer.correct_by_strokes(project, sent.frame, sent.layer, painted_on)
        self._queue_render(project, sent.frame, request)
        return sent.image

    def put_away(self, value: Value, taken: str) -> Any:
        """The painted frame, once it is taken; another one that was opened meanwhile stays."""
        return None if value and value["image"] == taken else gr.skip()

    def refuse(self, value: Value) -> Value:
        """The same frame again, for the painter to go on: its strokes were not taken."""
        return value and {**value, "refused": value.get("refused", 0) + 1}

    @told
    def take_picture(self, current: str, frame: float | None, picture: str | None, request: gr.Request) -> None:
        """A picture of the frame that is named becomes a reference of its shot. The upload is put away."""
        project, number = project_of(self._desk, request, current), _number(frame)
        if not picture:
            raise gr.Error("Give a picture of the frame first.", print_exception=False)
        self._desk.previewer.correct_by_picture(project, number, Path(picture))
        self._queue_render(project, number, request)

    def _queue_render(self, project: Project, frame: int, request: gr.Request) -> None:
        self._desk.submit_task(user_of(request), project, RenderFilm())
        gr.Info(f"Frame {frame} is taken. What depends on it is rendered again.")

    def _opened(self, project: Project, frame: int) -> dict[str, Any]:
        opened = self._desk.previewer.open_frame(project, frame)
        return {
            "project": project.name,
            "frame": frame,
            "image": look_url(project, opened.picture),
            "width": opened.size[1],
            "height": opened.size[0],
            "references": reference_values(project, opened.references),
        }


def _number(frame: float | None) -> int:
    if frame is None:
        raise UsageError("no frame is named: give its number")
    return int(frame)
