"""Step 4: the film itself, the player, and corrections."""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from kinemacolor.web.page.calls import View, changed_since, project_of, told, user_of
from kinemacolor.web.page.correct import CorrectPanel
from kinemacolor.web.page.parts import compare_player
from kinemacolor.web.page.shown import player_value
from kinemacolor.web.project import Project
from kinemacolor.web.requests import OUTPUT_FORMATS, RenderFilm, format_render_command
from kinemacolor.web.service import Service, list_result_files

AS_FILM = "As the film"
MORE = [("The colours alone, for editing", "layer"), ("How sure the model is, as a film", "confidence")]


class RenderStep:
    """The components of the step; `show` gives values for its ``outputs``."""

    def __init__(self, desk: Service) -> None:
        self._desk = desk
        forms = [(AS_FILM, "")] + [(text, name) for name, (text, *_) in OUTPUT_FORMATS.items() if name != "png"]
        with gr.Row():
            self.form = gr.Dropdown(forms, value="", label="Result", elem_id="form", min_width=220)
            self.more = gr.CheckboxGroup(MORE, label="Also", elem_id="form-more", min_width=220)
        self.render = gr.Button("Render the film", variant="primary", elem_id="render")
        self.downloads = gr.HTML(elem_id="downloads")
        self.player = compare_player()
        self.correct = CorrectPanel(desk)
        with gr.Accordion("The same as a command", open=False, elem_id="as-command") as self.as_text:
            self.command = gr.Textbox(
                label="Command line", interactive=False, buttons=["copy"], elem_id="command", lines=2
            )
        self.back = gr.Button("Back")

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.downloads, self.player, self.correct.painter]

    def show(self, view: View) -> list[Any]:
        """Values for ``outputs``."""
        project = view.project
        if project is None:
            return ["", None, None]
        film = player_value(project, project.comparison_file.name, project.entry.title, correctable=True)
        return [downloads(project), film, None if view.is_new else gr.skip()]

    @told
    def as_command(self, current: str, form: str, more: list[str], request: gr.Request) -> str:
        """What `ask` asks for, as a command line; nothing where there is no plan yet."""
        project = project_of(self._desk, request, current) if current else None
        return format_render_command(project, _task(form, more)) if project and project.plan_file.is_file() else ""

    @told
    def ask(self, current: str, form: str, more: list[str], request: gr.Request) -> None:
        """Put the film into the queue."""
        project = project_of(self._desk, request, current)
        self._desk.submit_task(user_of(request), project, _task(form, more))


def _task(form: str, more: list[str]) -> RenderFilm:
    return RenderFilm.model_validate({"form": form or None} | dict.fromkeys(more, True))


def downloads(project: Project) -> str:
    """What was made, to take away, as HTML."""
    rows = "".join(
        f'<li><a href="/api/projects/{project.name}/files/results/{quote(path.name)}" download>{escape(path.name)}</a> '
        f"({_size(path)}{', not whole' if '.partial.' in path.name else ''})</li>"
        for path in list_result_files(project)
    )
    if not rows:
        return ""
    head = f"<h2>Results</h2>{changed_since(project)}"
    return f'<section class="card" aria-label="Results">{head}<ul>{rows}</ul></section>'


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
