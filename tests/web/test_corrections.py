"""What somebody paints on a frame is added to what the frame has, and keeps the film's light and shade."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from support.films import SIZE, scene

pytest.importorskip("fastapi")
from kinemacolor.errors import UsageError
from kinemacolor.inference.attribution import FrameTrace
from kinemacolor.inference.cbcr_converter import make_rgb
from kinemacolor.inference.session import Session
from kinemacolor.options import RenderOptions
from kinemacolor.references.load import load_reference
from kinemacolor.web import frame_colorizer
from kinemacolor.web.corrections import PNG_DATA_PREFIX, apply_frame_luma, decode_strokes, paint_strokes_on_frame
from kinemacolor.web.frame_finish import find_gray_coding
from kinemacolor.web.frame_passes import read_planned_frames
from kinemacolor.web.frame_previews import FramePreviewer
from kinemacolor.web.frame_reading import read_gray_frame
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project
from kinemacolor.web.requests import AnalyzeFilm, MakePlan
from kinemacolor.web.stroke_spread import list_ways, plan_with_picture
from kinemacolor.web.worker import analyze_film, make_project_plan
from kinemacolor.weights.registry import load_model
from support.strokes import BLUE, FIRST, RED, SECOND, data_url, strokes
from support.web_server import film_bytes, picture_bytes


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A film with a reference and a plan."""
    (tmp_path / "project").mkdir()
    for name, content in (("film.mp4", film_bytes(tmp_path)), ("still.png", picture_bytes(5))):
        (tmp_path / name).write_bytes(content)
    project = create_project(tmp_path / "project", [("film.mp4", tmp_path / "film.mp4")])
    project.add_reference("still.png", tmp_path / "still.png")
    analyze_film(project, AnalyzeFilm(), lambda *told: None)
    make_project_plan(project, MakePlan(options=RenderOptions(short_side=64)), lambda *told: None)
    return project


@pytest.fixture
def stills() -> FramePreviewer:
    return FramePreviewer("cpu")


def corrected(project: Project, stills: FramePreviewer, layer: np.ndarray, frame: int = 2) -> np.ndarray:
    """What is kept when a layer was painted on a frame."""
    plan = project.add_correction(frame, paint_strokes_on_frame(project, frame, layer, read_gray_frame(project, frame)))
    return load_reference(plan.references[f"ref_{frame:06d}"].path)


def lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def lightness_differs(picture: np.ndarray, gray: np.ndarray) -> float:
    """By how much the mean pixel's L, 0..100."""
    return float(np.abs(lab(picture) - lab(np.dstack([gray] * 3)))[..., 0].mean())


def test_a_layer_arrives_as_it_was_painted() -> None:
    layer = strokes(FIRST, RED)
    assert np.array_equal(decode_strokes(data_url(layer), SIZE), layer)


@pytest.mark.parametrize(
    "sent",
    [
        data_url(np.zeros((9000, 9000, 4), np.uint8)),
        data_url(strokes(FIRST, RED)[..., :3], "JPEG"),
        data_url(strokes(FIRST, RED))[:-40],
        data_url(strokes(FIRST, RED)).replace("png", "gif"),
        f"{PNG_DATA_PREFIX},no base64",
        f"{PNG_DATA_PREFIX},",
        "",
    ],
    ids=["large", "jpeg", "cut", "named", "text", "empty", "nothing"],
)
def test_what_is_no_layer_of_the_frame_is_refused(sent: str) -> None:
    with pytest.raises(UsageError, match="did not arrive"):
        decode_strokes(sent, SIZE)


def test_a_layer_without_paint_is_refused() -> None:
    with pytest.raises(UsageError, match="paint a larger part"):
        decode_strokes(data_url(strokes(np.s_[3:4, 3:5], RED)), SIZE)


def test_strokes_are_added_to_earlier_ones(project: Project, stills: FramePreviewer) -> None:
    assert np.array_equal(corrected(project, stills, strokes(FIRST, RED)), strokes(FIRST, RED))
    both = strokes(FIRST, RED)
    both[SECOND] = (*BLUE, 255)
    assert np.array_equal(corrected(project, stills, strokes(SECOND, BLUE)), both)
    assert np.array_equal(corrected(project, stills, strokes(FIRST, RED), frame=3), strokes(FIRST, RED))


def test_strokes_lie_over_a_picture_of_the_frame(project: Project, stills: FramePreviewer, tmp_path: Path) -> None:
    (tmp_path / "given.jpg").write_bytes(picture_bytes(2, ".jpg"))
    given = project.add_reference("ref_000002.jpg", tmp_path / "given.jpg")
    make_project_plan(project, MakePlan(), lambda *told: None)
    before = load_reference(given)
    after = corrected(project, stills, strokes(FIRST, RED))
    outside = np.ones(SIZE, bool)
    outside[FIRST] = False
    assert np.array_equal(after[outside], before[outside])
    assert lab(after)[FIRST][..., 1].mean() > lab(before)[FIRST][..., 1].mean() + 20
    assert (project.folder / "removed" / "ref_000002.jpg").is_file()


def test_strokes_lie_over_the_frame_that_was_found_right(project: Project, stills: FramePreviewer) -> None:
    seen = stills.color_frame(project, 2)
    made = paint_strokes_on_frame(project, 2, strokes(FIRST, RED), read_gray_frame(project, 2), seen)
    outside = np.ones(SIZE, bool)
    outside[FIRST] = False
    assert np.array_equal(made[outside], seen[outside])
    assert not np.array_equal(made[FIRST], seen[FIRST])
    assert lightness_differs(made[FIRST], read_gray_frame(project, 2)[FIRST]) < 1


