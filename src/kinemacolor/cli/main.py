"""The command line. Nothing heavy is imported before a verb runs."""

import errno
import io
import json
import signal
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor._version import __version__
from kinemacolor.cli.again import again
from kinemacolor.cli.bench import bench
from kinemacolor.cli.evaluate import compare, evaluate
from kinemacolor.cli.film import plan, render, reporting_outcome, tell_finished
from kinemacolor.cli.models import models_app
from kinemacolor.cli.options import (
    DEFAULT_DEVICE,
    DEFAULT_ENGINE,
    TIME_WORDS,
    DeviceOption,
    EndOption,
    EngineOption,
    FilmArgument,
    GapsOption,
    JobsOption,
    JsonOption,
    ModelOption,
    OverwriteOption,
    QuietOption,
    ReferenceOption,
    StartOption,
    announce_film,
    expand_options,
)
from kinemacolor.cli.panels import RootGroup, VerbApp
from kinemacolor.cli.refs import ask_for_references, refs_app
from kinemacolor.cli.report import report
from kinemacolor.cli.shots import shots
from kinemacolor.cli.times import read_span, read_times
from kinemacolor.cli.train import train
from kinemacolor.cli.web import web
from kinemacolor.errors import Interrupted, KinemacolorError, PartialError, UsageError, find_machine_fault
from kinemacolor.options import DEFAULT_MODEL, DeliveryOptions, EncodingOptions, RenderOptions
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.quick_start import prepare_quick_start

if TYPE_CHECKING:
    from kinemacolor.rendering.one_shot import ColorizeRequest

app = VerbApp(
    name="kinemacolor",
    cls=RootGroup,
    pretty_exceptions_enable=False,
    epilog="Tab completes what you type: `kinemacolor --install-completion`",
)
app.add_typer(models_app, name="models")
app.add_typer(refs_app, name="refs")
for verb in (bench, evaluate, compare, train, plan, render, again, report, shots, web):
    app.command()(verb)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"kinemacolor {__version__}")
        raise typer.Exit


@app.callback()
def root_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Give a black-and-white film the colours of a picture you choose.

    `kinemacolor FILM -r PICTURE` is short for `kinemacolor colorize FILM -r PICTURE`.
    """


@app.command()
@expand_options
def colorize(
    context: typer.Context,
    film: FilmArgument,
    reference: ReferenceOption = [],  # noqa: B006
    ask_references: Annotated[
        bool, typer.Option("--ask-references", help="Colour nothing yet: write the frames to colour, say how to go on.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The result; default FILM.color.*")] = None,
    model: ModelOption = DEFAULT_MODEL,
    options: RenderOptions = RenderOptions(),
    jobs: JobsOption = None,
    device: DeviceOption = DEFAULT_DEVICE,
    engine: EngineOption = DEFAULT_ENGINE,
    start: StartOption = "0",
    end: EndOption = None,
    gaps: GapsOption = "error",
    encoding: EncodingOptions = EncodingOptions(),
    delivery: DeliveryOptions = DeliveryOptions(),
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json_report: JsonOption = False,
) -> None:
    """Give FILM the colours of pictures of your choice.

    A run that was stopped, or killed, goes on when the same command is given again.
    """
    if not reference and not ask_references:
        raise UsageError("no reference: give a colour picture with -r; --ask-references writes the frames to colour")
    announce_film(film, quiet=quiet)
    start_seconds, end_seconds = span = read_span(film, start, end, gaps)
    if ask_references:
        ask_for_references(film, reference, context, span, gaps, quiet=quiet, json_report=json_report)
        return
    from kinemacolor.references.spec import ReferenceSpec
    from kinemacolor.rendering.delivery import place_in_bag
    from kinemacolor.rendering.one_shot import ColorizeRequest
    from kinemacolor.rendering.output import default_output_path

    request = ColorizeRequest(
        source=film,
        references=tuple(map(ReferenceSpec.parse, reference)),
        output=place_in_bag(output or default_output_path(film, encoding=encoding, delivery=delivery), delivery.bag),
        model=model,
        options=options,
        jobs=jobs,
        device=device,
        engine=engine,
        encoding=encoding,
        delivery=delivery,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        gaps=gaps,
        overwrite=overwrite,
    )
    _run_request(request, quiet=quiet, json_report=json_report)


def _run_request(request: "ColorizeRequest", *, quiet: bool, json_report: bool) -> None:
    """Colorize as requested, and say what was done."""
    from kinemacolor.rendering.one_shot import ColorizeRun

    run = ColorizeRun(request)
    if tell_finished(run.finished, quiet=quiet, json_report=json_report):
        return
    print_message(f"{request.source.name}: loading {request.model}", quiet=quiet)  # torch takes some seconds
    from kinemacolor.weights.registry import load_model

    network, expected, warnings = (
        load_model(request.model),
        run.output_setup.info.expected_frames,
        run.output_setup.warnings,
    )
    with show_progress(f"{request.source.name}: looking", quiet=quiet) as advance:
        plan = run.make_plan(network, lambda done: advance(done, expected))
    with reporting_outcome(warnings, network.notices, quiet=quiet, json_report=json_report) as report_outcome:
        with show_progress(request.source.name, quiet=quiet) as advance:
            summary = run.render(plan, network, lambda at: advance(at.frames, at.expected))
        report_outcome(summary)


@app.command()
@expand_options
def preview(
    film: FilmArgument,
    reference: ReferenceOption,
    at: Annotated[
        list[str], typer.Option("--at", metavar="TIME", help=f"A place: {TIME_WORDS}; repeat for several.")
    ] = ["0"],  # noqa: B006
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The picture; default FILM.preview.png")] = None,
    model: ModelOption = DEFAULT_MODEL,
    options: RenderOptions = RenderOptions(),
    device: DeviceOption = DEFAULT_DEVICE,
    gaps: GapsOption = "error",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing picture.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Colorize single frames first, as one picture to look at.

    Side by side: gray, coloured, and how sure the model is.
    """
    announce_film(film, f"loading {model}", quiet=quiet)  # torch takes some seconds
    from kinemacolor.rendering.api import preview as write
    from kinemacolor.video.picture_series import make_result_base

    base, times = make_result_base(film).absolute(), read_times(film, at, "--at", gaps)
    target = output or base.with_name(f"{base.name}.preview.png")
    with show_progress(f"{film.name}: preview", quiet=quiet) as advance:
        write(
            film,
            reference,
            target,
            at_seconds=times,
            model=model,
            options=options,
            device=device,
            gaps=gaps,
            overwrite=overwrite,
            on_frame=lambda done: advance(done, len(times)),
        )
    filled = ", filled (bright: a guess)" if options.fill else ""
    print_message(f"{target}: gray, colour, confidence (bright: sure){filled}", quiet=quiet)


