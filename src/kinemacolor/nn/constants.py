"""Constants on a device: copied there once, because a copy from the host waits for all that the device still does."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


def get_constant(values: Any, like: Tensor) -> Tensor:
    """Return a tensor of numbers, given as a number or (nested) tuple, with the dtype and on the device of ``like``.

    The same numbers give the same tensor again: it must not be changed.
    """
    return _make_constant(values, like.dtype, like.device)


@lru_cache(maxsize=512)  # training makes ever new ones; CUDA graphs, of a few dozen, read them where they lie
def _make_constant(values: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # else it could never be used where gradients are computed
        return torch.tensor(values, dtype=dtype, device=device)
