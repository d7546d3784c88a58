"""The choice of the device that networks run on."""

from typing import TYPE_CHECKING

from kinemacolor.errors import UsageError

if TYPE_CHECKING:
    import torch


DEVICE_TYPES = ("auto", "cpu", "cuda", "mps")


def check_device(name: str) -> None:
    """See that a device is there. Raises UsageError as `choose_device`, but loads torch only where it must be asked."""
    if name.partition(":")[0] not in DEVICE_TYPES:
        raise UsageError(f"there is no device {name!r}: use auto, cpu, cuda or mps")
    if name not in ("auto", "cpu"):
        choose_device(name)


def choose_device(name: str) -> "torch.device":
    """Return the device of this name; ``auto`` takes CUDA, else Apple's MPS, else the CPU.

    Raises UsageError for a device that this machine lacks.
    """
    import torch

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
