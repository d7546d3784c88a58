"""The verbs of a whole film, as a user types them."""

import json
from pathlib import Path

import cv2
import pytest

from kinemacolor.cli.main import run
from kinemacolor.plan.document import Plan
from kinemacolor.video.display import iter_color_frames
from support.films import scene
from support.plans import CUT, gray, save, two_scenes


def test_plan_and_render(scenes_film: Path, stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "film.plan.json"
    assert run(["plan", str(scenes_film), "-r", str(stills), "--size", "64"]) == 0
    assert "3 shots, 90 frames, 2 references" in capsys.readouterr().err
    assert run(["plan", str(scenes_film), "-r", str(stills)]) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert run(["render", str(plan), "--json", "-q"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["shots"], report["painted"]) == (90, 3, 90)
    assert (tmp_path / "film.color.mp4").is_file()
    assert run(["verify", str(scenes_film), str(tmp_path / "film.color.mp4")]) == 0
    assert run(["render", str(plan), "-o", str(tmp_path / "b.mp4"), "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["painted"] == 0


def test_an_excerpt_shows_what_the_film_will_be(
    scenes_film: Path, stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it begins with a shot, bit for bit; what is painted of the film stays."""
    plan, whole, part = tmp_path / "film.plan.json", tmp_path / "whole.mkv", tmp_path / "part.mkv"
    assert run(["plan", str(scenes_film), "-r", str(stills), "--size", "64", "-q"]) == 0
    assert run(["render", str(plan), "-o", str(whole), "--lossless", "-q"]) == 0
    times = ["--start", "1.25", "--end", "0:02"]
    assert run(["render", str(plan), "-o", str(part), "--lossless", "--json", *times, "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 18
    frames = zip(list(iter_color_frames(whole))[CUT : CUT + 18], iter_color_frames(part), strict=True)
    assert all((one == other).all() for one, other in frames)
    assert run(["render", str(plan), *times, "-q"]) == 0
    assert (tmp_path / "film.excerpt.color.mp4").is_file()
    assert run(["render", str(plan), "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["painted"] == 0
    assert run(["render", str(plan), "--start", "9", "-q"]) == 2
    assert "no frame from 9 s to the end" in capsys.readouterr().err
    assert run(["render", str(plan), "--end", "soon", "-q"]) == 2


def test_what_is_wrong_with_a_plan_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", str(tmp_path / "none.plan.json")]) == 3
    (tmp_path / "bad.plan.json").write_text('{"version": 1}')
    assert run(["render", str(tmp_path / "bad.plan.json")]) == 2
    assert "film: is missing" in capsys.readouterr().err


def test_the_main_job_finds_shots_and_takes_a_folder(
    scenes_film: Path, stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "out.mp4"
    assert run([str(scenes_film), "-r", str(stills), "-o", str(made), "--size", "64", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["shots"] == 3
    for index in (5, CUT + 5, 2 * CUT + 5):
        frame = list(iter_color_frames(made))[index].astype(float)
        truth = two_scenes(index).astype(float)
        assert abs(frame - truth).mean() < 0.8 * abs(gray(two_scenes(index)) - truth).mean()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["film.mp4", "out.mp4", "out.mp4.kinemacolor.json", "stills"]


@pytest.mark.parametrize("suffix", [".csv", ".edl", ".otio"])
def test_shots_go_out_and_come_back(scenes_film: Path, stills: Path, tmp_path: Path, suffix: str) -> None:
    listed, plan = tmp_path / f"shots{suffix}", tmp_path / "film.plan.json"
    assert run(["shots", str(scenes_film), "-o", str(listed)]) == 0
    assert run(["shots", str(scenes_film), "-o", str(listed)]) == 2
    assert run(["plan", str(scenes_film), "-r", str(stills), "--shots", str(listed), "-q"]) == 0
    assert [shot.first for shot in Plan.read(plan).shots] == [0, CUT, 2 * CUT]
    again = tmp_path / f"again{suffix}"
    assert run(["shots", str(plan), "-o", str(again)]) == 0
    if suffix != ".csv":  # its certainties are the finder's
        assert again.read_bytes() == listed.read_bytes()


def test_an_unknown_detector_is_refused(scenes_film: Path, tmp_path: Path) -> None:
    assert run(["shots", str(scenes_film), "-o", str(tmp_path / "a.csv"), "--detector", "magic"]) == 2


def test_a_plan_is_never_written_over_what_it_is_made_of(
    scenes_film: Path, stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scenes_film.read_bytes()
    assert run(["plan", str(scenes_film), "-r", str(stills), "-o", str(scenes_film), "--overwrite"]) == 2
    assert "end it with .json" in capsys.readouterr().err
    assert run(["plan", str(scenes_film), "-r", str(stills), "-o", str(tmp_path / "no" / "a.json")]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert run(["shots", str(scenes_film), "-o", str(tmp_path / "a.txt")]) == 2
    assert scenes_film.read_bytes() == before


def test_a_folder_that_is_not_ours_is_not_used(scenes_film: Path, stills: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4.work").mkdir()
    (tmp_path / "out.mp4.work" / "notes.txt").write_text("mine")
    assert run([str(scenes_film), "-r", str(stills), "-o", str(tmp_path / "out.mp4"), "--size", "64"]) == 2
    assert (tmp_path / "out.mp4.work" / "notes.txt").read_text() == "mine"


def test_numbers_count_from_the_start_of_the_cut(scenes_film: Path, stills: Path, tmp_path: Path) -> None:
    cut = ["--start", "0.5"]
    assert run(["refs", "extract", str(scenes_film), "0", "-o", str(tmp_path / "refs"), *cut]) == 0
    one = cv2.imread(str(tmp_path / "refs" / "ref_000000.png"))[..., 0].astype(int)
    assert abs(one - gray(two_scenes(12))[..., 0]).mean() < 3
    assert run(["plan", str(scenes_film), "-r", str(stills), "-q", *cut]) == 0
    plan = tmp_path / "film.plan.json"
    assert run(["shots", str(plan), "-o", str(tmp_path / "a.csv")]) == 0
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["0", "18", "48"]
    assert [row.split(",")[2] for row in rows[1:]] == ["0.500", "1.250", "2.500"]


def test_a_folder_of_scans_goes_on_after_a_stop(stills: Path, tmp_path: Path) -> None:
    """Pictures of a run that was stopped lie in the partial folder."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(3):
        save(scans / f"{number}.png", gray(scene(number)))
    plan, made = tmp_path / "scans.plan.json", tmp_path / "made"
    assert run(["plan", str(scans), "-r", str(stills / "waves.png"), "--size", "64", "-q"]) == 0
    (scans / "notes.txt").write_text("a file that is no picture may come and go")
    partial = tmp_path / "made.partial"
    partial.mkdir()
    (partial / "7.png").write_text("stale")
    assert run(["render", str(plan), "-o", str(made), "-q"]) == 2
    (tmp_path / "scans.plan.work").mkdir(exist_ok=True)
    (tmp_path / "scans.plan.work" / "unfinished.json").write_text(json.dumps([str(partial)]))
    assert run(["render", str(plan), "-o", str(made), "-q"]) == 0
    assert sorted(path.name for path in made.iterdir()) == ["0.png", "1.png", "2.png"]


def test_an_edited_end_that_does_not_fit_is_told(
    scenes_film: Path, stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "film.plan.json"
    assert run(["plan", str(scenes_film), "-r", str(stills), "--size", "64", "-q"]) == 0
    content = json.loads(plan.read_text())
    content["film"]["end_seconds"] = 2.0
    plan.write_text(json.dumps(content))
    assert run(["render", str(plan), "-q"]) == 3
    assert "fewer frames than the plan says" in capsys.readouterr().err
