"""Options that several verbs take, each once."""

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from annotated_types import Interval

from kinemacolor.cli.completion import complete_devices, complete_from, complete_models
from kinemacolor.errors import InputError, UsageError
from kinemacolor.options import Detector, EngineName, GapHandling
from kinemacolor.utils.console import print_message

JsonOption = Annotated[bool, typer.Option("--json", help="Write a report as JSON to standard output.")]
FilmArgument = Annotated[
    Path, typer.Argument(metavar="FILM", help="A film, a picture, or a folder of numbered pictures.")
]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan made by `kinemacolor plan`.")]
ReferenceOption = Annotated[
    list[str],
    typer.Option(
        "--reference",
        "-r",
        metavar="PICTURE",
        help="A colour picture (PICTURE@FRAME or @TIME lies there), a folder of them, a colour film; may repeat.",
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model", metavar="NAME", help="Which model; see `kinemacolor models list`.", autocompletion=complete_models
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or mps.", autocompletion=complete_devices),
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="auto, torch, openvino (an extra, for CPUs) or cuda-graphs; see `doctor`.",
        autocompletion=complete_from("auto", *get_args(EngineName)),
    ),
]
ShotListOption = Annotated[Path | None, typer.Option("--shots", help="Your shots: *.csv, *.edl or *.otio.")]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="N", min=1, help="Paint so many shots at a time; default by cores, memory and shots."
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
TIME_WORDS = "seconds, H:MM:SS, a frame (100f) or time code"
StartOption = Annotated[str, typer.Option("--start", metavar="TIME", help=f"Begin here: {TIME_WORDS}.")]
EndOption = Annotated[str | None, typer.Option("--end", metavar="TIME", help=f"Stop before here: {TIME_WORDS}.")]
DetectorOption = Annotated[
    Detector, typer.Option("--detector", help="What finds shots: luma (ours) or transnet (an extra).")
]
GapsOption = Annotated[
    GapHandling,
    typer.Option("--gaps", help="Of pictures that a numbered series lacks: error, hold (show the one before), skip."),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an existing result.")]
DEFAULT_DEVICE = DEFAULT_ENGINE = "auto"


def announce_film(film: Path, doing: str = "opening", *, quiet: bool = False) -> None:
    """Say at once what is done: libraries take seconds to load. Raises InputError for a film that is not there."""
    if not film.exists() and not set("%#*?") & set(film.name):  # with these it is a series of pictures
        raise InputError(f"{film} does not exist: check the name")
    print_message(f"{film.name or film}: {doing}", quiet=quiet)


def hush_notices(*, quiet: bool) -> None:
    """Let --quiet hold back also how a list of shots was understood."""
    if quiet:
        from kinemacolor.shots.listed import ShotListNotice

        warnings.simplefilter("ignore", ShotListNotice)


def check_output(output: Path, suffixes: Sequence[str], inputs: Sequence[Path], overwrite: bool) -> None:
    """No input is written over, nor anything else without leave; the folder takes files. Raises UsageError."""
    from kinemacolor.rendering.output_names import check_output_path

    if output.suffix.lower() not in suffixes:
        raise UsageError(f"{output} is no name for this: end it with {' or '.join(suffixes)}")
    check_output_path(output, inputs, overwrite=overwrite)


def expand_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Let typer see one option for each field of the parameters of ``verb`` that are dataclasses of options.

    So an option is said once, in `kinemacolor.options`, and no verb can forget to hand it on.
    """
    signature = inspect.signature(verb, eval_str=True)
    groups: dict[str, Any] = {
        name: one.annotation for name, one in signature.parameters.items() if is_dataclass(one.annotation)
    }
    expanded: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        given = [_make_parameter(one) for one in fields(groups[name])] if name in groups else [parameter]
        # Keywords alone: an option without a default may then follow one that has it.
        expanded += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in given]

    @functools.wraps(verb)
    def call_verb(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
        verb(**values)

    call_verb.__signature__ = signature.replace(parameters=expanded)  # type: ignore[attr-defined]
    call_verb.__annotations__ = {one.name: one.annotation for one in expanded}
    return call_verb


def _make_parameter(one: "Field[Any]") -> inspect.Parameter:
    """A field of a dataclass of options as a parameter that typer understands."""
    kind, *constraints = get_args(one.type) if getattr(one.type, "__metadata__", None) else (one.type,)
    bounds: dict[str, Any] = {}
    for constraint in constraints:
        if isinstance(constraint, Interval):
            bounds = {"min": constraint.ge, "max": constraint.le}
    examples = one.metadata["examples"]
    declared = typer.Option(
        one.metadata["flag"],
        help=one.metadata["help"],
        autocompletion=complete_from(*examples) if examples else None,
        **bounds,
    )
    annotation: Any = Annotated[kind, declared]
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=annotation)
