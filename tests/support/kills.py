"""The campaign of kills: jobs are killed at random moments and steps, and done again until they end."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from support.fork_pool import end, fork_one, wait_briefly
from support.laws import find_strays
from support.quick_jobs import QuickJob

# What Python says of changes to files; FFmpeg writes past it, so half of all kills come by the clock.
STEPS = (
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "os.link",
    "os.symlink",
    "shutil.rmtree",
)
PATIENCE = 120  # s for one undisturbed run
KILLED = 9


@dataclass
class Killing:
    """A job of one verb, what its results are when nobody disturbs it, and how long and how many steps that takes."""

    job: QuickJob
    verb: str
    whole: dict[str, bytes]
    seconds: float
    steps: int

    def run_case(self, number: int, most: int) -> tuple[int, str]:
        """Kill one job at most so often, then let it end; gives how often it was killed, and the ending in words."""
        chance = Random(number)
        shutil.rmtree(self.job.out)
        self.job.out.mkdir()
        kills = 0
        for _ in range(chance.randint(1, most)):
            died_of = self._run_and_kill(chance)
            kills += died_of == KILLED
            if words := self._look_at_names(died_of):
                return kills, words
            if died_of == 0:
                break
            if died_of != KILLED:
                return kills, self._describe(died_of)
        else:
            if ended := self._run_to_the_end():
                return kills, self._describe(ended)
        if self.job.results != self.whole:
            return kills, "other bytes"
        if strays := [name for name in find_strays(self.job.out) if not name.endswith("lock")]:
            return kills, f"left lying: {re.sub('[0-9a-f]{16,}', '*', strays[0])}"
        return kills, "same bytes"

    def _run_and_kill(self, chance: Random) -> int:
        if chance.random() < 0.5:
            child = self._fork(kill_at=chance.randint(1, self.steps))
            seconds = float(PATIENCE)
        else:
            child = self._fork()
            seconds = chance.uniform(0, self.seconds)
        ended = wait_briefly(child, seconds)
        return end(child) if ended is None else ended

    def _look_at_names(self, died_of: int) -> str:
        """Hold that no name stands for a file that is not whole, whenever the job was killed."""
        for name, content in self.job.results.items():
            if self.whole.get(name) != content:
                return f"after signal {died_of} a final name without a whole file: {name}"
        return ""

    def _run_to_the_end(self) -> int:
        child = self._fork()
        ended = wait_briefly(child, PATIENCE)
        return end(child) if ended is None else ended

    def _fork(self, kill_at: int | None = None) -> int:
        return fork_one(lambda: _exit_with(self._do, kill_at=kill_at), limit_memory=False, said=self._said)

    @property
    def _said(self) -> Path:
        return self.job.folder / "said.txt"

    def _describe(self, ended: int) -> str:
        """An ending in words, with the last line that was said, without the names of folders."""
        last = self._said.read_text(errors="replace").strip().rpartition("\n")[2].replace(f"{self.job.folder}/", "")
        return f"exit code {-ended}: {last[:120]}" if ended < 0 else f"signal {ended}"

    def _do(self) -> int:
        return int(getattr(self.job, self.verb)())


def measure(job: QuickJob, verb: str) -> Killing:
    """Do a job undisturbed, in this process and in a child, to know its results, its time and its steps."""
    import time

    assert getattr(job, verb)() == 0
    killing = Killing(job, verb, job.results, 0, 0)
    shutil.rmtree(job.out)
    job.out.mkdir()
    began = time.monotonic()
    assert killing._run_to_the_end() == 0
    killing.seconds = time.monotonic() - began
    shutil.rmtree(job.out)
    job.out.mkdir()
    reading, writing = os.pipe()
    fork = fork_one(lambda: os.write(writing, str(_count_steps(killing._do)).encode()), limit_memory=False)
    wait_briefly(fork, PATIENCE)
    killing.steps = int(os.read(reading, 20))
    os.close(reading)
    os.close(writing)
    return killing


def _exit_with(job: Callable[[], int], *, kill_at: int | None = None) -> None:
    """Do a job, and leave with its exit code; killed at a step where one is given."""
    if kill_at is not None:
        _watch_steps(lambda step: os.kill(os.getpid(), KILLED) if step == kill_at else None)
    code = job()
    os._exit(code)


def _count_steps(job: Callable[[], int]) -> int:
    steps = 0

    def count(step: int) -> None:
        nonlocal steps
        steps = step

    _watch_steps(count)
    job()
    return steps


def _watch_steps(on_step: Callable[[int], object]) -> None:
    """Call for every change to files, with its number; a hook stays for ever, so only in a child."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event in STEPS and not (event == "open" and not _is_writing(arguments)):
            seen += 1
            on_step(seen)

    sys.addaudithook(hook)


def _is_writing(arguments: tuple[object, ...]) -> bool:
    _, mode, flags = (*arguments, None, None, None)[:3]
    return bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or "w" in str(mode)
