"""A run in the background: begun, asked, ended and begun again; one run in a folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinemacolor.cli.main import run
from kinemacolor.errors import InputError, PartialError, UsageError
from kinemacolor.training import background, run_folder
from kinemacolor.training.background import read_run_status, start_in_background, stop_run
from kinemacolor.training.run_folder import hold_run_folder
from kinemacolor.utils.processes import ProcessIdentity, lower_priority_of_session
from support.runs import write_tiny_recipe
from support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films, and a recipe with more steps than any test waits for."""
    folder = tmp_path_factory.mktemp("data")
    write_tiny_recipe(folder, steps=100_000)
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a run, which ends with the test, and yields to others only as its nice value says."""
    monkeypatch.setattr(background, "lower_priority_of_session", lambda pid: None)
    for name in ("SECONDS_TO_START", "SECONDS_TO_FAIL"):
        monkeypatch.setattr(background, name, PATIENCE)
    yield tmp_path / "run"
    for name in (run_folder.PROCESS_FILE, run_folder.BACKGROUND_FILE):
        ProcessIdentity.from_row(run_folder.read_state(tmp_path / "run" / name)).send_signal(signal.SIGKILL)


def start(data: Path, folder: Path, processes: int = 1, *more: str) -> int:
    arguments = [str(data / "recipe.toml"), "-o", str(folder), "--device", "cpu", *more]
    return run(["train", *arguments, "--background", "--processes", str(processes)])


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_in_the_background_is_seen_ended_and_goes_on(
    data: Path, folder: Path, processes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(data, folder, processes) == 0
    pid = run_folder.read_state(folder / "background.json")["pid"]
    assert os.getsid(pid) == pid != os.getsid(0)
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    assert f"process {pid}: kinemacolor train --status {folder}" in capsys.readouterr().err
    until(lambda: read_run_status(folder).step >= 2, "two steps")
    assert run(["train", "--status", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "running, process " in told
    assert " of 100000, " in told
    assert " s a step, " in told
    assert " left\nlosses at step " in told
    assert run(["train", "--stop", str(folder)]) == 0
    said = capsys.readouterr()
    assert "it has ended" in said.err
    assert "ended: asked to stop" in said.out
    assert not ProcessIdentity.of(pid).is_running()
    step = read_run_status(folder).step
    assert (folder / f"checkpoints/step-{step:08}.pt").is_file()
    assert (folder / "weights/kinema.safetensors").is_file()
    assert f"step {step} of 100000, asked to stop" in (folder / "train.log").read_text()
    assert run(["train", "--stop", str(folder)]) == 0
    assert "no run goes on there" in capsys.readouterr().err
    assert start(data, folder, processes, "--steps", str(step + 2)) == 0
    until(lambda: not read_run_status(folder).is_running, "the end of the run")
    assert read_run_status(folder).state == "ended: done"
    assert read_run_status(folder).step == step + 2
    assert f"kinema goes on from step {step}" in (folder / "train.log").read_text()


def test_one_run_in_a_folder(data: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(data, folder) == 0
    capsys.readouterr()
    recipe = str(data / "recipe.toml")
    for more in (["--background", "--processes", "1"], []):
        assert run(["train", recipe, "-o", str(folder), "--device", "cpu", *more]) == UsageError.exit_code
        assert f"{folder} is in use: a run goes on there" in capsys.readouterr().err
    until(lambda: read_run_status(folder).step >= 1, "a step")
    assert stop_run(folder)


def test_a_run_in_the_foreground_holds_its_folder_too(data: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "kinemacolor", "train", str(data / "recipe.toml"), "-o", str(folder), "-q"]
    with subprocess.Popen([*command, "--device", "cpu"]) as process:
        until((folder / "process.json").exists, "the run")
        assert start(data, folder) == UsageError.exit_code
        until(lambda: read_run_status(folder).step >= 1, "a step")
        assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    status = read_run_status(folder)
    assert not status.is_running
    assert "died (killed, or the machine was restarted): the same command goes on" in status.format_text()
    with hold_run_folder(folder):  # the lock of a killed process is free
        assert read_run_status(folder).is_running


def test_a_run_that_fails_at_once_says_why(data: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(data, folder, 1, "--films", str(data / "none")) == PartialError.exit_code
    told = capsys.readouterr().err
    assert "the run ended at once:" in told
    assert f"{data / 'none'} does not exist" in told
    assert "Traceback" not in told
    assert "ended before its first step" in read_run_status(folder).format_text()
    assert start(data, folder, 1, "--steps", "1") == 0  # what the failed start left is no stranger
    assert start(data, folder.with_name("odd"), 3) == UsageError.exit_code
    assert "a batch of 2 does not part into 1 for each of 3 devices" in capsys.readouterr().err
    assert run(["train", "--background"]) == UsageError.exit_code
    assert "say what to train" in capsys.readouterr().err


def test_a_number_given_out_again_is_another_process(tmp_path: Path) -> None:
    own = ProcessIdentity.of(os.getpid())
    assert own.is_running()
    assert ProcessIdentity.from_row(vars(own)) == own
    before_a_reboot = {"pid": os.getpid(), "mark": f"another boot {own.mark}"}
    assert not ProcessIdentity.from_row(before_a_reboot).is_running()
    assert not ProcessIdentity.from_row({"pid": "1"}).is_running()
    (tmp_path / "recipe.json").write_text('{"steps": 9}')
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 4, "kind": "train", "loss": 0.5, "step_seconds": 2.0}))
    (tmp_path / "background.json").write_text(json.dumps(before_a_reboot | {"command": "kinemacolor train kinema"}))
    text = read_run_status(tmp_path).format_text()
    assert text.startswith("died (killed, or the machine was restarted)")
    assert "step 4 of 9, 2.00 s a step\nlosses at step 4: loss 0.5\nbegun by: kinemacolor train kinema" in text
    assert not stop_run(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel shares by processes alone")
def test_a_session_yields_to_others() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        lower_priority_of_session(process.pid)
        assert Path(f"/proc/{process.pid}/autogroup").read_text().endswith("nice 19\n")
        process.kill()
    lower_priority_of_session(process.pid)  # a process that has ended is no error


def test_a_zombie_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = ProcessIdentity.of(process.pid)
        assert identity.is_running()
        process.kill()
        until(lambda: not identity.is_running(), "the end")  # before anyone has asked how it ended
        assert process.returncode is None


def test_files_of_the_background_are_no_strangers(tmp_path: Path) -> None:
    for name in ("train.log", ".recipe.json.0123", "background.json"):  # as a killed or failed start leaves them
        (tmp_path / name).write_text("{}")
    with hold_run_folder(tmp_path):
        assert not (tmp_path / ".recipe.json.0123").exists()
        with pytest.raises(UsageError, match=r"in use: .*--stop"), hold_run_folder(tmp_path):
            pass
    assert not (tmp_path / "process.json").exists()
    (tmp_path / "letter.txt").write_text("")
    with pytest.raises(UsageError, match="holds other things than a run"):
        start_in_background([], tmp_path, 1)
    with pytest.raises(InputError, match="holds no run"):
        read_run_status(tmp_path / "nowhere")


def test_asking_loads_no_torch() -> None:
    code = f"import sys, {background.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
