"""The choice of an engine: which of them a model runs on, on this machine. Loads neither torch nor OpenVINO."""

import importlib.util
import os
from typing import NamedTuple

from kinemacolor.errors import UsageError
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.options import EngineName, Precision
from kinemacolor.utils.device import choose_device

ENGINE_NAMES = ("auto", "torch", "openvino", "cuda-graphs")
_DEVICE_TYPES: dict[EngineName, str] = {"openvino": "cpu", "cuda-graphs": "cuda"}


class Runtime(NamedTuple):
    """What computes a model, and decides the last digits: an engine, on a kind of device.

    ``device`` is cpu, cuda or mps. As a wish each may be ``auto``: any.
    """

    engine: str = "auto"
    device: str = "auto"

    def __str__(self) -> str:
        return self.engine if self.device == "auto" else f"{self.engine} on {self.device}"

    def fits(self, other: "Runtime") -> bool:
        """Whether both may mean the same."""
        return all(one == another or "auto" in (one, another) for one, another in zip(self, other, strict=True))


def check_engine(name: str, device: str, spec: ModelSpec, precision: Precision) -> None:
    """See that an engine can be chosen. Raises as `choose_engine`, but loads torch only where it must be asked."""
    if name == "auto":
        _find_named(name)
    else:
        choose_engine(name, device, spec, precision)


def choose_engine(name: str, device: str, spec: ModelSpec, precision: Precision) -> EngineName:
    """Choose the engine for a model at a precision on a device, as `choose_device` takes it.

    ``auto`` takes what the environment variable ``KINEMACOLOR_ENGINE`` names, where that can run the model here, else
    torch; without it OpenVINO on a CPU where it is installed, and torch anywhere. OpenVINO computes at float32 alone.
    CUDA graphs have to be named.

    Raises UsageError for an engine that is unknown, not installed, for another device or precision, or has no form of
    the model.
    """
    named = _find_named(name)
    if named == "torch":
        return "torch"
    device_type = "cpu" if device == "cpu" else choose_device(device).type
    able = [
        one
        for one in spec.engines
        if _DEVICE_TYPES[one] == device_type and (one != "openvino" or (has_openvino() and precision == "float32"))
    ]
    chosen: tuple[EngineName, ...] = (*able, "torch")
    if named == "auto":
        return next(one for one in chosen if one != "cuda-graphs")  # which ran on no GPU yet
    for one in chosen:
        if one == named:
            return one
    if name == "auto":
        return "torch"
    if not any(one == named for one in spec.engines):
        raise UsageError(f"{spec.name} has no form for the engine {named}: leave out --engine")
    if named == "openvino" and precision != "float32":
        raise UsageError(
            f"the engine openvino computes in float32, not in {precision}: leave out --engine or --precision"
        )
    raise UsageError(
        f"the engine {named} does not run on {device_type}: leave out --engine, or choose another --device"
    )


def choose_runtime(engine: str, device: str, spec: ModelSpec, precision: Precision) -> Runtime:
    """Choose the device as `choose_device` and the engine as `choose_engine`; errors as there."""
    kind = choose_device(device).type
    return Runtime(choose_engine(engine, kind, spec, precision), kind)


def _find_named(name: str) -> str:
    """Give the name of an engine, or for ``auto`` what the environment names, which need not be there.

    Raises UsageError for a name that no engine has, and for OpenVINO by name where it is not installed.
    """
    named = os.environ.get("KINEMACOLOR_ENGINE", "auto") if name == "auto" else name
    if named not in ENGINE_NAMES:
        raise UsageError(f"there is no engine {named!r}: use {', '.join(ENGINE_NAMES[:-1])} or {ENGINE_NAMES[-1]}")
    if name == "openvino" and not has_openvino():
        raise UsageError("OpenVINO is not installed: pip install 'kinemacolor[openvino]', or use --engine torch")
    return named


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None
