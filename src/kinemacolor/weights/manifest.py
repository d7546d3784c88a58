"""The manifests of weights: what is known of each part of each model, and which of them this machine has.

A model is made of parts (`ModelEntry.part_parameters`). A part is one safetensors file and one row of a manifest: the
package's for what is known and what ships, the user's for what was imported. Loads no network.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from kinemacolor.errors import WeightsError
from kinemacolor.models.catalog import MODEL_CATALOG, find_model
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.weights.store import WeightsEntry, user_folder, user_manifest

BACKBONE_PART = "imagenet-backbone"  # ships with the package; belongs to no model of the catalog

PartState = Literal["built in", "imported", "untrained"]


@dataclass(frozen=True)
class StoredPart:
    """A part of a model as it is on this machine; ``path`` is None where it is untrained."""

    name: str
    state: PartState
    path: Path | None
    entry: WeightsEntry


@dataclass(frozen=True)
class PartCheck:
    """The result of comparing the file of a part with its manifest; ``detail`` is a path or an error."""

    part: str
    state: Literal["ok", "missing", "damaged"]
    detail: str


@cache
def package_manifest() -> dict[str, WeightsEntry]:
    """Read the rows of the package's manifest, by part; once for a process."""
    rows = json.loads(files("kinemacolor").joinpath("assets/weights.json").read_text(encoding="utf-8"))
    return {name: WeightsEntry(**row) for name, row in rows.items()}


def stored_parts(name: str) -> tuple[StoredPart, ...]:
    """List the parts of a model as they are on this machine; imported weights take precedence over those built in.

    Raises UsageError for an unknown model, WeightsError for a damaged manifest.
    """
    parts, imported = find_model(name).part_parameters, user_manifest()
    return tuple(_find_stored_part(part, imported.get(part)) for part in parts)


def stored_backbone_part() -> StoredPart:
    """Return the part of the ImageNet backbone that ships with the package."""
    return _find_stored_part(BACKBONE_PART, None)


def weights_sha256(model: str) -> dict[str, str | None]:
    """Return the recorded sha256 of each part of a model on this machine, None where it is untrained.

    Raises as `stored_parts`.
    """
    return {part.name: part.entry.sha256 if part.path else None for part in stored_parts(model)}


def check_weights(path: Path, entry: WeightsEntry, remedy: str = "install kinemacolor again") -> None:
    """Compare the file at ``path`` with the sha256 of ``entry``.

    Raises WeightsError, which advises the ``remedy``, where it is missing, unreadable or different.
    """
    if not path.is_file():
        raise WeightsError(f"the weights {path} are missing: {remedy}")
    try:
        digest = compute_file_sha256(path)
    except OSError as error:
        raise WeightsError(f"the weights {path} cannot be read ({error.strerror}): {remedy}") from error
    if digest != entry.sha256:
        raise WeightsError(
            f"the weights {path} are damaged or of another version (sha256 {digest[:12]}…, wanted "
            f"{str(entry.sha256)[:12]}…): {remedy}"
        )


def verify_weights(name: str | None = None) -> list[PartCheck]:
    """Read every part of a model, or of all models, and compare it with its manifest. Raises as `stored_parts`."""
    parts = {part.name: part for model in ([name] if name else MODEL_CATALOG) for part in stored_parts(model)}
    return [_check_part(part) for part in (*parts.values(), *(() if name else (stored_backbone_part(),)))]


def describe_model(name: str) -> dict[str, Any]:
    """Describe a model and its weights, ready for JSON, without loading anything. Raises as `stored_parts`."""
    model, parts = find_model(name), stored_parts(name)
    rows: list[dict[str, Any]] = [
        {"part": part.name, "parameters": model.part_parameters[part.name], "state": part.state}
        | asdict(replace(part.entry, file=str(part.path) if part.path else None))
        for part in parts
    ]
    states = {part.state for part in parts}
    return {
        "name": name,
        "parameters": model.parameters,
        "short_side": next(
            (row["options"]["short_side"] for row in rows if "short_side" in row["options"]), model.spec.short_side
        ),
        "block": model.spec.block_size,
        "weights": next(state for state in ("untrained", "imported", "built in") if state in states),
        **{key: "; ".join(dict.fromkeys(row[key] for row in rows)) for key in ("licence", "trained_on", "provenance")},
        "parts": rows,
    }


def describe_state(parts: Sequence[StoredPart]) -> str:
    """Say in words what weights a model of these parts has, and what can be done about those that it lacks."""
    missing = [part for part in parts if part.state == "untrained"]
    if missing and not all(part.entry.published for part in missing):
        return "untrained: nobody published weights"
    if missing:
        which = "" if len(missing) == len(parts) else f" ({', '.join(part.name for part in missing)})"
        return f"not imported{which}: the weights are the authors'"
    return "imported" if any(part.state == "imported" for part in parts) else "built in"


def describe_models() -> list[dict[str, Any]]:
    """Describe every model, as `describe_model` does."""
    return [describe_model(name) for name in MODEL_CATALOG]


def _find_stored_part(part: str, imported: WeightsEntry | None) -> StoredPart:
    """Find a part: as imported, where that file exists, else as it ships, else as untrained."""
    entry = package_manifest()[part]
    if imported and (path := user_folder() / "weights" / str(imported.file)).is_file():
        return StoredPart(part, "imported", path, imported)
    if entry.file:
        return StoredPart(part, "built in", Path(str(files("kinemacolor").joinpath("assets", entry.file))), entry)
    return StoredPart(part, "untrained", None, entry)


def repair_hint(part: StoredPart) -> str:
    """Say what a user can do about a part whose file does not match its manifest."""
    if part.state == "built in":
        return "install kinemacolor again"
    return f"import them again (`kinemacolor models import --help`; they came from {part.entry.source})"


def weights_notices(name: str) -> tuple[str, ...]:
    """List what a user must know of a model's weights: untrained parts, licences. Raises as `stored_parts`."""
    parts = stored_parts(name)
    untrained = [part for part in parts if part.state == "untrained"]
    non_commercial = [
        f"{part.name} ({part.entry.licence})" for part in parts if part.path and part.entry.non_commercial
    ]
    notices = []
    if untrained:
        names = ", ".join(part.name for part in untrained)
        remedy = f"`kinemacolor models import {name} FILE...` brings the published weights"
        if not all(part.entry.published for part in untrained):
            remedy = "nobody published weights"
        notices.append(
            f"{name}: {names} {'is' if len(untrained) == 1 else 'are'} UNTRAINED: its colours mean nothing; "
            f"{remedy}, see `kinemacolor models info {name}`"
        )
    if non_commercial:
        notices.append(f"{name}: {', '.join(non_commercial)}: for non-commercial use only")
    return tuple(notices)


def _check_part(part: StoredPart) -> PartCheck:
    """Compare a part with its manifest."""
    if not part.path:
        return PartCheck(part.name, "missing", "not imported")
    try:
        check_weights(part.path, part.entry, repair_hint(part))
    except WeightsError as error:
        return PartCheck(part.name, "damaged", str(error))
    return PartCheck(part.name, "ok", str(part.path))
