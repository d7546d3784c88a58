"""Communication between the processes that train one model (started by `torchrun`), or of a single process."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from kinemacolor.utils.device import choose_device

Payload = TypeVar("Payload")
BARRIER_TIMEOUT = timedelta(hours=12)  # the main process scans all data while the others wait


@dataclass(frozen=True)
class ProcessGroup:
    """``world_size`` processes, this one's ``rank`` and ``device``. All processes must call each method together."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes files and messages for all."""
        return self.rank == 0

    def all_reduce_mean(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor, in place, by its mean over all processes."""
        if self.world_size == 1:
            return
        flattened = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flattened)
        flattened /= self.world_size
        for tensor, part in zip(tensors, torch.split(flattened, [x.numel() for x in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def all_reduce_any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether any process has set it."""
        if self.world_size == 1:
            return list(flags)
        shares = torch.tensor(flags, dtype=torch.float32, device=self.device)
        self.all_reduce_mean([shares])
        return [share > 0 for share in shares.tolist()]

    def all_gather(self, item: Payload) -> list[Payload]:
        """Return the ``item`` of every process, by rank."""
        if self.world_size == 1:
            return [item]
        gathered: list[Payload] = [item] * self.world_size
        dist.all_gather_object(gathered, item)
        return gathered

    def wait_for_all(self) -> None:
        """Wait until all processes have arrived here."""
        if self.world_size > 1:
            dist.barrier()


@contextmanager
def join_process_group(device: str) -> Iterator[ProcessGroup]:
    """Join the process group that ``WORLD_SIZE``, ``RANK`` and ``LOCAL_RANK`` describe.

    Raises what `choose_device` raises.
    """
    chosen, world_size, rank = (
        choose_device(device),
        int(os.environ.get("WORLD_SIZE", 1)),
        int(os.environ.get("RANK", 0)),
    )
    if chosen.type == "cuda":
        chosen = torch.device("cuda", chosen.index or int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(chosen)
    if world_size > 1:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=BARRIER_TIMEOUT)
    try:
        yield ProcessGroup(rank, world_size, chosen)
    finally:
        if world_size > 1:
            dist.destroy_process_group()
