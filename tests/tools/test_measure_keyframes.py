"""The measure of what keyframes are worth: resumed, grouped, and told by place."""

import json
from pathlib import Path

import cv2
import measure_keyframes
import pytest

from support.films import scene


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name, first in (("davis_waves", 0), ("surf", 40)):
        (tmp_path / "films" / name).mkdir(parents=True)
        for number in range(5):
            picture = scene(first + number)[..., ::-1]
            cv2.imwrite(str(tmp_path / "films" / name / f"{number:03}.png"), cv2.resize(picture, (96, 72)))
    return tmp_path / "films"


def test_more_keyframes_are_measured_to_be_better(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = films.parent / "kept.jsonl"
    words = [
        str(films),
        "--only",
        "davis*",
        "--results",
        str(results),
        "--places",
        "first",
        "--places",
        "first and last",
    ]
    assert measure_keyframes.main(words) == 0
    table = capsys.readouterr().out
    header, _, davis, *_ = table.splitlines()
    assert header == "| films | number | first | first and last |"
    name, number, one, two = (cell.strip() for cell in davis.split("|")[1:-1])
    assert (name, number) == ("DAVIS", "1")
    assert float(two) > float(one)
    kept = results.read_bytes()
    assert len(kept.splitlines()) == 2
    assert measure_keyframes.main(words) == 0
    assert (capsys.readouterr().out, results.read_bytes()) == (table, kept)


def test_films_are_grouped_by_source_and_length() -> None:
    rows = [
        measure_keyframes.Measured(name, {"keyframes:0": [decibels] * frames})
        for name, decibels, frames in (("davis_a", 30.0, 50), ("davis_b", 32.0, 51), ("c", 40.0, 90))
    ]
    table = measure_keyframes.format_table(rows, {"first": "keyframes:0"}).splitlines()[2:]
    assert table[:3] == ["| DAVIS | 2 | 31.00 |", "| others | 1 | 40.00 |", "| all | 3 | 34.00 |"]
    assert [line.split("|")[2].strip() for line in table[3:]] == ["1"] * 6


def test_what_is_kept_is_not_measured_again(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = films.parent / "kept.jsonl"
    rows = [{"film": "surf", "protocol": "keyframes:1/2", "psnr": [20.0, 22.0]}]
    results.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"film": "su')
    assert measure_keyframes.main([str(films), "--only", "surf", "--results", str(results), "--places", "middle"]) == 0
    assert "| all | 1 | 21.00 |" in capsys.readouterr().out


def test_a_folder_without_films_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure_keyframes.main([str(tmp_path)]) == 3
    assert "holds no film" in capsys.readouterr().err
