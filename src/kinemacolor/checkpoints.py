"""Weights in the files that their authors published: read, checked, stored, and written again.

Nothing in a file is ever executed, and nothing is stored unless all of it fits.
"""

import argparse
import json
import lzma
import pickle
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.features import vgg19_places
from kinemacolor.models.color2embed import official_encoder_names, official_unet_names
from kinemacolor.models.deep_exemplar import official_colorization_names, official_correspondence_names
from kinemacolor.weights import (
    MODELS,
    StoredPart,
    WeightsEntry,
    blank_parts,
    fetch,
    file_sha256,
    manifest,
    read_part,
    recorded_options,
    staging,
    store_parts,
    stored_parts,
    writing,
)

Parts = Mapping[str, Mapping[str, Tensor]]  # tensors by part and by our names

CHECKPOINT = re.compile(r"(.*/)?[^/.][^/]*\.(pth|pt|ckpt|safetensors)")  # the members of an archive to look at
LARGEST = 4 << 30  # bytes of a checkpoint in an archive
TOLD = ("licence", "provenance", "trained_on", "non_commercial", "options")  # what our own files say of their parts
COUNTER = "num_batches_tracked"  # inference never reads it; old files have none
DAMAGED = (OSError, EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
BROKEN = (pickle.UnpicklingError, SafetensorError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Format:
    """One kind of file: for every part in it, our modules and their names there.

    ``file`` is what its authors call it, ``leftover`` a pattern of keys we have no use for, ``options``
    what a model with these weights needs, ``boxes`` the dictionaries that the keys lie in.
    """

    name: str
    file: str
    modules: Mapping[str, Mapping[str, str]]
    leftover: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    boxes: tuple[str, ...] = ()

    def key(self, part: str, ours: str) -> str:
        """What a tensor of a part is called in the file."""
        module, _, leaf = ours.rpartition(".")
        return f"{self.modules[part][module]}.{leaf}"


@dataclass(frozen=True)
class _Checkpoint:
    """A file that was read, and what the rows of its parts shall say."""

    label: str
    sha256: str
    format: Format
    parts: Parts
    rows: Mapping[str, Mapping[str, Any]]

    def row(self, part: str) -> WeightsEntry:
        return replace(manifest()[part], source=self.label, source_sha256=self.sha256, **self.rows.get(part, {}))


def published_formats(blank: Parts) -> list[Format]:
    """The files of other authors that fill parts of ``blank``."""
    places = vgg19_places()
    caffe = {"vgg19": {layer: layer for layer in places}}
    placed = {"vgg19": {layer: f"features.{place}" for layer, place in places.items()}}
    # a layer for the border before each; place 0 turns RGB into Caffe's BGR, which our VGG19 does itself
    normalised = {"vgg19": {layer: str(place + i + 2) for i, (layer, place) in enumerate(places.items())}}
    embed = {
        "color2embed-encoder": {ours: f"colorEncoder.{name}" for ours, name in official_encoder_names().items()},
        "color2embed-unet": {ours: f"colorUNet.{name}" for ours, name in official_unet_names().items()},
    }
    twice = r"(colorEncoder\.vgg\.(vgg_model|vgg_feature\.3[24])|g_optim)\..*"
    nonlocal_net = {"deep-exemplar-correspondence": official_correspondence_names()}
    colornet = {"deep-exemplar-colorization": official_colorization_names()}
    resnet101 = {"resnet101": {module: module for module in _modules(blank.get("resnet101", ()))}}
    rows = [
        Format("Caffe's VGG19", "vgg19_conv.pth", caffe, r"conv5_[34]\..*", {"vgg": "caffe"}),
        Format("torchvision's VGG19", "vgg19.pth", placed, r"(features\.3[24]|classifier)\..*", {"vgg": "torchvision"}),
        Format("a normalised VGG19", "vgg_normalized.pth", normalised, r"(0|48|51)\..*", {"vgg": "normalised"}),
        Format("Deep Exemplar's correspondence net", "nonlocal_net.pth", nonlocal_net),
        Format("Deep Exemplar's colorization net", "colornet.pth", colornet),
        Format("torchvision's ResNet-101", "resnet101.pth", resnet101, r"(layer3\.(19|2[0-2])|layer4|fc)\..*"),
        Format("Color2Embed's checkpoint", "color2embed.pt", embed, twice, boxes=("colorEncoder", "colorUNet")),
    ]
    return [row for row in rows if row.modules.keys() <= blank.keys()]


def own_format(name: str, blank: Parts) -> Format:
    """Our own file of a whole model: the keys of its state dict."""
    paths = {part: f"{path}." if path else "" for part, path in MODELS[name].parts.items()}
    modules = {part: {module: prefix + module for module in _modules(blank[part])} for part, prefix in paths.items()}
    return Format(f"Kinemacolor's {name}", f"{name}.safetensors", modules)


def import_weights(name: str, files: Sequence[Path | str] = ()) -> list[StoredPart]:
    """Store the parts of a model that ``files`` hold: paths or URLs of checkpoints, or of archives with some.

    Without files, what is missing is fetched from where the manifest says. All is stored, or nothing.
    Raises UsageError for an unknown model or a URL of another kind, WeightsError for what cannot be
    fetched, read or used, ResourceError where it cannot be stored.
    """
    missing = [part for part in stored_parts(name) if not part.path]
    with staging() as folder:
        found = [c for file in files for c in _read(name, file, folder)] or _fetch_missing(name, missing, folder)
        chosen = {part: _choose(part, found) for part in MODELS[name].parts if any(part in c.parts for c in found)}
        store_parts({part: (c.row(part), c.parts[part]) for part, c in chosen.items()}, folder)
    return [part for part in stored_parts(name) if part.name in chosen]


def export_weights(name: str, target: Path, *, official: bool = False, overwrite: bool = False) -> list[Path]:
    """Write a model's weights into a folder, or a file where one is enough; gives what was written.

    One safetensors file of ours, or the files of its authors. Raises UsageError for an unknown
    model, one without published files or a file that exists, WeightsError for untrained or damaged
    weights, ResourceError where they cannot be written.
    """
    stored = stored_parts(name)
    untrained = [part.name for part in stored if not part.path]
    if untrained:
        raise WeightsError(f"{name} is not ready for export, {', '.join(untrained)} untrained: import weights first")
    blank = blank_parts()
    chosen = _official_formats(name, blank) if official else [own_format(name, blank)]
    alone = len(chosen) == 1 and target.suffix == PurePath(chosen[0].file).suffix and not target.is_dir()
    paths = [target if alone else target / row.file for row in chosen]
    for path in paths:
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists: choose another name, or say --overwrite")
    for path, row in zip(paths, chosen, strict=True):
        tensors = [(part, read_part(part)) for part in stored if part.name in row.modules]
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
                _write(Path(folder) / path.name, row, tensors).replace(path)
    return paths


def _read(name: str, file: Path | str, folder: Path) -> list[_Checkpoint]:
    """The checkpoints in a file or behind a URL that hold parts of the model; at least one."""
    label, path = fetch(file, folder) if isinstance(file, str) else (file.name, file)
    if not path.is_file():
        raise WeightsError(f"{path} is no file: name a checkpoint, an archive with some, or a URL")
    blank = blank_parts()
    known = [*published_formats(blank), *(own_format(model, blank) for model in MODELS)]
    found, errors = [], []
    for member, place in _members(label, path, folder):
        try:
            tensors, metadata = _load(member, place)
            kind = _recognise(member, tensors, known, blank)
        except WeightsError as problem:
            errors.append(str(problem))
            continue
        if kind.modules.keys() & MODELS[name].parts.keys():
            parts = _fit(member, tensors, kind, blank)
            found.append(_Checkpoint(member, file_sha256(place), kind, parts, _rows(member, kind, metadata, known)))
        else:
            owner = next(model for model, other in MODELS.items() if kind.modules.keys() & other.parts.keys())
            errors.append(f"{member} is {kind.name}, {name} has no such part: kinemacolor models import {owner} {file}")
    if not found:
        raise WeightsError("\n".join(errors[:3]) or f"{label} is an archive without checkpoints: name another")
    return found


def _members(label: str, path: Path, folder: Path) -> list[tuple[str, Path]]:
    """A checkpoint itself, or those in an archive, copied out under names of our own."""

    def copy(inside: str, stream: IO[bytes] | None, size: int) -> tuple[str, Path]:
        member = f"{PurePosixPath(inside).name} in {label}"
        if size > LARGEST or stream is None:
            raise WeightsError(f"{member} has {size >> 30} GiB, more than any model here: name another file")
        with stream, tempfile.NamedTemporaryFile(dir=folder, suffix=PurePath(inside).suffix, delete=False) as sink:
            shutil.copyfileobj(stream, sink)
        return member, Path(sink.name)

    try:
        if zipfile.is_zipfile(path) and path.suffix != ".safetensors":
            with zipfile.ZipFile(path) as zipped:
                if not any(name.endswith("/data.pkl") for name in zipped.namelist()):  # else PyTorch's own zip file
                    files = [i for i in zipped.infolist() if CHECKPOINT.fullmatch(i.filename)]
                    return [copy(i.filename, zipped.open(i), i.file_size) for i in files]
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as packed:
                members = [m for m in packed if m.isfile() and CHECKPOINT.fullmatch(m.name)]
                return [copy(m.name, packed.extractfile(m), m.size) for m in members]
    except (*DAMAGED, *BROKEN) as error:
        raise WeightsError(f"{label} is a damaged archive ({error}): get it again") from error
    return [(label, path)]


def _load(label: str, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file, by the names in it, and its metadata."""
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as opened:
                metadata = opened.metadata() or {}
            return load_file(path), metadata
        with path.open("rb") as stream:
            start = stream.read(2)
        if not (zipfile.is_zipfile(path) or start[:1] == pickle.PROTO):
            what = "cut off" if start == b"PK" else "no checkpoint of PyTorch, no safetensors file and no archive"
            raise WeightsError(f"{label} is {what}: get the file again")
        with torch.serialization.safe_globals([argparse.Namespace]):
            return _flat(torch.load(path, weights_only=True, map_location="cpu")), {}
    except (*DAMAGED, *BROKEN) as error:
        code = re.search(r"GLOBAL \S+|TorchScript", str(error))
        if code:
            raise WeightsError(f"{label} wants to run code ({code[0]}), refused: get a file of tensors only") from error
        raise WeightsError(f"{label} is damaged: get the file again") from error


def _flat(loaded: object) -> dict[str, Tensor]:
    """The tensors of a dictionary and of those in it; their names lose ``module.`` and ``state_dict.``."""
    flat = {}
    for name, value in loaded.items() if isinstance(loaded, dict) else ():
        for inner, tensor in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(tensor, Tensor) and tensor.layout is torch.strided and tensor.device.type == "cpu":
                words = f"{name}.{inner}".strip(".").split(".")
                flat[".".join(word for word in words if word not in ("module", "state_dict"))] = tensor
    return flat


def _recognise(label: str, tensors: Mapping[str, Tensor], known: list[Format], blank: Parts) -> Format:
    """The format most of whose keys are there."""

    def share(kind: Format) -> float:
        keys = [kind.key(part, ours) for part in kind.modules for ours in blank[part]]
        return sum(key in tensors for key in keys) / len(keys)

    best = max(known, key=share)
    if share(best) < 0.5:
        wanted = "; ".join(kind.name for kind in known)
        raise WeightsError(f"{label} is of no known model ({', '.join(list(tensors)[:3])}, …): wanted {wanted}")
    return best


def _fit(label: str, tensors: Mapping[str, Tensor], kind: Format, blank: Parts) -> Parts:
    """The tensors by our names, of our shapes and types. Raises WeightsError that names what does not fit."""
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in kind.modules}
    missing, misshapen, left = [], [], dict(tensors)
    for part, ours, like in ((p, *item) for p in kind.modules for item in blank[p].items()):
        key = kind.key(part, ours)
        left.pop(key, None)
        tensor = tensors.get(key, torch.zeros(()) if ours.endswith(COUNTER) else None)
        if tensor is None:
            missing.append(key)
        elif tensor.shape != like.shape:
            misshapen.append(f"{key} is {list(tensor.shape)}, wanted {list(like.shape)}")
        else:
            parts[part][ours] = tensor.detach().to(like.dtype).clone(memory_format=torch.contiguous_format)
    spare = [key for key in left if not (key.endswith(COUNTER) or re.fullmatch(kind.leftover, key))]
    lists = {"missing": missing, "left over": spare, "of a wrong shape": misshapen}
    faults = [f"{len(k)} {what} ({'; '.join(k[:3])}{'; …' if len(k) > 3 else ''})" for what, k in lists.items() if k]
    if faults:
        raise WeightsError(f"{label} looks like {kind.name}, but {', '.join(faults)}: get the published file")
    return parts


def _rows(label: str, kind: Format, metadata: Mapping[str, str], known: list[Format]) -> dict[str, dict[str, Any]]:
    """What a file says of its parts; our own files hold their rows."""
    if not kind.file.endswith(".safetensors"):
        return {part: {"provenance": kind.name, "options": kind.options} for part in kind.modules}
    try:
        told = json.loads(metadata.get("parts", "{}"))
        rows = {part: {key: told[part][key] for key in TOLD} for part in kind.modules if part in told}
    except (ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{label} has damaged metadata ({error}): export it again") from error
    for part, row in rows.items():
        possible = [{}, *(other.options for other in known if part in other.modules)]
        if row["options"] not in possible or not all(isinstance(row[key], str) for key in TOLD[:3]):
            raise WeightsError(f"{label} says of {part} what cannot be ({row}): export it again")
    return rows


def _fetch_missing(name: str, missing: list[StoredPart], folder: Path) -> list[_Checkpoint]:
    """The published files with the missing parts, each from the first address that has it."""
    found: list[_Checkpoint] = []
    for part in missing:
        for url in part.entry.url or ():
            if not any(part.name in checkpoint.parts for checkpoint in found):
                found += _read(name, url, folder)
        if not any(part.name in checkpoint.parts for checkpoint in found):
            where = f"get it by hand ({part.entry.provenance}), then `kinemacolor models import {name} FILE`"
            raise WeightsError(f"no address is known for {part.name}: {where}")
    return found


def _choose(part: str, found: list[_Checkpoint]) -> _Checkpoint:
    """The file to take a part from; of several, the one with the name that its authors gave it."""
    having = [c for c in found if part in c.parts]
    named = [c for c in having if c.label.startswith(PurePath(c.format.file).stem)] if len(having) > 1 else having
    if len(named) != 1:
        raise WeightsError(f"{part} is in {' and in '.join(c.label for c in named or having)}: name one file for it")
    return named[0]


def _official_formats(name: str, blank: Parts) -> list[Format]:
    """The published files that a model's parts, with their options, would fill."""
    options = asdict(recorded_options(name))
    fitting = [row for row in published_formats(blank) if row.options.items() <= options.items()]
    chosen = [row for row in fitting if row.modules.keys() <= MODELS[name].parts.keys()]
    unknown = MODELS[name].parts.keys() - {part for row in chosen for part in row.modules}
    if unknown:
        raise UsageError(f"{', '.join(sorted(unknown))}: no published form; export {name} without --official")
    return chosen


def _write(path: Path, kind: Format, parts: list[tuple[StoredPart, dict[str, Tensor]]]) -> Path:
    """Parts as one file of a kind; our own holds their rows too."""
    tensors = {kind.key(part.name, ours): tensor for part, of in parts for ours, tensor in of.items()}
    if path.suffix == ".safetensors":
        rows = {part.name: {key: asdict(part.entry)[key] for key in TOLD} for part, _ in parts}
        save_file(tensors, path, {"parts": json.dumps(rows)})
    else:
        boxed = {b: {k.partition(".")[2]: t for k, t in tensors.items() if k.startswith(b)} for b in kind.boxes}
        torch.save(boxed or tensors, path)
    return path


def _modules(tensors: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(key.rpartition(".")[0] for key in tensors))
