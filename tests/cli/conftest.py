"""A film of three shots and pictures of its two scenes, for the verbs of a whole film."""

from pathlib import Path

import pytest

from support.films import write_film
from support.plans import CUT, gray, save_stills, two_scenes


@pytest.fixture
def scenes_film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", 3 * CUT, picture=lambda i: gray(two_scenes(i)), sound=True)


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    return save_stills(tmp_path / "stills")
