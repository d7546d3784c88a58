"""`kinemacolor again`: the results of a record once more."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kinemacolor.cli.film import reporting_outcome
from kinemacolor.cli.options import JobsOption, JsonOption, OverwriteOption, QuietOption, announce_film
from kinemacolor.errors import PartialError
from kinemacolor.utils.console import print_message, show_progress


def again(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="RESULT.kinemacolor.json")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The result; default RESULT-again.* beside RECORD.")
    ] = None,
    source: Annotated[Path | None, typer.Option("--source", help="The film, where it lies elsewhere now.")] = None,
    references: Annotated[
        Path | None, typer.Option("--references", help="A folder to look for the references, by their sha256.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Other bytes than the recorded ones are a failure.")] = False,
    jobs: JobsOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """Make a result again from its record.

    It says whether the bytes are the recorded ones. Exit 0, also where they are not; with --exact 5 then.
    """
    announce_film(record, quiet=quiet)
    from kinemacolor.rendering.again import AgainRequest, AgainRun

    run = AgainRun(AgainRequest(record, output, source, references, jobs, overwrite))
    film, warnings = run.plan.film.path.name, run.output_setup.warnings if run.output_setup else []
    with reporting_outcome(warnings, [], quiet=quiet, json_report=False) as report_outcome:
        with show_progress(film, quiet=quiet) as advance:
            made = run.render(lambda at: advance(at.frames, at.expected))
        report_outcome(made.report)
    if json_report:
        print(json.dumps(asdict(made), indent=2))
    target = made.report.result
    if made.is_same:
        print_message(f"{target}: the same bytes as recorded", quiet=quiet)
        return
    others = ", ".join(role for role, is_same in made.same.items() if not is_same)
    reason = "; ".join(made.differences) or "nothing that is recorded differs"
    if exact:
        raise PartialError(f"{target} has not the recorded bytes ({others}): {reason}", made.report)
    print_message(f"note: not the recorded bytes ({others}): {reason}", quiet=quiet)
