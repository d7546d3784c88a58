"""The verb that says where a person should look: `report`. Nothing heavy is imported before it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import (
    JsonOption,
    OverwriteOption,
    PlanArgument,
    QuietOption,
    announce_film,
    check_output,
)
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.times import format_time
from kinemacolor.utils.words import format_count

if TYPE_CHECKING:
    from kinemacolor.plan.document import Plan
    from kinemacolor.report.build import QualityReport
    from kinemacolor.shots.shot import FrameClock

MAX_LISTED_SHOTS = 20  # shots on the terminal
MAX_NAMED_SHOTS = 8  # shots that a suggestion helps


def report(
    plan: PlanArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A folder; default PLAN.report")] = None,
    work: Annotated[Path | None, typer.Option("--work", help="What `render` painted; default PLAN.work")] = None,
    markers: Annotated[
        Path | None, typer.Option("--markers", help="Also markers for editing programs: *.edl, *.otio, *.txt.")
    ] = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """Say which shots of a rendered plan to look at, and why.

    Also which further references would help most.
    """
    announce_film(plan, quiet=quiet)
    from kinemacolor.plan.document import Plan

    film_plan, stem = Plan.read(plan), plan.name.removesuffix(".json")
    if markers:
        _check_marker_file(markers, film_plan, plan, overwrite=overwrite)
    print_message(f"{film_plan.film.path.name}: loading {film_plan.model}", quiet=quiet)  # torch takes some seconds
    from kinemacolor.report.write import PAGE_FILE, to_json, write_report  # torch comes with it

    folder = output or plan.with_name(f"{stem}.report")
    with show_progress(f"{film_plan.film.path.name}: measuring", quiet=quiet) as advance:
        film_report = write_report(
            film_plan,
            work or plan.with_name(f"{stem}.work"),
            folder,
            lambda done: advance(done, film_plan.film.frames),
        )
    if markers:
        from kinemacolor.report.markers import make_markers
        from kinemacolor.shots.markers import write_markers

        found, shots = make_markers(film_report), [shot.to_shot() for shot in film_plan.shots]
        write_markers(markers, found, shots, _read_clock(film_plan), film_plan.film.path)
        print_message(f"{markers}: {format_count(len(found), 'marker')}", quiet=quiet)
    print(to_json(film_report) if json_report else _format_report(film_report, plan.name))
    print_message(f"{folder / PAGE_FILE}: pictures, curves, every shot", quiet=quiet)


def _check_marker_file(path: Path, plan: "Plan", plan_file: Path, *, overwrite: bool) -> None:
    """Raise UsageError for markers that cannot be written so, before the film is measured."""
    from kinemacolor.shots.markers import MARKER_SUFFIXES, check_markers

    inputs = [plan_file, plan.film.path, *(entry.path for entry in plan.references.values())]
    check_output(path, MARKER_SUFFIXES, inputs, overwrite)
    check_markers(path, _read_clock(plan))


def _read_clock(plan: "Plan") -> "FrameClock":
    from kinemacolor.plan.survey import make_frame_clock
    from kinemacolor.video.reader import probe_film

    return make_frame_clock(probe_film(plan.film.path, plan.film.gaps), plan.film.start_seconds)


def _format_report(film_report: "QualityReport", plan: str) -> str:
    doubtful = film_report.shots_by_need("look")
    confidence = f"mean confidence {film_report.mean_confidence:.2f}"
    lines = [f"{len(doubtful)} of {format_count(len(film_report.shots), 'shot')} to look at, {confidence}"]
    is_filled = film_report.filled is not None
    if is_filled:
        lines[0] += f", {film_report.filled:.0%} filled with typical colours"
    if doubtful:
        lines.append(f"{'shot':>5} {'time':>9}  {'frames':<15} {'need':>5}  {'filled  ' * is_filled}why")
    for shot in doubtful[:MAX_LISTED_SHOTS]:
        frames, why = f"{shot.first}-{shot.last}", "; ".join(shot.verdict.reasons.values())
        filled = f"{shot.measures.filled or 0:>6.0%}  " * is_filled
        lines.append(
            f"{shot.number:>5} {format_time(shot.seconds):>9}  {frames:<15} {shot.verdict.need:>5.2f}  {filled}{why}"
        )
    if len(doubtful) > MAX_LISTED_SHOTS:
        lines.append(f"and {len(doubtful) - MAX_LISTED_SHOTS} more: see the page")
    for one in film_report.advice:
        lines.append(
            f"a reference at frame {one.frame} ({format_time(one.seconds)}) may take away {one.share:.0%} of the doubt"
            f"{_format_shots(one.shots)}"
        )
    return "\n".join(lines)


def _format_shots(shots: tuple[int, ...]) -> str:
    named = ", ".join(map(str, shots[:MAX_NAMED_SHOTS])) + (
        f" and {len(shots) - MAX_NAMED_SHOTS} more" if len(shots) > MAX_NAMED_SHOTS else ""
    )
    return f", in shot{'s' * (len(shots) > 1)} {named}" if shots else ""
