"""What lies beside somebody's films is not run: every Python that is started looks for modules elsewhere."""

import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import kinemacolor
from kinemacolor.utils.processes import CleanSpawnContext, make_python_command, make_python_environment

SOURCE = Path(kinemacolor.__file__).parent
TRAP = "import os, pathlib; pathlib.Path(os.environ['TRAP']).write_text(__name__); raise SystemExit(66)\n"
TRAPS = ("json", "kinemacolor", "sitecustomize", "usercustomize", "signal", "threading", "torch", "av", "PIL", "pickle")


@pytest.fixture
def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with modules that tell when they are imported; the file that they tell it in."""
    folder = tmp_path / "films"
    (folder / "multiprocessing").mkdir(parents=True)
    for name in (*TRAPS, "multiprocessing/__init__"):
        (folder / f"{name}.py").write_text(TRAP)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    own = str(SOURCE.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", own, "", "../films"]))
    return tmp_path / "sprung"


def test_the_trap_works(trapped: Path) -> None:
    assert subprocess.run([sys.executable, "-c", "import json"], capture_output=True, check=False).returncode
    assert trapped.exists()


def test_a_command_does_not_look_in_the_current_folder(trapped: Path) -> None:
    code = "import json, signal, kinemacolor, sys; from subprocess import run; print(kinemacolor.__file__)"
    nested = f"{code}; sys.exit(run([sys.executable, '-c', {code!r}]).returncode)"
    for words in (["-c", code], ["-c", nested], ["-m", "kinemacolor", "--version"]):
        ended = subprocess.run(make_python_command(*words), env=make_python_environment(), capture_output=True)
        assert ended.returncode == 0, ended.stderr
    assert not trapped.exists()


def test_a_worker_process_does_not_look_in_the_current_folder(trapped: Path) -> None:
    before = dict(os.environ)
    with ProcessPoolExecutor(1, mp_context=CleanSpawnContext()) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
    assert not trapped.exists()
    assert dict(os.environ) == before


def test_the_program_itself_leaves_the_current_folder(trapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (trapped.parent / "films" / "kinemacolor.py").unlink()  # that one Python takes before any of our lines is run
    monkeypatch.setenv("PYTHONPATH", str(SOURCE.parent))
    ended = subprocess.run([sys.executable, "-m", "kinemacolor", "--version"], capture_output=True)
    assert (ended.returncode, trapped.exists()) == (0, False), ended.stderr


def test_relative_folders_are_left_out_and_others_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([".", str(tmp_path), "", "elsewhere"]))
    assert make_python_environment()["PYTHONPATH"] == str(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", os.path.relpath(SOURCE.parent)]))
    assert make_python_environment()["PYTHONPATH"] == os.path.abspath(os.path.relpath(SOURCE.parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([".", ""]))
    assert "PYTHONPATH" not in make_python_environment()


def test_nothing_of_the_package_starts_python_in_another_way() -> None:
    other_ways = re.compile(r"sys\.executable|get_context|set_start_method|os\.(spawn|exec)|mp\.spawn|os\.fork")
    found = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if other_ways.search(file.read_text(encoding="utf-8"))
    }
    assert found == {"utils/processes.py"}


def test_whatever_the_package_starts_does_not_hear_ctrl_c_on_windows() -> None:
    """But what `bench` waits for: Ctrl-C shall end that."""
    deaf, hearing = set(), set()
    for file in SOURCE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if starts := text.count("subprocess.Popen(  #"):
            (deaf if text.count("creationflags=") == starts else hearing).add(file.stem)
    assert deaf == {"background", "client", "helper_pool", "local_workers", "worker_processes"}
    assert hearing == {"variants"}


def test_taken_input_is_whole_and_libraries_find_none() -> None:
    code = (
        "import os, sys\nfrom kinemacolor.utils.processes import take_input\n"
        "taken = take_input()\nassert os.read(0, 1) == sys.stdin.buffer.read() == b''\nprint(taken.read())\n"
    )
    command = make_python_command("-c", code)
    done = subprocess.run(command, env=make_python_environment(), input=b"a\nb", capture_output=True, check=True)
    assert done.stdout.strip() == b"b'a\\nb'"
