"""What stays in float32 where a model runs in half precision."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def promote_to_float32(x: Tensor) -> Tensor:
    """Half precision as float32; the rest as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Inside, products are computed in the precision of their factors."""
    is_available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if is_available else nullcontext()
