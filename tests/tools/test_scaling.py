"""The model of many machines agrees with what is known of such schedules."""

import pytest
import scaling


def test_a_schedule_is_as_by_hand() -> None:
    cost = scaling.RenderCost(paint_frame=1, assemble_frame=0.5, start_machine=10, begin_pass=0)
    in_order = scaling.schedule_passes([3, 3, 6], 2, cost, scaling.keep_film_order)
    assert in_order.ends == (13, 13, 19)
    assert scaling.schedule_passes([3, 3, 6], 2, cost, scaling.order_longest_first).ends == (13, 16, 16)
    assert scaling.compute_lower_bound([3, 3, 6], 2, cost) == 16
    assert scaling.compute_lower_bound([3, 3, 6], 5, cost) == 16
    assert scaling.compute_assembly_end([3, 3, 6], in_order, cost) == 22


def test_two_machines_share_three_shots_by_splitting_but_never_one() -> None:
    cost = scaling.RenderCost(paint_frame=1, assemble_frame=0, start_machine=0, begin_pass=0)
    third = 4 * scaling.SEGMENT_FRAMES
    assert scaling.schedule_passes([third] * 3, 2, cost).makespan == 2 * third
    assert scaling.schedule_with_splitting([third] * 3, 2, cost).makespan == 1.5 * third
    assert scaling.schedule_with_splitting([third], 2, cost).makespan == third


@pytest.mark.parametrize("median", [4.0, 2.5])
def test_no_way_beats_the_bound_and_the_longest_first_stays_near_it(median: float) -> None:
    cost = scaling.RenderCost(paint_frame=0.4, assemble_frame=0.05, start_machine=8, begin_pass=0.5)
    shots = scaling.draw_shot_lengths(median)
    assert shots == scaling.draw_shot_lengths(median)
    assert sum(shots) / len(shots) / scaling.RATE == pytest.approx(6, rel=0.01)
    for machines in scaling.MACHINES:
        least = scaling.compute_lower_bound(shots, machines, cost) - 1e-6
        first = scaling.schedule_passes(shots, machines, cost, scaling.order_longest_first)
        ours = scaling.schedule_passes(shots, machines, cost)
        assert least <= first.makespan <= 4 / 3 * least  # Graham 1969
        assert least <= ours.makespan <= 1.11 * least
        assert scaling.compute_assembly_end(shots, ours, cost) <= scaling.compute_assembly_end(shots, first, cost)
        assert least <= scaling.schedule_passes(shots, machines, cost, scaling.keep_film_order).makespan
        assert least <= scaling.schedule_with_splitting(shots, machines, cost).makespan
        assert scaling.compute_assembly_end(shots, first, cost) >= sum(shots) * cost.assemble_frame


def test_a_keyframe_halves_the_chain_at_no_work() -> None:
    assert scaling.split_at_keyframes([100, 2401, 30]) == [100, 1200, 1201, 30]
