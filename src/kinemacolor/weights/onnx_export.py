"""Writes what of a model depends on its weights alone as ONNX files, which other programs can run."""

import json
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from kinemacolor._version import __version__
from kinemacolor.errors import UsageError
from kinemacolor.inference.engines.methods import MethodModule
from kinemacolor.models.base import Colorizer
from kinemacolor.models.catalog import find_model
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.video.geometry import MAX_ASPECT
from kinemacolor.weights.import_export import EXPORTED_FIELDS
from kinemacolor.weights.manifest import stored_parts
from kinemacolor.weights.registry import MODELS, load_model

OPSET = 17  # of ONNX: programs since 2022 read it
SHORT_SIDES = 64, 1080  # px, as of the option --size of films


def export_onnx(name: str, folder: Path, *, size: str | None = None, overwrite: bool = False) -> list[Path]:
    """Write each of a model's `Colorizer.tensor_methods` as an ONNX file into a folder; gives the paths.

    The files hold for one frame at a time of ``size``, such as "384x216" (width and height in px); by default 16:9 at
    the model's working size, and for one reference of that size. Frames are padded before, as the model pads them.
    Inputs and outputs are named as in `TensorNames`.

    Raises UsageError for an unknown model or one without such methods, another size, a file that exists, and where the
    package ``onnx`` is missing; WeightsError for damaged weights; ResourceError where files cannot be written.
    """
    side = find_model(name).spec.short_side
    methods = MODELS[name].tensor_methods
    if not methods:
        able = ", ".join(other for other, of in MODELS.items() if of.tensor_methods)
        raise UsageError(f"{name} has no form in ONNX, only {able} has: leave out --onnx")
    if find_spec("onnx") is None:
        raise UsageError("the package onnx is not installed: pip install 'kinemacolor[onnx]'")
    width, height = _parse_size(size) if size else (side * 16 // 9, side)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder, for {len(methods)} files")
    paths = {method: folder / f"{name}-{method}-{width}x{height}.onnx" for method in methods}
    for path in paths.values():
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists: choose another folder, or say --overwrite")
    model = load_model(name)
    about = _describe(name, methods, f"{width}x{height}")
    contents = {
        method: _make_onnx(model, method, examples, about | {"method": method})
        for method, examples in _record_inputs(model, height, width).items()
    }
    for method, path in paths.items():
        with write_file_atomically(path) as stream:
            stream.write(contents[method])
    return list(paths.values())


def _parse_size(size: str) -> tuple[int, int]:
    """Read width and height. Raises UsageError for what is no size, or none that models take."""
    match = re.fullmatch(r"(\d{2,5})[x×](\d{2,5})", size, re.ASCII)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    low, high = SHORT_SIDES
    if not low <= min(width, height) <= high or max(width, height) > MAX_ASPECT * min(width, height):
        raise UsageError(
            f"--size {size}: with --onnx say width and height in px, such as 384x216: the shorter {low} to {high}, the "
            f"longer at most {MAX_ASPECT} times as much"
        )
    return width, height


def _describe(name: str, methods: Iterable[str], size: str) -> dict[str, str]:
    """Say what the files of a model are: their metadata."""
    parts = {
        part.name: {key: asdict(part.entry)[key] for key in ("sha256", *EXPORTED_FIELDS)} for part in stored_parts(name)
    }
    note = (
        f"Of {name} only {', '.join(methods)} are in such files. What it computes between them, from references and "
        "from the frame before, stays in torch."
    )
    return {"model": name, "kinemacolor": __version__, "size": size, "parts": json.dumps(parts), "note": note}


def _record_inputs(model: Colorizer, height: int, width: int) -> dict[str, tuple[Tensor, ...]]:
    """Let a model look at a black frame of this size; gives what its methods were called with, in this order."""
    seen: dict[str, tuple[Tensor, ...]] = {}

    def spy(method: str) -> Callable[..., tuple[Tensor, ...]]:
        def call(*inputs: Tensor) -> tuple[Tensor, ...]:
            seen[method] = inputs
            result: tuple[Tensor, ...] = getattr(model, method)(*inputs)
            return result

        return call

    watched = model.with_methods({method: spy(method) for method in model.tensor_methods})
    with torch.no_grad():
        state = watched.init_state(torch.zeros(1, 1, 3, height, width))
        watched(torch.zeros(1, 1, 1, height, width), state)
    return seen


class _ConstantSizes(TorchFunctionMode):
    """Lets a trace take the sizes of tensors for constants: what is padded by them is known then, as exporters want."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        return torch.Size(int(size) for size in result) if isinstance(result, torch.Size) else result


def _make_onnx(model: Colorizer, method: str, examples: tuple[Tensor, ...], about: Mapping[str, str]) -> bytes:
    """Make the content of an ONNX file of a method, for inputs of the shapes of examples."""
    import onnx
    import torch.onnx

    names, written = model.tensor_methods[method], BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sizes become constants, and that torch.jit will go
        with _ConstantSizes():
            module = MethodModule(model, method).eval()
            module(*examples)  # so that constants are made before, and not in the trace
            traced = torch.jit.trace(module, examples, check_trace=False)
        torch.onnx.export(
            torch.jit.freeze(traced),  # what is computed of weights alone, such as padded kernels, becomes a constant
            examples,
            written,  # type: ignore[arg-type]  # the other exporter takes paths alone
            input_names=names.inputs,
            output_names=names.outputs,
            opset_version=OPSET,
            dynamo=False,  # that one wants one more package
        )
    made = onnx.load_model_from_string(written.getvalue())
    made.producer_name, made.producer_version = "kinemacolor", __version__
    onnx.helper.set_model_props(made, dict(about))
    onnx.checker.check_model(made, full_check=True)
    content: bytes = made.SerializeToString()
    return content
