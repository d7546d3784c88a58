"""The verbs for frames to colour, and `colorize --ask-references`. Nothing heavy is imported before one runs."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import (
    DetectorOption,
    EndOption,
    FilmArgument,
    GapsOption,
    JsonOption,
    QuietOption,
    ShotListOption,
    StartOption,
    announce_film,
    hush_notices,
)
from kinemacolor.cli.panels import VerbApp
from kinemacolor.cli.times import read_span
from kinemacolor.cli.words import rebuild_arguments
from kinemacolor.errors import UsageError
from kinemacolor.options import Detector, GapHandling
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.words import format_command, format_count

if TYPE_CHECKING:
    from kinemacolor.plan.keyframe_selection import Suggestion
    from kinemacolor.plan.survey import Survey

refs_app = VerbApp(help="Which frames to colour, and those frames as pictures.")

DEFAULT_BUDGET = 20
MIN_SHARE_OF_FIRST = 0.05  # `--ask-references` asks for no frame that adds less than this share of what the first adds


@refs_app.command("suggest")
def refs_suggest(
    context: typer.Context,
    film: FilmArgument,
    budget: Annotated[int, typer.Option(min=1, help="So many frames at most.")] = DEFAULT_BUDGET,
    reference: Annotated[
        list[str],
        typer.Option(
            "--reference", "-r", metavar="PICTURE", help="A picture that you have already; repeat for several."
        ),
    ] = [],  # noqa: B006
    extract: Annotated[Path | None, typer.Option(help="Write the frames into this folder, as ref_000123.png.")] = None,
    shots: ShotListOption = None,
    detector: DetectorOption = "luma",
    start: StartOption = "0",
    end: EndOption = None,
    gaps: GapsOption = "error",
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """Name the frames of FILM worth colouring, and what each adds.

    That is in dB of the film's PSNR, given those before: stop where it pays no more.
    """
    announce_film(film, quiet=quiet)
    hush_notices(quiet=quiet)
    if extract:
        check_outside_bags(extract)
    from kinemacolor.plan.stills import extract_frames

    span = read_span(film, start, end, gaps)
    survey, found = _suggest_frames(film, budget, reference, span, gaps, shots, detector, quiet=quiet)
    _print_suggestions(survey, found, json_report=json_report)
    if extract:
        if found:
            extract_frames(film, [one.frame for one in found], extract, start_seconds=span[0], gaps=gaps)
        further = rebuild_arguments(context, {"budget", "extract", "json_report"}, ["-r", str(extract)])
        _tell_pictures(extract, len(found), ["plan", *further], quiet=quiet)


@refs_app.command("extract")
def refs_extract(
    context: typer.Context,
    film: FilmArgument,
    frames: Annotated[list[int], typer.Argument(metavar="FRAME", help="Numbers; the first frame is 0.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")],
    start: StartOption = "0",
    gaps: GapsOption = "error",
    quiet: QuietOption = False,
) -> None:
    """Write frames of FILM as pictures to colour.

    Their names tell a plan where they lie: ref_000123.png. They count from --start, which the plan needs too.
    """
    announce_film(film, quiet=quiet)
    from kinemacolor.plan.stills import extract_frames

    written = extract_frames(film, frames, output, start_seconds=read_span(film, start, None, gaps)[0], gaps=gaps)
    counted = rebuild_arguments(context, {"film", "frames", "output", "quiet"})
    pictures = format_count(len(written), "picture") + (f": give `plan` {shlex.join(counted)} too" if counted else "")
    print_message(f"{output}: {pictures}", quiet=quiet)


def ask_for_references(
    film: Path,
    references: Sequence[str],
    context: typer.Context,
    span: tuple[float, float | None],
    gaps: GapHandling,
    *,
    quiet: bool,
    json_report: bool,
) -> None:
    """Write the frames of a film that are worth colouring beside it, into FILM.refs, and say what to do with them.

    ``context`` is that of `colorize`, which goes on once they are coloured. Raises UsageError where the folder is there
    already.
    """
    from kinemacolor.plan.stills import extract_frames
    from kinemacolor.video.picture_series import make_result_base

    base = make_result_base(film)
    folder = base.with_name(f"{base.name}.refs")
    further = ["colorize", *rebuild_arguments(context, {"ask_references"}, ["-r", str(folder)])]
    if folder.exists():
        raise UsageError(
            f"{folder} is there already: colour its pictures, then `{format_command(further)}`; "
            "to be asked anew, move it away"
        )
    check_outside_bags(folder)
    hush_notices(quiet=quiet)
    survey, found = _suggest_frames(film, DEFAULT_BUDGET, references, span, gaps, None, "luma", quiet=quiet)
    found = [one for one in found if one.gain_db >= MIN_SHARE_OF_FIRST * found[0].gain_db]
    _print_suggestions(survey, found, json_report=json_report)
    if found:
        extract_frames(film, [one.frame for one in found], folder, start_seconds=span[0], gaps=gaps)
    _tell_pictures(folder, len(found), further, quiet=quiet)


def _suggest_frames(
    film: Path,
    budget: int,
    references: Sequence[str],
    span: tuple[float, float | None],
    gaps: GapHandling,
    shots: Path | None,
    detector: Detector,
    *,
    quiet: bool,
) -> "tuple[Survey, list[Suggestion]]":
    """Read a film, and choose frames of it beside the pictures that there are; gives what was read too."""
    from kinemacolor.plan.keyframe_selection import suggest_frames_of_survey
    from kinemacolor.plan.survey import survey_film
    from kinemacolor.references.load import load_reference
    from kinemacolor.references.spec import ReferenceSpec
    from kinemacolor.video.reader import probe_film

    known = [load_reference(one.path) for text in references for one in ReferenceSpec.parse(text).list_references()]
    expected = probe_film(film, gaps).expected_frames
    with show_progress(f"{film.name}: looking", quiet=quiet) as advance:
        survey = survey_film(
            film,
            shot_list=shots,
            detector=detector,
            start_seconds=span[0],
            end_seconds=span[1],
            on_frame=lambda done: advance(done, expected),
            gaps=gaps,
        )
    with show_progress(f"{film.name}: comparing", quiet=quiet, unit="views") as advance_views:
        return survey, suggest_frames_of_survey(survey, budget, known, advance_views)


def _print_suggestions(survey: "Survey", found: "Sequence[Suggestion]", *, json_report: bool) -> None:
    """Print frames as a table or as JSON."""
    if json_report:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    print("frame       time        adds  of the film  shots")
    for one in found:
        seconds = float(survey.pts[one.frame] * survey.info.time_base) - survey.info.origin_seconds
        print(
            f"{one.frame:>6} {seconds:>9.3f}s {one.gain_db:>+7.1f} dB {one.coverage:>11.0%}  "
            f"{_format_ranges(one.shots)}"
        )


def _tell_pictures(folder: Path, count: int, further: Sequence[str], *, quiet: bool) -> None:
    """Say what to do with the pictures in a folder, and the words that follow ``kinemacolor`` after that."""
    if not count:
        print_message("the pictures that you have are enough: no frame would add anything", quiet=quiet)
        return
    pictures = f"{format_count(count, 'picture')}, still gray"
    print_message(f"{folder}: {pictures}: colour them in any program, then `{format_command(further)}`", quiet=quiet)


def _format_ranges(numbers: Sequence[int]) -> str:
    """``1-3, 7``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
