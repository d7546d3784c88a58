"""Batches of clips, made by workers, from any step on."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import count
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from kinemacolor.data.clip import Clip, ReferenceKind
from kinemacolor.data.dataset import Clips
from kinemacolor.utils.prefetch import use_single_thread


@dataclass(frozen=True)
class Batch:
    """Clips of one shape, the batch first in every tensor: ``lab`` is ``B T 3 h w``, ``in_shot`` ``B`` bool."""

    lab: Tensor
    luma: Tensor
    references: Tensor
    flow: Tensor
    seen: Tensor
    in_shot: Tensor
    reference_kind: tuple[ReferenceKind, ...]
    source: tuple[int, ...]

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device; from pinned memory, without waiting."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """The same batch where a GPU can fetch it by itself."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {name: change(x) for name, x in values.items() if isinstance(x, Tensor)}
        return replace(self, **changed)


def collate(clips: Sequence[Clip]) -> Batch:
    """Clips of one shape as a batch."""
    return Batch(
        lab=torch.stack([clip.lab for clip in clips]),
        luma=torch.stack([clip.luma for clip in clips]),
        references=torch.stack([clip.references for clip in clips]),
        flow=torch.stack([clip.flow for clip in clips]),
        seen=torch.stack([clip.seen for clip in clips]),
        in_shot=torch.tensor([clip.in_shot for clip in clips]),
        reference_kind=tuple(clip.reference_kind for clip in clips),
        source=tuple(clip.source for clip in clips),
    )


def loader(
    clips: Clips, start: int = 0, *, batch: int = 4, workers: int = 0, pin: bool = False
) -> Generator[Batch, None, None]:
    """Batches without end from step ``start`` on: step ``n`` has the clips n·batch up to (n+1)·batch.

    The order is the same with any number of ``workers`` (processes). With ``pin`` batches lie in
    pinned memory. Close it (`contextlib.closing`) when it is no longer needed. Raises what `Clips` raises.
    """
    steps = _Steps(start, batch)
    source = DataLoader(
        clips,
        batch_sampler=steps,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=pin,
        multiprocessing_context="spawn" if workers else None,  # a fork of a process that runs OpenMP hangs
        worker_init_fn=_prepare,
        generator=torch.Generator(),  # else it would draw from the global one
    )
    batches = iter(source)
    try:
        yield from batches
    except GeneratorExit:
        steps.ended = True
        for _ in batches:  # a worker that is stopped while it hands over a batch is aborted
            pass
        raise


def _prepare(worker: int) -> None:
    use_single_thread()


class _Steps(Sampler[list[int]]):
    """The numbers of the clips of every step, until it is ``ended``."""

    def __init__(self, start: int, batch: int) -> None:
        self.start, self.batch, self.ended = start, batch, False

    def __iter__(self) -> Iterator[list[int]]:
        for step in count(self.start):
            if self.ended:
                return
            yield list(range(step * self.batch, (step + 1) * self.batch))
