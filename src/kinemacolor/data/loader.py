"""Batches of clips, made by worker processes, from any step on."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import count
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from kinemacolor.data.clip import Clip, ReferenceKind
from kinemacolor.data.dataset import ClipDataset
from kinemacolor.errors import KinemacolorError
from kinemacolor.utils.processes import CleanSpawnContext
from kinemacolor.utils.threads import use_single_thread


@dataclass(frozen=True)
class Batch:
    """Clips of one shape, with the fields of `Clip`, batch first: ``lab`` is ``B T 3 h w``."""

    lab: Tensor
    lightness: Tensor
    references: Tensor
    flow: Tensor
    visibility: Tensor
    in_shot: tuple[bool, ...]
    reference_kind: tuple[ReferenceKind, ...]
    source_numbers: tuple[int, ...]

    def to(self, device: torch.device | str) -> Self:
        """Copy the batch to a device; asynchronously from pinned memory."""
        return self._map_tensors(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """Copy the batch to pinned memory, from which a GPU can copy asynchronously."""
        return self._map_tensors(Tensor.pin_memory)

    def select_rows(self, rows: Sequence[int]) -> Self:
        """The batch of some of its clips."""
        picked = self._map_tensors(lambda tensor: tensor[list(rows)])
        return replace(
            picked,
            in_shot=tuple(self.in_shot[row] for row in rows),
            reference_kind=tuple(self.reference_kind[row] for row in rows),
            source_numbers=tuple(self.source_numbers[row] for row in rows),
        )

    def _map_tensors(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with ``change`` applied to every tensor."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {name: change(x) for name, x in values.items() if isinstance(x, Tensor)}
        return replace(self, **changed)


def collate_clips(clips: Sequence[Clip]) -> Batch:
    """Stack clips of one shape to a batch."""
    return Batch(
        lab=torch.stack([clip.lab for clip in clips]),
        lightness=torch.stack([clip.lightness for clip in clips]),
        references=torch.stack([clip.references for clip in clips]),
        flow=torch.stack([clip.flow for clip in clips]),
        visibility=torch.stack([clip.visibility for clip in clips]),
        in_shot=tuple(clip.in_shot for clip in clips),
        reference_kind=tuple(clip.reference_kind for clip in clips),
        source_numbers=tuple(clip.source_number for clip in clips),
    )


def iter_batches(
    clips: ClipDataset, start: int = 0, *, batch_size: int = 4, workers: int = 0, pin_memory: bool = False
) -> Generator[Batch, None, None]:
    """Iterate over batches without end from step ``start`` on: step n has clips n·batch_size to (n+1)·batch_size - 1.

    The order is the same with any number of ``workers`` (processes). With ``pin_memory`` batches lie in pinned
    memory. Close the generator (`contextlib.closing`) when it is no longer needed. Raises what `ClipDataset` raises.
    """
    steps = _StepSampler(start, batch_size)
    data_loader = DataLoader(
        clips,
        batch_sampler=steps,
        collate_fn=collate_clips,
        num_workers=workers,
        pin_memory=pin_memory,
        multiprocessing_context=CleanSpawnContext() if workers else None,
        worker_init_fn=_init_worker,
        generator=torch.Generator(),  # its own, or it would draw its base seed from the global generator
    )
    batches = iter(data_loader)
    try:
        yield from batches
    except KinemacolorError as error:  # of a worker: torch puts the traceback in front of the message
        raise type(error)(str(error).rpartition(f"{type(error).__name__}: ")[2]) from error
    except GeneratorExit:
        steps.is_ended = True
        for _ in batches:  # drain: a worker that is stopped while it hands over a batch aborts
            pass
        raise


def _init_worker(worker: int) -> None:
    """Limit a worker process to one thread."""
    use_single_thread()


class _StepSampler(Sampler[list[int]]):
    """The clip numbers of each step from ``start`` on, until ``is_ended`` is set."""

    def __init__(self, start: int, batch_size: int) -> None:
        self.start, self.batch_size, self.is_ended = start, batch_size, False

    def __iter__(self) -> Iterator[list[int]]:
        for step in count(self.start):
            if self.is_ended:
                return
            yield list(range(step * self.batch_size, (step + 1) * self.batch_size))
