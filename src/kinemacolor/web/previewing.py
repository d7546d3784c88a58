"""Previews of frames. Runs in a process of its own (`helper`): it opens films and pictures that users sent."""

import os
from collections.abc import Callable
from pathlib import Path

from pydantic_core import to_jsonable_python

from kinemacolor.web.frame_previews import FramePreviewer
from kinemacolor.web.project import Project
from kinemacolor.web.remote_previews import DEVICE_VARIABLE

METHODS = (
    *("preview_frame", "save_thumbnail", "find_color_origin", "color_first_look"),
    *("open_frame", "correct_by_strokes", "correct_by_picture", "spread_strokes"),
)


def prepare() -> dict[str, Callable[..., object]]:
    """Return the methods of a `FramePreviewer` by name; projects and results are passed as JSON has them."""
    previewer = FramePreviewer(os.environ.get(DEVICE_VARIABLE, "auto"))
    return {name: _as_call(getattr(previewer, name)) for name in METHODS} | {"warm_up": previewer.warm_up}


def _as_call(method: Callable[..., object]) -> Callable[..., object]:
    def call(folder: str, **arguments: object) -> object:
        if "picture" in arguments:
            arguments["picture"] = Path(str(arguments["picture"]))
        made = method(Project(Path(folder)), **arguments)
        return to_jsonable_python(made)

    return call
