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
            started = time.monotonic()

            def move(done: int, expected: int | None) -> None:
                bar.update(task, completed=done, total=expected, rate=_rate(done, time.monotonic() - started, unit))

            yield move
    else:
        yield _Lines(title, unit)


def _bar(unit: str) -> Bar:
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit)]
    columns += [TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    return Bar(*columns, console=Console(stderr=True))


class _Lines:
    """A line now and then: the same facts as the bar's."""

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit = title, unit
        self.started = self.spoken = time.monotonic()

    def __call__(self, done: int, expected: int | None) -> None:
        now = time.monotonic()
        if now - self.spoken < SECONDS_BETWEEN_LINES and done != expected:
            return
        self.spoken = now
        spent = now - self.started
        share = f"{done}/{expected} {self.unit}" if expected else f"{done} {self.unit}"
        left = f", {_span((expected - done) * spent / done)} left" if expected and 0 < done < expected else ""
        say(f"{self.title}: {share}, {_rate(done, spent, self.unit)}{left}")


def _rate(done: int, seconds: float, unit: str) -> str:
    """``12.5 frames/s``, or ``8.0 s/frame`` where they are slow."""
    rate = done / max(seconds, 1e-6)
    return f"{rate:.1f} {unit}/s" if rate >= 1 or not done else f"{1 / rate:.1f} s/{unit.removesuffix('s')}"


def _span(seconds: float) -> str:
    """``90 s`` or ``2:05:00``."""
    return f"{seconds:.0f} s" if seconds < 600 else str(timedelta(seconds=round(seconds)))
