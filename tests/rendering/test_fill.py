"""Fill: typical colours where no reference shows any, only when asked for, and always told."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import kinemacolor
from kinemacolor.cli.main import run
from kinemacolor.errors import UsageError
from kinemacolor.inference.postprocess import ColorPrediction, blend_predictions
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.models.kinema import fusion
from kinemacolor.options import RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.weights.registry import load_model, make_meta_model
from support.films import scene
from support.plans import other_scene, save
from support.renders import append_segment, edited, planned, rendered
from support.sessions import gray_of, tiny

FILL, PLAIN = RenderOptions(short_side=64, fill=True), RenderOptions(short_side=64)


def filling(path: Path, fill: bool = True) -> Path:
    return edited(path, lambda content: content["options"].update(fill=fill))


def test_the_option_reaches_the_model_and_changes_no_other(kinema: Colorizer) -> None:
    frame, predictions = gray_of(scene(4)), []
    for options in (PLAIN, FILL, PLAIN):
        session = Session(kinema, [scene(0)[:20, :20]], height=72, width=96, options=options)
        codes = session.geometry.downscale_codes(frame)[None]
        predictions += session.predict_frames(codes, kinemacolor.inference.session.BT709_FULL_RANGE)
    before, filled, after = predictions
    assert before.filled is after.filled is None
    assert np.array_equal(before.ab, after.ab)
    assert filled.filled is not None
    assert filled.filled.shape == filled.confidence.shape
    assert 0 < filled.filled.mean() < 1
    assert not np.array_equal(filled.ab, before.ab)
    assert session.model is kinema
    assert Session(load_model(fill=True), [scene(0)], height=72, width=96).model.options.fill is False


def test_a_model_that_fills_shares_its_weights(kinema: Colorizer) -> None:
    other = kinema.with_fill(True)
    assert other is not kinema
    assert (other.options.fill, kinema.options.fill) == (True, False)
    assert all(one is two for one, two in zip(other.parameters(), kinema.parameters(), strict=True))
    assert other.with_fill(True) is other
    with pytest.raises(UsageError, match=r"match knows no typical colours, so it cannot fill: .*or take kinema"):
        tiny("match").with_fill(True)


@pytest.mark.parametrize("verb", ["colorize", "preview", "plan"])
def test_other_models_are_refused_before_anything_is_done(
    verb: str, film: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.iterdir())
    assert run([verb, str(film), "-r", str(reference), "--model", "deep-exemplar", "--fill"]) == 2
    told = capsys.readouterr().err
    assert "deep-exemplar knows no typical colours, so it cannot fill: leave out --fill, or take kinema" in told
    assert set(tmp_path.iterdir()) == before


def test_a_plan_of_another_model_is_refused(tmp_path: Path) -> None:
    path = filling(planned(tmp_path, frames=4))
    edited(path, lambda content: content.update(model="color2embed", weights={}))
    with pytest.raises(UsageError, match=r"film\.plan\.json: .*color2embed knows no typical colours"):
        Plan.read(path)


def test_the_file_beside_the_result_says_how_much(kinema: Colorizer, tmp_path: Path) -> None:
    """Ten frames filled by a tenth and twenty by four tenths are three tenths in all."""
    path = filling(planned(tmp_path, frames=30))
    first = next(iter(Plan.read(path).references))
    parts = [
        {"first": 0, "last": 9, "references": {first: None}},
        {"first": 10, "last": 29, "references": {first: None}},
    ]
    edited(path, lambda content: content.update(shots=parts))
    job = RenderPlan(Plan.read(path), make_meta_model("kinema"), tmp_path / "work")
    for one in job.passes:
        share = np.full((64, 85), 0.1 if one.first == 0 else 0.4, np.float32)
        prediction = ColorPrediction(np.zeros((64, 85, 2), np.float32), share, share)
        append_segment(job.work.pass_folder(one.digest, len(one)), [prediction] * len(one))
    report = rendered(path, kinema)
    assert report.painted == 0
    assert report.filled == pytest.approx(0.3, abs=1e-3)
    content = json.loads((tmp_path / "out.mkv.kinemacolor.json").read_text())["report"]
    assert content["filled"] == report.filled
    assert [(one["first"], one["last"]) for one in content["filled_by_shot"]] == [(0, 9), (10, 29)]
    assert [one["filled"] for one in content["filled_by_shot"]] == pytest.approx([0.1, 0.4], abs=1e-3)
    report = rendered(filling(path, fill=False), kinema, overwrite=True)
    assert (report.filled, report.filled_by_shot, report.settings["fill"]) == (None, (), False)
    assert json.loads((tmp_path / "out.mkv.kinemacolor.json").read_text())["report"]["filled"] is None


def test_painted_segments_with_and_without_fill_are_not_mixed(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path, frames=6)
    passes = []
    for fill in (False, True):
        job = RenderPlan(Plan.read(filling(path, fill)), kinema, tmp_path / "work")
        passes.append({one.digest for one in job.passes})
        assert rendered(path, kinema, f"{fill}.mkv").painted == 6
    assert not passes[0] & passes[1]
    (digest,) = passes[1]
    stored = PassFolder(tmp_path / "work" / "passes" / digest, 6).read_segment(0)
    assert all(one.filled is not None for one in stored)
    assert rendered(path, kinema, "again.mkv").painted == 0


def test_one_run_says_what_it_filled(
    film: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "FILL_OFFSET", 1e4)  # all is filled, whatever the weights say
    output, reference = film.with_name("out.mkv"), save(film.with_name("other.png"), other_scene(0))
    assert run([str(film), "-r", str(reference), "-o", str(output), "--size", "64", "--fill"]) == 0
    assert "% filled with typical colours" in capsys.readouterr().err
    content = json.loads(film.with_name("out.mkv.kinemacolor.json").read_text())["report"]
    assert content["filled"] == pytest.approx(1, abs=0.01)
    assert [one["last"] for one in content["filled_by_shot"]] == [7]


def test_the_preview_shows_what_is_filled(film: Path, reference: Path, tmp_path: Path) -> None:
    for options, tiles in ((PLAIN, 3), (FILL, 4)):
        kinemacolor.preview(film, reference, tmp_path / f"{tiles}.png", options=options)
        picture = cv2.imread(str(tmp_path / f"{tiles}.png"))
        assert picture.shape[1] == tiles * 96 + (tiles - 1) * 6


def test_filled_parts_are_stored_and_mixed_as_confidences_are(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    ab, sure, part = (
        np.zeros((67, 93, 2), np.float32),
        np.ones((67, 93), np.float32),
        generator.random((67, 93), np.float32),
    )
    folder = PassFolder(tmp_path, 2)
    append_segment(folder, [ColorPrediction(ab, sure, part)], {"state": torch.zeros(1)})
    (stored,) = folder.read_segment(0)
    assert stored.filled is not None
    assert np.abs(stored.filled - part).max() <= 0.0006
    mixed = blend_predictions([(0.25, ColorPrediction(ab, sure, part)), (0.75, ColorPrediction(ab, sure, 0 * part))])
    assert mixed.filled == pytest.approx(part / 4, abs=1e-6)
    assert blend_predictions([(0.5, ColorPrediction(ab, sure, part)), (0.5, ColorPrediction(ab, sure))]).filled is None
