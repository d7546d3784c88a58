"""The verb `pack`: all that a training needs, as parts that fit into a transfer together with the working tree."""

import json
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_transfer.archive import ArchiveWriter
from gpu_transfer.messages import TransferError, print_lines
from gpu_transfer.pieces import MIB, PieceWriter, write_index
from gpu_transfer.training_data import add_source_folder
from gpu_transfer.working_tree import exclude_from_git, measure_working_tree
from kinemacolor.data.sources import SourceKind
from kinemacolor.errors import KinemacolorError
from kinemacolor.training.checkpoint import CheckpointFolder, load_checkpoint
from kinemacolor.training.initialization import find_stored_part
from kinemacolor.training.objective import required_vgg_taps
from kinemacolor.training.recipe import Recipe, is_weights_file
from kinemacolor.training.recipe_file import read_recipe, recipe_to_dict
from kinemacolor.weights.store import user_folder

TRANSFER_BYTES = 64 * MIB  # of the working tree and a part together
TREE_GROWTH_BYTES = 3 * MIB  # kept free for changes of the working tree after packing
MAX_PART_BYTES = 60 * MIB


@dataclass(frozen=True)
class PackOptions:
    """Options of `pack`; the fields are those of the command line."""

    recipe: str
    name: str | None
    changes: list[str]
    start: Path | None
    data: Path
    films: list[Path] | None
    photographs: list[Path] | None
    run: Path | None
    cache: Path | None
    wheels: Path
    no_wheels: bool
    part_mib: float | None
    output: Path


def pack_run(options: PackOptions) -> None:
    """Write the folders ``0``, ``1``, ... of ``options.output``, each with one part and the index of all.

    Raises TransferError for everything that the user can mend.
    """
    output, tree_bytes = options.output, 0
    if not options.part_mib:
        exclude_from_git(output)
        tree_bytes = measure_working_tree(output)
    limit = _choose_part_bytes(options.part_mib, tree_bytes)
    if not options.wheels.is_dir() and not options.no_wheels:
        raise TransferError(f"{options.wheels} is missing: `tools/gpu.py wheels` first, or --no-wheels")
    work = output / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    pieces = PieceWriter(work, "part", limit)
    try:
        with ArchiveWriter(pieces) as archive:
            summary = _fill_archive(archive, options)
    except KinemacolorError as error:
        raise TransferError(str(error)) from error
    index = pieces.build_index(options.name or Path(options.recipe).stem)
    _replace_parts(index, work, output)
    sizes = ", ".join(f"{row['bytes'] / MIB:.1f}" for row in index["pieces"])
    tree = "" if options.part_mib else f"; the working tree, which goes with each, has {tree_bytes / MIB:.1f} MiB"
    print_lines(*summary, f"{len(index['pieces'])} parts of {sizes} MiB in {output}{tree}")


def _choose_part_bytes(part_mib: float | None, tree_bytes: int) -> int:
    if part_mib:
        return int(part_mib * MIB)
    limit = min(MAX_PART_BYTES, TRANSFER_BYTES - TREE_GROWTH_BYTES - tree_bytes)
    if limit < MIB:
        raise TransferError(
            f"the working tree has {tree_bytes / MIB:.0f} MiB: nothing else fits into {TRANSFER_BYTES // MIB} MiB"
        )
    return limit


def _replace_parts(index: Mapping[str, Any], work: Path, output: Path) -> None:
    """Move the pieces in ``work`` to numbered folders of ``output``, in place of those of an earlier `pack`."""
    for folder in output.iterdir():
        if folder.name.isdigit():
            shutil.rmtree(folder)
    for number, row in enumerate(index["pieces"]):
        part = output / str(number)
        part.mkdir()
        (work / row["file"]).replace(part / row["file"])
        write_index(index, part)
    shutil.rmtree(work)


def _fill_archive(archive: ArchiveWriter, options: PackOptions) -> list[str]:
    """Add everything to the archive; gives the lines of a summary.

    The recipe comes last, with the paths that films, photographs and weights have in the archive.
    """
    recipe = _read_changed_recipe(options)
    content = recipe_to_dict(recipe)
    kinds = {kind for kind, share in recipe.clips.kinds.items() if share}
    summary = _add_training_data(archive, options, recipe, kinds, content)
    _add_weights(archive, recipe, kinds, content)
    embeddings = (options.cache or user_folder() / "training-cache") / "embeddings.npz"
    if embeddings.is_file():
        archive.add_file("cache/embeddings.npz", embeddings)
    for wheel in [] if options.no_wheels else sorted(options.wheels.glob("*.whl")):
        archive.add_file(f"wheels/{wheel.name}", wheel)
    step = _add_newest_checkpoint(archive, options.run, recipe) if options.run else None
    archive.add_file("recipe.toml", format_toml(content).encode())
    beginning = "begins" if step is None else f"goes on from step {step}"
    return [f"{options.recipe} {beginning}; {summary[0]}", *summary[1:]]


