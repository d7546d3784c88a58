"""Messages on stderr: a progress bar on a terminal, plain lines in a pipe, nothing when quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from kinemacolor.utils.words import make_visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

ProgressUpdater = Callable[[int, int | None], None]  # takes what is done and what is expected, None where unknown
SECONDS_BETWEEN_LINES = 10.0


def print_message(message: str, *, quiet: bool = False) -> None:
    """Print one line on stderr, unless ``quiet``, at once; it is shown as `make_visible` writes it."""
    if not quiet:
        print(make_visible(message), file=sys.stderr, flush=True)


@contextmanager
def show_progress(title: str, *, quiet: bool = False, unit: str = "frames") -> Iterator[ProgressUpdater]:
    """Show the progress of some work; gives a function to call with what is done and what is expected (or None).

    ``unit`` is the plural of what is counted.
    """
    if quiet:
        yield lambda done, expected: None
    elif sys.stderr.isatty():
        with _make_progress_bar(unit) as bar:
            task = bar.add_task(make_visible(title), total=None, rate="")
            rate_counter = _RateCounter()

            def update_bar(done: int, expected: int | None) -> None:
                bar.update(
                    task, completed=done, total=expected, rate=_format_rate(*rate_counter.count_since_start(done), unit)
                )

            yield update_bar
    else:
        yield _LineReporter(title, unit)


def _make_progress_bar(unit: str) -> "Bar":
    """Lay out title, bar, count, rate, elapsed and remaining time."""
    from rich.console import Console  # here, because a training machine has no terminal and may lack it
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    # A film may be called [bold].mp4: its name is no markup.
    columns = [TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn(unit)]
    columns += [TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    return Bar(*columns, console=Console(stderr=True))


class _RateCounter:
    """Counts what was done since the first call, so that the rate leaves out what an earlier, stopped run had done."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._initial_count: int | None = None

    def count_since_start(self, done: int) -> tuple[int, float]:
        """Return what was done by this run, and the seconds since it began.

        A first count within a second is taken for what an earlier run had done.
        """
        if self._initial_count is None:
            self._initial_count = done if time.monotonic() - self._started < 1 else 0
        return done - self._initial_count, time.monotonic() - self._started


class _LineReporter:
    """Prints a line every ``SECONDS_BETWEEN_LINES`` and at the end, with the same facts as the bar."""

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit = title, unit
        self.rate_counter, self.last_printed = _RateCounter(), time.monotonic()

    def __call__(self, done: int, expected: int | None) -> None:
        now = time.monotonic()
        newly_done, seconds = self.rate_counter.count_since_start(done)
        if now - self.last_printed < SECONDS_BETWEEN_LINES and done != expected:
            return
        self.last_printed = now
        unit = self.unit.removesuffix("s") if (expected or done) == 1 else self.unit
        count_text = f"{done}/{expected} {unit}" if expected else f"{done} {unit}"
        remaining_text = (
            f"{_format_duration((expected - done) * seconds / newly_done)} left"
            if expected and newly_done and done < expected
            else ""
        )
        print_message(
            f"{self.title}: "
            + ", ".join(
                part for part in (count_text, _format_rate(newly_done, seconds, self.unit), remaining_text) if part
            )
        )


def _format_rate(done: int, seconds: float, unit: str) -> str:
    """Write a rate as ``12.5 frames/s``, or ``8.0 s/frame`` below one a second; empty where nothing is done yet."""
    if not done:
        return ""
    rate = done / max(seconds, 1e-6)
    return f"{rate:.1f} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s/{unit.removesuffix('s')}"


def _format_duration(seconds: float) -> str:
    """Write a duration as ``90 s`` or, from ten minutes on, ``2:05:00``."""
    return f"{seconds:.0f} s" if seconds < 600 else str(timedelta(seconds=round(seconds)))
