"""Imports weights from the files that their authors published, and exports them again.

Nothing is stored unless all of it fits.
"""

import json
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.utils.files import compute_file_sha256, translate_disk_errors
from kinemacolor.weights.checkpoint_files import iter_checkpoint_files, load_tensors
from kinemacolor.weights.formats import PartTensors, WeightsFormat, own_format, published_formats
from kinemacolor.weights.int8_form import pack_int8
from kinemacolor.weights.manifest import StoredPart, package_manifest, stored_parts
from kinemacolor.weights.misfit import find_earlier_form
from kinemacolor.weights.registry import (
    MODELS,
    WeightsNotice,
    are_options,
    make_meta_parts,
    read_part,
    recorded_options,
)
from kinemacolor.weights.store import WeightsEntry, download_file, staging_folder, store_parts
from kinemacolor.weights.trial import try_weights

# What our own files say of each of their parts.
EXPORTED_FIELDS = ("licence", "provenance", "trained_on", "non_commercial", "options")
LARGEST_WEIGHT = 1000  # of matrices and kernels; those of trained networks stay under 30
BATCH_COUNTER_SUFFIX = "num_batches_tracked"  # inference never reads it; old files have none


@dataclass(frozen=True)
class _Checkpoint:
    """A file that was read: its parts, and the fields of the manifest that it decides, by part."""

    label: str
    sha256: str
    format: WeightsFormat
    parts: PartTensors
    part_fields: Mapping[str, Mapping[str, Any]]

    def manifest_entry(self, part: str) -> WeightsEntry:
        """Make the row of the user's manifest for a part of this file."""
        return replace(
            package_manifest()[part], source=self.label, source_sha256=self.sha256, **self.part_fields.get(part, {})
        )


def import_weights(name: str, files: Sequence[Path | str] = ()) -> list[StoredPart]:
    """Store the parts of a model that are in ``files``: paths or URLs of checkpoints, or of archives of checkpoints.

    Without files, missing parts are downloaded from the addresses in the manifest. All parts are stored, or none.
    Gives the parts that were stored. Raises UsageError for an unknown model or a URL of another kind, WeightsError for
    a file that cannot be downloaded, read or used, ResourceError where the parts cannot be stored.
    """
    missing = [part for part in stored_parts(name) if not part.path]
    with staging_folder() as folder:
        read = [checkpoint for file in files for checkpoint in _read_checkpoints(name, file, folder)]
        checkpoints = read or _download_missing(name, missing, folder)
        chosen = {
            part: _choose_checkpoint(part, checkpoints)
            for part in MODELS[name].parts
            if any(part in checkpoint.parts for checkpoint in checkpoints)
        }
        _warn_of_useless_weights(name, {part: one.parts[part] for part, one in chosen.items()})
        store_parts({part: (one.manifest_entry(part), one.parts[part]) for part, one in chosen.items()}, folder)
    return [part for part in stored_parts(name) if part.name in chosen]


def _warn_of_useless_weights(name: str, imported: PartTensors) -> None:
    """Let a model with imported parts colour a picture with itself, if it has all its parts; see `try_weights`."""
    rest = [part for part in stored_parts(name) if part.name not in imported]
    if all(part.path for part in rest):
        notice = try_weights(name, {**imported, **{part.name: read_part(part) for part in rest}})
        if notice:
            warnings.warn(notice, WeightsNotice, stacklevel=3)


def export_weights(
    name: str, target: Path, *, official: bool = False, int8: bool = False, overwrite: bool = False
) -> list[Path]:
    """Write a model's weights into a folder, or into a file where one is enough; gives the paths.

    Writes one safetensors file of ours, with ``int8`` in the form of `int8_form`, or, with ``official``, the files of
    its authors. Raises UsageError for an unknown model, a model without published files or a file that exists,
    WeightsError for untrained or damaged weights, ResourceError where they cannot be written.
    """
    stored = stored_parts(name)
    untrained = [part.name for part in stored if not part.path]
    if untrained:
        raise WeightsError(f"{name} is not ready for export, {', '.join(untrained)} untrained: import weights first")
    meta_parts = make_meta_parts()
    formats = _official_formats(name, meta_parts) if official else [own_format(name, meta_parts)]
    is_single_file = (
        len(formats) == 1 and target.suffix == PurePath(formats[0].file_name).suffix and not target.is_dir()
    )
    paths = [target if is_single_file else target / row.file_name for row in formats]
    for path in paths:
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists: choose another name, or say --overwrite")
    for path, row in zip(paths, formats, strict=True):
        tensors = [(part, read_part(part)) for part in stored if part.name in row.modules]
        with translate_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
                _write_weights_file(Path(folder) / path.name, row, tensors, int8=int8).replace(path)
    return paths


