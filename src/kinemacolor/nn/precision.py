"""Precision of numbers: parts in float32 where the rest runs in half, and numbers too small to matter."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor


def promote_to_float32(x: Tensor) -> Tensor:
    """Convert half precision to float32; leave other dtypes as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context without autocast: products are computed in the precision of their factors."""
    is_available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if is_available else nullcontext()


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Treat numbers under 1e-38 as 0: softmax at low temperatures makes many, and they make a CPU six times slower."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
