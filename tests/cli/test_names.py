"""Names that are none, as ``.``, ``..``, ``/`` and nothing: each is refused in words, before anything is written."""

from pathlib import Path

import pytest

from kinemacolor.cli.main import run
from kinemacolor.errors import UsageError
from kinemacolor.rendering.delivery import place_in_bag
from kinemacolor.rendering.output_names import check_has_name
from support.films import scene, write_film
from support.plans import save

FOLDERS = [".", "./", "", "..", "sub/.."]
RESULTS = {
    "colorize": ["colorize", "f.mp4", "-r", "c.png", "-o"],
    "in a bag": ["colorize", "f.mp4", "-r", "c.png", "--bag", "bag", "-o"],
    "preview": ["preview", "f.mp4", "-r", "c.png", "-o"],
    "plan": ["plan", "f.mp4", "-r", "c.png", "-o"],
    "render": ["render", "p.json", "-o"],
    "layer": ["render", "p.json", "--layer"],
    "confidence": ["render", "p.json", "--confidence-out"],
    "shots": ["shots", "f.mp4", "-o"],
    "markers": ["report", "p.json", "--markers"],
    "timeline": ["bench", "f.mp4", "-r", "c.png", "--timeline"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("names") / "in"
    (place / "sub").mkdir(parents=True)
    write_film(place / "f.mp4", 8)
    save(place / "c.png", scene(0))
    assert run(["plan", str(place / "f.mp4"), "-r", str(place / "c.png"), "-o", str(place / "p.json"), "-q"]) == 0
    return place


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_no_name_of_a_result(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.parent.rglob("*"))
    for verb, words in RESULTS.items():
        assert run([*words, name]) == 2, verb
        assert " is no " in capsys.readouterr().err, verb
    assert sorted(folder.parent.rglob("*")) == before


def test_a_bag_and_a_work_folder_want_names_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has no name at all is not given to a verb here: it would be written to, were it not refused."""
    monkeypatch.chdir(folder)
    assert run(["colorize", "f.mp4", "-r", "c.png", "--bag", ".."]) == 2
    assert "no name for a bag" in capsys.readouterr().err
    for result, bag in ((Path("/"), None), (Path("f.mp4"), Path("/"))):
        with pytest.raises(UsageError, match="is no name for a"):
            place_in_bag(result, bag)
    with pytest.raises(UsageError, match="/ is no name for a work folder: give one, such as /name"):
        check_has_name(Path("/"), "a work folder")


@pytest.mark.parametrize(
    "words",
    [
        ["colorize", "/", "-r", "c.png"],
        ["colorize", "/", "--ask-references"],
        ["colorize", "/*.png", "--ask-references"],
        ["preview", "/", "-r", "c.png"],
        ["plan", "/", "-r", "c.png"],
        ["verify", "f.mp4", "/"],
        ["verify", "/", "f.mp4"],
        ["shots", "/"],
        ["refs", "suggest", "/"],
        ["render", "/"],
        ["again", "/"],
    ],
    ids=" ".join,
)
def test_a_film_that_has_no_name_exits_3(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert run(words) == 3
