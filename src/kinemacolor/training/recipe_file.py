"""Recipes as TOML files: reading, checking and comparing them.

A recipe may name a ``base``, another recipe, and then holds only what differs: keys of a section replace those of the
base one by one, tables inside of a section as a whole. Old names of keys (`recipe_aliases`) are read too.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kinemacolor.errors import InputError, UsageError
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.training.recipe import Recipe, is_weights_file
from kinemacolor.training.recipe_aliases import rename_old_keys
from kinemacolor.utils.validation_messages import describe_validation_errors

# Keys that may change when a run resumes: its length, what it writes, paths, and what only saves memory. A photograph
# share too, because runs of earlier versions held out none; a run whose data is another for it says so, as for paths.
RESUME_SAFE_KEYS = {
    *("steps", "checkpoint_every", "log_every", "keep_checkpoints", "data"),
    *("gradient_accumulation", "gradient_checkpointing"),
    *(f"validation.{key}" for key in ("every", "films", "frames", "folders", "photographs", "photograph_share")),
}

PATHS_OF_DATA = ("films", "photographs", "pack", "cache", "held_out")


def read_recipe(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe from a file, or the packaged one of that name.

    ``overrides`` replace its keys; they are nested like the file.
    Raises InputError for a file that cannot be read; UsageError, which names file and key, for wrong contents.
    """
    raw = _merge_recipes(_read_with_base(source, ()), _rename_keys_of(source, overrides or {}))
    losses = raw.get("losses")
    if isinstance(losses, dict):
        raw["losses"] = {name: {"weight": x} if _is_number(x) else x for name, x in losses.items()}
    try:
        recipe = Recipe.model_validate_json(json.dumps(raw, default=str))
        recipe.model.build_options(MODEL_CATALOG[recipe.model.name].load_class().options_type())  # checks them
    except ValidationError as error:
        raise UsageError(f"{source}: {describe_validation_errors(error, _locate_error)}") from error
    except UsageError as error:
        raise UsageError(f"{source}: clips: {error}") from error
    return recipe


def list_packaged_recipes() -> list[str]:
    """List the names of the recipes that come with the package."""
    folder = files("kinemacolor").joinpath("recipes")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Convert a recipe to a dict of JSON values."""
    content: dict[str, Any] = recipe.model_dump(mode="json")
    return content


def restore_recipe(content: Mapping[str, Any]) -> Recipe:
    """Restore a recipe from what `recipe_to_dict` gave, also in a version that lacked keys or had other names.

    Raises ValueError where it is none.
    """
    return Recipe.model_validate_json(json.dumps(rename_old_keys(content)))


def find_differing_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Find the keys that differ between two recipes, as `recipe_to_dict` gives them, except `RESUME_SAFE_KEYS`."""
    flat = [dict(_iter_significant_keys(recipe)) for recipe in (one, other)]
    return sorted(key for key in {*flat[0], *flat[1]} if flat[0].get(key) != flat[1].get(key))


def _iter_significant_keys(recipe: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted keys and values to compare; of paths in ``start_from`` only the last part counts."""
    for name, value in recipe.items():
        rows = {f"{name}.{key}": x for key, x in value.items()} if isinstance(value, dict) else {name: value}
        for key, x in rows.items():
            if not {name, key} & RESUME_SAFE_KEYS:
                yield key, {at: Path(path).name for at, path in x.items()} if key == "model.start_from" else x


def _read_with_base(source: str | Path, visited_bases: tuple[str, ...]) -> dict[str, Any]:
    """The raw contents of a recipe file, merged over its base; relative paths become absolute."""
    path, text = _read_text(source)
    try:
        raw = _rename_keys_of(source, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source} is no TOML file: {error}") from error
    for section, key in (*(("data", key) for key in PATHS_OF_DATA), ("validation", "folders")):
        if isinstance(raw.get(section), dict) and key in raw[section]:
            raw[section][key] = _make_absolute(raw[section][key], path.parent)
    model = raw.get("model")
    if isinstance(model, dict) and isinstance(model.get("start_from"), dict):
        initial_weights = model["start_from"].items()
        model["start_from"] = {
            at: _make_absolute(x, path.parent) if is_weights_file(x) else x for at, x in initial_weights
        }
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str) or base in visited_bases:
        raise UsageError(f"{source}: base: wanted the name or the path of another recipe, got {base!r}")
    below = base if base in list_packaged_recipes() else path.parent / base
    return _merge_recipes(_read_with_base(below, (*visited_bases, base)), raw)


def _rename_keys_of(source: str | Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """`rename_old_keys` with the name of the file in its errors."""
    try:
        return rename_old_keys(content)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error


def _read_text(source: str | Path) -> tuple[Path, str]:
    """The path of a recipe file or packaged recipe, and its text."""
    path = Path(source)
    if str(source) in list_packaged_recipes():
        path = Path(str(files("kinemacolor").joinpath("recipes", f"{source}.toml")))
    if not path.is_file():
        raise InputError(f"{source} is no recipe: give a .toml file, or one of {', '.join(list_packaged_recipes())}")
    try:
        return path.absolute(), path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error})") from error


def _make_absolute(value: Any, folder: Path) -> Any:
    """Resolve a path, or each path of a list, against ``folder``; other types are left for validation to reject."""
    if isinstance(value, list):
        return [_make_absolute(one, folder) for one in value]
    return str((folder / value).resolve()) if isinstance(value, str) else value


def _merge_recipes(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with the keys of ``above`` replaced, in sections one by one."""
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = {**merged[name], **value} if both else value
    return merged


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _locate_error(where: tuple[Any, ...]) -> tuple[Any, ...]:
    """The place of an error in the file: options of a model are validated apart from their section."""
    return ("model", *where) if where[:1] == ("options",) else where
