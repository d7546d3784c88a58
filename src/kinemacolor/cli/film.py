"""The verbs of a whole film: shots, references, plan, render, report. Nothing heavy is imported before one runs."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import (
    PRESET,
    Accuracy,
    Codec,
    Crop,
    Device,
    Edge,
    End,
    Json,
    Lossless,
    ModelName,
    Overwrite,
    PixelFormat,
    PlanFile,
    Preset,
    Quality,
    Quiet,
    References,
    Saturation,
    Size,
    Source,
    Start,
)
from kinemacolor.errors import PartialError, UsageError
from kinemacolor.options import DEFAULT_MODEL, Detector, EncodingOptions, SessionOptions
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.times import parse_seconds

if TYPE_CHECKING:
    from kinemacolor.render.progress import RenderReport

refs_app = typer.Typer(help="Which frames to colour, and those frames as pictures.", no_args_is_help=True)

ShotList = Annotated[Path | None, typer.Option("--shots", help="Your shots: *.csv, *.edl or *.otio.")]
FindBy = Annotated[Detector, typer.Option("--detector", help="What finds shots: luma (ours) or transnet (an extra).")]


@contextmanager
def told(
    warnings: Sequence[str], notices: Sequence[str], *, quiet: bool, json_report: bool
) -> Iterator[Callable[["RenderReport"], None]]:
    """Says warnings before, and gives a function that tells of what was done; a partial result is told too."""
    known = {*warnings, *notices}
    for warning in warnings:
        print_message(f"note: {warning}", quiet=quiet)

    def tell(report: "RenderReport") -> None:
        for warning in report.warnings:
            if warning not in known:
                print_message(f"note: {warning}", quiet=quiet)
        rate = report.frames / max(report.seconds, 1e-6)
        print_message(
            f"{report.result}: {report.frames} frames, {report.shots} shot{'s' * (report.shots > 1)} in "
            f"{report.seconds:.1f} s ({rate:.1f}/s), mean confidence {report.mean_confidence:.2f}",
            quiet=quiet,
        )
        if json_report:
            print(json.dumps(asdict(report), indent=2))

    try:
        yield tell
    except PartialError as error:
        from kinemacolor.render.progress import RenderReport

        if json_report and isinstance(error.report, RenderReport):
            print(json.dumps(asdict(error.report), indent=2))
        raise


def plan(
    film: Source,
    reference: References,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The plan; default FILM.plan.json")] = None,
    shots: ShotList = None,
    detector: FindBy = "luma",
    per_shot: Annotated[int, typer.Option("--per-shot", min=1, help="References for a shot at most.")] = 2,
    model: ModelName = DEFAULT_MODEL,
    size: Size = None,
    saturation: Saturation = None,
    edge_filter: Edge = SessionOptions.edge_filter,
    crop: Crop = SessionOptions.crop,
    precision: Accuracy = SessionOptions.precision,
    start: Start = "0",
    end: End = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find the shots of FILM and choose references for each: one file to read, edit, and render."""
    from kinemacolor.plan.document import FilmOptions
    from kinemacolor.plan.planner import PlanRequest, make_plan
    from kinemacolor.references.spec import ReferenceSpec
    from kinemacolor.video.reader import probe_film

    given = tuple(map(ReferenceSpec.parse, reference))
    target = output or _beside(film, ".plan.json")
    _check_written(target, (".json",), [film, *(one.path for one in given), *([shots] if shots else [])], overwrite)
    options = FilmOptions(
        short_side=size, saturation=saturation, edge_filter=edge_filter, crop=crop, precision=precision
    )
    wish = PlanRequest(
        film=film,
        reference_specs=given,
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
        made, seen = make_plan(wish, lambda done: advance(done, expected))
    made.write(target)
    if seen.ended_early:
        print_message(f"note: {film.name} is cut off: {seen.ended_early}", quiet=quiet)
    print_message(
        f"{target}: {len(made.shots)} shots, {made.film.frames} frames, {len(made.references)} references", quiet=quiet
    )


def render(
    plan: PlanFile,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The result; default FILM.color.*")] = None,
    work: Annotated[Path | None, typer.Option("--work", help="What is painted is kept here; default PLAN.work")] = None,
    layer: Annotated[Path | None, typer.Option("--layer", help="Also the colours alone, on gray.")] = None,
    confidence_out: Annotated[
        Path | None, typer.Option("--confidence-out", help="Also how sure the model is, as a gray film.")
    ] = None,
    start: Start = "0",
    end: End = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="auto|ADDRESS", help="Paint by Ray's workers.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="With --cluster: so many at most.")] = None,
    device: Device = SessionOptions.device,
    vcodec: Codec = None,
    pix_fmt: PixelFormat = None,
    crf: Quality = None,
    lossless: Lossless = False,
    preset: Preset = PRESET,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_report: Json = False,
) -> None:
    """Colorize a film as its plan says. A stopped run goes on; of a changed plan only what changed is painted.

    With --start or --end an excerpt, to try a plan: FILM.excerpt.color.*; it is painted apart, inside of --work.
    """
    from kinemacolor.plan.document import Plan
    from kinemacolor.plan.excerpt import cut_excerpt
    from kinemacolor.render import renderer as film
    from kinemacolor.render.output import OutputSpec, default_output_path, prepare_plan_output
    from kinemacolor.weights.registry import load_model

    if workers and not cluster:
        raise UsageError("--workers goes with --cluster: add --cluster auto")
    made, kept = Plan.read(plan), work or plan.with_name(f"{plan.name.removesuffix('.json')}.work")
    what, span = "color", (parse_seconds(start, "--start"), None if end is None else parse_seconds(end, "--end"))
    if span != (0, None):
        what, made, kept = "excerpt.color", cut_excerpt(made, *span), kept / "excerpt"
    network = load_model(made.model)
    encoding = EncodingOptions(vcodec=vcodec, pix_fmt=pix_fmt, crf=crf, lossless=lossless, preset=preset)
    target = OutputSpec(output or default_output_path(made.film.path, what), encoding, layer, confidence_out, overwrite)
    prepared = prepare_plan_output(made, target, network.spec, kept, device=device, inputs=[plan])
    job = film.RenderPlan(made, network, kept, device=device)
    with told(prepared.warnings, network.notices, quiet=quiet, json_report=json_report) as tell:
        with show_progress(made.film.path.name, quiet=quiet) as advance:
            if cluster:
                from kinemacolor.cluster.ray_backend import ClusterOptions
                from kinemacolor.cluster.render import render_on_cluster

                done = render_on_cluster(
                    ClusterOptions(cluster, workers), job, prepared, lambda at: advance(at.frames, at.expected)
                )
            else:
                done = film.execute_render_plan(job, prepared, lambda at: advance(at.frames, at.expected))
        tell(done)


def shots(
    film: Annotated[Path, typer.Argument(metavar="FILM|PLAN", help="A film, or a plan (*.json).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The list: *.csv, *.edl or *.otio.")],
    detector: FindBy = "luma",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """List the shots that a film or a plan has, for you or an editing program."""
    from kinemacolor.plan.document import Plan
    from kinemacolor.plan.survey import make_frame_clock, survey_film
    from kinemacolor.shots.files import SHOT_LIST_SUFFIXES, write_shots
    from kinemacolor.video.reader import probe_film

    _check_written(output, SHOT_LIST_SUFFIXES, [film], overwrite)
    start = 0.0
    if film.suffix == ".json":
        plan = Plan.read(film)
        source, found = plan.film.path, tuple(shot.to_shot() for shot in plan.shots)
        start = plan.film.start_seconds
    else:
        source, expected = film, probe_film(film).expected_frames
        with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
            found = survey_film(film, detector=detector, on_frame=lambda done: advance(done, expected)).shots
    write_shots(output, found, make_frame_clock(probe_film(source), start), source)
    print_message(f"{output}: {len(found)} shots", quiet=quiet)


@refs_app.command("suggest")
def refs_suggest(
    film: Source,
    budget: Annotated[int, typer.Option(min=1, help="So many frames at most.")] = 20,
    reference: Annotated[
        list[str], typer.Option("--reference", "-r", help="A picture that you have already; repeat for several.")
    ] = [],  # noqa: B006
    extract: Annotated[Path | None, typer.Option(help="Write the frames into this folder, as ref_000123.png.")] = None,
    shots: ShotList = None,
    detector: FindBy = "luma",
    start: Start = "0",
    end: End = None,
    quiet: Quiet = False,
    json_report: Json = False,
) -> None:
    """Name the fewest frames of FILM that are worth colouring, and how much of it each explains."""
    from kinemacolor.plan.keyframe_selection import CandidateFrames, suggest_keyframes
    from kinemacolor.plan.planner import load_default_encoder
    from kinemacolor.plan.stills import extract_frames
    from kinemacolor.plan.survey import survey_film
    from kinemacolor.references.load import load_reference, rgb_to_gray
    from kinemacolor.references.spec import ReferenceSpec
    from kinemacolor.video.reader import probe_film

    known = [load_reference(one.path) for text in reference for one in ReferenceSpec.parse(text).list_references()]
    expected, begin = probe_film(film).expected_frames, parse_seconds(start, "--start")
    with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
        seen = survey_film(
            film,
            shot_list=shots,
            detector=detector,
            start_seconds=begin,
            end_seconds=None if end is None else parse_seconds(end, "--end"),
            on_frame=lambda done: advance(done, expected),
        )
    eye = load_default_encoder()
    with show_progress(f"{film.name}: comparing", quiet=quiet, unit="views") as advance:
        views = CandidateFrames.from_survey(seen, eye, advance)
    found = suggest_keyframes(views, budget, [eye.encode_frame(rgb_to_gray(picture)) for picture in known])
    if json_report:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        print("frame       time  adds  of the film  shots")
        for one in found:
            shown = float(seen.pts[one.frame] * seen.info.time_base) - seen.info.origin_seconds
            print(f"{one.frame:>6} {shown:>9.3f}s {one.gain:>5.0%} {one.coverage:>11.0%}  {_spans(one.shots)}")
    if extract:
        extract_frames(film, [one.frame for one in found], extract, start_seconds=begin)
        print_message(
            f"{extract}: {len(found)} pictures to colour; then `kinemacolor plan {film} -r {extract}`", quiet=quiet
        )


@refs_app.command("extract")
def refs_extract(
    film: Source,
    frames: Annotated[list[int], typer.Argument(metavar="FRAME...", help="Numbers; the first frame is 0.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")],
    start: Start = "0",
    quiet: Quiet = False,
) -> None:
    """Write frames of FILM as pictures to colour, named so that a plan knows their place: ref_000123.png."""
    from kinemacolor.plan.stills import extract_frames

    written = extract_frames(film, frames, output, start_seconds=parse_seconds(start, "--start"))
    print_message(f"{output}: {len(written)} pictures", quiet=quiet)


def _spans(numbers: Sequence[int]) -> str:
    """``1-3, 7``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def _beside(film: Path, suffix: str) -> Path:
    whole = film.resolve() if film.is_dir() else film
    return whole.with_name(f"{whole.name if film.is_dir() else whole.stem}{suffix}")


def _check_written(output: Path, suffixes: Sequence[str], inputs: Sequence[Path], overwrite: bool) -> None:
    """No input is written over, nor anything else without leave; the folder takes files."""
    from kinemacolor.render.output import check_output_path

    if output.suffix.lower() not in suffixes:
        raise UsageError(f"{output} is no name for this: end it with {' or '.join(suffixes)}")
    check_output_path(output, inputs, overwrite=overwrite)
