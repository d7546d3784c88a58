"""What is handed over with results, as a user asks for it."""

import json
import sys
from pathlib import Path

import pytest

import kinemacolor
from kinemacolor.cli.main import run
from support.bags import find_bag_faults
from support.films import scene, write_film
from support.plans import save


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KINEMACOLOR_HOME", str(tmp_path / "home"))
    write_film(tmp_path / "film.mp4", 3, sound=True)
    save(tmp_path / "still.png", scene(0))
    return tmp_path


def test_a_film_is_archived_in_a_bag_and_proved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["film.mp4", "-r", "still.png", "--size", "64", "--archive", "--bag", "bag", "--json"]
    assert run(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert Path(report["result"]) == Path("bag/data/film.color.mkv")
    assert not find_bag_faults(folder / "bag")
    assert run(["verify", "film.mp4", "bag/data/film.color.mkv"]) == 0
    capsys.readouterr()
    assert run(words) == 0
    assert "already whole" in capsys.readouterr().err
    assert {one.name for one in folder.iterdir()} == {"film.mp4", "still.png", "home", "bag"}


def test_a_plan_is_rendered_into_a_bag_with_its_layer(folder: Path) -> None:
    assert run(["plan", "film.mp4", "-r", "still.png", "--size", "64"]) == 0
    assert run(["render", "film.plan.json", "-o", "out.mkv", "--layer", "layer.mkv", "--archive", "--bag", "bag"]) == 0
    results = {"out.mkv", "out.mkv.sha256", "out.mkv.kinemacolor.json", "layer.mkv", "layer.mkv.sha256"}
    assert {one.name for one in (folder / "bag" / "data").iterdir()} == results
    assert not find_bag_faults(folder / "bag")


def test_no_verb_writes_into_a_bag(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["film.mp4", "-r", "still.png", "--size", "64", "--archive", "--bag", "bag", "-q"]) == 0
    assert run(["plan", "film.mp4", "-r", "still.png", "--size", "64", "-q"]) == 0
    (folder / "deep").symlink_to(folder / "bag" / "data")
    data = Path("bag", "data")
    film = str(data / "film.color.mkv")
    verbs = [
        ["film.mp4", "-r", "still.png", "-o", str(data / "x.mkv")],
        [film, "--ask-references"],
        [film, "-r", "still.png"],
        ["again", f"{film}.kinemacolor.json"],
        ["refs", "suggest", "film.mp4", "--extract", "deep"],
        ["refs", "extract", "film.mp4", "1", "-o", str(data)],
        ["refs", "extract", "film.mp4", "1", "-o", str(data / "new" / "newer")],
        ["plan", film, "-r", "still.png"],
        ["shots", film, "-o", "deep/x.csv"],
        ["preview", "film.mp4", "-r", "still.png", "-o", str(data / "x.png")],
        ["render", "film.plan.json", "-o", "x.mkv", "--work", str(data / "work")],
        ["report", "film.plan.json", "-o", str(data / "report")],
        ["models", "export", "kinema", "deep/x"],
        ["demo", "-o", str(data / "demo")],
        ["evaluate", str(folder), "-o", str(data / "eval")],
        ["bench", "--timeline", "deep/x.svg"],
        ["train", "kinema", "-o", str(data / "run")],
    ]
    for words in verbs:
        assert run(words) == 2, words
        assert "would make the bag that it lies in invalid" in capsys.readouterr().err.replace("\n", " "), words
    assert not find_bag_faults(folder / "bag")
    assert run(["film.mp4", "-r", "still.png", "--archive", "--size", "64", "--bag", "bag", "-q"]) == 0
    assert not (folder / "x.mkv").exists()


def test_a_program_asks_for_the_same(folder: Path) -> None:
    options, archive = kinemacolor.RenderOptions(short_side=64), kinemacolor.EncodingOptions(archive=True)
    delivery = kinemacolor.DeliveryOptions(bag=folder / "bag")
    given = {"options": options, "encoding": archive, "delivery": delivery}
    report = kinemacolor.colorize("film.mp4", "still.png", "out.mkv", **given)  # type: ignore[arg-type]
    assert Path(report.result) == folder / "bag" / "data" / "out.mkv"
    assert not find_bag_faults(folder / "bag")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-o", "out.mp4", "--archive"], "name the result *.mkv"),
        (["--archive", "--crf", "20"], "has no --crf"),
        (["--archive", "--vcodec", "h264"], "leave out --vcodec h264"),
        (["--archive", "--vprofile", "hq"], "has no --vprofile"),
        (["-o", "folder/out.mkv", "--bag", "bag"], "give out.mkv without a folder"),
        (["--bag", "none/bag"], "make it first"),
        (["--bag", "still.png"], "is a file: name a new folder"),
        (["--key", "key.pem"], "--key goes with --credentials"),
        (["--credentials", "none.pem"], "none.pem does not exist"),
        (["-o", "out.mkv", "--credentials", "still.png"], "cannot hold Content Credentials"),
        (["-o", "out", "--credentials", "still.png"], "cannot hold Content Credentials"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    folder: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {one.name for one in folder.iterdir()}
    assert run(["film.mp4", "-r", "still.png", *words]) == 2
    assert reason in capsys.readouterr().err
    assert {one.name for one in folder.iterdir()} == before


def test_without_the_extra_nothing_is_signed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert run(["film.mp4", "-r", "still.png", "--credentials", "still.png"]) == 2
    assert "--credentials wants c2pa: pip install 'kinemacolor[credentials]'" in capsys.readouterr().err
