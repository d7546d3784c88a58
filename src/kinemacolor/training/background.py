"""Training in the background: a process of its own that outlives the terminal; what it does, and its end.

Loads no torch, so that asking is quick.
"""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from kinemacolor.errors import InputError, PartialError, UsageError
from kinemacolor.training.run_folder import (
    BACKGROUND_FILE,
    BACKGROUND_LOG,
    PROCESS_FILE,
    RECIPE_FILE,
    describe_occupied,
    describe_process,
    is_run_locked,
    lock_run_folder,
    prepare_run_folder,
    read_state,
    write_state,
)
from kinemacolor.utils.files import iter_json_lines, translate_disk_errors
from kinemacolor.utils.processes import (
    OWN_GROUP_FLAG,
    ProcessIdentity,
    lower_priority_of_session,
    make_python_command,
    make_python_environment,
)
from kinemacolor.utils.words import format_command

LOG_FILE = "log.jsonl"  # as `logs`, which loads OpenCV
SECONDS_TO_FAIL = 10.0  # a run that holds its folder so long has begun: it may scan its data for minutes
SECONDS_TO_START = 120.0  # a busy machine needs some only to load torch
SECONDS_BETWEEN_LOOKS = 0.1
LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class RunStatus:
    """What a run does: ``state`` in words, ``step`` of ``steps``, ``step_seconds`` (s), the newest log rows.

    ``losses`` and ``validation`` are rows of ``log.jsonl`` or empty. ``command`` is that of a background run.
    """

    is_running: bool
    state: str
    step: int
    steps: int | None
    step_seconds: float | None
    losses: dict[str, Any]
    validation: dict[str, Any]
    command: str

    def format_text(self) -> str:
        """Format the status as lines for people."""
        parts = [f"step {self.step}" + (f" of {self.steps}" if self.steps else "")]
        if self.step_seconds is not None:
            parts.append(f"{self.step_seconds:.2f} s a step")
            if self.is_running and self.steps:
                seconds = round((self.steps - self.step) * self.step_seconds)
                parts.append(f"{timedelta(seconds=seconds)} left")
        lines = [self.state, ", ".join(parts)]
        if self.losses:
            named = {name: x for name, x in self.losses.items() if isinstance(x, float) and "seconds" not in name}
            values = ", ".join(f"{name} {value:.4g}" for name, value in named.items())
            lines.append(f"losses at step {self.losses['step']}: {values}")
        if isinstance(self.validation.get("psnr"), float):
            lines.append(f"validation at step {self.validation['step']}: {self.validation['psnr']:.2f} dB")
        if self.command and not self.is_running:
            lines.append(f"begun by: {self.command}")
        return "\n".join(lines) + "\n"


def start_in_background(arguments: Sequence[str], folder: Path, processes: int) -> int:
    """Start `kinemacolor train ARGUMENTS` on ``processes`` processes, at the lowest priority; returns the pid.

    ``arguments`` must name ``folder`` as the run's. What the run says is appended to ``train.log`` there. Returns when
    the run has begun. Raises UsageError where a run goes on in the folder, PartialError where it ends at once.
    """
    prepare_run_folder(folder)
    with lock_run_folder(folder), translate_disk_errors(folder):  # a second start at the same moment is refused
        if _read_identity(folder, BACKGROUND_FILE).is_running():
            raise UsageError(describe_occupied(folder))
        (folder / PROCESS_FILE).unlink(missing_ok=True)  # of a killed run
        with (folder / BACKGROUND_LOG).open("ab") as log:
            begin = log.tell()
            started = _start_process(_build_command(arguments, processes), log)
        lower_priority_of_session(started.pid)
        command = format_command(["train", *arguments])
        write_state(folder / BACKGROUND_FILE, describe_process(started.pid) | {"command": command})
    _wait_for_begin(started, folder, begin)
    return started.pid


def read_run_status(folder: Path) -> RunStatus:
    """Read what the run in a folder does. Raises InputError where there is none."""
    background, rows = read_state(folder / BACKGROUND_FILE), list(iter_json_lines(folder / LOG_FILE))
    recipe = read_state(folder / RECIPE_FILE)
    if not background and not recipe:
        raise InputError(f"{folder} holds no run: give the folder after --output")
    rows = [row for row in rows if isinstance(row.get("step"), int)]
    kinds = {str(row.get("kind")): row for row in rows}  # the last of each kind
    losses, last = kinds.get("train", {}), rows[-1] if rows else {}
    step_seconds, steps = losses.get("step_seconds"), recipe.get("steps")
    is_running, state = _describe_state(folder, background, last)
    return RunStatus(
        is_running=is_running,
        state=state,
        step=last.get("step", 0),
        steps=steps if isinstance(steps, int) else None,
        step_seconds=step_seconds if isinstance(step_seconds, float) else None,
        losses=losses,
        validation=kinds.get("validation", {}),
        command=str(background.get("command", "")),
    )


