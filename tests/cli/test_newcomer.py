"""What a newcomer meets: a word at once, shots on the screen, times in frames, counts, names made visible."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from kinemacolor.cli.main import run
from kinemacolor.plan.stills import find_placed_frame
from kinemacolor.plan.survey import survey_film
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.words import format_count
from support.films import scene, write_film
from support.plans import CUT, gray, save, two_scenes


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots; its time code begins at 01:00:00:00."""
    return write_film(
        tmp_path_factory.mktemp("newcomer") / "film.mov",
        2 * CUT,
        picture=lambda index: gray(two_scenes(index)),
        prepare=lambda container, _: container.metadata.update({"timecode": "01:00:00:00"}),
    )


FIRST_WORDS = {
    "film.mov: opening": ["film.mov", "-r", "still.png"],
    "film.mov: opening ": ["plan", "film.mov", "-r", "still.png"],
    "film.mov: opening  ": ["shots", "film.mov"],
    "film.mov: opening   ": ["refs", "suggest", "film.mov"],
    "film.mov: opening    ": ["refs", "extract", "film.mov", "3", "-o", "refs"],
    "film.mov: opening     ": ["verify", "film.mov", "film.mov"],
    "film.mov: loading kinema": ["preview", "film.mov", "-r", "still.png"],
    "a.plan.json: opening": ["render", "a.plan.json"],
    "a.plan.json: opening ": ["report", "a.plan.json"],
    "films: opening": ["evaluate", "films"],
    "demo: loading kinema": ["demo"],
    "bench: loading": ["bench"],
    "doctor: loading torch": ["doctor"],
    "kinema: loading": ["models", "info", "kinema"],
}


@pytest.mark.parametrize("words", FIRST_WORDS)
def test_a_line_comes_before_anything_heavy_is_loaded(words: str, tmp_path: Path) -> None:
    """The program stops at its first words, and what is loaded by then takes no second."""
    code = (
        "import sys\n"
        "class Spy:\n"
        "    def write(self, text):\n"
        "        heavy = {'torch', 'cv2', 'av', 'numpy', 'opentimelineio'} & set(sys.modules)\n"
        "        print(text.strip(), sorted(heavy))\n"
        "        raise SystemExit(0)\n"
        "    def flush(self): pass\n"
        "    def isatty(self): return False\n"
        "sys.stderr = Spy()\n"
        "from kinemacolor.cli.main import run\n"
        "run(sys.argv[1:])"
    )
    for name in ("film.mov", "still.png", "a.plan.json"):
        (tmp_path / name).touch()
    (tmp_path / "films").mkdir()
    command = [sys.executable, "-c", code, *FIRST_WORDS[words]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == f"{words.rstrip()} []\n", done.stderr


def test_a_typo_is_told_without_loading_anything(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from kinemacolor.cli.main import run\n"
        "assert run(['verify', 'missing.mp4', 'x']) == 3\n"
        "heavy = {'torch', 'cv2', 'av', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "kinemacolor: missing.mp4 does not exist: check the name\n"


@pytest.mark.parametrize("words", [["rendr", "film.plan.json"], ["rendr"], ["verfy", "a.mkv", "b.mkv"]])
def test_a_word_that_is_nearly_a_verb_is_no_film(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    meant = "verify" if words[0] == "verfy" else "render"
    assert run(words) == 2
    assert f"no verb and no film '{words[0]}': did you mean `kinemacolor {meant}`?" in capsys.readouterr().err
    (tmp_path / words[0]).mkdir()  # a folder of pictures may have this name
    assert run([words[0]]) == 2
    assert "no reference" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["shot.mp4", "render_*.png", "./demo_*.png", "train_%03d.png"])
def test_a_name_of_files_is_no_verb(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([name, "-r", "still.png"]) == 3
    assert "did you mean `kinemacolor" not in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("words", [["evaluate"], ["train", "--report"], ["models", "export", "kinema"], ["again"]])
def test_a_name_that_no_disk_takes_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "x" * 300]) in (2, 3)
    assert "x" * 300 in capsys.readouterr().err


def test_shots_are_listed_on_the_screen(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shots", str(film)]) == 0
    talk = capsys.readouterr()
    heading, *rows = talk.out.splitlines()
    assert heading.split() == ["shot", "first", "last", "time", "begins", "with", "sure"]
    assert rows[0].split() == ["1", "0", "29", "0:00.0"]
    assert rows[1].split()[:5] == ["2", "30", "59", "0:01.2", "cut"]
    assert talk.err.splitlines()[-1] == f"{film}: 2 shots"
    assert run(["shots", str(film), "--json", "-q"]) == 0
    talk = capsys.readouterr()
    assert talk.err == ""
    shots = json.loads(talk.out)
    assert [(one["number"], one["first"], one["last"], one["start_seconds"]) for one in shots] == [
        (1, 0, 29, 0.0),
        (2, 30, 59, 1.25),
    ]
    assert shots[1]["transition"] == "cut"


@pytest.mark.parametrize("start", ["12f", "01:00:00:12", "0.5", "0:00.5"])
def test_a_start_may_be_a_frame_or_time_code(film: Path, tmp_path: Path, start: str) -> None:
    assert run(["refs", "extract", str(film), "0", "-o", str(tmp_path), "--start", start, "-q"]) == 0
    found = cv2.imread(str(tmp_path / "ref_000000.png"))[..., 0].astype(int)
    differences = [abs(found - gray(two_scenes(number))[..., 0]).mean() for number in range(2 * CUT)]
    assert differences.index(min(differences)) == 12


@pytest.mark.parametrize("place", ["35", "35f", "01:00:01:11", "1.46"])
def test_a_reference_may_be_placed_by_frame_or_time_code(film: Path, place: str) -> None:
    assert find_placed_frame(ReferenceSpec.parse(f"still.png@{place}"), survey_film(film)) == 35


def test_time_code_of_a_reference_counts_on_the_film_and_not_from_start(film: Path) -> None:
    survey = survey_film(film, start_seconds=0.5)
    assert find_placed_frame(ReferenceSpec.parse("still.png@01:00:01:11"), survey) == 35 - 12


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("60f", "--start 60f: film.mov has no such frame, its last one is 59 (the first is 0)"),
        ("00:59:59:00", "--start 00:59:59:00 lies before film.mov, which begins at 01:00:00:00"),
        ("01:00:02:12", "has no such frame"),
        ("1e30", "beyond the end of any film"),
        ("-5", "is no time: write seconds (90.5), H:MM:SS (0:01:30.5), a frame (100f) or time code"),
    ],
)
def test_a_time_that_the_film_has_not_is_told(
    film: Path, tmp_path: Path, start: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["refs", "extract", str(film), "0", "-o", str(tmp_path), f"--start={start}"]) == 2
    assert said in capsys.readouterr().err


