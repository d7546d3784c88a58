"""The verb `shots`: on the screen, or as a list. Nothing heavy is imported before it runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import (
    DetectorOption,
    GapsOption,
    JsonOption,
    OverwriteOption,
    QuietOption,
    announce_film,
    check_output,
)
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.times import format_time
from kinemacolor.utils.words import format_count

if TYPE_CHECKING:
    from kinemacolor.shots.shot import FrameClock, Shot


def shots(
    film: Annotated[Path, typer.Argument(metavar="FILM|PLAN", help="A film, or a plan (*.json).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A list: *.csv, *.edl or *.otio; default the screen.")
    ] = None,
    detector: DetectorOption = "luma",
    gaps: GapsOption = "error",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """List the shots of a film or plan, for you or an editing program."""
    announce_film(film, quiet=quiet)
    from kinemacolor.plan.document import Plan
    from kinemacolor.plan.survey import make_frame_clock, survey_film
    from kinemacolor.shots.files import SHOT_LIST_SUFFIXES, validate_suffix, write_shots
    from kinemacolor.video.reader import probe_film

    if output:
        check_output(output, SHOT_LIST_SUFFIXES, [film], overwrite)
        validate_suffix(output, SHOT_LIST_SUFFIXES)  # before the film is looked at
    if film.suffix == ".json":
        plan = Plan.read(film)
        shot_list = tuple(shot.to_shot() for shot in plan.shots)
        info = probe_film(plan.film.path, plan.film.gaps)
        source, clock = plan.film.path, make_frame_clock(info, plan.film.start_seconds)
    else:
        source, expected = film, probe_film(film, gaps).expected_frames
        with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
            survey = survey_film(film, detector=detector, gaps=gaps, on_frame=lambda done: advance(done, expected))
        shot_list, clock = survey.shots, make_frame_clock(survey.info, pts=survey.pts)
    if output:
        write_shots(output, shot_list, clock, source)
    if json_report:
        print(json.dumps(_describe_shots(shot_list, clock), indent=2))
    elif not output:
        print(_format_shots(shot_list, clock))
    print_message(f"{output or film}: {format_count(len(shot_list), 'shot')}", quiet=quiet)


def _describe_shots(shot_list: Sequence["Shot"], clock: "FrameClock") -> list[dict[str, object]]:
    """Describe shots for JSON: first and last frame, time in seconds of the film, how each begins."""
    return [
        {
            "number": number,
            "first": shot.first,
            "last": shot.end - 1,
            "start_seconds": round(clock.find_seconds(shot.first), 3),
            "transition": shot.transition,
            "dissolve": shot.dissolve,
            "certainty": round(shot.certainty, 3),
        }
        for number, shot in enumerate(shot_list, 1)
    ]


def _format_shots(shot_list: Sequence["Shot"], clock: "FrameClock") -> str:
    """One line a shot, under a heading."""
    lines = [f"{'shot':>5} {'first':>8} {'last':>8} {'time':>10}  {'begins with':<20} sure"]
    for number, shot in enumerate(shot_list, 1):
        begins = str(shot.transition or "")
        if shot.dissolve:
            begins += f" of {format_count(shot.dissolve, 'frame')}"
        sure = f"{shot.certainty:.0%}" if shot.transition else ""
        time = format_time(clock.find_seconds(shot.first))
        lines.append(f"{number:>5} {shot.first:>8} {shot.end - 1:>8} {time:>10}  {begins:<20} {sure:>4}".rstrip())
    return "\n".join(lines)
