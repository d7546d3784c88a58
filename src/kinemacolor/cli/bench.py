"""The verb `kinemacolor bench`. Nothing heavy is imported before it runs."""

import json
import shlex
from contextlib import ExitStack
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinemacolor.cli.options import DEFAULT_ENGINE, EngineOption, JsonOption, ModelOption, check_output
from kinemacolor.errors import UsageError
from kinemacolor.options import DEFAULT_MODEL, SAMPLE_FILM, SAMPLE_REFERENCE
from kinemacolor.utils.console import print_message
from kinemacolor.utils.files import translate_disk_errors

if TYPE_CHECKING:
    from kinemacolor.benchmark.variants import Job


def bench(
    film: Annotated[
        Path | None, typer.Argument(metavar="FILM", help="A film to time; default the bundled sample.")
    ] = None,
    reference: Annotated[Path | None, typer.Option("--reference", "-r", help="Default the sample's still.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    against: Annotated[
        Path | None, typer.Option("--against", help="A virtual environment, or its Python, with another version.")
    ] = None,
    variants: Annotated[
        list[str],
        typer.Option("--with", metavar="OPTIONS", help="Time also with these options of `colorize`; may repeat."),
    ] = [],  # noqa: B006
    engine: EngineOption = DEFAULT_ENGINE,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads of torch; default its own.")] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often each is timed, in turn.")] = 3,
    timeline: Annotated[
        Path | None, typer.Option("--timeline", help="Draw into this SVG when each stage worked on which frame.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="Also a generated 480p film of ten minutes, once.")] = False,
    networks: Annotated[bool, typer.Option("--networks", help="Instead all networks, and the papers' tables.")] = False,
    json_report: JsonOption = False,
) -> None:
    """Time whole jobs, and every stage of them.

    Of this version alone, or side by side with another one; the tables are Markdown.
    """
    print_message("bench: loading")  # torch takes some seconds
    if networks:
        _bench_networks(json_report=json_report)
        return
    from kinemacolor.benchmark.comparison import format_comparison
    from kinemacolor.benchmark.films import compare_film, compare_long_film
    from kinemacolor.benchmark.variants import Job, make_variants

    if timeline:
        check_output(timeline, [".svg"], [one for one in (film, reference) if one], overwrite=True)
    named = () if engine == DEFAULT_ENGINE else ("--engine", engine)  # the other version may know no engine
    timed = make_variants(against, named, map(_split_words, variants))
    with ExitStack() as opened:
        film, reference = (
            path or opened.enter_context(as_file(files("kinemacolor").joinpath(own)))
            for path, own in ((film, SAMPLE_FILM), (reference, SAMPLE_REFERENCE))
        )
        job = Job(film, reference, model, threads=threads)
        found = [compare_film(timed, job, rounds=rounds, on_run=print_message)]
        if long:
            found.append(compare_long_film(timed, reference, model, threads, on_run=print_message))
        if timeline:
            _write_timeline(job, engine, timeline)
    texts = map(format_comparison, found)
    print(json.dumps([asdict(one) for one in found], indent=2) if json_report else "\n\n".join(texts))


def _split_words(text: str) -> list[str]:
    """Split options as a shell does. Raises UsageError for a quotation without an end."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--with {text} cannot be read ({error}): close what is quoted") from error


def _write_timeline(job: "Job", engine: str, path: Path) -> None:
    """Colorize once more, in this process, and draw when its stages worked."""
    print_message(f"{path}: drawing")  # torch takes some seconds
    from kinemacolor.benchmark.timeline import draw_timeline, record_timeline

    drawing = draw_timeline(record_timeline(job, engine), f"{job.film.name}, {job.model}: a bar is a frame")
    with translate_disk_errors(path):
        path.write_text(drawing, encoding="utf-8")


def _bench_networks(*, json_report: bool) -> None:
    """Time all networks against the originals' order of work."""
    from kinemacolor.benchmark import networks

    rows, tables = networks.benchmark_all_networks(), networks.benchmark_published_tables()
    results = {"networks": [asdict(row) for row in rows], "tables": [asdict(entry) for entry in tables]}
    print(json.dumps(results, indent=2) if json_report else networks.format_network_tables(rows, tables))
