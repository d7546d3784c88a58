"""The model of many machines holds what is known of such schedules."""

from types import ModuleType

import pytest

from support.films import load_script


@pytest.fixture(scope="module")
def scaling() -> ModuleType:
    return load_script("tools/scaling.py")


def test_a_schedule_is_as_by_hand(scaling: ModuleType) -> None:
    cost = scaling.Cost(frame=1, assembled=0.5, start=10, begin=0)
    in_order = scaling.scheduled([3, 3, 6], 2, cost, scaling.film_order)
    assert in_order.ends == (13, 13, 19)
    assert scaling.scheduled([3, 3, 6], 2, cost, scaling.longest_first).ends == (13, 16, 16)
    assert scaling.bound([3, 3, 6], 2, cost) == 16
    assert scaling.bound([3, 3, 6], 5, cost) == 16
    assert scaling.assembled([3, 3, 6], in_order, cost) == 22


def test_two_machines_share_three_shots_by_splitting_but_never_one(scaling: ModuleType) -> None:
    cost = scaling.Cost(frame=1, assembled=0, start=0, begin=0)
    third = 4 * scaling.SEGMENT_FRAMES
    assert scaling.scheduled([third] * 3, 2, cost).makespan == 2 * third
    assert scaling.split([third] * 3, 2, cost).makespan == 1.5 * third
    assert scaling.split([third], 2, cost).makespan == third


@pytest.mark.parametrize("median", [4.0, 2.5])
def test_no_way_beats_the_bound_and_the_longest_first_stays_near_it(scaling: ModuleType, median: float) -> None:
    cost = scaling.Cost(frame=0.4, assembled=0.05, start=8, begin=0.5)
    shots = scaling.film(median)
    assert shots == scaling.film(median)
    assert sum(shots) / len(shots) / scaling.RATE == pytest.approx(6, rel=0.01)
    for machines in scaling.MACHINES:
        least = scaling.bound(shots, machines, cost) - 1e-6
        first = scaling.scheduled(shots, machines, cost, scaling.longest_first)
        ours = scaling.scheduled(shots, machines, cost)
        assert least <= first.makespan <= 4 / 3 * least  # Graham 1969
        assert least <= ours.makespan <= 1.11 * least
        assert scaling.assembled(shots, ours, cost) <= scaling.assembled(shots, first, cost)
        assert least <= scaling.scheduled(shots, machines, cost, scaling.film_order).makespan
        assert least <= scaling.split(shots, machines, cost).makespan
        assert scaling.assembled(shots, first, cost) >= sum(shots) * cost.assembled


def test_a_keyframe_halves_the_chain_at_no_work(scaling: ModuleType) -> None:
    assert scaling.with_keyframes([100, 2401, 30]) == [100, 1200, 1201, 30]
