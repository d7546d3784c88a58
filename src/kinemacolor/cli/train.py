"""The verb `train`. Nothing heavy is imported before it runs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinemacolor.errors import Interrupted, UsageError
from kinemacolor.utils.console import print_message, show_progress

if TYPE_CHECKING:
    from kinemacolor.training.recipe import Recipe
    from kinemacolor.training.trainer import TrainingResult


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A .toml file, or kinema, deep-exemplar, color2embed, long-term ...")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of the run; it goes on there.")
    ] = None,
    films: Annotated[
        list[Path] | None, typer.Option(help="Films to learn from; repeat. Default: the recipe's.")
    ] = None,
    photographs: Annotated[list[Path] | None, typer.Option(help="Photographs to learn from; repeat.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where decoded frames and motion are kept.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that make clips.")] = None,
    data_on_device: Annotated[
        bool, typer.Option("--data-on-device", help="Keep all films and photographs in the device's memory.")
    ] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="So many in all, whatever the recipe says.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0, help="End well before that, to go on later.")] = None,
    check_data: Annotated[bool, typer.Option("--check-data", help="Only report on films and photographs.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Only write report.html about the run in this folder: curves, pictures, numbers."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Clips that cannot be used are an error.")] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Train a model. The same command again goes on where the run in the folder ended, however it did.

    On several devices: `torchrun --nproc-per-node N -m kinemacolor train ...`. The folder gets checkpoints,
    log.jsonl, curves for TensorBoard, filmstrips, and weights that `kinemacolor models import` takes: those of the
    last step, and NAME-best of the best validated one. `--report FOLDER` shows a run, also while it goes on.
    """
    if report is not None:
        _write_report(report, recipe, output, quiet=quiet)
        return
    data = {
        "films": films,
        "photographs": photographs,
        "cache": cache,
        "workers": workers,
        "on_device": data_on_device or None,
    }
    chosen = _read_recipe(recipe, {name: value for name, value in data.items() if value not in (None, [])}, steps)
    if output is None and not check_data:
        raise UsageError("say where the run is to lie: --output FOLDER")
    from kinemacolor.training.datasets import load_training_data
    from kinemacolor.training.trainer import train as run

    if check_data:
        with show_progress("look", quiet=quiet, unit="sources") as advance:
            training_data = load_training_data(chosen, strict=strict, on_progress=advance)
        print(training_data.format_check(), end="")
        return
    assert output is not None
    quiet |= int(os.environ.get("RANK", 0)) > 0  # under torchrun the first process speaks for all
    with show_progress(f"train {chosen.model.name}", quiet=quiet, unit="steps") as advance:
        outcome = run(
            chosen,
            output.absolute(),
            device=device,
            strict=strict,
            max_minutes=max_minutes,
            on_message=lambda text: print_message(text, quiet=quiet),
            on_progress=advance,
        )
    _tell_end(outcome, quiet=quiet)


def _read_recipe(recipe: str | None, data: dict[str, Any], steps: int | None) -> "Recipe":
    """The recipe with the changes of the command line."""
    if recipe is None:
        raise UsageError("say which recipe: a .toml file, or the name of a model; or --report FOLDER")
    try:
        from kinemacolor.training.recipe_file import read_recipe
    except ModuleNotFoundError as error:
        raise UsageError(f"training wants {error.name}: pip install 'kinemacolor[train]'") from error
    changes = {name: _to_absolute(value) for name, value in data.items()}
    return read_recipe(recipe, {"data": changes} | ({"steps": steps} if steps else {}))


def _write_report(folder: Path, recipe: str | None, output: Path | None, *, quiet: bool) -> None:
    """Write the page about a run, and say where it is."""
    if recipe is not None or output is not None:
        raise UsageError("--report takes the folder of a run alone: no recipe, no --output")
    try:
        from kinemacolor.training.report_page import write_report
    except ModuleNotFoundError as error:
        raise UsageError(f"training wants {error.name}: pip install 'kinemacolor[train]'") from error
    print_message(str(write_report(folder)), quiet=quiet)


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


def _to_absolute(value: Any) -> Any:
    return [str(path.absolute()) for path in value] if isinstance(value, list) else str(value.absolute())
