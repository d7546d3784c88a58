"""The verbs that measure: `evaluate` and `compare`. Nothing heavy is imported before one runs."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kinemacolor.cli.completion import complete_from, complete_models
from kinemacolor.cli.options import JsonOption, QuietOption, announce_film
from kinemacolor.errors import PartialError, UsageError
from kinemacolor.options import DEFAULT_MODEL
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.words import format_count

DEFAULT_FOLDER = Path("kinemacolor-evaluation")
ModelsOption = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="Which model; repeat for several.", autocompletion=complete_models),
]
ProtocolOption = Annotated[
    str,
    typer.Option(
        help="Where references come from: first, later:N, keyframes:0,1/2,1, still, self.",
        autocompletion=complete_from("first", "later:", "keyframes:", "still", "self"),
    ),
]


def evaluate(
    films: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of colour films, or of folders of frames.")],
    model: ModelsOption = None,
    protocol: ProtocolOption = "first",
    pairs: Annotated[Path | None, typer.Option(help="For still: a CSV file of FILM,PICTURE.")] = None,
    made: Annotated[list[str] | None, typer.Option(metavar="NAME=FOLDER", help="Films of another tool.")] = None,
    film_size: Annotated[bool, typer.Option("--film-size", help="Measure at the film's size.")] = False,
    every: Annotated[int, typer.Option(min=1, help="LPIPS, FID, top-k, AUSE look at every N-th frame.")] = 4,
    lpips_vgg: Annotated[bool, typer.Option("--lpips-vgg", help="Also LPIPS by VGG16, which is slow.")] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder of results; runs go on there.")
    ] = DEFAULT_FOLDER,
    only: Annotated[str, typer.Option(help="Films whose names match this pattern.")] = "*",
    jobs: Annotated[int, typer.Option(min=1, help="Films at a time.")] = os.cpu_count() or 1,
    quiet: QuietOption = False,
) -> None:
    """Measure models on films that have colour.

    A table comes here; CSV, JSON lines and a page go into the output folder. Gray frames and a plain match always
    stand beside them. It is the bare network that is measured, without the gain and the edge filter of its published
    recipe. Exit 5 if some films fail.
    """
    announce_film(films, quiet=quiet)
    from kinemacolor.evaluation.films import find_films

    film_paths = find_films(films, only)
    check_outside_bags(output)
    if not output.absolute().parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist: make it first")
    print_message(f"evaluate: {format_count(len(film_paths), 'film')}, loading", quiet=quiet)
    from kinemacolor.evaluation import runs, tables  # torch comes with them
    from kinemacolor.evaluation.page import write_page
    from kinemacolor.evaluation.protocol import ReferenceProtocol, read_picture_pairs

    chosen = ReferenceProtocol.parse(protocol)
    if (chosen.kind == "still") != (pairs is not None):
        raise UsageError("--protocol still and --pairs belong together: give both or neither")
    settings = runs.EvaluationSettings(
        models=tuple(model or ([] if made else [DEFAULT_MODEL])),
        protocol=chosen,
        pairs=read_picture_pairs(pairs) if pairs else None,
        colorized_folders=dict(_parse_colorized_folder(text) for text in made or ()),
        film_size=film_size,
        networks=(*runs.DEFAULT_NETWORKS, "lpips-vgg") if lpips_vgg else runs.DEFAULT_NETWORKS,
        network_stride=every,
    )
    if hint := runs.describe_missing_networks(settings.networks):
        print_message(f"note: {hint}", quiet=quiet)
    with show_progress("evaluate", quiet=quiet, unit="films") as advance:
        rows = runs.evaluate_films(film_paths, settings, output, jobs=jobs, on_progress=advance)
    tables.write_csv(rows, output)
    page = write_page(rows, output, f"{films.resolve().name}, reference: {chosen}")
    print(tables.format_means_table(tables.mean_by_model(rows, output)))
    if distances := tables.format_distance_table(rows):
        print(f"\nPSNR dB by distance\n\n{distances}")
    print_message(f"{page}: pictures, curves, every film", quiet=quiet)
    failed = dict.fromkeys(f"{row.film}: {row.failure}" for row in rows if row.failure)
    if failed:
        raise PartialError("not measured: " + "; ".join(failed))


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A model, as the results name it.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    results: Annotated[Path, typer.Option("--results", help="The folder that `evaluate` wrote.")] = DEFAULT_FOLDER,
    protocol: Annotated[str, typer.Option(help="Which protocol's results.")] = "first",
    json_report: JsonOption = False,
) -> None:
    """Say whether model B is better than A.

    Paired differences over films, each with a bootstrap interval of 95 %.
    """
    from kinemacolor.evaluation import runs, tables

    rows = runs.read_results(results)
    names = [name if " " in name else f"{name} {protocol}" for name in (first, second)]
    differences = tables.compare_models(rows, *names)
    if json_report:
        print(json.dumps([asdict(difference) for difference in differences], indent=2))
    else:
        print(tables.format_differences_table(differences, first, second))


def _parse_colorized_folder(text: str) -> tuple[str, Path]:
    name, separator, folder = text.partition("=")
    if not (separator and name and Path(folder).is_dir()):
        raise UsageError(f"--made {text}: write NAME=FOLDER, with a folder of coloured films")
    return name, Path(folder)
