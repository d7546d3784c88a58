"""The record of a render: what it tells, and what it does not."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import PlanRequest, plan_from_survey
from kinemacolor.plan.similarity import FrameEmbedding
from kinemacolor.plan.survey import survey_film
from kinemacolor.provenance.record import Record, describe_place, make_record_path
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.files import compute_file_sha256
from support.small_renders import render_small, short_segments, small_plan

__all__ = ["short_segments"]
pytestmark = pytest.mark.usefixtures("short_segments", "home")
PAGE = Path(__file__).parents[2] / "docs/provenance.md"


@pytest.fixture
def record_path(tmp_path: Path) -> Path:
    path = small_plan(tmp_path / "project", 12)
    render_small(path, layer=path.with_name("layer.mkv"))
    return path.with_name("out.mkv.kinemacolor.json")


def test_a_record_says_what_its_results_were_made_from(record_path: Path) -> None:
    record, folder = Record.read(record_path), record_path.parent
    assert {one.name: one.sha256 for one in record.results} == {
        name: compute_file_sha256(folder / name) for name in ("out.mkv", "layer.mkv")
    }
    assert record.source.sha256 == compute_file_sha256(folder / "film.mkv")
    assert (record.source.place, record.source.frames, record.source.width) == ("film.mkv", 12, 64)
    assert record.references["key"].sha256 == compute_file_sha256(folder / "key.png")
    assert {name: one.shots for name, one in record.references.items()} == {"key": (1,), "still": (2,)}
    assert record.plan.shots[1].dissolve == 2
    assert record.encoders["film"].name == "ffv1"
    assert "synthetic" in record.statement
    assert record.made_utc.endswith("+00:00")
    assert Record.model_validate(json.loads(record.to_json())) == record


def test_no_folder_further_up_is_told(record_path: Path) -> None:
    assert str(record_path.parents[1]) not in record_path.read_text()
    assert str(Path.home()) not in record_path.read_text()


def test_every_key_is_explained(record_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    content = json.loads(record_path.read_text())
    keys = {*content, *content["source"], *content["results"][0], *content["machine"], *content["model"]["weights"][0]}
    assert [key for key in keys - {"part"} if f"`{key}`" not in page] == []


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a/b/film.mkv", "film.mkv"),
        ("a/b/c/d/film.mkv", "c/d/film.mkv"),
        ("a/film.mkv", "../film.mkv"),
        ("a/stills/ref_1.png", "../stills/ref_1.png"),
        ("film.mkv", "film.mkv"),
        ("x/y/film.mkv", "film.mkv"),
        ("a/client/secret/film.mkv", "film.mkv"),
        ("a/b", "../b"),
    ],
)
def test_places_are_those_of_the_folder_or_the_one_above(tmp_path: Path, path: str, place: str) -> None:
    assert describe_place(tmp_path / path, tmp_path / "a/b") == place


def test_nothing_is_told_of_what_lies_in_the_root_or_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_place(Path("/client/film.mkv"), Path("/out")) == "film.mkv"
    assert describe_place(Path("/film.mkv"), Path("/out")) == "film.mkv"
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert describe_place(tmp_path / "private/film.mkv", tmp_path / "out") == "film.mkv"
    assert describe_place(tmp_path.parent / "friend/film.mkv", tmp_path) == "film.mkv"


def test_a_link_is_named_and_not_what_it_leads_to(tmp_path: Path) -> None:
    folder = small_plan(tmp_path / "project", 12).parent
    (folder / "stores").mkdir()
    for name in ("film.mkv", "key.png"):
        (folder / name).rename(folder / "stores" / f"secret {name}")
        (folder / name).symlink_to(folder / "stores" / f"secret {name}")
    assert describe_place(folder / "film.mkv", folder) == "film.mkv"
    request = PlanRequest(folder / "film.mkv", (ReferenceSpec(folder / "key.png"),), folder / "stills")
    plan = plan_from_survey(request, survey_film(request.film), encoder=Same())
    plan.write(folder / "film.plan.json")
    for one in (plan, Plan.read(folder / "film.plan.json")):
        assert [one.film.path.name, *(entry.path.name for entry in one.references.values())] == ["film.mkv", "key.png"]


class Same:
    """All pictures are alike."""

    def encode_frame(self, gray: np.ndarray) -> FrameEmbedding:
        return FrameEmbedding(torch.ones(1, 1), torch.ones(1))


def test_a_record_lies_beside_its_result() -> None:
    assert make_record_path(Path("x/film.color.mp4")) == Path("x/film.color.mp4.kinemacolor.json")
    assert make_record_path(Path("scans.color")) == Path("scans.color.kinemacolor.json")