def test_a_frame_that_is_painted_all_over_keeps_its_light(project: Project, stills: FramePreviewer) -> None:
    gray = read_gray_frame(project, 2)
    made = corrected(project, stills, strokes(np.s_[:, :], RED))
    assert made.shape == (*SIZE, 3)
    assert lightness_differs(made, gray) < 1 < 5 < lightness_differs(np.full((*SIZE, 3), RED, np.uint8), gray)


def test_a_given_picture_takes_the_light_of_the_frame(project: Project, stills: FramePreviewer) -> None:
    gray = read_gray_frame(project, 0)
    other = cv2.resize(scene(30), (200, 150))
    made = apply_frame_luma(other, gray)
    assert made.shape == (*SIZE, 3)
    assert lightness_differs(made, gray) < 1 < 5 < lightness_differs(cv2.resize(other, SIZE[::-1]), gray)


def test_what_is_replaced_is_kept_out_of_sight(project: Project, stills: FramePreviewer, tmp_path: Path) -> None:
    first = corrected(project, stills, strokes(FIRST, RED))
    second = corrected(project, stills, strokes(SECOND, BLUE))
    (tmp_path / "third.png").write_bytes(picture_bytes(2))
    project.add_reference("ref_000002.png", tmp_path / "third.png")
    for name, kept in (("ref_000002", first), ("ref_000002-2", second)):
        assert np.array_equal(load_reference(project.folder / "removed" / f"{name}.png"), kept)


@pytest.fixture
def network_runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often references were encoded, and frames predicted."""
    counts = {"sessions": 0, "frames": 0}

    class CountedSession(Session):
        def __init__(self, *given: Any, **named: Any) -> None:
            counts["sessions"] += 1
            super().__init__(*given, **named)

        def trace_frame(self, frame: np.ndarray) -> FrameTrace:
            counts["frames"] += 1
            return super().trace_frame(frame)

    monkeypatch.setattr(frame_colorizer, "Session", CountedSession)
    return counts


def test_another_finish_runs_no_network(project: Project, stills: FramePreviewer, network_runs: dict[str, int]) -> None:
    first = stills.preview_frame(project, 2)
    tried = stills.preview_frame(project, 2, saturation=1.5, edge_filter="guided")
    assert (tried.gray, tried.confidence) == (first.gray, first.confidence)
    assert tried.color != first.color
    plan = project.require_plan()
    finish = RenderOptions(short_side=64, saturation=1.5, edge_filter="guided")
    project.write_plan(plan.model_copy(update={"options": finish}))
    assert stills.preview_frame(project, 2).color == tried.color, "the plan has now what was tried"
    assert network_runs == {"sessions": 1, "frames": 1}
    stills.preview_frame(project, 3)
    assert network_runs == {"sessions": 1, "frames": 2}, "references are encoded once for a shot"
    project.write_plan(plan.model_copy(update={"options": RenderOptions(short_side=80)}))
    stills.preview_frame(project, 3)
    assert network_runs == {"sessions": 2, "frames": 3}


def test_a_frame_from_memory_is_as_one_that_is_coloured_anew(project: Project, stills: FramePreviewer) -> None:
    stills.preview_frame(project, 1)
    stills.preview_frame(project, 3)
    assert np.array_equal(stills.color_frame(project, 2), FramePreviewer("cpu").color_frame(project, 2))


def test_what_was_tried_equals_the_frame_of_a_session(project: Project, stills: FramePreviewer) -> None:
    gray = read_gray_frame(project, 2)
    reference = load_reference(project.list_references()[0])
    session = Session(
        load_model("kinema"),
        [reference],
        height=SIZE[0],
        width=SIZE[1],
        options=RenderOptions(short_side=64),
        device="cpu",
        engine="torch",
    )
    coding = find_gray_coding(project.film)
    codes, _ = session.chroma(gray, coding, "444")
    assert np.array_equal(stills.color_frame(project, 2), make_rgb(gray, codes, coding))


def test_painted_pictures_count_at_once(project: Project, stills: FramePreviewer, network_runs: dict[str, int]) -> None:
    before = stills.color_frame(project, 3)
    stills.correct_by_strokes(project, 2, data_url(strokes(FIRST, RED)), None)
    after = stills.color_frame(project, 3)
    assert network_runs["sessions"] == 2
    stills.correct_by_strokes(project, 2, data_url(strokes(FIRST, BLUE)), None)
    assert not np.array_equal(stills.color_frame(project, 3), after)
    assert not np.array_equal(before, after)


def test_ways_go_outwards_from_the_painted_frame(project: Project) -> None:
    painted = np.zeros((*SIZE, 4), np.uint8)
    planned = plan_with_picture(read_planned_frames(project), 1, painted, project.folder / "references" / "a.png")
    assert list_ways(planned, 1, [3, 0]) == [[1, 2, 3], [1, 0]]
    assert list_ways(planned, 1, [3, 0], steps=3) == [[1, 3], [1, 0]]
    both = plan_with_picture(planned, 3, painted, project.folder / "references" / "b.png")
    assert list_ways(both, 1, [0, 2, 3]) == [[3], [1, 2], [1, 0]], "frame 3 has a picture of its own"
