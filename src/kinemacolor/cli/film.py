"""The verbs of a whole film: plan, render. Nothing heavy is imported before one runs."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import (
    DEFAULT_DEVICE,
    DEFAULT_ENGINE,
    DetectorOption,
    DeviceOption,
    EndOption,
    EngineOption,
    FilmArgument,
    GapsOption,
    JobsOption,
    JsonOption,
    ModelOption,
    OverwriteOption,
    PlanArgument,
    QuietOption,
    ReferenceOption,
    ShotListOption,
    StartOption,
    announce_film,
    check_output,
    expand_options,
    hush_notices,
)
from kinemacolor.cli.times import read_span
from kinemacolor.errors import PartialError, UsageError
from kinemacolor.options import DEFAULT_MODEL, DeliveryOptions, EncodingOptions, RenderOptions
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.words import format_count

if TYPE_CHECKING:
    from kinemacolor.rendering.output import OutputSetup
    from kinemacolor.rendering.progress import Progress, RenderReport
    from kinemacolor.rendering.renderer import RenderPlan


@contextmanager
def reporting_outcome(
    warnings: Sequence[str], notices: Sequence[str], *, quiet: bool, json_report: bool
) -> Iterator[Callable[["RenderReport"], None]]:
    """Says warnings before, and gives a function that tells of what was done; a partial result is told too."""
    announced = {*warnings, *notices}
    for warning in warnings:
        print_message(f"note: {warning}", quiet=quiet)

    def report_outcome(report: "RenderReport") -> None:
        for warning in report.warnings:
            if warning not in announced:
                print_message(f"note: {warning}", quiet=quiet)
        rate = report.frames / max(report.seconds, 1e-6)
        filled = "" if report.filled is None else f", {report.filled:.0%} filled with typical colours"
        print_message(
            f"{report.result}: {format_count(report.frames, 'frame')}, {format_count(report.shots, 'shot')} in "
            f"{report.seconds:.1f} s ({rate:.1f}/s), mean confidence {report.mean_confidence:.2f}{filled}",
            quiet=quiet,
        )
        if json_report:
            print(json.dumps(asdict(report), indent=2))

    try:
        yield report_outcome
    except PartialError as error:
        from kinemacolor.rendering.progress import RenderReport

        if json_report and isinstance(error.report, RenderReport):
            print(json.dumps(asdict(error.report), indent=2))
        raise


def tell_finished(report: "RenderReport | None", *, quiet: bool, json_report: bool) -> bool:
    """Say that an earlier run of the same command has done all, where there is its report; gives whether there is."""
    if report is None:
        return False
    print_message(f"{report.result}: already whole", quiet=quiet)
    if json_report:
        print(json.dumps(asdict(report), indent=2))
    return True


@expand_options
def plan(
    film: FilmArgument,
    reference: ReferenceOption,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The plan; default FILM.plan.json")] = None,
    shots: ShotListOption = None,
    detector: DetectorOption = "luma",
    per_shot: Annotated[int, typer.Option("--per-shot", min=1, help="References for a shot at most.")] = 2,
    model: ModelOption = DEFAULT_MODEL,
    options: RenderOptions = RenderOptions(),
    start: StartOption = "0",
    end: EndOption = None,
    gaps: GapsOption = "error",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find the shots of FILM, and choose pictures for each.

    The plan is one file: to read, to edit, and to `render`.
    """
    announce_film(film, quiet=quiet)
    hush_notices(quiet=quiet)
    from kinemacolor.plan.planner import PlanRequest, make_plan
    from kinemacolor.references.spec import ReferenceSpec
    from kinemacolor.video.picture_series import locate_film
    from kinemacolor.video.reader import probe_film

    reference_specs = tuple(map(ReferenceSpec.parse, reference))
    target = output or _path_beside(film, ".plan.json")
    check_output(
        target,
        (".json",),
        [locate_film(film), *(one.path for one in reference_specs), *([shots] if shots else [])],
        overwrite,
    )
    start_seconds, end_seconds = read_span(film, start, end, gaps)
    request = PlanRequest(
        film=film,
        reference_specs=reference_specs,
        stills_folder=target.with_name(f"{target.name.removesuffix('.json')}.stills"),
        model=model,
        options=options,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        references_per_shot=per_shot,
        shot_list=shots,
        detector=detector,
        gaps=gaps,
    )
    info = probe_film(film, gaps)
    if info.gap_note:
        print_message(f"note: {info.gap_note}", quiet=quiet)
    expected = info.expected_frames
    with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
        film_plan, film_survey = make_plan(request, lambda done: advance(done, expected))
    film_plan.write(target)
    if film_survey.ended_early:
        print_message(f"note: {film.name} is cut off: {film_survey.ended_early}", quiet=quiet)
    counts = {"shot": len(film_plan.shots), "frame": film_plan.film.frames, "reference": len(film_plan.references)}
    print_message(f"{target}: {', '.join(format_count(count, noun) for noun, count in counts.items())}", quiet=quiet)


