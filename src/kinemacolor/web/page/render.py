"""Step 4: the film itself, the queue, the player, and corrections."""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import numpy as np

from kinemacolor.arrays import Bytes
from kinemacolor.references.pictures import load_reference
from kinemacolor.resample import resize
from kinemacolor.session import complete
from kinemacolor.web.desk import Desk, result_files
from kinemacolor.web.page.calls import View, changed_since, data_of, project_of, told, user_of
from kinemacolor.web.page.look import player_value
from kinemacolor.web.page.parts import compare_player
from kinemacolor.web.project import Project
from kinemacolor.web.tasks import FORMS, RenderFilm, command_of

AS_FILM = "As the film"
MORE = [("The colours alone, for editing", "layer"), ("How sure the model is, as a film", "confidence")]

PALETTE: list[str | tuple[str, float]] = [
    *("#b08a6e", "#8a3b2f", "#c9a34e", "#5f7a3a", "#3f6f8f"),
    *("#2f3f6f", "#7a4f8a", "#d9c9b0", "#6b4a2f", "#808080"),
]


class RenderStep:
    """The components of the step; `show` gives values for its ``outputs``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        forms = [(AS_FILM, "")] + [(text, name) for name, (text, *_) in FORMS.items() if name != "png"]
        with gr.Row():
            self.form = gr.Dropdown(forms, value="", label="Result", elem_id="form", min_width=220)
            self.more = gr.CheckboxGroup(MORE, label="Also", elem_id="form-more", min_width=220)
        self.render = gr.Button("Render the film", variant="primary", elem_id="render")
        self.downloads = gr.HTML(elem_id="downloads")
        self.player = compare_player()
        with gr.Accordion("Correct a frame", open=False, elem_id="correct") as self.panel:
            gr.Markdown(
                "Paint over what is wrong with the colour it should have, or give a picture of this frame in colour. "
                "The film keeps its own light and shade. The frame then leads its shot in both directions; only what "
                "depends on it is rendered again."
            )
            self.opened = gr.State(None)
            with gr.Row(equal_height=True):
                self.frame = gr.Number(0, label="Frame", precision=0, minimum=0, elem_id="correct-frame", min_width=120)
                self.fetch = gr.Button("Show it", size="sm", elem_id="correct-show", min_width=120)
            self.editor = gr.ImageEditor(
                type="numpy",
                image_mode="RGBA",
                sources=(),
                transforms=(),
                layers=False,
                brush=gr.Brush(default_size=24, colors=PALETTE, default_color=PALETTE[0]),
                label="Paint on the frame",
                elem_id="editor",
                canvas_size=(960, 540),
            )
            self.whole = gr.File(label="Or a picture of this frame in colour", height=110, elem_id="correct-upload")
            self.save = gr.Button("Take this frame, and render again", variant="primary", elem_id="correct-save")
        with gr.Accordion("The same as a command", open=False, elem_id="as-command") as self.as_text:
            self.command = gr.Textbox(
                label="Command line", interactive=False, buttons=["copy"], elem_id="command", lines=2
            )
        self.back = gr.Button("Back")

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.downloads, self.player]

    def show(self, view: View) -> list[Any]:
        """Values for ``outputs``."""
        project = view.project
        if project is None:
            return ["", None]
        film = player_value(project, project.player_film.name, project.entry.title, correctable=True)
        return [downloads(project), film]

    @told
    def as_command(self, current: str, form: str, more: list[str], request: gr.Request) -> str:
        """What `ask` asks for, as a command line; nothing where there is no plan yet."""
        project = project_of(self._desk, request, current) if current else None
        return command_of(project, _task(form, more)) if project and project.plan_file.is_file() else ""

    @told
    def ask(self, current: str, form: str, more: list[str], request: gr.Request) -> None:
        """Put the film into the queue."""
        project = project_of(self._desk, request, current)
        self._desk.submit(user_of(request), project, _task(form, more))

    @told
    def open_frame(self, current: str, frame: float, request: gr.Request) -> tuple[Any, Any]:
        """A frame as it was rendered, to paint on; and which one that is."""
        return self._opened(project_of(self._desk, request, current), int(frame))

    @told
    def choose(self, current: str, event: gr.EventData, request: gr.Request) -> tuple[Any, Any, Any, Any]:
        """The frame at which the player stands."""
        project, sent = project_of(self._desk, request, current), data_of(event)
        frame = self._desk.frame_at(project, float(sent["seconds"]))
        return gr.update(open=True), frame, *self._opened(project, frame)

    @told
    def correct(
        self,
        current: str,
        frame: float,
        opened: tuple[str, int] | None,
        edited: dict[str, Any] | None,
        whole: str | None,
        request: gr.Request,
    ) -> tuple[None, None, None]:
        """A painted frame, or a picture of the frame that is named, becomes a reference of its shot.

        The film is rendered again, and all is put away.
        """
        project = project_of(self._desk, request, current)
        if whole:
            number, picture = int(frame), load_reference(Path(whole))
        else:
            number, picture = _painted(project, opened, edited)
        project.correct(number, _over(picture, self._desk.stills.luma(project, number)))
        self._desk.submit(user_of(request), project, RenderFilm())
        return None, None, None

    def _opened(self, project: Project, frame: int) -> tuple[Any, Any]:
        picture = self._desk.stills.painted(project, frame)
        return gr.update(value=picture, label=f"Paint on frame {frame}"), (project.name, frame)


def _task(form: str, more: list[str]) -> RenderFilm:
    return RenderFilm.model_validate({"form": form or None} | dict.fromkeys(more, True))


def _painted(project: Project, opened: tuple[str, int] | None, edited: dict[str, Any] | None) -> tuple[int, Bytes]:
    """The frame that was painted on, and what came of it."""
    if not edited or edited.get("composite") is None or opened is None or opened[0] != project.name:
        raise gr.Error("Show a frame first: press “Correct this frame”.", print_exception=False)
    composite: Bytes = np.asarray(edited["composite"], np.uint8)
    return opened[1], np.ascontiguousarray(composite[..., :3])


def _over(picture: Bytes, gray: Bytes) -> Bytes:
    """The colours of a picture over the frame's own light and shade, all of it painted: ``H W 3``."""
    if picture.shape[2] == 4:
        return picture
    layer = np.dstack([resize(picture, (gray.shape[0], gray.shape[1])), np.full(gray.shape, 255, np.uint8)])
    return np.ascontiguousarray(complete(layer, gray)[..., :3])


def downloads(project: Project) -> str:
    """What was made, to take away, as HTML."""
    rows = "".join(
        f'<li><a href="/api/projects/{project.name}/files/results/{quote(path.name)}" download>{escape(path.name)}</a> '
        f"({_size(path)}{', not whole' if '.partial.' in path.name else ''})</li>"
        for path in result_files(project)
    )
    if not rows:
        return ""
    head = f"<h2>Results</h2>{changed_since(project)}"
    return f'<section class="card" aria-label="Results">{head}<ul>{rows}</ul></section>'


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
