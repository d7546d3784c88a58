"""A film of three shots and pictures of its two scenes, for the verbs of a whole film."""

from pathlib import Path

import pytest

from support.films import scene, write_film
from support.plans import CUT, gray, other_scene, save, two_scenes


@pytest.fixture
def scenes_film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", 3 * CUT, picture=lambda i: gray(two_scenes(i)), sound=True)


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    folder = tmp_path / "stills"
    folder.mkdir()
    save(folder / "waves.png", scene(3))
    save(folder / "blocks.png", other_scene(3))
    return folder
