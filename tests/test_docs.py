"""What the documents say is what the code does."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from support.films import load_script

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def make_models() -> ModuleType:
    return load_script("docs/make_models.py")


def test_the_cost_of_the_models_is_as_documented(make_models: ModuleType) -> None:
    page = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert make_models.with_table(page) == page


def test_every_model_has_its_figure_as_drawn_and_its_chapter(make_models: ModuleType) -> None:
    page = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert set(make_models.FIGURES) == set(make_models.MODELS)
    for name in make_models.FIGURES:
        assert f"## {name}\n" in page
        picture = (ROOT / f"docs/pictures/model-{name}.svg").read_text(encoding="utf-8")
        assert make_models.draw_model(name) == picture, "python docs/make_models.py"


def test_the_tables_of_speed_have_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_speed = load_script("docs/make_speed.py")
    page = tmp_path / "results.md"
    page.write_text((ROOT / "docs/results.md").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(make_speed, "DOCS", tmp_path)
    names = "bench", "quality", "long"
    for name in names:
        make_speed.put_into_page(name, f"| {name} \\1 |\n")
        make_speed.put_into_page(name, f"| {name} \\2 |\n")
    text = page.read_text(encoding="utf-8")
    assert all(
        text.count(f"<!-- speed: {name} -->\n| {name} \\2 |\n<!--") == 1 for name in ("bench", "quality", "long")
    )
    with pytest.raises(SystemExit, match="no place for x"):
        make_speed.put_into_page("x", "")


def test_what_coloured_frames_give_is_said_as_measured() -> None:
    (row,) = re.findall(r"^\| all \| (.+) \|$", (ROOT / "docs/results.md").read_text(encoding="utf-8"), re.MULTILINE)
    films, first, middle, ends, quarters, four = row.split(" | ")
    (said,) = re.findall(r"^On held-out film .+$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"[{films} shots]" in said
    numbers = [float(one) for one in re.findall(r"\d+\.\d", said)]
    measured = [float(one) for one in (middle, first, quarters, ends, four)]
    assert numbers == pytest.approx(measured, abs=0.0501)
