"""Weights in int8 are those of float32, to half a step of each output channel."""

import pytest
import torch
from torch import Tensor

from kinemacolor.errors import WeightsError
from kinemacolor.weights.int8_form import SCALE_SUFFIX, pack_int8, unpack_int8


def draw_weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"conv.weight": (6, 4, 3, 3), "dense.weight": (5, 7), "modulated.weight": (1, 3, 3, 5, 5), "one": (1, 1)}
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    weights["conv.weight"] *= torch.logspace(-6, 2, 6)[:, None, None, None]  # channels of very different size
    weights["conv.weight"][2] = 0
    return weights | {"conv.bias": torch.randn(6, generator=generator), "counter": torch.tensor(3)}


def test_kernels_come_back_to_half_a_step_of_their_channel() -> None:
    weights = draw_weights()
    packed = pack_int8(weights)
    assert packed["conv.weight"].dtype == packed["modulated.weight"].dtype == torch.int8
    assert packed["modulated.weight" + SCALE_SUFFIX].shape == (1, 3, 1, 1, 1)
    assert all(x.dtype == torch.float16 for name, x in packed.items() if name.endswith(SCALE_SUFFIX))
    unpacked = unpack_int8("file", packed)
    assert unpacked.keys() == weights.keys()
    for name, weight in weights.items():
        if weight.ndim < 2:
            assert torch.equal(unpacked[name], weight)
            continue
        axis = 1 if name == "modulated.weight" else 0
        others = [n for n in range(weight.ndim) if n != axis]
        largest = weight.abs().amax(others, keepdim=True)
        # half a step, and as much again at the ends of the range where float16 rounds a scale down
        assert ((unpacked[name] - weight).abs() <= largest / 127 * 0.57 + 2**-24).all(), name


def test_tensors_without_a_scale_are_left_alone() -> None:
    weights = {"weight": torch.randn(2, 3), "steps": torch.ones(2, 2, dtype=torch.int8)}
    assert unpack_int8("file", weights) == weights


@pytest.mark.parametrize("fault", ["no kernel", "channels", "axes"])
def test_a_scale_that_fits_no_kernel_is_told(fault: str) -> None:
    packed = pack_int8({"conv.weight": torch.randn(6, 4, 3, 3)})
    name = "conv.weight" + SCALE_SUFFIX
    if fault == "no kernel":
        del packed["conv.weight"]
    else:
        packed[name] = packed[name][:3] if fault == "channels" else packed[name].flatten()
    with pytest.raises(WeightsError, match=r"file has scales of int8 that do not fit conv\.weight"):
        unpack_int8("file", packed)
