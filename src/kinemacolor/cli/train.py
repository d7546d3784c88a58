"""The verb `train`. Nothing heavy is imported before it runs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinemacolor.cli.completion import complete_recipes
from kinemacolor.cli.options import DEFAULT_DEVICE, DeviceOption, QuietOption
from kinemacolor.cli.words import rebuild_arguments
from kinemacolor.errors import Interrupted, UsageError
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.utils.console import print_message, show_progress
from kinemacolor.utils.words import format_command

if TYPE_CHECKING:
    from kinemacolor.training.recipe import Recipe
    from kinemacolor.training.trainer import TrainingResult

RecipeArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE",
        help="A .toml file, or kinema, deep-exemplar, color2embed, long-term ...",
        autocompletion=complete_recipes,
    ),
]


def train(
    context: typer.Context,
    recipe: RecipeArgument = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of the run; it goes on there.")
    ] = None,
    films: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="Films to learn from; repeat. Default: the recipe's.")
    ] = None,
    photographs: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="Photographs to learn from; repeat.")
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Folders, or lists of names, that are never learned from; repeat."),
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Where decoded frames and motion are kept.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that make clips.")] = None,
    data_on_device: Annotated[
        bool, typer.Option("--data-on-device", help="Keep all films and photographs in the device's memory.")
    ] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="So many in all, whatever the recipe says.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0, help="End well before that, to go on later.")] = None,
    check_data: Annotated[bool, typer.Option("--check-data", help="Only report on films and photographs.")] = False,
    profile: Annotated[int | None, typer.Option(min=1, help="Only tell where so many steps spend their time.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Clips that cannot be used are an error.")] = False,
    device: DeviceOption = DEFAULT_DEVICE,
    quiet: QuietOption = False,
    background: Annotated[
        bool, typer.Option("--background", help="In a process of its own, at the lowest priority; see --status.")
    ] = False,
    processes: Annotated[int | None, typer.Option(min=1, help="Of --background; by default one a core or GPU.")] = None,
    status: Annotated[Path | None, typer.Option(metavar="RUN", help="Only say how far the run there is.")] = None,
    stop: Annotated[Path | None, typer.Option(metavar="RUN", help="End the run there after its step.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="RUN", help="Only write a page about the run there.")] = None,
) -> None:
    """Train a model by a recipe.

    The same command again goes on where the run in the folder ended, however it did.

    On several devices: `torchrun --nproc-per-node N -m kinemacolor train ...`. The folder gets checkpoints,
    log.jsonl, curves for TensorBoard, filmstrips, and weights that `kinemacolor models import` takes: those of the
    last step, and NAME-best of the best validated one. `--report FOLDER` shows a run, also while it goes on.
    """
    if status or stop or report:
        _ask_run(status, stop, report, context.params)
        return
    if recipe is None:
        raise UsageError("say what to train: a recipe, such as kinema, or --status RUN, --stop RUN, --report RUN")
    chosen = _read_chosen_recipe(recipe, context.params)
    if check_data:
        _print_data_report(chosen, strict=strict, quiet=quiet)
    elif profile:
        _print_profile(chosen, device, profile)
    elif output is None:
        raise UsageError("say where the run is to lie: --output FOLDER")
    elif background:
        _start_in_background(context, chosen, _place_run(output), processes, quiet=quiet)
    else:
        _run_training(chosen, _place_run(output), device=device, strict=strict, max_minutes=max_minutes, quiet=quiet)


def _place_run(output: Path) -> Path:
    check_outside_bags(output)
    return output.absolute()


def _read_chosen_recipe(source: str, options: Mapping[str, Any]) -> "Recipe":
    """Read a recipe, its keys replaced by those of the command line."""
    try:
        from kinemacolor.training.recipe_file import read_recipe
    except ModuleNotFoundError as error:
        raise UsageError(f"training wants {error.name}: pip install 'kinemacolor[train]'") from error
    overrides = {name: options[name] for name in ("films", "photographs", "held_out", "cache")}
    data: dict[str, Any] = {name: _to_absolute(value) for name, value in overrides.items() if value}
    data |= {} if options["workers"] is None else {"workers": options["workers"]}
    data |= {"on_device": True} if options["data_on_device"] else {}
    return read_recipe(source, {"data": data} | ({"steps": options["steps"]} if options["steps"] else {}))


def _print_data_report(recipe: "Recipe", *, strict: bool, quiet: bool) -> None:
    """Print what `--check-data` finds."""
    print_message("train: loading", quiet=quiet)  # torch takes some seconds
    from kinemacolor.training.datasets import load_training_data

    with show_progress("look", quiet=quiet, unit="sources") as advance:
        training_data = load_training_data(recipe, strict=strict, on_progress=advance)
    print(training_data.format_check(), end="")


def _print_profile(recipe: "Recipe", device: str, steps: int) -> None:
    """Print where steps spend their time."""
    print_message("train: loading")  # torch takes some seconds
    from kinemacolor.training.profiling import profile_training

    print(profile_training(recipe, device, steps), end="")


def _run_training(
    recipe: "Recipe", folder: Path, *, device: str, strict: bool, max_minutes: float | None, quiet: bool
) -> None:
    """Train in this process."""
    quiet |= int(os.environ.get("RANK", 0)) > 0  # under torchrun the first process speaks for all
    print_message(f"train: loading {recipe.model.name}", quiet=quiet)  # torch takes some seconds
    from kinemacolor.training.trainer import train as run

    with show_progress(f"train {recipe.model.name}", quiet=quiet, unit="steps") as advance:
        outcome = run(
            recipe,
            folder,
            device=device,
            strict=strict,
            max_minutes=max_minutes,
            on_message=lambda text: print_message(text, quiet=quiet),
            on_progress=advance,
        )
    _tell_end(outcome, quiet=quiet)


def _tell_end(outcome: "TrainingResult", *, quiet: bool) -> None:
    """Say how far the run came, and which step was the best. Raises Interrupted where the user asked it to stop."""
    best, best_line = outcome.best, ""
    if best:
        kept = outcome.best_weights or "its checkpoint is not here any more"
        best_line = f"; best is step {best.step}, {best.column} {best.psnr:.2f} dB: {kept}"
    ended = f"step {outcome.step} of {outcome.steps}, {outcome.end_reason}: {outcome.weights}"
    print_message(f"{ended}{best_line}", quiet=quiet)
    if outcome.end_reason == "asked to stop":
        raise Interrupted(f"stopped; {outcome.checkpoint} is whole, and the same command goes on")


def _ask_run(status: Path | None, stop: Path | None, report: Path | None, options: Mapping[str, Any]) -> None:
    """Say how far a run is, end it, or write the page about it; all without torch."""
    if options["recipe"] is not None or options["output"] is not None:
        raise UsageError("--status, --stop and --report take the folder of a run alone: no recipe, no --output")
    quiet = options["quiet"]
    if report:
        from kinemacolor.training.report_page import write_report

        print_message(str(write_report(report)), quiet=quiet)
    if not status and not stop:
        return
    from kinemacolor.training.background import read_run_status, stop_run

    if stop:
        asked = stop_run(stop.absolute(), lambda: print_message("asked to stop: waiting for its step", quiet=quiet))
        print_message("it has ended" if asked else "no run goes on there", quiet=quiet)
    print(read_run_status((status or stop or Path()).absolute()).format_text(), end="")


def _start_in_background(
    context: typer.Context, recipe: "Recipe", folder: Path, processes: int | None, *, quiet: bool
) -> None:
    """Start the same command as a process of its own."""
    from kinemacolor.training.background import count_default_processes, start_in_background
    from kinemacolor.training.datasets import compute_part_size

    count = processes or count_default_processes(context.params["device"])
    compute_part_size(recipe, count)  # what does not part is told here, not in a log
    pid = start_in_background(rebuild_arguments(context, {"background", "processes"}), folder, count)
    status = format_command(["train", "--status", str(folder)])
    print_message(f"training in the background, process {pid}: {status}", quiet=quiet)


def _to_absolute(value: Any) -> Any:
    return [str(path.absolute()) for path in value] if isinstance(value, list) else str(value.absolute())
