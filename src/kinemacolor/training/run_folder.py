"""The folder of a run: who trains in it, and what it holds besides checkpoints, log and weights. Loads no torch."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kinemacolor.errors import UsageError
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.utils.processes import ProcessIdentity

RECIPE_FILE, LOCK_FILE, PROCESS_FILE = "recipe.json", "lock", "process.json"
BACKGROUND_FILE, BACKGROUND_LOG = "background.json", "train.log"
OWN_FILES = (RECIPE_FILE, LOCK_FILE, PROCESS_FILE, BACKGROUND_FILE, BACKGROUND_LOG)
LOCK_PATIENCE = 2.0  # s: who only asks whether a run goes on holds the lock for a moment


@contextmanager
def hold_run_folder(folder: Path, *, is_main_process: bool = True) -> Iterator[None]:
    """Hold the folder of a run while this process trains in it; of several processes the main one holds it for all.

    ``process.json`` then says which process that is. The lock is the kernel's: that of a killed process is free.
    Raises UsageError where the folder holds other things than a run, or another process trains in it; ResourceError
    where it cannot be made.
    """
    if not is_main_process:
        yield
        return
    prepare_run_folder(folder)
    with lock_run_folder(folder, LOCK_PATIENCE):
        for left in _find_unfinished(folder):
            left.unlink(missing_ok=True)
        write_state(folder / PROCESS_FILE, describe_process(os.getpid()))
        try:
            yield
        finally:
            (folder / PROCESS_FILE).unlink(missing_ok=True)


@contextmanager
def lock_run_folder(folder: Path, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of a run's folder; waits for it at most ``seconds``. Raises UsageError where another has it."""
    lock = FileLock(folder / LOCK_FILE)
    with translate_disk_errors(folder):
        try:
            lock.acquire(timeout=seconds)
        except Timeout as error:
            raise UsageError(describe_occupied(folder)) from error
    try:
        yield
    finally:
        lock.release()


def is_run_locked(folder: Path) -> bool:
    """Whether a process trains in the folder now."""
    if not (folder / LOCK_FILE).exists():
        return False
    try:
        with lock_run_folder(folder):
            return False
    except UsageError:
        return True


def describe_occupied(folder: Path) -> str:
    """The message for a second run in one folder."""
    return (
        f"{folder} is in use: a run goes on there. See it by `kinemacolor train --status {folder}`, end it by "
        f"`kinemacolor train --stop {folder}`, or choose another folder"
    )


def prepare_run_folder(folder: Path) -> None:
    """Create the folder. Raises UsageError where it holds other things, ResourceError where it cannot be made."""
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        known = {*(folder / name for name in OWN_FILES), *_find_unfinished(folder)}
        if {*folder.iterdir()} - known and not (folder / RECIPE_FILE).is_file():
            raise UsageError(f"{folder} holds other things than a run: choose another folder")


def _find_unfinished(folder: Path) -> list[Path]:
    """Find what a killed process left half written (`write_file_atomically`)."""
    return [path for name in OWN_FILES for path in folder.glob(f".{name}.*")]


def describe_process(pid: int) -> dict[str, Any]:
    """Describe a process as a state file has it: ``pid``, ``mark`` (`ProcessIdentity`), ``started`` (ISO 8601, UTC)."""
    identity = ProcessIdentity.of(pid)
    return {"pid": pid, "mark": identity.mark, "started": datetime.now(UTC).isoformat(timespec="seconds")}


def write_state(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small state file as JSON. Raises ResourceError for disk errors."""
    with write_file_atomically(path) as stream:
        stream.write((json.dumps(content, indent=2) + "\n").encode())


def read_state(path: Path) -> dict[str, Any]:
    """Read a small state file; empty where there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
