"""A frame that is looked at is the film's: of its part, in its colours, and kept within bounds."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from support.films import scene, write_film

pytest.importorskip("fastapi")
from kinemacolor.options import RenderOptions
from kinemacolor.rendering.output import prepare_plan_output
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.images import read_color_picture
from kinemacolor.web import first_look, frame_colorizer, picture_cache
from kinemacolor.web.film_part import restrict_project
from kinemacolor.web.frame_previews import FramePreviewer
from kinemacolor.web.picture_cache import write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project_at
from kinemacolor.web.requests import MakePlan, RenderFilm, make_output_target
from kinemacolor.web.worker import make_project_plan
from kinemacolor.weights.registry import load_model
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


@pytest.mark.parametrize("matrix", [1, 6, None], ids=["BT.709", "BT.601", "untagged"])
def test_a_frame_looks_as_a_player_shows_it(tmp_path: Path, previewer: FramePreviewer, matrix: int | None) -> None:
    def tag(container: Any, stream: Any) -> None:
        if matrix:
            stream.codec_context.colorspace = matrix

    project = begin(tmp_path, frames=2, picture=gray_scene, options={"crf": "8"}, prepare=tag)
    make_plan(project)
    plan, target = project.require_plan(), make_output_target(project, RenderFilm(form="ffv1"))
    alone = previewer.color_frame(project, 0)
    project.results_folder.mkdir()
    network, work = load_model(plan.model), project.work_folder
    prepared = prepare_plan_output(plan, target, network.spec, work, device="cpu", engine="torch", inputs=[])
    execute_render_plan(RenderPlan(plan, network, work, device="cpu"), prepared)
    shown = next(iter_color_frames(target.output))
    seen = previewer.color_frame(project, 0)
    assert measure_difference(seen, shown) < 4, "of another matrix it is 20"
    assert measure_difference(alone, shown) < 5


def measure_difference(picture: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of colour, without detail, 0..255."""
    return float(np.abs(cv2.GaussianBlur(picture.astype(np.float32) - other, (0, 0), 3)).max())


def test_what_is_kept_has_its_bounds(
    tmp_path: Path, previewer: FramePreviewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = begin(tmp_path, frames=4, picture=gray_scene)
    make_plan(project)
    seen = previewer.preview_frame(project, 0)
    for file in seen.gray.parent.iterdir():
        os.utime(file, (1, 1))
    previewer.preview_frame(project, 0)
    (seen.gray.parent / "old.jpg").touch()
    os.utime(seen.gray.parent / "old.jpg", (2, 2))
    write_picture_file(seen.gray.with_name("new.jpg"), gray_scene(1), 4)
    assert {one.name for one in seen.gray.parent.iterdir()} == {
        "new.jpg",
        *(one.name for one in (seen.gray, seen.color, seen.confidence)),
    }
    monkeypatch.setattr(picture_cache, "MAX_CACHED_BYTES", 1)
    write_picture_file(seen.gray.with_name("last.jpg"), gray_scene(1))
    assert [one.name for one in seen.gray.parent.iterdir()] == ["last.jpg"]
    monkeypatch.setattr(frame_colorizer, "MAX_TRACE_BYTES", 1)
    before = previewer.color_frame(project, 1)
    assert len(previewer._colorizer._traces) == 1
    assert np.array_equal(FramePreviewer("cpu").color_frame(project, 1), before)


def test_a_first_look_stays_in_the_part_and_opens_each_reference_once(
    tmp_path: Path, previewer: FramePreviewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = begin(tmp_path, frames=40, picture=lambda index: gray_scene(index) // (20 if index < 30 else 1))
    assert previewer.color_first_look(project).frame >= 30
    restrict_project(project, 0, 0.5)
    assert previewer.color_first_look(project).frame < 12
    with monkeypatch.context() as patch:
        patch.delattr(first_look, "load_reference")
        assert previewer.color_first_look(project).reference == "still.png"
