"""The tab of the report: which shots to look at, and what would help most."""

from html import escape
from typing import Any

import gradio as gr

from kinemacolor.web.page.calls import View, changed_since, note
from kinemacolor.web.page.shown import file_url
from kinemacolor.web.service import Service


class ReportTab:
    """The components of the tab; `show` gives values for its ``outputs``."""

    def __init__(self, desk: Service) -> None:
        self.page = gr.HTML(elem_id="report")

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.page]

    def show(self, view: View) -> list[Any]:
        """Values for ``outputs``."""
        project = view.project
        index = project.report_folder / "index.html" if project else None
        if project is None or index is None or not index.is_file():
            return [note("The report appears here when the film is rendered.")]
        address = escape(file_url(project, index))
        return [
            changed_since(project)
            + f'<p><a href="{address}" target="_blank" rel="noopener">Open it in a window of its own</a></p>'
            f'<iframe class="report" src="{address}" title="Report of {escape(project.entry.title)}"></iframe>'
        ]
