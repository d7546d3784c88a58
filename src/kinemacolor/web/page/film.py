"""Step 1: a film, uploaded or from the server's folder, and what it is."""

from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from kinemacolor.errors import KinemacolorError
from kinemacolor.utils.times import format_time, parse_seconds
from kinemacolor.video.images import FILM_SUFFIXES, PICTURE_SUFFIXES
from kinemacolor.web.film_card import FilmCard
from kinemacolor.web.names import clean_name
from kinemacolor.web.page.calls import View, note, project_of, told, user_of
from kinemacolor.web.project import Project
from kinemacolor.web.service import Service

NO_PART = "0:00.0"
ON, OFF = gr.update(interactive=True), gr.update(interactive=False)


class FilmStep:
    """The components of the step; `show` gives values for its ``outputs``."""

    def __init__(self, desk: Service) -> None:
        self._desk = desk
        with gr.Row():
            with gr.Column(min_width=300):
                self.upload = gr.File(
                    label="Upload a film, or its numbered pictures",
                    file_count="multiple",
                    file_types=[*FILM_SUFFIXES, *PICTURE_SUFFIXES],
                    height=170,
                    elem_id="film-upload",
                )
            with gr.Column(min_width=300):
                with gr.Group(visible=desk.storage.films is not None):
                    self.known = gr.Dropdown([], label="Or a film in the server's folder", elem_id="film-known")
                    self.open_known = gr.Button("Open it", size="sm", elem_id="film-open-known")
                with gr.Group():
                    self.mine = gr.Dropdown([], label="Or go on with one of yours", value=None, elem_id="film-mine")
                    with gr.Row():
                        self.open_mine = gr.Button("Open", size="sm", elem_id="film-open-mine")
                        self.remove = gr.Button("Remove with all that was made", size="sm", variant="stop")
        self.card = gr.HTML(elem_id="film-card")
        with gr.Accordion("Only a part of the film", open=False, visible=False) as self.part, gr.Row():
            self.start = gr.Textbox("0:00.0", label="From (H:MM:SS)", min_width=120)
            self.end = gr.Textbox("", label="To (empty: the end)", min_width=120)
            self.cut = gr.Button("Take this part", size="sm", min_width=120)
        self.next = gr.Button("Next: shots and references", variant="primary", interactive=False, elem_id="to-shots")

    @property
    def outputs(self) -> list[gr.components.Component | gr.blocks.BlockContext]:
        return [self.known, self.mine, self.card, self.part, self.start, self.end, self.next]

    def show(self, view: View) -> list[Any]:
        """Values for ``outputs``; what is being typed is left alone."""
        project, films = view.project, [one for one in self._desk.list_projects(view.user) if not one.is_photograph]
        known = (
            gr.update(choices=[(clean_name(one), one) for one in self._desk.storage.list_films()])
            if view.is_new
            else gr.skip()
        )
        choices = [(f"{one.entry.title} ({when(one)})", one.name) for one in films]
        first = [known, gr.update(choices=choices, value=project.name if project else None)]
        nothing = [gr.update(visible=False), NO_PART, "", OFF]
        if project is None:
            return [*first, note("Nothing is chosen yet."), *nothing]
        try:
            card = self._desk.describe_film(project)
        except KinemacolorError as error:
            return [*first, note(self._desk.storage.hide_server_paths(str(error))), *nothing]
        begin, end = _part(card.start_seconds, card.end_seconds) if view.is_new else (gr.skip(), gr.skip())
        return [*first, _card(card), gr.update(visible=True), begin, end, ON]

    @told
    def take_upload(self, files: list[str] | None, request: gr.Request) -> str:
        """A project of what was uploaded; its name."""
        paths = [Path(file) for file in files or ()]
        if len(paths) == 1 and paths[0].suffix.lower() in PICTURE_SUFFIXES:
            raise gr.Error("This is a single picture: give it in the tab Photograph.", print_exception=False)
        return self._desk.create_uploaded_project(user_of(request), [(path.name, path) for path in paths]).name

    @told
    def take_known(self, film: str | None, request: gr.Request) -> str:
        """A project of a film in the server's folder; its name."""
        if not film:
            raise gr.Error("Choose a film from the list first.", print_exception=False)
        return self._desk.create_server_project(user_of(request), film).name

    @told
    def take_part(self, current: str, start: str, end: str, request: gr.Request) -> None:
        """Cut the film; what still reads as it was shown is as it was."""
        project = project_of(self._desk, request, current)
        entry = project.entry
        if (start, end) == _part(entry.start_seconds, entry.end_seconds):
            return
        until = parse_seconds(end, "the end") if end.strip() else None
        self._desk.select_part(user_of(request), project, parse_seconds(start, "the beginning"), until)


def when(project: Project) -> str:
    """When it was begun, in words."""
    return datetime.fromtimestamp(project.entry.created).strftime("%d %B, %H:%M")


def _part(start_seconds: float, end_seconds: float | None) -> tuple[str, str]:
    return format_time(start_seconds), "" if end_seconds is None else format_time(end_seconds)


def _card(card: FilmCard) -> str:
    rows = {
        "Size": f"{card.width} × {card.height}",
        "Rate": f"{card.rate:g} frames a second" if card.rate else "varies",
        "Frames": f"{card.frames:,}" if card.frames else "not known yet",
        "Duration": card.duration or "not known yet",
        "Depth": f"{card.depth} bits",
        "Coded as": card.codec,
    }
    cells = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in rows.items())
    warnings = "".join(f"<li>{escape(text)}</li>" for text in card.warnings)
    return (
        f'<section class="card" aria-label="The film"><h2>{escape(card.title)}</h2><dl>{cells}</dl>'
        + (f'<ul class="warnings">{warnings}</ul>' if warnings else "")
        + "</section>"
    )
