import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise, repeat

import pytest

from kinemacolor.utils.stages import Stages, StageStoppedError
from support.waiting import PATIENCE, until


@pytest.fixture
def stages() -> Iterator[Stages]:
    with Stages(keeps_intervals=True) as opened:
        yield opened


def test_items_come_in_order(stages: Stages) -> None:
    assert list(stages.start("count", range(100), ahead=3)) == list(range(100))
    assert list(stages.start("nothing", [])) == []


def test_the_maker_runs_ahead_but_only_so_far(stages: Stages) -> None:
    made: list[int] = []

    def make() -> Iterator[int]:
        for index in range(50):
            made.append(index)
            yield index

    items = stages.start("make", make(), ahead=2)
    assert next(items) == 0
    until(lambda: len(made) >= 3)
    time.sleep(0.1)  # it would go on, if it did not wait
    assert len(made) <= 4


def test_an_error_arrives_in_its_place(stages: Stages) -> None:
    def make() -> Iterator[int]:
        yield 1
        raise OSError("broken")

    items = stages.start("make", make())
    assert next(items) == 1
    with pytest.raises(OSError, match="broken"):
        next(items)
    with pytest.raises(StopIteration):
        next(items)


def test_the_first_error_comes_through_all_stages(stages: Stages) -> None:
    def make() -> Iterator[int]:
        yield 1
        raise OSError("broken")

    endless = stages.start("endless", iter(lambda: 0, 1))
    both = stages.start("both", zip(endless, stages.start("make", make()), strict=False))
    last = stages.start("last", (sum(pair) for pair in both))
    assert next(last) == 1
    with pytest.raises(OSError, match="broken"):
        next(last)


def test_closing_stops_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()

    def make() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    with Stages() as stages:
        items = stages.start("make", make())
        next(items)
        items.close()
        assert closed.wait(PATIENCE)
        assert threading.active_count() == before
        with pytest.raises(StageStoppedError):
            next(items)


def test_no_thread_is_left_of_stages_that_wait_for_each_other() -> None:
    """Also of one that waits for what never comes, and that it tells to end."""
    before, go_on = threading.active_count(), threading.Event()

    def wait() -> Iterator[int]:
        yield 1
        go_on.wait()

    with Stages() as stages:
        full = stages.start("full", iter(range(1_000_000)))
        empty = stages.start("empty", wait(), on_stop=go_on.set)
        both = stages.start("both", zip(full, empty, strict=False))
        assert next(stages.start("last", both)) == (0, 1)
    assert threading.active_count() == before


def test_what_a_stage_waits_for_is_ended_where_the_consumer_is_interrupted() -> None:
    """As by Ctrl-C while nothing has come yet."""
    go_on = threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        go_on.wait()

    def interrupt(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError), Stages() as stages:
            for _ in stages.start("slow", slow(), on_stop=go_on.set):
                pass
    finally:
        signal.signal(signal.SIGALRM, before)
    assert go_on.is_set()


@pytest.mark.parametrize("has_begun", [True, False])
def test_no_thread_is_left_where_its_start_is_interrupted(monkeypatch: pytest.MonkeyPatch, *, has_begun: bool) -> None:
    """As by Ctrl-C: after the thread has begun, or just before."""
    before, begin = threading.active_count(), threading.Thread.start

    def interrupt(thread: threading.Thread) -> None:
        if has_begun:
            begin(thread)
        raise KeyboardInterrupt

    stages = Stages()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt), stages:
            stages.start("make", repeat(1))
    assert threading.active_count() == before


def test_every_stage_says_where_its_time_went(stages: Stages) -> None:
    """The one in the middle is slow: the one before waits for room, the one behind for frames."""

    def delay(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            time.sleep(0.02)
            yield item

    first = stages.start("first", iter(range(20)), ahead=1)
    slow = stages.start("slow", delay(first), ahead=1)
    assert list(stages.start("last", map(abs, slow))) == list(range(20))
    with stages.measure("aside", 48):
        pass
    times = {one.name: one for one in stages.times}
    assert list(times) == ["first", "slow", "last", "aside"]
    assert [one.items for one in times.values()] == [20, 20, 20, 48]
    assert times["slow"].busy_seconds >= 0.4
    assert times["first"].output_seconds > times["first"].busy_seconds
    assert times["last"].input_seconds > times["last"].busy_seconds
    assert 0 <= times["slow"].cpu_seconds <= times["slow"].busy_seconds
    spells = stages.intervals["slow"]
    assert sum(end - begin for begin, end in spells[:20]) >= 0.4
    assert all(before[1] <= after[0] for before, after in pairwise(spells))


def test_intervals_are_kept_only_for_who_asks() -> None:
    with Stages() as stages:
        assert list(stages.start("count", range(3))) == [0, 1, 2]
        assert stages.intervals == {"count": []}
