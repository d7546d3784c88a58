"""A survey that was kept is checked before it is believed."""

from pathlib import Path

import pytest

from kinemacolor.errors import InputError
from kinemacolor.plan.survey import survey_film
from kinemacolor.plan.survey_cache import load_survey, sample_path, save_survey
from support.films import write_film


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Path]:
    film = write_film(tmp_path / "film.mkv", 14, (64, 64), codec="ffv1", pix_fmt="gray")
    save_survey(survey_film(film), tmp_path / "survey")
    return film, tmp_path / "survey"


def test_a_whole_survey_comes_back(kept: tuple[Path, Path]) -> None:
    film, folder = kept
    found, again = survey_film(film), load_survey(folder, film)
    assert again is not None
    assert (again.index, list(again.pts), again.shots) == (found.index, list(found.pts), found.shots)
    assert dict(again.samples) == dict(found.samples)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\xfe", b"[" * 50_000, b'{"index": 5}', None])
def test_a_damaged_survey_is_none(kept: tuple[Path, Path], damage: bytes | None) -> None:
    film, folder = kept
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        flipped = data[:40] + bytes([data[40] ^ 1]) + data[41:]
        file.write_bytes(flipped if damage is None else damage)
        assert load_survey(folder, film) is None, file.name
        file.unlink()
        assert load_survey(folder, film) is None, file.name
        file.write_bytes(data)
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "cover.jpg").write_bytes(b"x")
    assert load_survey(folder, film) is not None


def test_a_sample_that_breaks_later_is_told(kept: tuple[Path, Path]) -> None:
    film, folder = kept
    found = load_survey(folder, film)
    assert found is not None
    sample_path(folder, 0).write_bytes(b"x")
    with pytest.raises(InputError, match="look at the film again"):
        found.decode_sample(0)
