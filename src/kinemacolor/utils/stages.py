"""Stages of a pipeline: each works in a thread of its own, with a queue behind it, and says where its time went."""

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class StageTimes:
    """Where the time of a stage went.

    ``items`` is how many it made, frames mostly. It was busy for ``busy_seconds``, waited for what it works on for
    ``input_seconds``, and for room in the queue behind it for ``output_seconds``. ``cpu_seconds`` are those of its own
    thread: what a library does in threads of its own (decoders, encoders, torch) is not in them.
    """

    name: str
    items: int
    busy_seconds: float
    cpu_seconds: float
    input_seconds: float
    output_seconds: float


class StageStoppedError(Exception):
    """Raised inside of a stage that waits for another one which is closed; nobody outside of stages sees it."""


class Stages:
    """The stages of one job, by name. Closing it stops all their threads; as a context manager it does so at its end.

    Stages that follow each other under one name count as one. With ``keeps_intervals`` it also remembers when each item
    was worked on: 16 bytes an item.
    """

    def __init__(self, *, keeps_intervals: bool = False) -> None:
        self._keeps_intervals = keeps_intervals
        self._started = time.perf_counter()
        self._meters: dict[str, _Meter] = {}
        self._open: list[Stage[object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(
        self, name: str, items: Iterable[Item], *, ahead: int = 2, on_stop: Callable[[], None] | None = None
    ) -> "Stage[Item]":
        """Start a stage that makes ``items``, at most ``ahead`` of them before they are taken.

        ``on_stop`` is called when it is closed, to end what its thread may wait for.
        """
        self._open = [stage for stage in self._open if not stage.has_ended]
        stage = Stage(self._find_meter(name), items, ahead, on_stop)
        self._open.append(stage)  # type: ignore[arg-type]
        stage.begin()  # known before, for Ctrl-C may come while the thread starts
        return stage

    @contextmanager
    def measure(self, name: str, items: int) -> Iterator[None]:
        """Count what the block does, in a thread that is no stage's, as the work of a stage on so many ``items``."""
        meter = self._find_meter(name)
        with meter.running_here(), meter.measuring():
            yield
        meter.items += items

    def close(self) -> None:
        """Stop all stages, then wait until their threads have ended."""
        for stage in reversed(self._open):
            stage.stop()
        for stage in reversed(self._open):
            stage.close()
        self._open = []

    @property
    def times(self) -> tuple[StageTimes, ...]:
        """Where the time of each stage went so far, in the order in which they were started."""
        return tuple(meter.read() for meter in self._meters.values())

    @property
    def intervals(self) -> dict[str, list[tuple[float, float]]]:
        """When each stage worked on an item: begin and end in seconds since this was made. Empty unless kept."""
        found = {}
        for name, meter in self._meters.items():
            seconds = [one - self._started for one in meter.intervals or ()]
            found[name] = list(zip(seconds[::2], seconds[1::2], strict=True))
        return found

    def _find_meter(self, name: str) -> "_Meter":
        if name not in self._meters:
            self._meters[name] = _Meter(name, array("d") if self._keeps_intervals else None)
        return self._meters[name]


class Stage(Iterator[Item], Generic[Item]):
    """Yields the same items in the same order as ``items``, which its thread makes at most ``ahead`` in advance.

    An error of ``items`` is raised where its item would have been yielded. Closing it stops the thread and closes
    ``items``.
    """

    def __init__(
        self, meter: "_Meter", items: Iterable[Item], ahead: int, on_stop: Callable[[], None] | None = None
    ) -> None:
        self._meter, self._items, self._ahead, self._on_stop = meter, items, ahead, on_stop
        self._ready: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_done = self._is_stopped = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._make_items, name=f"kinemacolor {meter.name}", daemon=True)

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def __next__(self) -> Item:
        with waiting_for_input(), self._changed:
            self._changed.wait_for(lambda: self._ready or self._is_done or self._is_stopped)
            if self._is_stopped:
                raise StageStoppedError(self._meter.name)
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        raise StopIteration

    def stop(self) -> None:
        """Have the thread end soon, and wake whoever waits for an item."""
        with self._changed:
            is_first, self._is_stopped = not self._is_stopped, True
            self._changed.notify_all()
        if is_first and self._on_stop:
            self._on_stop()

    def close(self) -> None:
        """Stop the thread, and wait until it has ended."""
        self.stop()
        if self._thread.is_alive():  # one that still has to begin finds that it is stopped
            self._thread.join()

    @property
    def has_ended(self) -> bool:
        """Whether its thread has ended: what it made can still be taken."""
        return not self._thread.is_alive()

    def _make_items(self) -> None:
        """Make items until there is no more, or the stage is stopped: what its thread does."""
        try:
            with self._meter.running_here():
                self._put_items(iter(self._items))
        except BaseException as error:  # handed to the consumer, who raises it
            self._failure = error
        finally:
            with self._changed:
                self._is_done = True
                self._changed.notify_all()

    def _put_items(self, items: Iterator[Item]) -> None:
        meter, end = self._meter, object()
        try:
            while not self._is_stopped:
                with meter.measuring():
                    item = next(items, end)
                if item is end:
                    return
                meter.items += 1
                with waiting_for_output(), self._changed:
                    self._changed.wait_for(lambda: len(self._ready) < self._ahead or self._is_stopped)
                    if self._is_stopped:
                        return
                    self._ready.append(item)  # type: ignore[arg-type]
                    self._changed.notify_all()
        finally:
            if isinstance(items, Generator):
                items.close()


class _Meter:
    """Measures one stage, from the thread that does its work. Times are seconds of `time.perf_counter`."""

    def __init__(self, name: str, intervals: "array[float] | None") -> None:
        self.name, self.intervals = name, intervals
        self.items = 0
        self.busy = self.cpu = self.input = self.output = 0.0
        self._resumed = 0.0  # when it last had what it works on

    def read(self) -> StageTimes:
        """The times so far."""
        return StageTimes(self.name, self.items, self.busy, self.cpu, self.input, self.output)

    @contextmanager
    def running_here(self) -> Iterator[None]:
        """Let the waits of this thread count as those of this stage, in the block."""
        _here.meter = self
        try:
            yield
        finally:
            _here.meter = None

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Count the block as work on one item, less what it waits."""
        begin, cpu, waited = time.perf_counter(), time.thread_time(), self.input + self.output
        self._resumed = begin
        try:
            yield
        finally:
            end = time.perf_counter()
            self.busy += end - begin - (self.input + self.output - waited)
            self.cpu += time.thread_time() - cpu
            if self.intervals is not None:
                self.intervals.extend((self._resumed, end))

    def add_input(self, begin: float, end: float) -> None:
        """Count a wait for what it works on."""
        self.input += end - begin
        self._resumed = end

    def add_output(self, begin: float, end: float) -> None:
        """Count a wait for room behind it."""
        self.output += end - begin


_here = threading.local()  # has the ``meter`` of the stage that this thread works for, None where it is no stage's


@contextmanager
def waiting_for_input() -> Iterator[None]:
    """Count the block as a wait of the stage that this thread works for, for what it works on."""
    with _counting_wait(_Meter.add_input):
        yield


@contextmanager
def waiting_for_output() -> Iterator[None]:
    """Count the block as a wait of the stage that this thread works for, for room behind it."""
    with _counting_wait(_Meter.add_output):
        yield


@contextmanager
def _counting_wait(add: Callable[[_Meter, float, float], None]) -> Iterator[None]:
    meter: _Meter | None = getattr(_here, "meter", None)
    begin = time.perf_counter()
    try:
        yield
    finally:
        if meter is not None:
            add(meter, begin, time.perf_counter())
