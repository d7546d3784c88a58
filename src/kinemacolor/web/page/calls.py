"""Between Gradio's events and the desk: who asks, for which project, and how failures are told."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from kinemacolor.errors import KinemacolorError
from kinemacolor.web.project import Project
from kinemacolor.web.service import Service

P = ParamSpec("P")
R = TypeVar("R")
TOLD_SECONDS = 30


@dataclass(frozen=True)
class View:
    """What a browser's tab looks at: a film, a photograph, a frame of the look, the number of a shot (0: of none).

    ``is_new``: the film was another one before.
    """

    user: str
    project: Project | None
    photograph: Project | None
    frame: int = 0
    shot: int = 0
    is_new: bool = False


def user_of(request: gr.Request) -> str:
    """The key of the user who sent an event."""
    assert request.request is not None
    return str(request.request.scope["state"]["user"])


def project_of(desk: Service, request: gr.Request, current: str) -> Project:
    """The project that the page shows. Raises gr.Error where there is none."""
    if not current:
        raise gr.Error("Choose a film first.", TOLD_SECONDS, print_exception=False)
    return desk.find_project(user_of(request), current)


def told(call: Callable[P, R]) -> Callable[P, R]:
    """Of a method of a part of the page: what a user can mend is shown, in the command line's words."""

    @wraps(call)
    def telling(*args: P.args, **named: P.kwargs) -> R:
        try:
            return call(*args, **named)
        except KinemacolorError as error:
            desk: Service = args[0]._desk  # type: ignore[attr-defined]
            raise gr.Error(in_words(desk, error), TOLD_SECONDS, print_exception=False) from error

    return telling


def in_words(desk: Service, error: KinemacolorError) -> str:
    """A failure as HTML, in the command line's words, without the server's folders."""
    return escape(desk.storage.hide_server_paths(str(error)))


def data_of(event: gr.EventData) -> dict[str, Any]:
    """What one of our own parts sent with an event; empty where it is not an object."""
    return event._data if isinstance(event._data, dict) else {}


def note(text: str) -> str:
    """A quiet line, as HTML."""
    return f'<p class="note">{escape(text)}</p>' if text else ""


def changed_since(project: Project) -> str:
    """Says so where what was rendered is not what the plan says now; as HTML."""
    old = project.is_outdated(project.rendered_plan_file)
    return note("Something was changed since this was made: render again to see it.") if old else ""