def _read_checkpoints(name: str, file: Path | str, folder: Path) -> list[_Checkpoint]:
    """Read the checkpoints of a file or URL that have parts of the model. Raises WeightsError where none has."""
    label, path = download_file(file, folder) if isinstance(file, str) else (file.name, file)
    if not path.is_file():
        raise WeightsError(f"{path} is no file: name a checkpoint, an archive with some, or a URL")
    meta_parts = make_meta_parts()
    known_formats = [*published_formats(meta_parts), *(own_format(model, meta_parts) for model in MODELS)]
    checkpoints, errors = [], []
    for member, member_path in iter_checkpoint_files(label, path, folder):
        tensors, metadata = load_tensors(member, member_path)
        try:
            file_format = _recognize_format(member, tensors, known_formats, meta_parts)
        except WeightsError as problem:
            errors.append(str(problem))
            continue
        if file_format.modules.keys() & MODELS[name].parts.keys():
            parts = _match_tensors(member, tensors, file_format, meta_parts)
            checkpoints.append(
                _Checkpoint(
                    member,
                    compute_file_sha256(member_path),
                    file_format,
                    parts,
                    _read_part_fields(member, file_format, metadata),
                )
            )
        else:
            errors.append(
                f"{member} is {file_format.name}, {name} has no such part: "
                f"kinemacolor models import {_find_owner(file_format)} {file}"
            )
    if not checkpoints:
        raise WeightsError("; ".join(errors[:3]) or f"{label} is an archive without checkpoints: name another")
    return checkpoints


def _recognize_format(
    label: str, tensors: Mapping[str, Tensor], known_formats: list[WeightsFormat], meta_parts: PartTensors
) -> WeightsFormat:
    """Find the format of a file: the one of whose keys most are there. Raises WeightsError below one half."""

    def matching_key_share(file_format: WeightsFormat) -> float:
        keys = [file_format.key_in_file(part, ours) for part in file_format.modules for ours in meta_parts[part]]
        return sum(key in tensors for key in keys) / len(keys)

    earlier = find_earlier_form(tensors)
    if earlier:
        raise WeightsError(f"{label} has weights of {earlier}, which is no more: take newer ones")
    best = max(known_formats, key=matching_key_share)
    if matching_key_share(best) < 0.5:
        wanted = "; ".join(kind.name for kind in known_formats)
        raise WeightsError(f"{label} is of no known model ({', '.join(list(tensors)[:3])}, …): wanted {wanted}")
    return best


def _match_tensors(
    label: str, tensors: Mapping[str, Tensor], file_format: WeightsFormat, meta_parts: PartTensors
) -> PartTensors:
    """Sort tensors by part and our names, in our types. Raises WeightsError that names what does not fit."""
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in file_format.modules}
    missing, misshapen, non_finite, too_large, left = [], [], [], [], dict(tensors)
    for part, ours, like in ((p, *item) for p in file_format.modules for item in meta_parts[p].items()):
        key = file_format.key_in_file(part, ours)
        left.pop(key, None)
        tensor = tensors.get(key, torch.zeros(()) if ours.endswith(BATCH_COUNTER_SUFFIX) else None)
        if tensor is None:
            missing.append(key)
        elif tensor.shape != like.shape:
            misshapen.append(f"{key} is {list(tensor.shape)}, wanted {list(like.shape)}")
        elif not torch.isfinite(tensor).all():
            non_finite.append(key)
        elif tensor.ndim > 1 and tensor.abs().max() > LARGEST_WEIGHT:
            too_large.append(key)
        else:
            parts[part][ours] = tensor.detach().to(like.dtype).clone(memory_format=torch.contiguous_format)
    unused = [
        key for key in left if not (key.endswith(BATCH_COUNTER_SUFFIX) or re.fullmatch(file_format.ignored_keys, key))
    ]
    lists = {"missing": missing, "left over": unused, "of a wrong shape": misshapen, "not finite": non_finite}
    lists[f"larger than {LARGEST_WEIGHT:g}"] = too_large
    faults = [f"{len(k)} {what} ({'; '.join(k[:3])}{'; …' if len(k) > 3 else ''})" for what, k in lists.items() if k]
    if faults:
        raise WeightsError(f"{label} looks like {file_format.name}, but {', '.join(faults)}: get the published file")
    return parts


