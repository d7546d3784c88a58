"""The verb that says where a person should look: `report`. Nothing heavy is imported before it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import Json, PlanFile, Quiet
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.times import format_time

if TYPE_CHECKING:
    from kinemacolor.report.build import QualityReport

LISTED = 20  # shots on the terminal
NAMED = 8  # shots that a suggestion helps


def report(
    plan: PlanFile,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A folder; default PLAN.report")] = None,
    work: Annotated[Path | None, typer.Option("--work", help="What `render` painted; default PLAN.work")] = None,
    quiet: Quiet = False,
    json_report: Json = False,
) -> None:
    """Say which shots of a rendered plan a person should look at, why, and which further references would help."""
    from kinemacolor.plan.document import Plan
    from kinemacolor.report.write import PAGE_FILE, to_json, write_report

    made, stem = Plan.read(plan), plan.name.removesuffix(".json")
    folder = output or plan.with_name(f"{stem}.report")
    with show_progress(f"{made.film.path.name}: measuring", quiet=quiet) as advance:
        found = write_report(
            made,
            work or plan.with_name(f"{stem}.work"),
            folder,
            lambda done: advance(done, made.film.frames),
        )
    print(to_json(found) if json_report else _told(found, plan.name))
    print_message(f"{folder / PAGE_FILE}: pictures, curves, every shot", quiet=quiet)


def _told(found: "QualityReport", plan: str) -> str:
    doubtful = found.shots_by_need("look")
    lines = [f"{len(doubtful)} of {len(found.shots)} shots to look at, mean confidence {found.mean_confidence:.2f}"]
    if doubtful:
        lines.append(f"{'shot':>5} {'time':>9}  {'frames':<15} {'need':>5}  why")
    for shot in doubtful[:LISTED]:
        frames, why = f"{shot.first}-{shot.last}", "; ".join(shot.verdict.reasons.values())
        lines.append(f"{shot.number:>5} {format_time(shot.seconds):>9}  {frames:<15} {shot.verdict.need:>5.2f}  {why}")
    if len(doubtful) > LISTED:
        lines.append(f"and {len(doubtful) - LISTED} more: see the page")
    for one in found.advice:
        lines.append(
            f"a reference at frame {one.frame} ({format_time(one.seconds)}) may take away {one.share:.0%} of the doubt"
            f"{_within(one.shots)}"
        )
    return "\n".join(lines)


def _within(shots: tuple[int, ...]) -> str:
    named = ", ".join(map(str, shots[:NAMED])) + (f" and {len(shots) - NAMED} more" if len(shots) > NAMED else "")
    return f", in shot{'s' * (len(shots) > 1)} {named}" if shots else ""
