"""The verb `pack`: all that a training needs, as parts that fit into a transfer together with the working tree."""

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_transfer.pieces import MIB, ArchiveWriter, PieceWriter, TransferError, print_lines, write_index
from gpu_transfer.working_tree import compute_code_digest, describe_commit, exclude_from_git, measure_working_tree
from kinemacolor.data.frame_cache import FrameCache
from kinemacolor.data.held_out import refuse_held_out
from kinemacolor.data.index import SourceIndex, build_source_index
from kinemacolor.data.packed import EMBEDDINGS_FILE, PICTURES_FILE, SOURCES_FILE, JpegQuality, write_pack
from kinemacolor.errors import KinemacolorError
from kinemacolor.training.checkpoint import CheckpointFolder, load_checkpoint
from kinemacolor.training.initialization import find_stored_part
from kinemacolor.training.objective import required_vgg_taps
from kinemacolor.training.recipe import Recipe, is_stored_part, is_weights_file
from kinemacolor.training.recipe_file import read_recipe, recipe_to_dict
from kinemacolor.weights.registry import load_imagenet_backbone
from kinemacolor.weights.store import user_folder

TRANSFER_BYTES = 64 * MIB  # of the working tree and a part together
TREE_GROWTH_BYTES = 2 * MIB  # kept free for changes of the working tree after packing
MAX_PART_BYTES = 60 * MIB
FILM_FOLDERS, PHOTOGRAPH_FOLDERS = ("video-train", "video-train-2"), ("image-train", "image-train-2")


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
    quality: Sequence[int]
    part_mib: float | None
    output: Path


def pack_run(options: PackOptions) -> None:
    """Write the folders ``0``, ``1``, ... of ``options.output``, each with one part and the index of all.

    The wheels lie beside the first part. Raises TransferError for everything that the user can mend.
    """
    output, tree_bytes = options.output, 0
    if not options.part_mib:
        exclude_from_git(output)
        tree_bytes = measure_working_tree(output)
    limit = _choose_part_bytes(options.part_mib, tree_bytes)
    wheels = [] if options.no_wheels else sorted(options.wheels.glob("*.whl"))
    if not wheels and not options.no_wheels:
        raise TransferError(f"{options.wheels} has no wheels: `tools/gpu.py wheels` first, or --no-wheels")
    work = output / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    pieces = PieceWriter(work, "part", limit, limit - sum(path.stat().st_size for path in wheels))
    try:
        with ArchiveWriter(pieces) as archive:
            summary = _fill_archive(archive, options)
    except KinemacolorError as error:
        raise TransferError(str(error)) from error
    made_for = {"commit": describe_commit(), "code": compute_code_digest()}
    index = pieces.build_index(options.name or Path(options.recipe).stem) | made_for
    _replace_parts(index, work, output, wheels)
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


def _replace_parts(index: Mapping[str, Any], work: Path, output: Path, wheels: list[Path]) -> None:
    """Move the pieces in ``work`` to numbered folders of ``output``, in place of those of an earlier `pack`."""
    for folder in output.iterdir():
        if folder.name.isdigit():
            shutil.rmtree(folder)
    for number, row in enumerate(index["pieces"]):
        part = output / str(number)
        part.mkdir()
        (work / row["file"]).replace(part / row["file"])
        write_index(index, part)
    for wheel in wheels:
        (output / "0" / "wheels").mkdir(exist_ok=True)
        shutil.copyfile(wheel, output / "0" / "wheels" / wheel.name)
    shutil.rmtree(work)


