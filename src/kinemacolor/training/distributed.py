"""Several processes that train one model, started by `torchrun`; or one alone."""

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

Thing = TypeVar("Thing")
PATIENCE = timedelta(hours=12)  # one looks at all the data while the others wait


@dataclass(frozen=True)
class Team:
    """``world`` processes, this one's ``rank`` among them, and its ``device``. All do the same at the same time."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this one writes and speaks for all."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes its mean over all processes."""
        if self.world == 1:
            return
        joined = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(joined)
        joined /= self.world
        for tensor, part in zip(tensors, torch.split(joined, [x.numel() for x in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def agree(self, *wishes: bool) -> list[bool]:
        """Of each wish, whether any process has it."""
        if self.world == 1:
            return list(wishes)
        shares = torch.tensor(wishes, dtype=torch.float32, device=self.device)
        self.average([shares])
        return [share > 0 for share in shares.tolist()]

    def gather(self, thing: Thing) -> list[Thing]:
        """What every process has."""
        if self.world == 1:
            return [thing]
        everything: list[Thing] = [thing] * self.world
        dist.all_gather_object(everything, thing)
        return everything

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(device: str) -> Iterator[Team]:
    """The team that the environment speaks of (``WORLD_SIZE``, ``RANK``, ``LOCAL_RANK``). Raises as `choose_device`."""
    chosen, world, rank = choose_device(device), int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    if chosen.type == "cuda":
        chosen = torch.device("cuda", chosen.index or int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(chosen)
    if world > 1:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Team(rank, world, chosen)
    finally:
        if world > 1:
            dist.destroy_process_group()
