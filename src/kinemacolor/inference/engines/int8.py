"""Whole numbers of eight bits for convolutions: which inputs may be rounded, to which range, and how that is noted.

The ranges were found on training clips when the weights were released (`tools/calibrate_int8.py`), and count for these
weights alone. In a convolution whose input is rounded the weights are rounded too, by whoever compiles it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from importlib.resources import files

import torch
from torch import Tensor, nn

from kinemacolor.inference.engines.compiled_files import hash_weights
from kinemacolor.models.base import Colorizer

Ranges = Mapping[str, tuple[float, float]]
SYMMETRIC_PART = 0.3  # from this ratio of both ends on, a range is centred on 0, which multiplies faster


def load_ranges(model: Colorizer) -> Ranges:
    """Load the ranges of the inputs of convolutions, by the names of these; empty where the weights have none."""
    path = files("kinemacolor.assets") / f"{model.spec.name}-int8.json"
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["weights"] != hash_weights(model):
        return {}
    return {name: (low, high) for name, (low, high) in stored["ranges"].items()}


def round_inputs(model: Colorizer, ranges: Ranges) -> Colorizer:
    """Return a copy of a model that rounds the inputs of convolutions to 256 steps of their ranges."""
    rounded = deepcopy(model)
    for name, (low, high) in ranges.items():
        rounded.get_submodule(name).register_forward_pre_hook(_make_rounding(low, high))
    return rounded


@contextmanager
def record_ranges(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, tuple[float, float]]]:
    """Record the smallest and largest input of modules, by their names, in what runs inside of the block."""
    ranges: dict[str, tuple[float, float]] = {}

    def record(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def look(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            low, high = ranges.get(name, (0.0, 0.0))
            ranges[name] = min(low, float(inputs[0].min())), max(high, float(inputs[0].max()))

        return look

    hooks = [module.register_forward_pre_hook(record(name)) for name, module in modules.items()]
    try:
        yield ranges
    finally:
        for hook in hooks:
            hook.remove()


def _make_rounding(low: float, high: float) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """Make what rounds the input of a module."""
    if -low > SYMMETRIC_PART * high:
        step, zero, first, last = max(-low, high) / 127, 0, -128, 127
    else:
        step = (high - low) / 255
        zero, first, last = round(-low / step), 0, 255
    return lambda _, inputs: (torch.fake_quantize_per_tensor_affine(inputs[0], step, zero, first, last),)