def _fill_archive(archive: ArchiveWriter, options: PackOptions) -> list[str]:
    """Add everything to the archive; gives the lines of a summary.

    The recipe comes last, with the paths that the pack of pictures and weights have in the archive.
    """
    recipe = _read_changed_recipe(options)
    content = recipe_to_dict(recipe)
    kinds = {kind for kind, share in recipe.clips.kinds.items() if share}
    index = _build_index(options, recipe, kinds)
    pack, (luma, chroma) = options.output / "pack", options.quality
    _write_pack_once(
        index, FrameCache(_find_cache(options) / "frames", recipe.clips.size), pack, JpegQuality(luma, chroma)
    )
    for name in (SOURCES_FILE, EMBEDDINGS_FILE, PICTURES_FILE):
        if (pack / name).is_file():
            archive.add_file(f"pack/{name}", pack / name)
    content["data"] = {"pack": "pack"}
    _add_weights(archive, recipe, content)
    step = _add_newest_checkpoint(archive, options.run, recipe) if options.run else None
    archive.add_file("recipe.toml", format_toml(content).encode())
    beginning = "begins" if step is None else f"goes on from step {step}"
    return [
        f"{options.recipe} {beginning}; {len(index.sources)} films and photographs",
        f"their pictures: {(pack / PICTURES_FILE).stat().st_size / MIB:.1f} MiB of JPEG, quality {luma} and {chroma}",
    ]


def _read_changed_recipe(options: PackOptions) -> Recipe:
    """Read the recipe with the changes of ``--set`` and ``--start``."""
    try:
        changes = tomllib.loads("\n".join(options.changes))
    except tomllib.TOMLDecodeError as error:
        raise TransferError(f"--set wants KEY=VALUE as in a recipe, texts in quotes: {error}") from error
    if options.start:
        changes.setdefault("model", {}).setdefault("start_from", {})[""] = str(options.start.absolute())
    return read_recipe(options.recipe, changes)


def _build_index(options: PackOptions, recipe: Recipe, kinds: set[Any]) -> SourceIndex:
    """Scan the films and photographs that the recipe needs; what the training cache knows is not read again.

    What the recipe holds out is left out of the pack, because it cannot be named where the files are not.
    """
    if recipe.validation.folders:
        raise TransferError("a pack holds out a share of its films: take validation.folders out of the recipe")
    needs_photographs = recipe.clips.photographs or kinds & {"similar", "wrong"}
    films = options.films or _find_folders(options.data, FILM_FOLDERS)
    photographs = (options.photographs or _find_folders(options.data, PHOTOGRAPH_FOLDERS)) if needs_photographs else []
    network = load_imagenet_backbone() if "similar" in kinds else None
    jobs = os.cpu_count() or 1
    index = build_source_index(films, photographs, _find_cache(options), network=network, jobs=jobs)
    return refuse_held_out(index, recipe.data.held_out, _find_cache(options))


def _write_pack_once(index: SourceIndex, frames: FrameCache, pack: Path, quality: JpegQuality) -> None:
    """Write the pack, which takes minutes, unless an earlier `pack` left the same one."""
    made_of = hashlib.sha256(f"{quality} {frames.size} {index.sources}".encode())
    made_of.update(b"" if index.embeddings is None else index.embeddings.tobytes())
    marker = pack / "made-of"
    if marker.is_file() and marker.read_text() == made_of.hexdigest():
        return
    shutil.rmtree(pack, ignore_errors=True)
    write_pack(index, frames, pack, quality)
    marker.write_text(made_of.hexdigest())


def _find_folders(data: Path, names: tuple[str, ...]) -> list[Path]:
    return [data / name for name in names if (data / name).is_dir()]


def _find_cache(options: PackOptions) -> Path:
    return options.cache or user_folder() / "training-cache"


def _add_weights(archive: ArchiveWriter, recipe: Recipe, content: dict[str, Any]) -> None:
    """Add the weights that training reads, and put the paths of files among them into the recipe's ``content``."""
    parts = {"vgg19"} if required_vgg_taps(recipe.losses) else set()
    for number, (module, source) in enumerate(recipe.model.start_from.items()):
        if is_weights_file(source):
            path = f"start/{number}/{Path(source).name}"
            content["model"]["start_from"][module] = path
            archive.add_file(path, Path(source))
        elif is_stored_part(source):
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
