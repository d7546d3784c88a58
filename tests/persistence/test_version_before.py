"""What the version before wrote is still read: its files lie beside this one, as it wrote them.

Recipes and checkpoints: tests/training. Work folders are told in tests/rendering/test_renderer.py.
"""

import hashlib
import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from kinemacolor.options import RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.plan.survey_cache import load_survey
from kinemacolor.video.random_access import FrameIndex
from kinemacolor.web.requests import ProjectTask
from kinemacolor.weights.registry import load_model, make_meta_parts

HERE = Path(__file__).parent
SAMPLE = Path(str(files("kinemacolor").joinpath("assets", "sample.mp4")))


def test_a_plan_is_read_as_it_was_meant() -> None:
    plan = Plan.read(HERE / "plan.json")
    assert plan.film.path == HERE / "film.mp4"
    assert plan.film.frame_index == FrameIndex((16610,), 25, 48)
    assert plan.options == RenderOptions(
        short_side=96, saturation=1.5, edge_filter="guided", crop=True, precision="bfloat16"
    )
    (shot,) = plan.shots
    assert (shot.first, shot.last, shot.transition, shot.dissolve, shot.certainty) == (0, 24, "dissolve", 4, 0.75)
    assert plan.options_for_shot(shot) == RenderOptions(
        short_side=96, saturation=0.5, edge_filter="none", crop=True, precision="bfloat16"
    )
    assert {name: entry.frame for name, entry in plan.references.items()} == {"still": None, "ref_000020": 20}
    assert plan.to_json(HERE) == (HERE / "plan.json").read_text()


def test_a_survey_is_read(tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / "survey", tmp_path / "survey")
    survey = load_survey(folder, SAMPLE)
    assert survey is not None
    assert (survey.index.frames, len(survey.pts), [shot.end for shot in survey.shots]) == (41, 41, [41])
    assert survey.decode_sample(0).shape == (112, 199)


@pytest.mark.parametrize("part", sorted(json.loads((HERE / "tensor-names.json").read_text())))
def test_weights_have_the_names_and_shapes_that_they_had(part: str) -> None:
    lines = (f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(make_meta_parts()[part].items()))
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest == json.loads((HERE / "tensor-names.json").read_text())[part]


def test_the_weights_that_ship_were_written_by_the_version_before() -> None:
    assert load_model("kinema").notices == ()


@pytest.mark.parametrize("kind", ["look", "plan", "try", "render"])
def test_requests_have_the_kinds_that_they_had(kind: str) -> None:
    given = {"kind": kind} | ({"start_seconds": 0, "seconds": 1} if kind == "try" else {})
    task = TypeAdapter(ProjectTask).validate_python(given)
    assert task.kind == kind
