import signal
import threading
import time
from collections.abc import Iterator

import pytest

from kinemacolor.utils.prefetch import prefetch
from support.waiting import PATIENCE, until


def test_items_come_in_order() -> None:
    assert list(prefetch(range(100), 3)) == list(range(100))
    assert list(prefetch([])) == []


def test_the_maker_runs_ahead_but_only_so_far() -> None:
    made: list[int] = []

    def make() -> Iterator[int]:
        for index in range(50):
            made.append(index)
            yield index

    items = prefetch(make(), 2)
    assert next(items) == 0
    until(lambda: len(made) >= 3)
    time.sleep(0.1)  # it would go on, if it did not wait
    assert len(made) <= 4
    items.close()


def test_an_error_arrives_in_its_place() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise OSError("broken")

    items = prefetch(make())
    assert next(items) == 1
    with pytest.raises(OSError, match="broken"):
        next(items)


def test_closing_stops_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()

    def make() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    items = prefetch(make())
    next(items)
    items.close()
    assert closed.wait(PATIENCE)
    assert threading.active_count() == before


def test_stages_in_a_chain_close_each_other() -> None:
    before = threading.active_count()
    outer = prefetch(x + 1 for x in prefetch(iter(range(1_000_000))))
    assert next(outer) == 1
    outer.close()
    until(lambda: threading.active_count() == before)


def test_what_the_maker_waits_for_is_ended_where_the_consumer_is_interrupted() -> None:
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
        with pytest.raises(TimeoutError):
            for _ in prefetch(slow(), on_stop=go_on.set):
                pass
    finally:
        signal.signal(signal.SIGALRM, before)
    assert go_on.is_set()
