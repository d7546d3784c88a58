"""Counts the parameters and floating-point operations of a model, on meta tensors without data."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from kinemacolor.models.base import Colorizer


@dataclass(frozen=True)
class ModelCost:
    """Number of parameters, and GFLOP for a reference (once) and for each frame.

    A multiplication and an addition count as two operations.
    """

    parameters: int
    reference_gflop: float
    frame_gflop: float


def compute_model_cost(
    model_class: type[Colorizer], *, height: int | None = None, width: int | None = None
) -> ModelCost:
    """Count the cost of a model with one reference and frames of one size, by default 16:9 at its working size.

    The counted block is the second one, so that work on the frames before it is included.
    """
    with torch.device("meta"), torch.inference_mode():
        model = model_class().eval()
        side = model.spec.short_side
        height, width = height or side, width or side * 16 // 9
        with FlopCounterMode(display=False) as reference:
            state = model.init_state(torch.zeros(1, 1, 3, height, width))
        lightness = torch.zeros(1, model.spec.block_size, 1, height, width)
        state = model(lightness, state).state
        with FlopCounterMode(display=False) as frames:
            model(lightness, state)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    flop_per_frame = frames.get_total_flops() / model.spec.block_size
    return ModelCost(parameters, reference.get_total_flops() / 1e9, flop_per_frame / 1e9)