def _read_changed_recipe(options: PackOptions) -> Recipe:
    """Read the recipe with the changes of ``--set`` and ``--start``."""
    try:
        changes = tomllib.loads("\n".join(options.changes))
    except tomllib.TOMLDecodeError as error:
        raise TransferError(f"--set wants KEY=VALUE as in a recipe, texts in quotes: {error}") from error
    if options.start:
        changes.setdefault("model", {}).setdefault("start_from", {})[""] = str(options.start.absolute())
    return read_recipe(options.recipe, changes)


def _add_training_data(
    archive: ArchiveWriter, options: PackOptions, recipe: Recipe, kinds: set[Any], content: dict[str, Any]
) -> list[str]:
    """Add films and photographs, and put their folders into the recipe's ``content``; gives lines of a summary."""
    needs_photographs = recipe.clips.photographs or kinds & {"similar", "wrong"}
    films = options.films or [options.data / "video-train"]
    photographs = (options.photographs or [options.data / "image-train"]) if needs_photographs else []
    folders: dict[SourceKind, list[Path]] = {
        "film": [*films, *recipe.validation.folders],
        "photograph": photographs,
    }
    archived = {
        kind: [
            add_source_folder(archive, folder, f"data/{kind}-{number}", kind, recipe.clips.size)
            for number, folder in enumerate(paths)
        ]
        for kind, paths in folders.items()
    }
    film_paths = [folder.path for folder in archived["film"]]
    content["data"] = {
        "films": film_paths[: len(films)],
        "photographs": [folder.path for folder in archived["photograph"]],
    }
    content["validation"]["folders"] = film_paths[len(films) :]
    added = [*archived["film"], *archived["photograph"]]
    sources, downscaled = sum(folder.sources for folder in added), sum(folder.downscaled for folder in added)
    note = f"{downscaled} of {sources} sources are larger than needed, and were scaled down"
    return [f"{sources} films and photographs", *([note] if downscaled else [])]


def _add_weights(archive: ArchiveWriter, recipe: Recipe, kinds: set[Any], content: dict[str, Any]) -> None:
    """Add the weights that training reads, and put the paths of files among them into the recipe's ``content``."""
    parts = {"vgg19"} if required_vgg_taps(recipe.losses) else set()
    if "similar" in kinds:
        parts.add("kinema")  # similar references are found with its embeddings
    for number, (module, source) in enumerate(recipe.model.start_from.items()):
        if is_weights_file(source):
            path = f"start/{number}/{Path(source).name}"
            content["model"]["start_from"][module] = path
            archive.add_file(path, Path(source))
        else:
            parts.add(source)
    for name in sorted(parts):
        _add_stored_part(archive, name)


def _add_stored_part(archive: ArchiveWriter, name: str) -> None:
    """Add weights from the user's folder; those in the package travel with the working tree."""
    path = find_stored_part(name).path
    folder = user_folder() / "weights"
    if path and path.parent == folder:
        archive.add_file(f"home/weights/{path.name}", path)
        archive.add_file(f"home/weights/{name}.json", folder / f"{name}.json")


def _add_newest_checkpoint(archive: ArchiveWriter, run: Path, recipe: Recipe) -> int | None:
    """Add the newest checkpoint of a run, its log and recipe; gives its step, None where there is no checkpoint."""
    newest = CheckpointFolder(run / "checkpoints", 1).find_newest()
    if newest is None:
        return None
    step: int = load_checkpoint(newest, recipe)["step"]
    archive.add_file(f"run/checkpoints/{newest.name}", newest)
    for name in ("log.jsonl", "recipe.json"):
        if (run / name).is_file():
            archive.add_file(f"run/{name}", run / name)
    return step


def format_toml(content: Mapping[str, Any]) -> str:
    """Format nested plain values as TOML, with inline tables; keys whose value is None are left out."""

    def format_value(value: object) -> str:
        if isinstance(value, Mapping):
            rows = (f"{json.dumps(key)} = {format_value(x)}" for key, x in value.items() if x is not None)
            return "{ " + ", ".join(rows) + " }"
        return "[" + ", ".join(map(format_value, value)) + "]" if isinstance(value, list | tuple) else json.dumps(value)

    return "".join(f"{key} = {format_value(x)}\n" for key, x in content.items() if x is not None)
