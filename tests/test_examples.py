"""The programs in examples/ run, and do what they say."""

import csv
import re
import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.plan.document import Plan
from support.films import scene, write_film
from support.plans import other_scene, save

EXAMPLES = Path(__file__).parents[1] / "examples"
FRAMES = 6


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two scenes of three frames each."""
    return write_film(tmp_path / "film.mp4", FRAMES, picture=lambda i: other_scene(i) if i >= FRAMES // 2 else scene(i))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """One of each scene."""
    return [save(tmp_path / "waves.png", scene(0)), save(tmp_path / "blocks.png", other_scene(4))]


def run(name: str, folder: Path, *arguments: object) -> str:
    """What an example prints, run in ``folder``, where its results go; in this process, which has its imports."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as told:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return told.getvalue()


def test_a_film_is_colorized_and_verified(tmp_path: Path, film: Path, pictures: list[Path]) -> None:
    told = run("colorize_film.py", tmp_path, film, *pictures, "--size", 64)
    assert (tmp_path / "kinemacolor-demo/film.colorized.mp4").is_file()
    assert f"{FRAMES} of {FRAMES} frames" in told
    assert "kept  frames" in told
    assert "LOST" not in told


def test_what_a_user_can_mend_is_told_without_a_traceback(tmp_path: Path, film: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "colorize_film.py"), str(film), "missing.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "missing.png does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_frames_are_colorized_one_by_one(tmp_path: Path, film: Path, pictures: list[Path]) -> None:
    told = run("frame_by_frame.py", tmp_path, film, pictures[0], "--size", 64, "--every", 4)
    written = sorted((tmp_path / "kinemacolor-demo/frames").iterdir())
    assert [path.name for path in written] == ["000000.png", "000004.png"]
    assert told.count("sure by") == 2
    both = cv2.imread(str(written[0]))
    assert both.shape == (72, 2 * 96, 3)
    colors = both[:, :96].astype(int)
    assert abs(colors - colors.mean(2, keepdims=True)).mean() > 10


def test_only_what_changed_in_a_plan_is_painted(tmp_path: Path, film: Path, pictures: list[Path]) -> None:
    told = run("plan_and_edit.py", tmp_path, film, *pictures, "--size", 64)
    assert re.findall(r"(\d+) of 6 frames painted, 2 shots", told) == ["6", "0", "3"]
    plan = Plan.read(tmp_path / "kinemacolor-demo/film.plan.json")
    assert plan.shots[-1].references == {"blocks": None}
    assert plan.shots[-1].options.short_side == 88
    assert plan.shots[0].options.short_side is None


def test_an_own_detector_makes_the_shots_of_a_plan(tmp_path: Path, film: Path, pictures: list[Path]) -> None:
    run("own_detector.py", tmp_path, film, *pictures, "--threshold", 0.2)
    plan = Plan.read(tmp_path / "kinemacolor-demo/film.own-shots.plan.json")
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 2), (3, 5)]
    with (tmp_path / "kinemacolor-demo/film.shots.csv").open() as stream:
        assert [row["first"] for row in csv.DictReader(stream)] == ["0", "3"]


def test_a_film_in_colour_is_measured(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 4)
    told = run("evaluate_film.py", tmp_path, film, "--size", 64)
    rows = [[float(number) for number in line.split()] for line in told.splitlines()[1:-1]]
    assert [row[0] for row in rows] == [0, 1, 2, 3]
    assert all(psnr > gray for _, psnr, gray, _, _ in rows)
    mean = float(re.findall(r"mean: (.*) dB", told)[0])
    assert mean == pytest.approx(sum(row[1] for row in rows) / len(rows), abs=0.02)


def test_the_python_of_the_readme_runs_as_a_whole(
    tmp_path: Path, film: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(
        r"```python\n(.*?)```", (EXAMPLES.parent / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    for name, picture in {"still": pictures[0], "a": pictures[0], "b": pictures[1]}.items():
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), cv2.imread(str(picture)))
    monkeypatch.chdir(film.parent)
    gray = np.full((1080, 1920), 90, np.uint8)
    names = {"frames": [gray], "planes": [gray.astype(np.uint16) * 4]}
    exec(compile(block, "README.md", "exec"), names)
    assert names["rgb"].shape == (1080, 1920, 3)
    assert names["cbcr"].shape == (2, 540, 960)
    assert {"film.color.mp4", "film.shots.mp4", "film.work"} <= {path.name for path in tmp_path.iterdir()}


def test_every_example_stands_in_the_table_and_says_how_it_is_run() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    programs = sorted(path.name for path in EXAMPLES.glob("*.py"))
    assert sorted(re.findall(r"^\| \[(\w+\.py)\]\(\1\) \|", page, re.MULTILINE)) == programs
    for name in programs:
        assert f"\npython examples/{name} " in (EXAMPLES / name).read_text(encoding="utf-8")
