"""OpenVINO: compiles modules that take tensors and give tensors, for the CPU.

It is an optional extra. Everything is computed in float32, as torch does, but products are summed in another order: the
last digits differ.
"""

import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

CompiledModule = Callable[..., tuple[Tensor, ...]]


def is_available() -> bool:
    """Say whether OpenVINO is installed, without loading it."""
    return importlib.util.find_spec("openvino") is not None


def compile_module(module: nn.Module, examples: Sequence[Tensor]) -> CompiledModule:
    """Compile a module for inputs of the shapes and types of ``examples``, on the CPU, with torch's number of threads.

    The module takes tensors and gives a tuple of tensors; it must not branch on values. The result is called as the
    module is: inputs are read where they lie if they are contiguous, and outputs are new tensors. It may be called by
    any thread, but not by two at once.
    """
    openvino = _import_openvino()
    compiled = openvino.Core().compile_model(_convert(module, tuple(examples)), "CPU", _make_config())
    request = compiled.create_infer_request()
    outputs = [(tuple(port.shape), _DTYPES[port.element_type.to_string()]) for port in compiled.outputs]

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        results = tuple(torch.empty(shape, dtype=dtype) for shape, dtype in outputs)
        kept = [x.detach().contiguous() for x in inputs]
        for index, x in enumerate(kept):
            request.set_input_tensor(index, openvino.Tensor(x.numpy(), shared_memory=True))
        for index, x in enumerate(results):
            request.set_output_tensor(index, openvino.Tensor(x.numpy(), shared_memory=True))
        request.infer()
        return results

    return run


_DTYPES = {"f32": torch.float32, "i32": torch.int32, "i64": torch.int64, "u8": torch.uint8, "boolean": torch.bool}


def _import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which else reports every import to its maker."""
    hidden = "openvino_telemetry" not in sys.modules
    if hidden:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # its import fails, as where it is absent
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
        traced = torch.jit.trace(module, examples, check_trace=False)  # type: ignore[no-untyped-call]
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=examples)  # has to live as long as it is read from
        model = frontend.convert(frontend.load(decoder))
    model.reshape({index: list(x.shape) for index, x in enumerate(examples)})
    return model


def _make_config() -> dict[str, Any]:
    """What a model is compiled with: one request at a time, whole precision, and threads that may run on any core."""
    return {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the CPU has it
        "ENABLE_CPU_PINNING": False,  # else several processes share one core
    }
