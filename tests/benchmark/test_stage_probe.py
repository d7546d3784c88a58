"""The clock of stages counts each moment of a thread once, and for the outermost stage."""

import threading
import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest

from kinemacolor.benchmark import stage_probe
from kinemacolor.benchmark.stage_probe import StageClock


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time of the thread that passes only when the test says so."""
    now = SimpleNamespace(at=0.0)
    monkeypatch.setattr(time, "thread_time", lambda: now.at)
    return now


def test_a_stage_inside_of_another_is_not_counted_and_inside_of_a_container_it_is(seconds: SimpleNamespace) -> None:
    clock = StageClock()

    def spend(amount: float) -> None:
        seconds.at += amount

    inner = clock.wrap(lambda: spend(1), "inner", is_container=False)
    stage = clock.wrap(lambda: (inner(), spend(2)), "stage", is_container=False)
    container = clock.wrap(lambda: (spend(4), stage(), inner(), spend(8)), "container", is_container=True)
    container()
    assert clock.core_seconds == {"container": 12, "stage": 3, "inner": 1}


def test_of_a_generator_each_item_is_counted_but_not_what_is_done_with_it(seconds: SimpleNamespace) -> None:
    clock, closed = StageClock(), []

    def items() -> Iterator[int]:
        try:
            for number in range(5):
                seconds.at += 1
                yield number
        finally:
            closed.append(True)

    counted = clock.wrap(items, "decode", is_container=False)()
    for number in counted:
        seconds.at += 100
        if number == 2:
            break
    counted.close()
    assert clock.core_seconds == {"decode": 3}
    assert closed == [True]


def test_an_error_leaves_the_stage(seconds: SimpleNamespace) -> None:
    clock = StageClock()

    def fail() -> None:
        seconds.at += 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        clock.wrap(fail, "one", is_container=False)()
    clock.wrap(lambda: None, "two", is_container=False)()
    assert clock.core_seconds == {"one": 1, "two": 0}


def test_threads_have_their_own_stages() -> None:
    clock, inside = StageClock(), threading.Barrier(2, timeout=60)

    def meet() -> None:
        inside.wait()

    work = [clock.wrap(meet, name, is_container=False) for name in ("one", "two")]
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(clock.core_seconds) == {"one", "two"}


def test_a_function_is_wrapped_wherever_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    home, user = ModuleType("kinemacolor.home"), ModuleType("kinemacolor.user")
    home.work = user.work = work = lambda: 7  # type: ignore[attr-defined]
    for module in (home, user):
        monkeypatch.setitem(stage_probe.sys.modules, module.__name__, module)
    monkeypatch.setattr(stage_probe, "STAGES", {"work": ("none:work", "home:none", "home:work"), "no": ("home:x",)})
    monkeypatch.setattr(stage_probe, "CONTAINERS", {})
    assert stage_probe.wrap_stages(StageClock()) == {"work"}
    assert home.work is user.work is not work
    assert user.work() == 7
