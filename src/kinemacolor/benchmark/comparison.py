"""Times variants of this program in turn, and lays their costs side by side: whole jobs, and stage by stage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from kinemacolor.benchmark.stage_probe import STAGES
from kinemacolor.benchmark.variants import Job, JobCost, Variant, probe_stages, run_job

SHORT_PART = 0.25  # of a film: how far the job goes that tells start-up from frames
STAGES_OF_A_JOB = ("imports", "weights", "compile", "references")  # not once a frame
SUMS = {
    "**network**": ("features", "match", "history", "fine", "semantic", "fusion", "network, the rest"),
    "**in and out**": ("hash", "decode", "resize", "repeats", "segments", "encode, mux"),
}
MEASURES = {  # of a job, as the table says them; what a field is times to be in that unit
    "core-s a job": ("core_seconds", 1.0),
    "of it start-up": ("startup_core_seconds", 1.0),
    "core-ms a frame": ("frame_core_seconds", 1000.0),
    "s a job, on the clock": ("wall_seconds", 1.0),
    "of it start-up, on the clock": ("startup_wall_seconds", 1.0),
    "ms a frame, on the clock": ("frame_wall_seconds", 1000.0),
    "peak memory in MB": ("peak_memory_mb", 1.0),
}


@dataclass(frozen=True)
class JobTiming:
    """What a job costs: core-seconds of all threads, seconds on the clock (``wall``), and peak memory in MB.

    A longer and a shorter job of the same film tell start-up from frames; both are None where the film is too short.
    """

    core_seconds: float
    wall_seconds: float
    peak_memory_mb: float
    startup_core_seconds: float | None
    startup_wall_seconds: float | None
    frame_core_seconds: float | None
    frame_wall_seconds: float | None

    @classmethod
    def from_costs(cls, long: JobCost, short: JobCost | None) -> "JobTiming":
        """Split the cost of a job by that of a shorter one."""
        core, wall = long.core_seconds, long.wall_seconds
        frames = long.frames - short.frames if short else 0
        if short is None or frames <= 0:
            return cls(core, wall, long.peak_memory_mb, None, None, None, None)
        frame_core, frame_wall = (core - short.core_seconds) / frames, (wall - short.wall_seconds) / frames
        startups = core - long.frames * frame_core, wall - long.frames * frame_wall
        return cls(core, wall, long.peak_memory_mb, *startups, frame_core, frame_wall)


@dataclass(frozen=True)
class VariantTiming:
    """Medians over all rounds of what one variant costs, and the medians of its ratios to the first one's.

    ``job`` and ``ratios`` have the fields of `JobTiming`. ``stages``: core-seconds a job on one core; ``pipeline``:
    what the last job reported of its stages, as that version names it.
    """

    name: str
    version: str
    job: dict[str, float | None]
    ratios: dict[str, float | None]
    stages: dict[str, float]
    pipeline: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Comparison:
    """Variants that were timed in turn with one film."""

    film: str
    size: str
    frames: int
    rounds: int
    variants: tuple[VariantTiming, ...]


class _Round(NamedTuple):
    """One round of one variant."""

    job: JobTiming
    stages: Mapping[str, float]
    cost: JobCost


def compare_variants(
    variants: Sequence[Variant],
    job: Job,
    *,
    size: str,
    seconds: float | None,
    rounds: int = 3,
    with_stages: bool = True,
    on_run: Callable[[str], None] = lambda words: None,
) -> Comparison:
    """Time a job of each variant in turn, ``rounds`` times; ``on_run`` gets words for each run.

    ``seconds`` is the length of the film; with None start-up is not told from frames. ``with_stages``: also one run
    that tells the stages. ``size`` is only written down. Raises as `run_job`.
    """
    measured: list[list[_Round]] = [[] for _ in variants]
    short_job = None if seconds is None else Job(job.film, job.reference, job.model, seconds * SHORT_PART, job.threads)
    for number in range(1, rounds + 1):
        for variant, results in zip(variants, measured, strict=True):
            on_run(f"round {number} of {rounds}: {variant.name}")
            short = run_job(variant, short_job) if short_job else None
            cost = run_job(variant, job)
            stages = probe_stages(variant, job) if with_stages else {}
            results.append(_Round(JobTiming.from_costs(cost, short), stages, cost))
    timings = tuple(
        _summarize(variant, results, measured[0]) for variant, results in zip(variants, measured, strict=True)
    )
    return Comparison(job.film.name, size, measured[0][0].cost.frames, rounds, timings)


def format_comparison(comparison: Comparison) -> str:
    """Format the Markdown tables of docs/results.md: jobs, stages on one core, and the pipelines of a job."""
    variants, frames = comparison.variants, comparison.frames
    title = f"{comparison.film}, {frames} frames of {comparison.size}"
    names = [f"{one.name} ({one.version})" for one in variants]
    jobs = [
        [label, *(_format_cell(one.job[field], one.ratios[field], scale) for one in variants)]
        for label, (field, scale) in MEASURES.items()
    ]
    stages = [
        [label, *_format_stage([_sum_stages(one.stages, parts, frames) for one in variants])]
        for label, parts in _iter_stage_rows(variants)
    ]
    tables = [_format_table([title, *names], jobs)]
    if any(one.stages for one in variants):
        tables.append(_format_table(["core-ms a frame, on one core", *names], stages))
    tables += [_format_pipeline(one) for one in variants if one.pipeline]
    return "\n\n".join(tables)


def _summarize(variant: Variant, results: Sequence[_Round], baseline: Sequence[_Round]) -> VariantTiming:
    """Take medians over rounds; ratios are those of one round, which the machine treated alike."""
    fields = JobTiming.__dataclass_fields__
    job = {field: _median([getattr(one.job, field) for one in results]) for field in fields}
    ratios = {
        field: _median(
            [
                _divide(getattr(one.job, field), getattr(first.job, field))
                for one, first in zip(results, baseline, strict=True)
            ]
        )
        for field in fields
    }
    stages = {stage: median(one.stages[stage] for one in results) for stage in results[0].stages}
    return VariantTiming(variant.name, variant.version, job, ratios, stages, results[-1].cost.pipeline)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _divide(value: float | None, by: float | None) -> float | None:
    return None if value is None or by is None or by <= 0 else value / by


def _iter_stage_rows(variants: Sequence[VariantTiming]) -> list[tuple[str, tuple[str, ...]]]:
    """Label and stages of each row: what a job needs once, what each frame needs, and their sums."""
    of_a_job = [(f"{stage}, a job", (stage,)) for stage in STAGES_OF_A_JOB]
    of_a_frame = [(stage, (stage,)) for stage in (*STAGES, "the rest") if stage not in STAGES_OF_A_JOB]
    everything = ("**all of a frame**", tuple(stage for _, (stage,) in of_a_frame))
    return [*of_a_job, *of_a_frame, *SUMS.items(), everything]


def _sum_stages(stages: Mapping[str, float], parts: Sequence[str], frames: int) -> float | None:
    """Milliseconds a frame (of what happens once, a job) of some stages; None where this version has none of them."""
    known = [stages[part] for part in parts if part in stages]
    return sum(known) * 1000 / (1 if parts[0] in STAGES_OF_A_JOB else frames) if known else None


def _format_stage(values: Sequence[float | None]) -> list[str]:
    return [_format_cell(value, _divide(value, values[0]), 1.0) for value in values]


def _format_cell(value: float | None, ratio: float | None, scale: float) -> str:
    """A value with three digits, and its ratio where that is not 1."""
    if value is None:
        return "–"
    scaled = value * scale
    text = f"{scaled:.0f}" if abs(scaled) >= 100 else f"{scaled:.1f}"
    return text if ratio is None or ratio == 1 else f"{text} ({ratio:.2f}×)"


def _format_pipeline(variant: VariantTiming) -> str:
    """The table of the stages of a pipeline: for each item of a stage how long it was busy, and waited for what."""
    rows = [
        [
            str(stage["name"]),
            str(stage["items"]),
            *(
                f"{stage[key] * 1000 / max(1, stage['items']):.1f}"
                for key in ("busy_seconds", "cpu_seconds", "input_seconds", "output_seconds")
            ),
        ]
        for stage in variant.pipeline
    ]
    return _format_table([f"{variant.name}: ms an item", "items", "busy", "CPU", "waits for input", "for room"], rows)


def _format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