def _read_part_fields(label: str, file_format: WeightsFormat, metadata: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Collect the fields of the manifest that a file decides, by part.

    Our own files record them in their metadata. Raises WeightsError where these are damaged or impossible.
    """
    if not file_format.file_name.endswith(".safetensors"):
        row = {"provenance": file_format.name, "options": file_format.options} | (
            {"licence": file_format.licence} if file_format.licence else {}
        )
        return dict.fromkeys(file_format.modules, row)
    try:
        recorded = json.loads(metadata.get("parts", "{}"))
        rows = {
            part: {key: recorded[part][key] for key in EXPORTED_FIELDS}
            for part in file_format.modules
            if part in recorded
        }
    except (ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{label} has damaged metadata ({error}): export it again") from error
    for part, row in rows.items():
        are_texts = all(isinstance(row[key], str) for key in EXPORTED_FIELDS[:3])
        if not are_texts or not are_options(_find_owner(file_format), row["options"]):
            raise WeightsError(f"{label} says of {part} what cannot be ({row}): export it again")
    return rows


def _find_owner(file_format: WeightsFormat) -> str:
    """Find the model that has all parts of a format; the first, where several do."""
    return next(name for name, model in MODELS.items() if file_format.modules.keys() <= model.parts.keys())


def _download_missing(name: str, missing: list[StoredPart], folder: Path) -> list[_Checkpoint]:
    """Download the published files of missing parts, each from the first address that has it.

    Parts without any address are left out. Raises WeightsError where a part is found at none of its addresses, or
    where nothing was downloaded at all.
    """
    checkpoints: list[_Checkpoint] = []
    for part in missing:
        problems = []
        for url in part.entry.url or ():
            if any(part.name in checkpoint.parts for checkpoint in checkpoints):
                break
            try:
                checkpoints += _read_checkpoints(name, url, folder)
            except WeightsError as problem:
                problems.append(str(problem))
        if problems and not any(part.name in checkpoint.parts for checkpoint in checkpoints):
            raise WeightsError("; ".join(problems))
    if missing and not checkpoints:
        sources = "; ".join(dict.fromkeys(part.entry.provenance for part in missing))
        raise WeightsError(f"no address is known for {name} ({sources}): `kinemacolor models import {name} FILE`")
    return checkpoints


def _choose_checkpoint(part: str, checkpoints: list[_Checkpoint]) -> _Checkpoint:
    """Choose the file to take a part from: of several, the one with the name that its authors gave it."""
    having = [checkpoint for checkpoint in checkpoints if part in checkpoint.parts]
    named = [c for c in having if c.label.startswith(PurePath(c.format.file_name).stem)] if len(having) > 1 else having
    if len(named) != 1:
        raise WeightsError(f"{part} is in {' and in '.join(c.label for c in named or having)}: name one file for it")
    return named[0]


def _official_formats(name: str, meta_parts: PartTensors) -> list[WeightsFormat]:
    """List the published formats that a model's parts fit, with their options. Raises UsageError where one has none."""
    options = asdict(recorded_options(name))
    fitting = [row for row in published_formats(meta_parts) if row.options.items() <= options.items()]
    chosen = [row for row in fitting if row.modules.keys() <= MODELS[name].parts.keys()]
    unknown = MODELS[name].parts.keys() - {part for row in chosen for part in row.modules}
    if unknown:
        raise UsageError(f"{', '.join(sorted(unknown))}: no published form; export {name} without --official")
    return chosen


def _write_weights_file(
    path: Path, file_format: WeightsFormat, parts: list[tuple[StoredPart, dict[str, Tensor]]], *, int8: bool
) -> Path:
    """Write parts as one file of a format; gives its path. Our own format records `EXPORTED_FIELDS` too."""
    tensors = {file_format.key_in_file(part.name, ours): tensor for part, of in parts for ours, tensor in of.items()}
    if path.suffix == ".safetensors":
        rows = {part.name: {key: asdict(part.entry)[key] for key in EXPORTED_FIELDS} for part, _ in parts}
        save_file(pack_int8(tensors) if int8 else tensors, path, {"parts": json.dumps(rows)})
    else:
        wrapped = {
            wrapper: {key.partition(".")[2]: tensor for key, tensor in tensors.items() if key.startswith(wrapper)}
            for wrapper in file_format.wrapper_keys
        }
        torch.save(wrapped or tensors, path)
    return path