@expand_options
def render(
    plan: PlanArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The result; default FILM.color.*")] = None,
    work: Annotated[Path | None, typer.Option("--work", help="What is painted is kept here; default PLAN.work")] = None,
    layer: Annotated[Path | None, typer.Option("--layer", help="Also the colours alone, on gray.")] = None,
    confidence_out: Annotated[
        Path | None, typer.Option("--confidence-out", help="Also how sure the model is, as a gray film.")
    ] = None,
    start: StartOption = "0",
    end: EndOption = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="auto|ADDRESS", help="Paint by Ray's workers.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="With --cluster: so many at most.")] = None,
    jobs: JobsOption = None,
    device: DeviceOption = DEFAULT_DEVICE,
    engine: EngineOption = DEFAULT_ENGINE,
    encoding: EncodingOptions = EncodingOptions(),
    delivery: DeliveryOptions = DeliveryOptions(),
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """Colorize a film as its plan says.

    A run that was stopped goes on; of a changed plan only what changed is painted. With --start or --end an excerpt, to
    try a plan: FILM.excerpt.color.*; it is painted apart, inside of --work.
    """
    announce_film(plan, quiet=quiet)
    from kinemacolor.models.catalog import find_model
    from kinemacolor.plan.document import Plan
    from kinemacolor.plan.excerpt import cut_excerpt
    from kinemacolor.rendering.output import (
        default_output_path,
        find_finished_render,
        make_output_spec,
        prepare_plan_output,
    )

    _check_painters(jobs, cluster, workers)
    film_plan, work_folder = Plan.read(plan), work or plan.with_name(f"{plan.name.removesuffix('.json')}.work")
    suffix, span = "color", read_span(film_plan.film.path, start, end, film_plan.film.gaps)
    if span != (0, None):
        suffix, film_plan, work_folder = "excerpt.color", cut_excerpt(film_plan, *span), work_folder / "excerpt"
    result = output or default_output_path(film_plan.film.path, suffix, encoding, delivery)
    target = make_output_spec(result, encoding, delivery, layer, confidence_out, overwrite=overwrite)
    if tell_finished(find_finished_render(film_plan, target, work_folder), quiet=quiet, json_report=json_report):
        return
    spec = find_model(film_plan.model).spec
    prepared = prepare_plan_output(film_plan, target, spec, work_folder, device=device, engine=engine, inputs=[plan])
    print_message(f"{film_plan.film.path.name}: loading {film_plan.model}", quiet=quiet)  # torch takes some seconds
    from kinemacolor.rendering.renderer import RenderPlan
    from kinemacolor.weights.registry import load_model

    network = load_model(film_plan.model)
    job = RenderPlan(film_plan, network, work_folder, device=device, engine=engine)
    with reporting_outcome(prepared.warnings, network.notices, quiet=quiet, json_report=json_report) as report_outcome:
        with show_progress(film_plan.film.path.name, quiet=quiet) as advance:
            summary = _execute(job, prepared, lambda at: advance(at.frames, at.expected), jobs, cluster, workers)
        report_outcome(summary)


def _check_painters(jobs: int | None, cluster: str | None, workers: int | None) -> None:
    """Raise UsageError for options of painting that exclude each other."""
    if workers and not cluster:
        raise UsageError("--workers goes with --cluster: add --cluster auto")
    if jobs and cluster:
        raise UsageError("--jobs is for this machine alone: with --cluster give --workers")


def _execute(
    job: "RenderPlan",
    prepared: "OutputSetup",
    on_progress: "Callable[[Progress], None]",
    jobs: int | None,
    cluster: str | None,
    workers: int | None,
) -> "RenderReport":
    """Render here, in so many ``jobs``, or on a ``cluster`` with at most ``workers``."""
    if cluster:
        from kinemacolor.cluster.ray_backend import ClusterOptions
        from kinemacolor.cluster.render import render_on_cluster

        return render_on_cluster(ClusterOptions(cluster, workers), job, prepared, on_progress)
    from kinemacolor.rendering.side_by_side import render_in_jobs

    return render_in_jobs(job, prepared, on_progress, jobs)


def _path_beside(film: Path, suffix: str) -> Path:
    from kinemacolor.video.picture_series import make_result_base

    base = make_result_base(film)
    return base.with_name(f"{base.name}{suffix}")
