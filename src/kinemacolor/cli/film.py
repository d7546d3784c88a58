"""The verbs of a whole film: shots, references, plan, render, report. Nothing heavy is imported before one runs."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import (
    DEFAULT_DEVICE,
    DeviceOption,
    EndOption,
    FilmArgument,
    JsonOption,
    ModelOption,
    OverwriteOption,
    PlanArgument,
    QuietOption,
    ReferenceOption,
    StartOption,
    expand_options,
)
from kinemacolor.errors import PartialError, UsageError
from kinemacolor.options import DEFAULT_MODEL, Detector, EncodingOptions, RenderOptions
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.times import parse_seconds

if TYPE_CHECKING:
    from kinemacolor.rendering.progress import RenderReport

refs_app = typer.Typer(help="Which frames to colour, and those frames as pictures.", no_args_is_help=True)

ShotListOption = Annotated[Path | None, typer.Option("--shots", help="Your shots: *.csv, *.edl or *.otio.")]
DetectorOption = Annotated[
    Detector, typer.Option("--detector", help="What finds shots: luma (ours) or transnet (an extra).")
]


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
            f"{report.result}: {report.frames} frames, {report.shots} shot{'s' * (report.shots > 1)} in "
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
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find the shots of FILM and choose references for each: one file to read, edit, and render."""
    from kinemacolor.plan.planner import PlanRequest, make_plan
    from kinemacolor.references.spec import ReferenceSpec
    from kinemacolor.video.reader import probe_film

    reference_specs = tuple(map(ReferenceSpec.parse, reference))
    target = output or _path_beside(film, ".plan.json")
    _check_output(
        target, (".json",), [film, *(one.path for one in reference_specs), *([shots] if shots else [])], overwrite
    )
    request = PlanRequest(
        film=film,
        reference_specs=reference_specs,
        stills_folder=target.with_name(f"{target.name.removesuffix('.json')}.stills"),
        model=model,
        options=options,
        start_seconds=parse_seconds(start, "--start"),
        end_seconds=None if end is None else parse_seconds(end, "--end"),
        references_per_shot=per_shot,
        shot_list=shots,
        detector=detector,
    )
    expected = probe_film(film).expected_frames
    with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
        film_plan, film_survey = make_plan(request, lambda done: advance(done, expected))
    film_plan.write(target)
    if film_survey.ended_early:
        print_message(f"note: {film.name} is cut off: {film_survey.ended_early}", quiet=quiet)
    counts = f"{len(film_plan.shots)} shots, {film_plan.film.frames} frames, {len(film_plan.references)} references"
    print_message(f"{target}: {counts}", quiet=quiet)


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
    device: DeviceOption = DEFAULT_DEVICE,
    encoding: EncodingOptions = EncodingOptions(),
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """Colorize a film as its plan says. A stopped run goes on; of a changed plan only what changed is painted.

    With --start or --end an excerpt, to try a plan: FILM.excerpt.color.*; it is painted apart, inside of --work.
    """
    from kinemacolor.models.catalog import find_model
    from kinemacolor.plan.document import Plan
    from kinemacolor.plan.excerpt import cut_excerpt
    from kinemacolor.rendering.output import OutputSpec, default_output_path, find_finished_render, prepare_plan_output

    if workers and not cluster:
        raise UsageError("--workers goes with --cluster: add --cluster auto")
    film_plan, work_folder = Plan.read(plan), work or plan.with_name(f"{plan.name.removesuffix('.json')}.work")
    suffix, span = "color", (parse_seconds(start, "--start"), None if end is None else parse_seconds(end, "--end"))
    if span != (0, None):
        suffix, film_plan, work_folder = "excerpt.color", cut_excerpt(film_plan, *span), work_folder / "excerpt"
    target = OutputSpec(
        output or default_output_path(film_plan.film.path, suffix), encoding, layer, confidence_out, overwrite
    )
    if tell_finished(find_finished_render(film_plan, target, work_folder), quiet=quiet, json_report=json_report):
        return
    spec = find_model(film_plan.model).spec
    prepared = prepare_plan_output(film_plan, target, spec, work_folder, device=device, inputs=[plan])
    print_message(f"{film_plan.film.path.name}: loading {film_plan.model}", quiet=quiet)  # torch takes some seconds
    from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
    from kinemacolor.weights.registry import load_model

    network = load_model(film_plan.model)
    job = RenderPlan(film_plan, network, work_folder, device=device)
    with reporting_outcome(prepared.warnings, network.notices, quiet=quiet, json_report=json_report) as report_outcome:
        with show_progress(film_plan.film.path.name, quiet=quiet) as advance:
            if cluster:
                from kinemacolor.cluster.ray_backend import ClusterOptions
                from kinemacolor.cluster.render import render_on_cluster

                summary = render_on_cluster(
                    ClusterOptions(cluster, workers), job, prepared, lambda at: advance(at.frames, at.expected)
                )
            else:
                summary = execute_render_plan(job, prepared, lambda at: advance(at.frames, at.expected))
        report_outcome(summary)


