"""The verbs of `kinemacolor models`. Nothing heavy is imported before one runs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kinemacolor.cli.completion import complete_models, complete_weights
from kinemacolor.cli.options import JsonOption
from kinemacolor.cli.panels import VerbApp
from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.utils.console import print_message

models_app = VerbApp(help="List, import, export and check the models and their weights.")

ModelArgument = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="Which model; see `kinemacolor models list`.", autocompletion=complete_models),
]
WeightsArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Which model, or `metrics`.", autocompletion=complete_weights)
]


@models_app.command("list")
def list_models(json_report: JsonOption = False) -> None:
    """List the models: their size, weights and licence."""
    from kinemacolor.weights.manifest import describe_models, describe_state, stored_parts

    rows = describe_models()
    if json_report:
        print(json.dumps(rows, indent=2))
        return
    states = {row["name"]: describe_state(stored_parts(row["name"])) for row in rows}
    width = max(map(len, states.values()))
    for row in rows:
        state = states[row["name"]]
        print(f"{row['name']:<14} {row['parameters']:>12,} parameters  {state:<{width}}  {row['licence']}")
    if absent := [name for name, state in states.items() if state.startswith("not imported")]:
        print(f"To import: `kinemacolor models import {absent[0]}` fetches the authors' weights, or takes their files")


@models_app.command("info")
def show_model(model: ModelArgument, json_report: JsonOption = False) -> None:
    """Say what a model is, and what is known of its weights."""
    from kinemacolor.models.catalog import find_model

    find_model(model)
    print_message(f"{model}: loading")  # torch takes some seconds
    from kinemacolor.benchmark.flops import compute_model_cost
    from kinemacolor.weights.manifest import describe_model
    from kinemacolor.weights.registry import MODELS

    description = describe_model(model)
    model_cost = compute_model_cost(MODELS[model])
    description["gflop"] = {
        "reference": round(model_cost.reference_gflop, 1),
        "frame": round(model_cost.frame_gflop, 1),
    }
    if json_report:
        print(json.dumps(description, indent=2))
        return
    size, block = description["short_side"], description["block"]
    print(f"{model}: {description['parameters']:,} parameters, short side {size} px, {block} frame(s) at a time")
    print(f"{model_cost.frame_gflop:.0f} GFLOP a frame of 16:9, {model_cost.reference_gflop:.0f} once a reference")
    for part in description["parts"]:
        use = " (non-commercial use only)" if part["non_commercial"] else ""
        print(f"\n{part['part']}: {part['parameters']:,} parameters, {part['state']}")
        facts = {
            "file": part["file"],
            "sha256": part["sha256"],
            "licence": part["licence"] + use,
            "trained on": part["trained_on"],
            "provenance": part["provenance"],
            "source": part["source"],
            "url": "\n              ".join(part["url"] or ()),
        }
        for fact, text in facts.items():
            if text:
                print(f"  {fact + ':':<11} {text}")


@models_app.command("import")
def import_model(
    model: WeightsArgument,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|URL", help="Published files, or archives; default: fetch what is missing."),
    ] = None,
) -> None:
    """Check published weights, and keep them for MODEL.

    MODEL may be `metrics`: the networks that `evaluate` measures with. Nothing is kept unless all of it fits.
    """
    print_message(f"{model}: importing")  # torch takes some seconds
    from kinemacolor.weights.import_export import import_weights
    from kinemacolor.weights.manifest import stored_parts
    from kinemacolor.weights.metric_networks import import_metrics

    paths = [file if "://" in file else Path(file) for file in files or ()]
    parts = import_metrics(paths) if model == "metrics" else import_weights(model, paths)
    for part in parts:
        print_message(f"{part.name}: imported from {part.entry.source}, sha256 {part.entry.sha256}")
    if not parts:
        print_message(f"{model} has all its weights: name a file to replace some")
    if model != "metrics":
        untrained = [part.name for part in stored_parts(model) if part.state == "untrained"]
        print_message(f"still untrained: {', '.join(untrained)}", quiet=not untrained)


@models_app.command("export")
def export_model(
    model: ModelArgument,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A folder, or a file where one is enough.")],
    official: Annotated[bool, typer.Option("--official", help="The files of the authors, not ours.")] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="For other programs: the networks of kinema, each as an ONNX file.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="The one size of frames that the files of --onnx take; default: 16:9 at the working size (384x216).",
        ),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="A quarter of the bytes: kernels in 8 bits, a scale for each channel.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write the weights of MODEL as files.

    As one safetensors file, as its authors' files (less what no network here uses), or as ONNX.
    """
    if onnx and official:
        raise UsageError("--onnx and --official are two kinds of files: say one of them")
    if int8 and (official or onnx):
        raise UsageError("--int8 is for our own file: leave out --official and --onnx")
    if size is not None and not onnx:
        raise UsageError("--size is for --onnx: weights fit every size")
    check_outside_bags(target)
    print_message(f"{model}: exporting")  # torch takes some seconds
    if onnx:
        from kinemacolor.weights.onnx_export import export_onnx

        paths = export_onnx(model, target, size=size, overwrite=overwrite)
    else:
        from kinemacolor.weights.import_export import export_weights

        paths = export_weights(model, target, official=official, int8=int8, overwrite=overwrite)
    for path in paths:
        print(path)


@models_app.command("verify")
def verify_models(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Default: all.", autocompletion=complete_weights)
    ] = None,
    json_report: JsonOption = False,
) -> None:
    """Compare the weights with their checksums.

    Also those of `metrics`. Exit code 0 where they are whole, 4 where not.
    """
    print_message(f"{model or 'all models'}: reading the weights")
    from kinemacolor.weights.manifest import verify_weights
    from kinemacolor.weights.metric_networks import verify_metrics

    checks = [] if model == "metrics" else verify_weights(model)
    if model in (None, "metrics"):
        checks += verify_metrics()
    if json_report:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            print(f"{check.state:<8} {check.part}: {check.detail}")
    damaged = [check.part for check in checks if check.state == "damaged"]
    if damaged:
        raise WeightsError(f"damaged: {', '.join(damaged)}")
