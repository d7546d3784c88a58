"""What bash, zsh and fish are told when somebody presses Tab, through the protocol that their scripts speak."""

import json
import subprocess
import sys

import pytest

from kinemacolor.cli.main import run
from kinemacolor.models.catalog import MODEL_CATALOG

SHELLS = ("bash", "zsh", "fish")
HEAVY = {"torch", "numpy", "cv2", "av", "PIL", "kinemacolor.plan.document"}


def complete(line: str, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The words that ``shell`` is offered at the end of a line; none means that it offers files."""
    monkeypatch.setenv("_KINEMACOLOR_COMPLETE", f"complete_{shell}")
    if shell == "bash":
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    else:
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert run([]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    if shell == "zsh":
        assert lines[0].startswith(("_arguments '*: :((", "_files"))
        lines = [] if lines == ["_files"] else lines
        lines = [one.removeprefix("_arguments '*: :((").split('"')[1] for one in lines]
    return [one.split("\t")[0] for one in lines]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("kinemacolor co", ["colorize", "compare"]),
        ("kinemacolor refs ", ["suggest", "extract"]),
        ("kinemacolor film.mp4 --edge-filter ", ["none", "fgs", "guided"]),
        ("kinemacolor film.mp4 -r still.jpg --mo", ["--model"]),
        ("kinemacolor film.mp4 --model ", list(MODEL_CATALOG)),
        ("kinemacolor colorize film.mp4 --engine o", ["openvino"]),
        ("kinemacolor render film.plan.json --device cu", ["cuda"]),
        ("kinemacolor film.mp4 --vcodec h26", ["h264", "h265"]),
        ("kinemacolor film.mp4 --preset veryf", ["veryfast"]),
        ("kinemacolor models import me", ["metrics"]),
        ("kinemacolor train kinema", ["kinema", "kinema-descriptors"]),
        ("kinemacolor evaluate films --protocol s", ["still", "self"]),
    ],
)
def test_names_and_choices_are_offered(
    line: str, offered: list[str], shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complete(line, shell, monkeypatch, capsys) == offered


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "line",
    [
        *("kinemacolor film", "kinemacolor colorize ", "kinemacolor film.mp4 -r st", "kinemacolor film.mp4 -o "),
        *("kinemacolor render ", "kinemacolor verify film.mp4 ", "kinemacolor film.mp4 -r still.jpg "),
    ],
)
def test_files_are_left_to_the_shell(
    line: str, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complete(line, shell, monkeypatch, capsys) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_film_alone_has_the_options_of_colorize(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    implied = complete("kinemacolor film.mp4 --", shell, monkeypatch, capsys)
    assert implied == complete("kinemacolor colorize film.mp4 --", shell, monkeypatch, capsys)
    assert {"--reference", "--model", "--fill", "--vcodec"} <= set(implied)


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_KINEMACOLOR_COMPLETE", f"source_{shell}")
    assert run([]) == 0
    script = capsys.readouterr().out
    assert f"_KINEMACOLOR_COMPLETE=complete_{shell}" in script


def test_completion_loads_nothing_heavy() -> None:
    """Each Tab is a process: all of the lines in one, so that what none of them loads, each does not load."""
    lines = ["kinemacolor ", "kinemacolor film.mp4 --", "kinemacolor film.mp4 --model ", "kinemacolor train "]
    code = (
        "import json, os, sys\n"
        "from kinemacolor.cli.main import run\n"
        "os.environ['_KINEMACOLOR_COMPLETE'] = 'complete_bash'\n"
        f"for line in {lines!r}:\n"
        "    os.environ |= {'COMP_WORDS': line, 'COMP_CWORD': str(line.count(' '))}\n"
        "    assert run([]) == 0\n"
        "print('loaded', json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not HEAVY & set(json.loads(done.stdout.rpartition("loaded ")[2]))
