"""What a device says when it is too small or lost, in words that a user can act on."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch

from kinemacolor.errors import ResourceError

# What CUDA and its libraries say of a device that has failed; after it no call of this process to it works any more.
LOST_DEVICE = re.compile(r"CUDA error|CUDNN_STATUS|CUBLAS_STATUS|NCCL error|device-side assert|device is lost", re.I)
OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED", re.I)
WANTED_MEMORY = re.compile(r"[Tt]ried to allocate ([\d.]+ ?\w+)")
TOTAL_MEMORY = re.compile(r"total capacity of ([\d.]+ ?\w+)")
SMALLER = "raise gradient_accumulation, say gradient_checkpointing = true, or take smaller clips (crop, fewer frames)"


@contextmanager
def translate_device_errors(
    describe_place: Callable[[], str], on_error: Callable[[str], None] = lambda why: None
) -> Iterator[None]:
    """Turn a device's lack of memory or loss into a ResourceError; ``on_error`` takes its message first.

    ``describe_place`` says where the run was and what is kept, at the time of the error.
    """
    try:
        yield
    except (RuntimeError, MemoryError, ResourceError) as error:
        # a device often fails while a checkpoint fetches what it holds: that is no error of the disk
        cause = error.__cause__ if isinstance(error, ResourceError) else error
        problem = _describe_device_error(cause) if isinstance(cause, RuntimeError | MemoryError) else None
        if problem is None:
            raise
        message = problem.format(place=describe_place())
        with suppress(ResourceError):  # where the disk is full too, the message is still told
            on_error(message)
        raise ResourceError(message) from error


def _describe_device_error(error: RuntimeError | MemoryError) -> str | None:
    """The message, with a ``{place}`` to fill; None for any other error. torch's own are all RuntimeErrors."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or OUT_OF_MEMORY.search(text):
        wanted, total = WANTED_MEMORY.search(text), TOTAL_MEMORY.search(text)
        amounts = [f"{wanted[1]} more were wanted"] if wanted else []
        amounts += [f"the device has {total[1]}"] if total else []
        return f"out of memory {{place}}{': ' if amounts else ''}{', '.join(amounts)}. To need less: {SMALLER}"
    if isinstance(error, torch.AcceleratorError) or LOST_DEVICE.search(text):
        said = text.strip().partition("\n")[0].replace("{", "(").replace("}", ")")
        return f"the device was lost {{place}} ({said}): when it works again, the same command goes on"
    return None
