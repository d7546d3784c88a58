"""Tables of the benchmark: what is timed in turn, how it is split, and what a version does not have."""

from pathlib import Path

import pytest

from kinemacolor.benchmark import comparison
from kinemacolor.benchmark.comparison import JobTiming, compare_variants, format_comparison
from kinemacolor.benchmark.variants import Job, JobCost, Variant

BEFORE, NOW = Variant("before", Path("old"), "0.1"), Variant("now --x", Path("new"), "0.2", ("--x",))
STAGE = {"name": "decode", "items": 4, "busy_seconds": 0.08, "cpu_seconds": 0.04, "input_seconds": 0.0}


def test_a_shorter_job_tells_start_up_from_frames() -> None:
    timing = JobTiming.from_costs(JobCost(40, 22, 11, 900), JobCost(10, 7, 5, 800))
    assert (timing.startup_core_seconds, timing.frame_core_seconds) == (2, 0.5)
    assert (timing.startup_wall_seconds, timing.frame_wall_seconds) == (3, 0.2)
    assert timing.peak_memory_mb == 900
    assert JobTiming.from_costs(JobCost(40, 22, 11, 900), JobCost(40, 22, 11, 900)).frame_core_seconds is None


def test_variants_take_turns_and_ratios_are_those_of_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[tuple[str, float | None]] = []
    core_seconds = {"before": iter([2.0, 10, 4, 20, 3, 15]), "now --x": iter([1.0, 5, 2, 10, 1.5, 7.5])}

    def run_job(variant: Variant, job: Job) -> JobCost:
        runs.append((variant.name, job.end_seconds))
        stages = ({**STAGE, "output_seconds": 0.02},) if variant is NOW else ()
        return JobCost(8 if job.end_seconds is None else 2, next(core_seconds[variant.name]), 1.0, 500, stages)

    def probe_stages(variant: Variant, job: Job) -> dict[str, float]:
        return {"imports": 1.0, "decode": 0.8, "match": 0.4, "the rest": 0.2} | (
            {"fine": 0.2} if variant is NOW else {}
        )

    monkeypatch.setattr(comparison, "run_job", run_job)
    monkeypatch.setattr(comparison, "probe_stages", probe_stages)
    said: list[str] = []
    job = Job(Path("a/film.mp4"), Path("still.png"), "kinema")
    found = compare_variants([BEFORE, NOW], job, size="64x48", seconds=4.0, rounds=3, on_run=said.append)
    assert runs == [("before", 1.0), ("before", None), ("now --x", 1.0), ("now --x", None)] * 3
    assert said[:3] == ["round 1 of 3: before", "round 1 of 3: now --x", "round 2 of 3: before"]
    before, now = found.variants
    assert (found.film, found.frames, before.job["core_seconds"], now.job["core_seconds"]) == ("film.mp4", 8, 15, 7.5)
    assert (before.ratios["core_seconds"], now.ratios["core_seconds"]) == (1, 0.5)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in format_comparison(found).splitlines()]
    assert ["film.mp4, 8 frames of 64x48", "before (0.1)", "now --x (0.2)"] in rows
    assert ["core-s a job", "15.0", "7.5 (0.50×)"] in rows
    assert ["imports, a job", "1000", "1000"] in rows
    assert ["decode", "100", "100"] in rows
    assert ["fine", "–", "25.0"] in rows
    assert ["**network**", "50.0", "75.0 (1.50×)"] in rows
    assert ["**all of a frame**", "175", "200 (1.14×)"] in rows
    assert ["chroma", "–", "–"] in rows
    assert ["decode", "4", "20.0", "10.0", "0.0", "5.0"] in rows  # of the pipeline, milliseconds an item
