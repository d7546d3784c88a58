"""Pairs of another scene: a bad list is told, a reference that shows the photograph itself is all but the truth."""

import csv
from pathlib import Path

import cv2
import numpy as np
import other_scene
import pytest

from kinemacolor.data.name_lists import read_name_list


def save(path: Path, seed: int, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    knots = np.random.default_rng(seed).uniform(0, 255, (5, 8, 3)).astype(np.float32)
    cv2.imwrite(str(path), cv2.resize(knots, size, interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    for name, seed, size in (("a/1", 1, (160, 90)), ("a/2", 2, (90, 120)), ("b/1", 3, (120, 90))):
        save(tmp_path / f"photographs/{name}.png", seed, size)
    return tmp_path / "photographs"


def test_pairs_are_measured_and_shown(photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photographs.parent
    (folder / "pairs.tsv").write_text("# one kind\na/1.png\ta/1.png\nb/1.png\ta/2.png\n")
    words = ["--photographs", str(photographs / "a"), str(photographs / "b"), "--pairs", str(folder / "pairs.tsv")]
    outputs = ["--output", str(folder / "out.csv"), "--pictures", str(folder / "out.png")]
    assert other_scene.main([*words, *outputs]) == 0
    with (folder / "out.csv").open() as stream:
        itself, other = csv.DictReader(stream)
    assert (itself["photograph"], other["reference"]) == ("a/1.png", "a/2.png")
    assert float(itself["psnr"]) > float(itself["psnr_gray"]) + 3
    assert 0.5 < float(itself["chroma"]) / float(itself["chroma_truth"]) < 1.2
    mean = (float(itself["psnr"]) + float(other["psnr"])) / 2
    assert f"| mean of 2, kinema | {mean:.2f} |" in capsys.readouterr().out
    sheet = np.asarray(cv2.imread(str(folder / "out.png")))
    assert sheet.shape == (144, 3 * 4 * 192, 3)
    assert np.ptp(sheet[10:90, 202:370], axis=-1).max() <= 1  # the second picture is gray
    assert np.ptp(sheet[10:90, 394:562], axis=-1).max() > 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/1.png\n", "no list of pairs"),
        ("a/1.png\ta/2.png\tb/1.png\n", "no list of pairs"),
        ("a/1.png\ta/3.png\n", "1 of 2 names .* 'a/3.png'"),
    ],
)
def test_a_bad_list_of_pairs_is_told(photographs: Path, text: str, message: str) -> None:
    pairs = photographs.parent / "pairs.tsv"
    pairs.write_text(text)
    assert other_scene.main(["--photographs", str(photographs), "--pairs", str(pairs)]) == 3
    with pytest.raises(other_scene.InputError, match=message):
        other_scene.find_pairs(pairs, [photographs])


def test_our_own_list_has_sixty_pairs_of_different_photographs() -> None:
    rows = read_name_list(other_scene.PAIRS)
    names = [name for row in rows for name in row]
    assert len(rows) >= 60
    assert all(len(row) == 2 for row in rows)
    assert len(set(names)) == len(names)
