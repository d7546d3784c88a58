"""Talk on stderr: a progress bar on a terminal, plain lines in a pipe, nothing when quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

Advance = Callable[[int, int | None], None]
SECONDS_BETWEEN_LINES = 10.0


def say(message: str, *, quiet: bool = False) -> None:
    """One line for a person."""
    if not quiet:
        print(message, file=sys.stderr, flush=True)


@contextmanager
def progress(title: str, *, quiet: bool = False, unit: str = "frames") -> Iterator[Advance]:
    """Gives a function to call with (done, expected or None)."""
    if quiet:
        yield lambda done, expected: None
    elif sys.stderr.isatty():
        with _bar(unit) as bar:
            task = bar.add_task(title, total=None, rate="")
            pace = _Pace()

            def move(done: int, expected: int | None) -> None:
                bar.update(task, completed=done, total=expected, rate=_rate(*pace.of(done), unit))

            yield move
    else:
        yield _Lines(title, unit)


def _bar(unit: str) -> Bar:
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit)]
    columns += [TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    return Bar(*columns, console=Console(stderr=True))


class _Pace:
    """What was done since the first call: what a stopped run left is no part of it."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._kept: int | None = None

    def of(self, done: int) -> tuple[int, float]:
        """Done, and seconds."""
        if self._kept is None:
            self._kept = done if time.monotonic() - self._started < 1 else 0
        return done - self._kept, time.monotonic() - self._started


class _Lines:
    """A line now and then: the same facts as the bar's."""

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit = title, unit
        self.pace, self.spoken = _Pace(), time.monotonic()

    def __call__(self, done: int, expected: int | None) -> None:
        now = time.monotonic()
        fresh, spent = self.pace.of(done)
        if now - self.spoken < SECONDS_BETWEEN_LINES and done != expected:
            return
        self.spoken = now
        share = f"{done}/{expected} {self.unit}" if expected else f"{done} {self.unit}"
        left = f"{_span((expected - done) * spent / fresh)} left" if expected and fresh and done < expected else ""
        say(f"{self.title}: " + ", ".join(part for part in (share, _rate(fresh, spent, self.unit), left) if part))


def _rate(done: int, seconds: float, unit: str) -> str:
    """``12.5 frames/s``, or ``8.0 s/frame`` where they are slow; nothing where nothing is done yet."""
    if not done:
        return ""
    rate = done / max(seconds, 1e-6)
    return f"{rate:.1f} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s/{unit.removesuffix('s')}"


def _span(seconds: float) -> str:
    """``90 s`` or ``2:05:00``."""
    return f"{seconds:.0f} s" if seconds < 600 else str(timedelta(seconds=round(seconds)))
