"""How far a render says it is."""

from kinemacolor.rendering.progress import Progress, ProgressMeter


def test_what_is_kept_counts_as_done_from_the_start_and_no_count_falls() -> None:
    """Kept frames are written in no time: what is told of them would say nothing of how fast it goes."""
    told: list[Progress] = []
    meter = ProgressMeter(100, 100, 60, told.append)
    for _ in range(60):
        meter.add_assembled(1)
    assert {one.frames for one in told} == {60}
    for _ in range(40):
        meter.add_painted(1)
        meter.add_assembled(1)
    counts = [one.frames for one in told]
    assert counts == sorted(counts)
    assert counts[-1] == 100
