"""Versions that are timed: found by their environment, run apart from this one, and failures of theirs are told."""

import json
import sys
from pathlib import Path

import pytest

from kinemacolor import __version__
from kinemacolor.benchmark import variants
from kinemacolor.benchmark.stage_probe import STAGES
from kinemacolor.benchmark.variants import Job, Variant, make_variant_environment, make_variants, run_job
from kinemacolor.cli.main import run
from kinemacolor.errors import PartialError


def make_environment(folder: Path, script: str) -> Path:
    """An environment whose Python is a script of the shell."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return folder


def test_variants_are_the_other_version_then_this_one_with_its_options(tmp_path: Path) -> None:
    other = make_environment(tmp_path / "venv", "printf 0.0.7")
    found = make_variants(other, ["--size", "64"], [["--preset", "superfast"]])
    assert [(one.name, one.version) for one in found] == [
        ("before", "0.0.7"),
        ("now --size 64", __version__),
        ("now --preset superfast", __version__),
    ]
    assert found[0].python == tmp_path / "venv/bin/python"
    assert found[2].options == ("--preset", "superfast")


def test_another_version_does_not_find_the_modules_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(variants.__file__).parents[2]))
    other, own = Variant("before", Path("/x/python"), "1"), Variant("now", Path(sys.executable), "2")
    assert not [name for name in make_variant_environment(other) if name.startswith("PYTHON")]
    assert "PYTHONPATH" in make_variant_environment(own)
    assert make_variant_environment(other, threads=3)["OMP_NUM_THREADS"] == "3"


def test_a_job_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    other = make_environment(tmp_path / "venv", "case $2 in -c) printf 1;; *) echo no such film >&2; exit 3;; esac")
    (before, _) = make_variants(other)
    with pytest.raises(PartialError, match="before ended with exit code 3: no such film"):
        run_job(before, Job(tmp_path / "film.mp4", tmp_path / "still.png", "kinema"))


@pytest.mark.parametrize(("script", "code"), [("exit 1", 2), (None, 3)])
def test_an_environment_without_kinemacolor_is_refused(
    script: str | None, code: int, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "venv" if script is None else make_environment(tmp_path / "venv", script)
    assert run(["bench", str(film), "--against", str(place)]) == code
    assert ("has no kinemacolor" if script else "is no virtual environment") in capsys.readouterr().err


def test_options_that_no_shell_could_read_are_told(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", str(film), "--with", "--preset 'fast"]) == 2
    assert "--with --preset 'fast cannot be read" in capsys.readouterr().err


def test_this_version_against_itself_has_every_stage_on_both_sides(
    film: Path, reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", str(film), "-r", str(reference), "--against", sys.executable, "--rounds", "1", "--json"]
    assert run(words) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert {key: found[key] for key in ("film", "size", "frames", "rounds")} == {
        "film": "film.mp4",
        "size": "96x72",
        "frames": 8,
        "rounds": 1,
    }
    assert [one["name"] for one in found["variants"]] == ["before", "now"]
    for one in found["variants"]:
        stages = {stage for stage in STAGES if stage != "compile"}  # that of an engine, which may not be here
        assert {"imports", *stages, "the rest"} - set(one["stages"]) == set()  # else a name in the table is out of date
        assert min(one["stages"][stage] for stage in stages) > 0
        assert one["job"].keys() == one["ratios"].keys()
        assert min(one["job"]["core_seconds"], one["job"]["wall_seconds"], one["ratios"]["core_seconds"]) > 0
        assert one["job"]["peak_memory_mb"] > 50
