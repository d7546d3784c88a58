"""Keeping parts of a model in float32 where the rest runs in half precision."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def promote_to_float32(x: Tensor) -> Tensor:
    """Convert half precision to float32; leave other dtypes as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context without autocast: products are computed in the precision of their factors."""
    is_available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if is_available else nullcontext()
