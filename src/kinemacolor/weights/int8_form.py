"""Weights in int8, a quarter of the bytes of float32: each kernel of an output channel has a scale in float16."""

from collections.abc import Mapping

import torch
from torch import Tensor

from kinemacolor.errors import WeightsError

SCALE_SUFFIX = ".int8_scale"
LARGEST_STEP = 127  # of int8, on both sides of 0
SMALLEST_SCALE = 2**-24  # of float16


def pack_int8(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round matrices and kernels to int8, and add the scales of their output channels; the rest stays as it is.

    The output channels are the first axis that is longer than 1: of a kernel ``out in h w``, of a row of kernels
    ``1 out in h w``.
    """
    packed = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2 or not tensor.is_floating_point():
            packed[name] = tensor
            continue
        axes = [axis for axis in range(tensor.ndim) if axis != _find_output_axis(tensor)]
        largest = tensor.abs().amax(axes, keepdim=True)
        scale = (largest / LARGEST_STEP).half().clamp_min(SMALLEST_SCALE)
        steps = (tensor / scale.float()).round().clamp(-LARGEST_STEP, LARGEST_STEP)
        packed |= {name: steps.to(torch.int8), name + SCALE_SUFFIX: scale}
    return packed


def unpack_int8(label: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights that `pack_int8` rounded, in float32; tensors without a scale as they are.

    ``label`` is the file's name for messages. Raises WeightsError for a scale that fits no kernel.
    """
    scales = {name.removesuffix(SCALE_SUFFIX): x for name, x in tensors.items() if name.endswith(SCALE_SUFFIX)}
    unpacked = {name: tensor for name, tensor in tensors.items() if not name.endswith(SCALE_SUFFIX)}
    for name, scale in scales.items():
        steps = unpacked.get(name)
        if steps is None or steps.ndim != scale.ndim or scale.numel() != steps.shape[_find_output_axis(steps)]:
            raise WeightsError(f"{label} has scales of int8 that do not fit {name}: get the file again")
        unpacked[name] = steps.float() * scale.float()
    return unpacked


def _find_output_axis(tensor: Tensor) -> int:
    """Find the axis of the output channels: the first that is longer than 1, or the first."""
    return next((axis for axis, size in enumerate(tensor.shape) if size > 1), 0)
