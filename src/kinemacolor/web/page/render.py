"""Step 4: the film itself, the queue, the player, and corrections."""

import base64
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import gradio as gr
import numpy as np

from kinemacolor.arrays import Bytes
from kinemacolor.errors import UsageError
from kinemacolor.files import writing
from kinemacolor.references.pictures import load_reference
from kinemacolor.resample import resize
from kinemacolor.session import complete
from kinemacolor.video.painted import OPAQUE
from kinemacolor.video.pictures import SUFFIXES, picture_size
from kinemacolor.web.desk import Desk, result_files
from kinemacolor.web.page.calls import View, changed_since, data_of, project_of, told, user_of
from kinemacolor.web.page.parts import compare_player, paint_frame
from kinemacolor.web.page.shown import look_url, player_value, reference_values
from kinemacolor.web.project import Project
from kinemacolor.web.tasks import FORMS, RenderFilm, command_of

AS_FILM = "As the film"
MORE = [("The colours alone, for editing", "layer"), ("How sure the model is, as a film", "confidence")]


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
                "Paint over what is wrong, or give a picture of this frame in colour, all of it or with the rest "
                "transparent. The film keeps its own light and shade. The frame then leads its shot in both "
                "directions; only what depends on it is rendered again."
            )
            with gr.Row(equal_height=True):
                self.frame = gr.Number(0, label="Frame", precision=0, minimum=0, elem_id="correct-frame", min_width=120)
                self.fetch = gr.Button("Paint on it", size="sm", elem_id="correct-show", min_width=120)
            self.painter = paint_frame(elem_id="painter")
            self.picture = gr.File(
                label="Or a picture of this frame in colour",
                file_types=list(SUFFIXES),
                height=110,
                elem_id="correct-upload",
            )
            self.save = gr.Button("Take this picture, and render again", elem_id="correct-save")
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
    def open_frame(self, current: str, frame: float, request: gr.Request) -> dict[str, Any]:
        """A frame as it was rendered, to paint on."""
        return self._opened(project_of(self._desk, request, current), int(frame))

    @told
    def choose(self, current: str, event: gr.EventData, request: gr.Request) -> tuple[Any, Any, Any]:
        """The frame at which the player stands."""
        project, sent = project_of(self._desk, request, current), data_of(event)
        frame = self._desk.frame_at(project, float(sent["seconds"]))
        return gr.update(open=True), frame, self._opened(project, frame)

    @told
    def take_strokes(self, event: gr.EventData, request: gr.Request) -> None:
        """What was painted on a frame becomes a reference of its shot, alone or over the frame as it was rendered."""
        sent = data_of(event)
        project, frame = project_of(self._desk, request, str(sent.get("project"))), int(sent["frame"])
        layer = _strokes(str(sent["layer"]), self._desk.home.uploads)
        if sent["whole"]:
            layer = self._over(project, frame, layer, self._desk.stills.painted(project, frame))
        self._correct(project, frame, layer, request)

    def put_away(self) -> tuple[None, None]:
        """What was painted or given is taken."""
        return None, None

    @told
    def take_picture(self, current: str, frame: float, picture: str | None, request: gr.Request) -> None:
        """A picture of the frame that is named becomes a reference of its shot."""
        project, number = project_of(self._desk, request, current), int(frame)
        if not picture:
            raise gr.Error("Give a picture of the frame first.", print_exception=False)
        given = load_reference(Path(picture))
        if given.shape[2] == 3:
            given = self._over(project, number, np.dstack([given, np.full(given.shape[:2], 255, np.uint8)]), given)
        self._correct(project, number, given, request)

    def _over(self, project: Project, frame: int, layer: Bytes, below: Bytes) -> Bytes:
        """``H W 3``: what is painted of ``H W 4``, with the light and shade of the frame; elsewhere ``below``."""
        painted = complete(layer, self._desk.stills.luma(project, frame))
        rest = resize(below, (layer.shape[0], layer.shape[1]))
        return np.where(painted[..., 3:] >= OPAQUE, painted[..., :3], rest)

    def _correct(self, project: Project, frame: int, picture: Bytes, request: gr.Request) -> None:
        project.correct(frame, np.ascontiguousarray(picture))
        self._desk.submit(user_of(request), project, RenderFilm())

    def _opened(self, project: Project, frame: int) -> dict[str, Any]:
        path, names = self._desk.stills.rendered(project, frame), self._desk.stills.still(project, frame).references
        rows, columns = picture_size(path)
        return {
            **{"project": project.name, "frame": frame, "image": look_url(project, path)},
            **{"width": columns, "height": rows, "references": reference_values(project, names)},
        }


def _task(form: str, more: list[str]) -> RenderFilm:
    return RenderFilm.model_validate({"form": form or None} | dict.fromkeys(more, True))


def _strokes(address: str, uploads: Path) -> Bytes:
    """The picture ``H W 4`` of a data URL. Raises UsageError, InputError for what is none or has no paint."""
    head, _, coded = address.partition(",")
    try:
        content = base64.b64decode(coded, validate=True)
    except ValueError:
        content = b""
    if head != "data:image/png;base64" or not content:
        raise UsageError("what was painted did not arrive: try again")
    with TemporaryDirectory(dir=uploads) as folder:
        file = Path(folder, "strokes.png")
        with writing(uploads):
            file.write_bytes(content)
        return load_reference(file)


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
