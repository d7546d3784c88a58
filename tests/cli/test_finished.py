"""The same command again says that all is done; a second one at the same time is refused."""

import json
from pathlib import Path

import pytest

from kinemacolor.cli.main import run
from kinemacolor.rendering.ownership import own_outputs


def test_the_same_command_again_says_that_it_is_done(
    film: Path, reference: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, plan, cut = film.with_name("out.mp4"), film.with_name("plan.json"), film.with_name("plan.mp4")
    line = [str(film), "-r", str(reference), "-o", str(made), "--size", "64"]
    assert run([*line, "-q"]) == 0
    before = made.read_bytes()
    capsys.readouterr()
    assert run([*line, "--json"]) == 0
    told = capsys.readouterr()
    assert f"{made}: already whole" in told.err.replace("\n", "")
    assert json.loads(told.out)["frames"] == 8
    assert made.read_bytes() == before
    assert run([*line, "-q", "--crf", "30"]) == 2
    assert run(["plan", str(film), "-r", str(reference), "-o", str(plan), "--size", "64", "-q"]) == 0
    render = ["render", str(plan), "-o", str(cut), "--layer", str(film.with_name("layer.mp4"))]
    assert run([*render, "-q"]) == 0
    assert run([*render, "-q"]) == 0
    assert run(render[:4]) == 2
    assert run([*render[:4], "--overwrite", "-q"]) == 0
    with own_outputs([made]):
        assert run([*line, "--overwrite"]) == 2
    assert "is being written by process" in capsys.readouterr().err.replace("\n", " ")
