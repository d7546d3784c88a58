"""The verb `train`. Nothing heavy is imported before it runs."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from kinemacolor.errors import Interrupted, UsageError
from kinemacolor.utils.console import print_message, show_progress


def train(
    recipe: Annotated[str, typer.Argument(help="A .toml file, or kinema, deep-exemplar, color2embed, long-term ...")],
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
    strict: Annotated[bool, typer.Option("--strict", help="Clips that cannot be used are an error.")] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Train a model. The same command again goes on where the run in the folder ended, however it did.

    On several devices: `torchrun --nproc-per-node N -m kinemacolor train ...`. The folder gets checkpoints,
    log.jsonl, curves for TensorBoard, filmstrips, and weights that `kinemacolor models import` takes.
    """
    try:
        from kinemacolor.training.recipe_file import read_recipe
    except ModuleNotFoundError as error:
        raise UsageError(f"training wants {error.name}: pip install 'kinemacolor[train]'") from error
    overrides = {"films": films, "photographs": photographs, "cache": cache}
    data: dict[str, Any] = {name: _to_absolute(value) for name, value in overrides.items() if value}
    data |= ({} if workers is None else {"workers": workers}) | ({"on_device": True} if data_on_device else {})
    chosen = read_recipe(recipe, {"data": data} | ({"steps": steps} if steps else {}))
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
    print_message(f"step {outcome.step} of {outcome.steps}, {outcome.end_reason}: {outcome.weights}", quiet=quiet)
    if outcome.end_reason == "asked to stop":
        raise Interrupted(f"stopped; {outcome.checkpoint} is whole, and the same command goes on")


def _to_absolute(value: Any) -> Any:
    return [str(path.absolute()) for path in value] if isinstance(value, list) else str(value.absolute())