def test_all_references_that_are_still_gray_are_named(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In README's order, with nothing coloured in between."""
    assert run(["refs", "extract", str(film), "3", "40", "-o", str(tmp_path / "refs")]) == 0
    save(tmp_path / "refs" / "ref_000007.png", scene(7))
    capsys.readouterr()
    assert run(["plan", str(film), "-r", str(tmp_path / "refs"), "-o", str(tmp_path / "a.json")]) == 3
    said = capsys.readouterr().err
    assert "ref_000003.png" in said
    assert "ref_000040.png have no colour: colour them first, in any program, or leave them out" in said
    assert "ref_000007.png" not in said


def test_one_is_singular(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [format_count(number, "shot") for number in (0, 1, 2)] == ["0 shots", "1 shot", "2 shots"]
    assert run(["refs", "extract", str(film), "3", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().err.endswith(": 1 picture\n")
    with show_progress("film") as advance:
        advance(1, 1)
    assert capsys.readouterr().err == "film: 1/1 frame\n"


@pytest.mark.parametrize(
    "name", ["gray\u202egpj.mp4", "a\x1b[31mred.mp4", "a\nb.mp4", "a\u2066b\u2069.mp4", "a\x9b2J.mp4"]
)
def test_names_of_files_do_not_steer_the_terminal(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(tmp_path / name), "x"]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.rstrip("\n").isprintable()
    assert name.encode("unicode_escape").decode() in said


def test_other_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_message("фильм 映画 فيلم 👩‍🎨 café.mp4")
    assert capsys.readouterr().err == "фильм 映画 فيلم 👩‍🎨 café.mp4\n"


def test_a_name_is_no_markup_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with show_progress("[/bold] [red]film.mp4") as advance:
        advance(1, 2)


def test_models_say_whose_weights_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINEMACOLOR_HOME", str(tmp_path))
    assert run(["models", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "built in" in rows["kinema"]
    assert "not imported: the weights are the authors'" in rows["deep-exemplar"]
    assert "untrained: nobody published weights" in rows["long-term"]
    assert "kinemacolor models import deep-exemplar" in rows["To"]
