"""The law for every strange file: an ending that we know, nothing else changed, nothing left lying about."""

import hashlib
import re
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

from kinemacolor.errors import KinemacolorError

WHOLE = "whole"
FAULT = "fault:"
_UNFINISHED_NAME = re.compile(r"^\.|[0-9a-f]{32}|\.trial$")  # what is written aside until it gets its name


class Ending(NamedTuple):
    """How a job ended: "whole", or the class of ours that it raised; its message, and what it gave."""

    kind: str
    message: str
    value: Any


class HungError(BaseException):
    """A job took longer than any healthy one; no Exception, so that nothing takes it for a damaged file."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise HungError in a block that lasts longer; only in the main thread, where signals arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> None:
        raise HungError(f"nothing came of it in {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def find_ending(job: Callable[..., Any], *arguments: Any, seconds: float = 60, **named: Any) -> Ending:
    """Do a job: whatever it raises that is none of ours goes through, and is the fault to be shown."""
    with time_limit(seconds):
        try:
            return Ending(WHOLE, "", job(*arguments, **named))
        except KinemacolorError as error:
            ending = Ending(type(error).__name__, str(error), None)
    assert ending.message.strip(), f"{ending.kind} without a word"
    return ending


def find_any_ending(job: Callable[..., Any], *arguments: Any, seconds: float = 60, **named: Any) -> Ending:
    """`find_ending`, but a fault is an ending too, with the line of ours it came through: "fault: X at y.py:12"."""
    try:
        return find_ending(job, *arguments, seconds=seconds, **named)
    except (Exception, HungError, SystemExit) as error:
        ours = [step for step in traceback.extract_tb(error.__traceback__) if "/kinemacolor/" in step.filename]
        where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "no line of ours"
        return Ending(f"{FAULT} {type(error).__name__} at {where}", str(error)[:300], None)


def judge(faults: Sequence[str]) -> None:
    """Fail with all faults, each on a line."""
    if faults:
        pytest.fail("\n".join(faults))


def fingerprint(folder: Path) -> dict[str, str]:
    """What lies in a folder: names, and digests of files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "other"
        is_plain = path.is_file() and not path.is_symlink()
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest() if is_plain else kind
    return found


def find_strays(folder: Path) -> list[str]:
    """Names of temporary files that a job should have taken away."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if _UNFINISHED_NAME.search(path.name)]


@contextmanager
def nothing_else_changes(given: Path, results: Path, elsewhere: Path) -> Iterator[None]:
    """Hold a block to its folders: what is given stays as it was, nothing appears elsewhere, no result is unfinished.

    ``elsewhere`` is the folder that is current, and that for temporary files (see `away`); what lies there already
    stays as it is too.
    """
    before, around = fingerprint(given), fingerprint(elsewhere)
    yield
    assert fingerprint(given) == before, "an input was changed"
    assert fingerprint(elsewhere) == around, "something was left outside of the given folders"
    assert find_strays(results) == []


@contextmanager
def away(folder: Path, patch: Any) -> Iterator[Path]:
    """Make ``folder`` the current one, and that of temporary files; ``patch`` is pytest's monkeypatch."""
    folder.mkdir(exist_ok=True)
    patch.chdir(folder)
    patch.setenv("TMPDIR", str(folder))
    patch.setattr(tempfile, "tempdir", None)
    yield folder
