"""The device that networks run on, by name."""

import torch

from kinemacolor.errors import UsageError


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA, then Apple's MPS, then the CPU.

    Raises UsageError for a device that this machine lacks.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"there is no device {name!r}: use auto, cpu, cuda or mps") from error
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False):
        raise UsageError(f"this machine has no {name} device: use --device cpu")
    return device