@app.command()
def verify(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The film as it was.")],
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="The film as it became.")],
    start: StartOption = "0",
    end: EndOption = None,
    gaps: GapsOption = "error",
    json_report: JsonOption = False,
) -> None:
    """Prove that RESULT is SOURCE with colours, and nothing else.

    Frames, timestamps, streams, luma and all else are compared. Exit code 0 where all is kept, 5 where not. A result of
    a part is compared with that part, as the record beside it says, or --start and --end.
    """
    for path, doing in ((source, "opening"), (result, "comparing with it")):
        announce_film(path, doing)
    from kinemacolor.verification.verify import verify_film

    span = read_span(source, start, end, gaps)
    checks = verify_film(source, result, gaps, *span)
    for check in checks:
        print_message(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.detail}")
    if json_report:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    failed = [check.name for check in checks if not check.passed]
    if failed:
        raise PartialError(f"{result} differs from {source} in {', '.join(failed)}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")] = Path("kinemacolor-demo"),
    quiet: QuietOption = False,
) -> None:
    """Colorize the bundled sample with the built-in weights."""
    print_message("demo: loading kinema", quiet=quiet)  # torch takes some seconds
    from kinemacolor.rendering.demo import run_demo

    with show_progress("demo", quiet=quiet) as advance:
        made = run_demo(folder, lambda at: advance(at.frames, at.expected))
    print_message(f"The coloured film:  {made.film}")
    print_message(f"Before and after:   {made.picture}")


@app.command()
def doctor() -> None:
    """Say what works on this machine."""
    print_message("doctor: loading torch")
    from kinemacolor.cli.doctor import iter_system_checks

    healthy = True
    for finding in iter_system_checks():
        healthy &= finding.works or finding.optional
        mark = "ok  " if finding.works else ("-   " if finding.optional else "FAIL")
        print(f"{mark} {finding.name}: {finding.detail}")
    if not healthy:
        raise UsageError("something that is needed does not work: see the lines marked FAIL")


def _raise_interrupted(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one stops at once
    raise Interrupted("stopped; what was done is kept: the same command goes on from there")


def _show_warning(message: Warning | str, *where: object, **more: object) -> None:
    print_message(f"kinemacolor: {message}")


def run(arguments: list[str]) -> int:
    """The command line as a function: gives the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise_interrupted)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app(arguments, prog_name=app.info.name)  # by which shells find what completes, however it was started
    except SystemExit as ended:
        return int(ended.code or 0)
    except KinemacolorError as error:
        print_message(f"kinemacolor: {error}")
        return error.exit_code
    except (MemoryError, RuntimeError, OSError, ImportError) as error:
        fault: KinemacolorError | None = find_machine_fault(error)
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # any look at a name may say so
            fault = UsageError(
                f"{error.filename or 'a file'} has too long a name for this disk: check it, or choose a shorter one"
            )
        if not fault:
            raise
        print_message(f"kinemacolor: {fault}")
        return fault.exit_code
    return 0


def main() -> None:
    prepare_quick_start()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a code page of Windows lacks most letters of names
    sys.exit(run(sys.argv[1:]))
