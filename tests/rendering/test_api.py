"""The steps of the job as functions: what they refuse before they read anything."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import kinemacolor
from kinemacolor.errors import UsageError
from support.films import write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("api") / "film.mkv", 2)


@pytest.mark.parametrize("seconds", [math.inf, -math.inf, math.nan, -1])
@pytest.mark.parametrize(
    "ask",
    [
        lambda film, still, seconds: kinemacolor.preview(film, still, film.parent / "x.png", at_seconds=[0, seconds]),
        lambda film, still, seconds: kinemacolor.make_plan(film, still, start_seconds=seconds),
        lambda film, still, seconds: kinemacolor.suggest_frames(film, 1, end_seconds=seconds),
        lambda film, still, seconds: kinemacolor.extract_frames(film, [0], film.parent / "refs", start_seconds=seconds),
    ],
)
def test_seconds_that_no_film_has_are_refused(
    film: Path, reference: Path, seconds: float, ask: Callable[[Path, Path, float], object]
) -> None:
    with pytest.raises(UsageError, match="give a number from 0"):
        ask(film, reference, seconds)


def test_a_folder_with_too_long_a_name_is_told(film: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too long a name"):
        kinemacolor.extract_frames(film, [0], tmp_path / ("x" * 300))
