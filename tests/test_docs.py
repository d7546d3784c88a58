"""What the documents say is what the code does."""

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


def test_every_model_has_its_figure_and_chapter(make_models: ModuleType) -> None:
    page = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert set(make_models.FIGURES) == set(make_models.MODELS)
    for name in make_models.FIGURES:
        assert f"## {name}\n" in page
        assert (ROOT / f"docs/pictures/model-{name}.svg").is_file()
