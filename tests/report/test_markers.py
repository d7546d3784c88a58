"""Markers of a report: every shot to look at has one, and every frame that is worth colouring."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import opentimelineio as otio
import pytest

from kinemacolor.cli.main import run
from kinemacolor.models.base import Colorizer
from kinemacolor.report.build import ReferenceAdvice
from kinemacolor.report.limits import Verdict
from kinemacolor.report.markers import make_markers
from support.renders import planned, rendered


def shot(number: int, least_sure: int, need: float, **reasons: str) -> Any:
    return SimpleNamespace(number=number, least_sure=least_sure, verdict=Verdict(need, reasons))


def report(*shots: Any, advice: tuple[ReferenceAdvice, ...] = ()) -> Any:
    by_need = sorted((one for one in shots if one.verdict.reasons), key=lambda one: -one.verdict.need)
    return SimpleNamespace(shots=shots, advice=advice, shots_by_need=lambda label: by_need if label == "look" else [])


def test_a_shot_to_look_at_has_its_reasons_and_what_helps() -> None:
    advice = (ReferenceAdvice(30, 1.25, 0.123, (2, 4)), ReferenceAdvice(70, 2.9, 0.05, (3,)))
    markers = make_markers(
        report(
            shot(1, 3, 0.4),
            shot(2, 30, 2.4, doubt="unsure: mean confidence 0.1", cast="a cast"),
            shot(3, 60, 1.2, gray="pale"),
            advice=advice,
        )
    )
    assert [(one.frame, one.color) for one in markers] == [(30, "red"), (60, "yellow"), (70, "green")]
    assert markers[0].name == "shot 2: unsure: mean confidence 0.1"
    assert markers[0].comment == ("a cast; colour frame 30: it may take away 12% of the film's doubt")
    assert (markers[1].name, markers[2].name) == ("shot 3: pale", "worth colouring: frame 70")
    assert "colour frame 70" in markers[1].comment


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory, kinema: Colorizer) -> Path:
    path = planned(tmp_path_factory.mktemp("markers"), "waves.png", frames=12)
    rendered(path, kinema)
    path.with_name("work").rename(path.with_name("film.plan.work"))
    return path


@pytest.mark.parametrize("suffix", [".otio", ".edl", ".txt"])
def test_the_command_writes_them_beside_the_report(plan: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = plan.with_name(f"look{suffix}")
    assert run(["report", str(plan), "--markers", str(target)]) == 0
    assert f"look{suffix}: " in capsys.readouterr().err
    text = target.read_text(encoding="utf-8")
    if suffix == ".otio":
        assert isinstance(otio.adapters.read_from_string(text, "otio_json"), otio.schema.Timeline)
    assert run(["report", str(plan), "--markers", str(target)]) == 2, "nothing is written over"
    assert run(["report", str(plan), "--markers", str(target), "--overwrite"]) == 0


@pytest.mark.parametrize("name", ["look.csv", "film.plan.json", "nowhere/look.edl"])
def test_names_that_cannot_be_are_refused_before_anything_is_measured(
    plan: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinemacolor.report.build.make_report", None)
    assert run(["report", str(plan), "--markers", str(plan.parent / name), "--overwrite"]) == 2
