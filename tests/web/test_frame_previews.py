"""A frame that is looked at is the film's: of its part, in its colours, and kept within bounds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.films import scene, write_film

pytest.importorskip("fastapi")
from kinemacolor.options import RenderOptions
from kinemacolor.video.images import read_color_picture
from kinemacolor.web.frame_previews import FramePreviewer
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project_at, restrict_project
from kinemacolor.web.requests import MakePlan
from kinemacolor.web.worker import make_project_plan
from support.web_server import picture_bytes

SMALL = MakePlan(options=RenderOptions(short_side=64))


@pytest.fixture(scope="module")
def previewer() -> FramePreviewer:
    return FramePreviewer("cpu")


def begin(folder: Path, **film: Any) -> Project:
    """A project of a film with a reference; arguments as of `write_film`."""
    path = write_film(folder / "film.mp4", **film)
    (folder / "project").mkdir()
    project = create_project_at(folder / "project", path)
    (folder / "still.png").write_bytes(picture_bytes(2))
    project.add_reference("still.png", folder / "still.png")
    return project


def make_plan(project: Project) -> None:
    make_project_plan(project, SMALL, lambda *told: None)


def gray_scene(index: int) -> np.ndarray:
    return np.repeat(scene(index).mean(-1, keepdims=True).astype(np.uint8), 3, -1)


def numbered_scene(index: int) -> np.ndarray:
    """A gray frame whose number is where its white bar stands."""
    picture = gray_scene(2)
    picture[:, 4 * index : 4 * index + 5] = 255
    return picture


def find_number(file: Path) -> int:
    """The number of the frame that a picture shows; a bar is white in colour, too."""
    return int(read_color_picture(file).min(-1).mean(0).argmax()) // 4


def test_another_part_has_other_frames(tmp_path: Path, previewer: FramePreviewer) -> None:
    project = begin(tmp_path, frames=20, picture=numbered_scene)
    for start, shown in ((0, 5), (0.25, 11)):
        restrict_project(project, start, None)
        make_plan(project)
        for colors in (previewer, FramePreviewer("cpu")):
            look, small = colors.preview_frame(project, 5), colors.save_thumbnail(project, 5)
            found = {find_number(file) for file in (look.gray, look.color, small.picture)}
            assert found <= {shown - 1, shown, shown + 1}