def shots(
    film: Annotated[Path, typer.Argument(metavar="FILM|PLAN", help="A film, or a plan (*.json).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The list: *.csv, *.edl or *.otio.")],
    detector: DetectorOption = "luma",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the shots that a film or a plan has, for you or an editing program."""
    from kinemacolor.plan.document import Plan
    from kinemacolor.plan.survey import make_frame_clock, survey_film
    from kinemacolor.shots.files import SHOT_LIST_SUFFIXES, write_shots
    from kinemacolor.video.reader import probe_film

    _check_output(output, SHOT_LIST_SUFFIXES, [film], overwrite)
    start = 0.0
    if film.suffix == ".json":
        plan = Plan.read(film)
        source, shot_list = plan.film.path, tuple(shot.to_shot() for shot in plan.shots)
        start = plan.film.start_seconds
    else:
        source, expected = film, probe_film(film).expected_frames
        with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
            shot_list = survey_film(film, detector=detector, on_frame=lambda done: advance(done, expected)).shots
    write_shots(output, shot_list, make_frame_clock(probe_film(source), start), source)
    print_message(f"{output}: {len(shot_list)} shots", quiet=quiet)


@refs_app.command("suggest")
def refs_suggest(
    film: FilmArgument,
    budget: Annotated[int, typer.Option(min=1, help="So many frames at most.")] = 20,
    reference: Annotated[
        list[str], typer.Option("--reference", "-r", help="A picture that you have already; repeat for several.")
    ] = [],  # noqa: B006
    extract: Annotated[Path | None, typer.Option(help="Write the frames into this folder, as ref_000123.png.")] = None,
    shots: ShotListOption = None,
    detector: DetectorOption = "luma",
    start: StartOption = "0",
    end: EndOption = None,
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """Name the fewest frames of FILM that are worth colouring, and how much of it each explains."""
    from kinemacolor.plan.keyframe_selection import CandidateFrames, suggest_keyframes
    from kinemacolor.plan.stills import extract_frames
    from kinemacolor.plan.survey import survey_film
    from kinemacolor.references.load import load_reference, rgb_to_gray
    from kinemacolor.references.spec import ReferenceSpec
    from kinemacolor.video.reader import probe_film

    known = [load_reference(one.path) for text in reference for one in ReferenceSpec.parse(text).list_references()]
    expected, begin_seconds = probe_film(film).expected_frames, parse_seconds(start, "--start")
    with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
        film_survey = survey_film(
            film,
            shot_list=shots,
            detector=detector,
            start_seconds=begin_seconds,
            end_seconds=None if end is None else parse_seconds(end, "--end"),
            on_frame=lambda done: advance(done, expected),
        )
    from kinemacolor.plan.frame_encoder import make_frame_encoder  # torch comes with it

    encoder = make_frame_encoder()
    with show_progress(f"{film.name}: comparing", quiet=quiet, unit="views") as advance:
        candidates = CandidateFrames.from_survey(film_survey, encoder, advance)
    found = suggest_keyframes(candidates, budget, [encoder.encode_frame(rgb_to_gray(picture)) for picture in known])
    if json_report:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        print("frame       time  adds  of the film  shots")
        for one in found:
            seconds = float(film_survey.pts[one.frame] * film_survey.info.time_base) - film_survey.info.origin_seconds
            print(
                f"{one.frame:>6} {seconds:>9.3f}s {one.gain:>5.0%} {one.coverage:>11.0%}  {_format_ranges(one.shots)}"
            )
    if extract:
        extract_frames(film, [one.frame for one in found], extract, start_seconds=begin_seconds)
        print_message(
            f"{extract}: {len(found)} pictures to colour; then `kinemacolor plan {film} -r {extract}`", quiet=quiet
        )


@refs_app.command("extract")
def refs_extract(
    film: FilmArgument,
    frames: Annotated[list[int], typer.Argument(metavar="FRAME...", help="Numbers; the first frame is 0.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")],
    start: StartOption = "0",
    quiet: QuietOption = False,
) -> None:
    """Write frames of FILM as pictures to colour, named so that a plan knows their place: ref_000123.png."""
    from kinemacolor.plan.stills import extract_frames

    written = extract_frames(film, frames, output, start_seconds=parse_seconds(start, "--start"))
    print_message(f"{output}: {len(written)} pictures", quiet=quiet)


def _format_ranges(numbers: Sequence[int]) -> str:
    """``1-3, 7``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def _path_beside(film: Path, suffix: str) -> Path:
    whole = film.resolve() if film.is_dir() else film
    return whole.with_name(f"{whole.name if film.is_dir() else whole.stem}{suffix}")


def _check_output(output: Path, suffixes: Sequence[str], inputs: Sequence[Path], overwrite: bool) -> None:
    """No input is written over, nor anything else without leave; the folder takes files."""
    from kinemacolor.rendering.output import check_output_path

    if output.suffix.lower() not in suffixes:
        raise UsageError(f"{output} is no name for this: end it with {' or '.join(suffixes)}")
    check_output_path(output, inputs, overwrite=overwrite)
