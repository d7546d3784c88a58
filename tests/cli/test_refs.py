"""Frames to colour: named, written, asked for, and given back."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import cv2
import pytest

from kinemacolor.cli.main import run
from kinemacolor.plan.document import Plan
from support.plans import CUT, two_scenes


def color_pictures(folder: Path) -> list[int]:
    """Give the frames in a folder their colours; gives their numbers."""
    numbers = sorted(int(path.stem.removeprefix("ref_")) for path in folder.iterdir())
    for number in numbers:
        cv2.imwrite(str(folder / f"ref_{number:06d}.png"), two_scenes(number)[..., ::-1])
    return numbers


def test_suggested_frames_come_back_as_keyframes(
    scenes_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = tmp_path / "refs", tmp_path / "film.plan.json"
    assert run(["refs", "suggest", str(scenes_film), "--budget", "2", "--extract", str(folder)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 3
    assert all(" dB " in line for line in table[1:])
    assert "100%" in table[-1] or "9" in table[-1]
    for path in folder.iterdir():
        number = int(path.stem.removeprefix("ref_"))
        cv2.imwrite(str(path), two_scenes(number)[..., ::-1])
    assert run(["plan", str(scenes_film), "-r", str(folder), "-q"]) == 0
    made = Plan.read(plan)
    assert sorted(entry.frame for entry in made.references.values()) == sorted(
        int(path.stem.removeprefix("ref_")) for path in folder.iterdir()
    )
    assert all(shot.references for shot in made.shots)
    assert run(["refs", "extract", str(scenes_film), "3", "40", "-o", str(tmp_path / "more")]) == 0
    assert len(list((tmp_path / "more").iterdir())) == 2
    assert run(["refs", "extract", str(scenes_film), "400", "-o", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()


def test_suggestions_are_json_too(scenes_film: Path, stills: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = str(stills / "waves.png")
    assert run(["refs", "suggest", str(scenes_film), "--budget", "1", "-r", known, "--json", "-q"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert CUT <= row["frame"] < 2 * CUT
    assert row["shots"] == [2]
    assert row["gain_db"] > 1


def test_asking_for_references_writes_frames_and_says_how_to_go_on(
    scenes_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["colorize", str(scenes_film), "--ask-references", "--size", "64"]
    assert run(asked) == 0
    table, told = capsys.readouterr()
    folder, result = tmp_path / "film.refs", tmp_path / "film.color.mp4"
    assert not result.exists()
    further = told.rstrip("`\n").rpartition("`")[2]
    assert shlex.split(further) == ["kinemacolor", "colorize", str(scenes_film), "--size", "64", "-r", str(folder)]
    assert run(shlex.split(further)[1:]) == 3  # they are still gray
    assert "have no colour" in capsys.readouterr().err
    numbers = color_pictures(folder)
    assert [int(line.split()[0]) for line in table.splitlines()[1:]] != []
    assert {number // CUT % 2 for number in numbers} == {0, 1}  # both scenes
    assert run(asked) == 2
    assert f"is there already: colour its pictures, then `{further}`" in capsys.readouterr().err
    assert run([*shlex.split(further)[1:], "-q"]) == 0
    assert result.is_file()


def test_pictures_of_a_part_come_back_where_they_were(
    scenes_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that is told has all that decides how frames are counted, and which shots there are."""
    folder, shots = tmp_path / "refs", tmp_path / "mine.csv"
    shots.write_text("first\n0\n10\n")
    part = ["--start", f"{CUT - 10}f", "--end", f"{CUT + 20}f"]
    words = ["refs", "suggest", str(scenes_film), "--budget=2", *part, "--shots", str(shots), "--extract", str(folder)]
    assert run(words) == 0
    further = shlex.split(capsys.readouterr().err.rstrip("`\n").rpartition("`")[2])
    assert further == ["kinemacolor", "plan", *words[2:3], "--shots", str(shots), *part, "-r", str(folder)]
    for number in (numbers := sorted(int(path.stem.removeprefix("ref_")) for path in folder.iterdir())):
        cv2.imwrite(str(folder / f"ref_{number:06d}.png"), two_scenes(CUT - 10 + number)[..., ::-1])
    assert numbers[0] < 10 <= numbers[1]
    assert run(further[1:]) == 0
    made = Plan.read(tmp_path / "film.plan.json")
    assert [shot.first for shot in made.shots] == [0, 10]
    assert [list(shot.references) for shot in made.shots] == [[f"ref_{number:06d}"] for number in numbers]
    capsys.readouterr()
    assert run(["refs", "extract", str(scenes_film), "3", "-o", str(tmp_path / "more"), "--start=9f"]) == 0
    assert "1 picture: give `plan` --start 9f too" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["-dash.mp4", "new\nline's.mp4"])
def test_the_command_that_is_told_can_be_pasted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    folder = f"{name.removesuffix('.mp4')}.refs"
    Path(folder).mkdir()
    assert run(["colorize", "--ask-references", "--size", "64", "--", name]) == 2
    told = capsys.readouterr().err
    (command,) = re.findall("`(kinemacolor .*)`", told)
    script = f"kinemacolor() {{ printf '%s\\0' \"$@\"; }}; {command}"
    said = subprocess.run(["bash", "-c", script.encode()], capture_output=True, check=True).stdout
    words = [os.fsdecode(word) for word in said.split(b"\0")[:-1]]
    options = ["--size", "64", "-r", folder]
    assert words == (["colorize", *options, "--", name] if name[0] == "-" else ["colorize", name, *options])
    assert run(words) == 3
    assert "cannot be read as a film" in capsys.readouterr().err


def test_asking_leaves_out_what_adds_little(
    scenes_film: Path, stills: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a picture of one scene it asks for the other one; with both, for less than that."""
    words = ["colorize", str(scenes_film), "--ask-references", "--json", "-q", "-r", str(stills / "waves.png")]
    assert run(words) == 0
    rows = json.loads(capsys.readouterr().out)
    assert CUT <= rows[0]["frame"] < 2 * CUT
    assert all(row["gain_db"] >= 0.05 * rows[0]["gain_db"] for row in rows)


def test_without_a_reference_it_says_both_ways(scenes_film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["colorize", str(scenes_film)]) == 2
    told = capsys.readouterr().err
    assert "-r" in told
    assert "--ask-references" in told