def stop_run(folder: Path, on_wait: Callable[[], None] = lambda: None) -> bool:
    """End the run in a folder after its step, its checkpoint written, and wait for that; False where none goes on.

    ``on_wait`` is called once before waiting. Raises InputError without a run, UsageError on Windows, which has no
    signal for it.
    """
    if not read_run_status(folder).is_running:
        return False
    if sys.platform == "win32":
        raise UsageError("Windows cannot ask a process to end: let the run end by --max-minutes")
    trainer, launcher = (_read_identity(folder, name) for name in (PROCESS_FILE, BACKGROUND_FILE))
    # Only the main process: it tells the others. A signal to torchrun would end them all after 30 s, whatever they do.
    (trainer if trainer.is_running() else launcher).send_signal(signal.SIGTERM)
    on_wait()
    while trainer.is_running() or launcher.is_running() or is_run_locked(folder):
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return True


def count_default_processes(device: str) -> int:
    """Count the processes that train on this machine: one a GPU, or on the CPU one a core. Loads torch."""
    import torch

    from kinemacolor.utils.device import choose_device
    from kinemacolor.utils.threads import count_cores

    chosen = choose_device(device)
    if chosen.type == "cuda" and chosen.index is None:
        return torch.cuda.device_count()
    if chosen.type != "cpu":
        return 1
    return count_cores()


def _build_command(arguments: Sequence[str], processes: int) -> list[str]:
    """The command of the process: itself at the lowest priority where the system has programs for that."""
    polite = [("nice", "-n", "19"), ("ionice", "-c", "3")]
    prefix = [part for words in polite if shutil.which(words[0]) for part in words]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [*prefix, *make_python_command(*(launch if processes > 1 else []), "-m", "kinemacolor", "train", *arguments)]


def _start_process(command: Sequence[str], log: BinaryIO) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own; one thread each, because there is one process a core."""
    environment = make_python_environment() | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    flags = OWN_GROUP_FLAG
    if sys.platform == "win32":
        flags |= subprocess.IDLE_PRIORITY_CLASS | subprocess.DETACHED_PROCESS
    return subprocess.Popen(  # noqa: S603
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        creationflags=flags,
    )


def _wait_for_begin(started: "subprocess.Popen[bytes]", folder: Path, begin: int) -> None:
    """Wait until the run has its data, or holds its folder for a while; ``begin`` is where its part of the log begins.

    Raises PartialError with the end of the log where the process ends by a failure before.
    """
    began, held_since, log_before = time.monotonic(), None, _read_change_time(folder / LOG_FILE)
    while (code := started.poll()) is None:
        now = time.monotonic()
        if held_since is None and (folder / PROCESS_FILE).exists():
            held_since = now
        has_data = held_since is not None and _read_change_time(folder / LOG_FILE) != log_before
        if has_data or now - (held_since or now) > SECONDS_TO_FAIL or now - began > SECONDS_TO_START:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if code:
        raise PartialError(
            f"the run ended at once:\n{_read_log_end(folder, begin)}\n(all of it: {folder / BACKGROUND_LOG})"
        )


def _read_change_time(path: Path) -> int:
    """When a file was last written, in ns; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _read_log_end(folder: Path, begin: int) -> str:
    """The error in the log of a background run, else its last lines."""
    with (folder / BACKGROUND_LOG).open("rb") as stream:
        stream.seek(begin)
        lines = stream.read().decode(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("kinemacolor: ")]  # torchrun writes much after it
    return "\n".join(errors[-1:] or lines[-LOG_LINES_SHOWN:])


def _read_identity(folder: Path, name: str) -> ProcessIdentity:
    return ProcessIdentity.from_row(read_state(folder / name))


def _describe_state(folder: Path, background: dict[str, Any], last: dict[str, Any]) -> tuple[bool, str]:
    """Whether a run goes on, and its state in words; ``last`` is the newest row of its log."""
    trainer = read_state(folder / PROCESS_FILE)
    if is_run_locked(folder):
        return True, f"running, process {trainer.get('pid')}, since {trainer.get('started')}"
    if ProcessIdentity.from_row(background).is_running():
        return True, f"starting or ending, process {background['pid']}, since {background.get('started')}"
    if last.get("kind") == "end":
        return False, f"ended: {last.get('why')}"
    if not last:
        return False, f"ended before its first step: {folder / BACKGROUND_LOG} says why"
    return False, "died (killed, or the machine was restarted): the same command goes on from its newest checkpoint"
