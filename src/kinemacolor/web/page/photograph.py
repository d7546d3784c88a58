"""The tab of single photographs: one picture, references, the result."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from kinemacolor.errors import KinemacolorError
from kinemacolor.video.images import PICTURE_SUFFIXES
from kinemacolor.web.page.calls import View, told, user_of
from kinemacolor.web.page.film import when
from kinemacolor.web.page.parts import before_after
from kinemacolor.web.page.render import downloads
from kinemacolor.web.page.shown import still_value
from kinemacolor.web.requests import RenderFilm
from kinemacolor.web.service import Service, list_result_files


class PhotographTab:
    """The components of the tab; `show` gives values for its ``outputs``. A photograph is a film of one frame."""

    def __init__(self, desk: Service) -> None:
        self._desk = desk
        with gr.Row():
            self.upload = gr.File(
                label="A photograph", file_types=list(PICTURE_SUFFIXES), height=140, elem_id="photograph"
            )
            self.references = gr.File(
                label="Pictures with the colours it should take",
                file_count="multiple",
                file_types=list(PICTURE_SUFFIXES),
                height=140,
                elem_id="photograph-references",
            )
        self.run = gr.Button("Colour it", variant="primary", elem_id="photograph-run")
        self.still = before_after()
        self.downloads = gr.HTML(elem_id="photograph-downloads")
        with gr.Accordion("Your photographs", open=False):
            self.mine = gr.Dropdown([], label="Go back to one of yours", value=None, elem_id="photograph-mine")
            with gr.Row():
                self.open_mine = gr.Button("Open", size="sm", elem_id="photograph-open")
                self.remove = gr.Button("Remove with all that was made", size="sm", variant="stop")

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.mine, self.still, self.downloads]

    def show(self, view: View) -> list[Any]:
        """Values for ``outputs``."""
        project, own = view.photograph, [one for one in self._desk.list_projects(view.user) if one.is_photograph]
        choices = [(f"{one.entry.title} ({when(one)})", one.name) for one in own]
        mine = gr.update(choices=choices, value=project.name if project else None)
        if project is None or not list_result_files(project):
            return [mine, None, ""]
        still = self._desk.previewer.preview_frame(project, 0)
        return [mine, still_value(project, still, project.entry.title), downloads(project)]

    @told
    def color(self, photograph: str | None, references: list[str] | None, request: gr.Request) -> str:
        """Put the photograph into the queue; the name of its project. What was uploaded stays for another try."""
        if not photograph or not references:
            raise gr.Error("Give a photograph, and at least one picture in colour.", print_exception=False)
        user = user_of(request)
        with TemporaryDirectory(dir=self._desk.storage.uploads_folder) as folder:
            copies = [shutil.copy(file, Path(folder, str(at))) for at, file in enumerate([photograph, *references])]
            path, *pictures = map(Path, copies)
            project = self._desk.create_uploaded_project(user, [(Path(photograph).name, path)])
            try:
                for given, picture in zip(references, pictures, strict=True):
                    self._desk.add_reference(project, Path(given).name, picture)
            except KinemacolorError:
                project.delete_folder()
                raise
        self._desk.submit_task(user, project, RenderFilm())
        return project.name
