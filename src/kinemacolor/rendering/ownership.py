"""Who may write what: a result, and a work folder, has one owner at a time.

The locks are those of the kernel, on files beside what they are for: a killed owner frees them, and every way to one
folder, by a link or another machine, leads to the same lock. A bag has one lock for all in it, beside its lists:
another file in its payload would make it invalid.
"""

import os
import platform
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.utils.bags import BAG_MARK, list_bag_folders
from kinemacolor.utils.files import translate_disk_errors

LOCK_ATTEMPTS, LOCK_PAUSE_SECONDS = 4, 0.05  # another process may just be removing the file of its lock
_OWNER_TEXT = re.compile(r"process \d+ on [\w.-]+")


@contextmanager
def own_outputs(paths: Sequence[Path], bag: Path | None = None) -> Iterator[None]:
    """Hold the right to write results, their ``*.partial.*`` and what lies beside them; all that is in a ``bag``.

    Raises UsageError, which names the owner, where another process has it, or makes a bag around them; ResourceError
    where the disk refuses.
    """
    for folder in {path.absolute().parent for path in paths}:  # that of a bag is new
        with translate_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for lock_path, path in sorted(list_locks(paths, bag).items()):
            held.enter_context(_hold_lock(lock_path, path))
        # Only now: who makes such a bag takes its lock first too, and then looks for what is in it.
        around = {folder for path in paths for folder in list_bag_folders(path)}
        for folder in around - ({bag.resolve()} if bag else set()):
            if (lock_path := _make_bag_lock_path(folder)).exists():
                with _hold_lock(lock_path, folder):
                    pass
        yield


def list_locks(paths: Sequence[Path], bag: Path | None = None) -> dict[Path, Path]:
    """List the locks of results, each with what it is for."""
    if bag:
        return {_make_bag_lock_path(bag): bag} if paths else {}
    return {make_lock_path(path): path for path in paths}


def make_trial_path(output: Path) -> Path:
    """Return the file by which is tried whether a folder takes a result: the same name each time, so only one is left.

    In a bag it lies beside the lists, as its lock does.
    """
    return make_lock_path(output).with_suffix(".trial")


def _make_bag_lock_path(bag: Path) -> Path:
    return make_lock_path(bag / BAG_MARK)


def make_lock_path(output: Path) -> Path:
    """Return the lock of a result: the same for all names that are written for it, and by every way to its folder.

    ``film.mkv``, ``film.partial.mkv`` and ``film.mkv.kinemacolor.json`` belong together, in any order; so does
    ``film.mkv.json``, which versions before have written.
    """
    folder, name = output.absolute().parent.resolve(), output.name
    while name.endswith(".json") and "." in name.removesuffix(".json"):
        name = name.removesuffix(".json").removesuffix(".partial").removesuffix(".kinemacolor")
    stem, dot, suffix = name.rpartition(".")
    while stem.endswith(".partial"):
        stem = stem.removesuffix(".partial")
    name = f"{stem}{dot}{suffix}" if stem else name
    return folder / f".{name.removesuffix('.partial')}.lock"


@contextmanager
def lock_work_folder(work_folder: Path) -> Iterator[None]:
    """Hold the lock of a work folder, made if need be, so that no other process renders with it.

    Raises UsageError where another process does, ResourceError where the folder cannot be made.
    """
    with translate_disk_errors(work_folder):
        work_folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work_folder / "lock")
    try:
        if not _acquire(lock, work_folder):
            raise UsageError(f"{work_folder} is in use by another render: wait for it, or stop it")
        yield
    finally:
        lock.release()


@contextmanager
def _hold_lock(lock_path: Path, output: Path) -> Iterator[None]:
    """Hold one lock; its file says whose it is, and is removed before it is freed."""
    lock = FileLock(lock_path)
    for attempt in range(LOCK_ATTEMPTS):
        if _acquire(lock, output):
            break
        if attempt + 1 == LOCK_ATTEMPTS:
            if not lock_path.exists():
                raise ResourceError(f"{output} may not be written: its folder takes no files; choose another folder")
            owner = _read_owner(lock_path)
            raise UsageError(f"{output} is being written by {owner}: wait for it, or name another result")
        time.sleep(LOCK_PAUSE_SECONDS)
    try:
        with translate_disk_errors(output):
            _write_owner(lock_path)
        yield
    finally:
        try:
            with suppress(OSError):  # a file that is left is only a name: the lock is the kernel's
                lock_path.unlink(missing_ok=True)
        finally:
            lock.release()


def _acquire(lock: FileLock, what: Path) -> bool:
    """Take a lock; False where another has it. Raises ResourceError where the disk refuses."""
    with translate_disk_errors(what):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
    return True


def _write_owner(lock_path: Path) -> None:
    """Write whose a lock is into its file, behind the first byte: Windows lets nobody touch that, which is locked."""
    with lock_path.open("r+b", buffering=0) as stream:
        stream.seek(1)
        stream.write(f"process {os.getpid()} on {platform.node()}\n".encode())


def _read_owner(lock_path: Path) -> str:
    """Return who wrote into the file of a lock, in words."""
    with suppress(OSError, ValueError), lock_path.open("rb", buffering=0) as stream:
        stream.seek(1)
        text = stream.read().decode().partition("\n")[0]  # behind it may be the rest of a longer one
        if _OWNER_TEXT.fullmatch(text):
            return text
    return "another process"
