"""OpenVINO: compiles modules and methods of models that take tensors and give tensors, for the CPU.

It is an optional extra. What has no ranges for eight bits (`int8`) is computed in float32, as torch does, but products
are summed in another order: the last digits differ.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.inference.engines.compiled_files import find_compiled, hash_network, store_compiled
from kinemacolor.inference.engines.int8 import load_ranges, round_inputs
from kinemacolor.inference.engines.methods import MethodModule
from kinemacolor.models.base import Colorizer
from kinemacolor.utils.machine import has_vnni

CompiledModule = Callable[..., tuple[Tensor, ...]]
_DTYPES = {"f32": torch.float32, "i32": torch.int32, "i64": torch.int64, "u8": torch.uint8, "boolean": torch.bool}
_importing = Lock()
_prepared: WeakKeyDictionary[Colorizer, tuple[tuple[object, ...], Colorizer]] = WeakKeyDictionary()


def compile_module(module: nn.Module, examples: Sequence[Tensor], *, name: str | None = None) -> CompiledModule:
    """Compile a module for inputs of the shapes and types of ``examples``, on the CPU, with torch's number of threads.

    The module takes tensors and gives a tuple of tensors; it must not branch on values. The result is called as the
    module is: inputs are read where they lie if they are contiguous, and outputs are new tensors. It may be called by
    any thread, but not by two at once. ``name`` says all that the module computes: what was compiled once under it, for
    such examples and this machine, is taken from the user's cache.
    """
    openvino = _import_openvino()
    core, config = openvino.Core(), _make_config()
    shapes = [(tuple(x.shape), str(x.dtype)) for x in examples]
    here = openvino.get_version(), torch.__version__, core.get_property("CPU", "FULL_DEVICE_NAME")
    key = name, shapes, config, here
    exported = find_compiled(key) if name else None
    if exported is None:
        exported = core.compile_model(_convert(module, tuple(examples)), "CPU", config).export_model().getvalue()
        if name:
            store_compiled(key, exported)
    # imported also where it was just exported: one way for all runs, so that they give the same bits
    return _make_runner(openvino, core.import_model(BytesIO(exported), "CPU", config))


def compile_methods(model: Colorizer) -> Colorizer:
    """Return a model of the same weights whose `Colorizer.tensor_methods` are computed by OpenVINO.

    Convolutions that have ranges for their inputs (`load_ranges`) compute with eight bits where the CPU has
    instructions for that, without which sums of products overflow in sixteen; all else with float32.
    Each is compiled when it is first called, for each size of pictures once. The same model gives the same result.
    """
    stamp = tuple((x.data_ptr(), 0 if x.is_inference() else x._version) for x in model.state_dict().values())
    if model not in _prepared or _prepared[model][0] != stamp:
        ranges = load_ranges(model) if has_vnni() else {}
        digest = f"{hash_network(model)} {sorted(ranges.items())}"
        network = round_inputs(model, ranges)  # a copy: what is compiled later has the weights of this digest
        methods = {name: _CompiledMethod(network, name, digest) for name in model.tensor_methods}
        _prepared[model] = stamp, model.with_methods(methods)
    return _prepared[model][1]


class _CompiledMethod:
    """A method of a model, compiled for one row of a batch: more rows are computed one after the other."""

    def __init__(self, model: Colorizer, name: str, digest: str) -> None:
        self._method, self._name = MethodModule(model, name), f"{name} {digest}"
        self._compiled: dict[tuple[torch.Size, ...], CompiledModule] = {}
        self._lock = Lock()  # sessions of one model share this, and may be in several threads

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        rows = [self._run_row([x[row : row + 1] for x in inputs]) for row in range(len(inputs[0]))]
        return rows[0] if len(rows) == 1 else tuple(torch.cat(column) for column in zip(*rows, strict=True))

    def _run_row(self, row: Sequence[Tensor]) -> tuple[Tensor, ...]:
        shapes = tuple(x.shape for x in row)
        with self._lock:
            if shapes not in self._compiled:
                self._compiled[shapes] = compile_module(self._method, row, name=self._name)
            return self._compiled[shapes](*row)


def _make_runner(openvino: Any, compiled: Any) -> CompiledModule:
    """Make a function of a compiled model, that takes and gives tensors."""
    request = compiled.create_infer_request()
    outputs = [(tuple(port.shape), _DTYPES[port.element_type.to_string()]) for port in compiled.outputs]

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        read = [x.detach().contiguous() for x in inputs]
        results = tuple(torch.empty(shape, dtype=dtype) for shape, dtype in outputs)
        for index, x in enumerate(read):
            request.set_input_tensor(index, openvino.Tensor(x.numpy(), shared_memory=True))
        for index, x in enumerate(results):
            request.set_output_tensor(index, openvino.Tensor(x.numpy(), shared_memory=True))
        request.infer()
        return results

    return run


def _import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which else reports every import to its maker."""
    with _importing:  # methods of one model are compiled in several threads
        hidden = "openvino_telemetry" not in sys.modules
        if hidden:
            sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # its import fails, as where absent
        try:
            import openvino
        finally:
            if hidden:
                del sys.modules["openvino_telemetry"]
    return openvino


def _convert(module: nn.Module, examples: tuple[Tensor, ...]) -> Any:
    """Convert a module to a model of OpenVINO; torch's trace of it does not outlive this."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sizes become constants, and that torch.jit will go
        module(*examples)  # so that constants are made before, and not in the trace
        traced = torch.jit.trace(module, examples, check_trace=False)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=examples)  # has to live as long as it is read from
        model = frontend.convert(frontend.load(decoder))
    model.reshape({index: list(x.shape) for index, x in enumerate(examples)})
    _round_weights(model)
    return model


def _round_weights(model: Any) -> None:
    """Round the weights of each convolution whose input is rounded, to 255 steps for each channel of its output."""
    from openvino import opset13 as op

    for node in model.get_ops():
        if node.get_type_name() != "Convolution" or node.input_value(0).get_node().get_type_name() != "FakeQuantize":
            continue
        weights = node.input_value(1).get_node()
        high = np.abs(weights.data).max(axis=(1, 2, 3), keepdims=True).clip(1e-8).astype(np.float32)
        ends = [op.constant(-high), op.constant(high)]
        rounded = op.fake_quantize(weights.output(0), *ends, *ends, 255)
        node.input(1).replace_source_output(rounded.output(0))


def _make_config() -> dict[str, Any]:
    """What a model is compiled with: one request at a time, whole precision, and threads that may run on any core."""
    return {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the CPU has it
        "ENABLE_CPU_PINNING": False,  # else several processes share one core
    }
