"""Talk on stderr: a progress bar on a terminal, plain lines in a pipe, nothing when quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
                rate = done / max(time.monotonic() - started, 1e-6)
                bar.update(task, completed=done, total=expected, rate=f"{rate:.1f} {unit}/s")

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
        rate = done / max(now - self.started, 1e-6)
        share = f"{done}/{expected} {self.unit}" if expected else f"{done} {self.unit}"
        left = f", {(expected - done) / rate:.0f} s left" if expected and done < expected else ""
        say(f"{self.title}: {share}, {rate:.1f} {self.unit}/s{left}")
