"""Quality of versions: this one against itself gives equal pictures, a bad folder is told."""

import json
import sys
from pathlib import Path

import compare_quality
import cv2
import pytest

from support.films import scene


def test_this_version_is_equal_to_itself_and_near_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for index in range(3):
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), scene(index)[..., ::-1])
    words = [str(tmp_path), "--against", sys.executable, "--pair", "one", "two", "--frames", "2", "--json"]
    assert compare_quality.main(words) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["film"], found["reference"], found["to_first"]) == ("one", "two", [None, None])
    assert found["truth"][0] == found["truth"][1] > 20


def test_a_table_says_what_changed_and_how_alike_results_are() -> None:
    variants = [compare_quality.Variant(name, Path("x"), "1") for name in ("before", "now", "now --x")]
    found = compare_quality.Quality("goat", "goat", (30, 30.011, 29.5), (None, None, 41.26), (None, None, 38.04))
    line = compare_quality.format_qualities([found], variants).splitlines()[-1]
    assert line == "| goat | own | 30.00 | 30.01 (+0.01) | 29.50 (-0.50) | equal (equal) | 41.3 (38.0) |"


def test_a_film_that_is_not_there_is_told(tmp_path: Path) -> None:
    words = [str(tmp_path), "--against", sys.executable, "--pair", "one", "two"]
    assert compare_quality.main(words) == 3
