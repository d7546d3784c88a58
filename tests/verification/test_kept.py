"""The table of what is kept where is what the program gives, tried on some of its lines."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from support.films import load_script
from support.kept_films import CASES

PAGE = Path(__file__).parents[2] / "docs/kept.md"
QUICK = ("pixel aspect 4:3", "captions (A53)", "sound: FLAC", "subtitles: SRT", "cover art", "time code")


@pytest.fixture(scope="module")
def make_kept() -> ModuleType:
    return load_script("docs/make_kept.py")


def lines_of_the_page() -> dict[str, list[str]]:
    """The words of every line, by its name."""
    bare = re.sub(r" <sup>.*?</sup>", "", PAGE.read_text(encoding="utf-8"))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in bare.splitlines() if line.startswith("| ")
    ]
    return {row[0]: row[1:] for row in rows[1:]}


def test_every_case_has_its_line() -> None:
    assert list(lines_of_the_page()) == [case.name for case in CASES]


def test_some_lines_are_as_documented(make_kept: ModuleType) -> None:
    page = lines_of_the_page()
    for case, cells in make_kept.iter_rows([case for case in CASES if case.name in QUICK]):
        assert [cell.word for cell in cells] == page[case.name], f"{case.name}: run python docs/make_kept.py"
