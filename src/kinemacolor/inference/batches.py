"""Batches: frames of several shots at once, as rows of one batch, for a GPU that a single frame leaves idle."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Protocol

import torch
from torch import Tensor

from kinemacolor.models.base import ModelOutput, State


class RunModel(Protocol):
    """What is called as a `Colorizer` is."""

    def __call__(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        """Predict what follows ``state``, as `Colorizer.forward`."""


class SharedBatch:
    """Runs a model for several sessions at once: what each calls it with becomes a row of one batch.

    Every session has a thread of its own, that takes part in the batch within `join`. A call returns once all that
    take part have called. There are always ``rows`` rows: those that nobody asked for repeat another one. So the result
    of a row does not depend on how many others there were, for kernels round by the shape of the whole.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._members = 0
        self._runs: dict[object, RunModel] = {}

    @contextmanager
    def join(self) -> Iterator[None]:
        """Take part with this thread: in the block, the others wait for its calls.

        Raises ValueError where all rows are taken.
        """
        with self._changed:
            if self._members == self.rows:
                raise ValueError(f"all {self.rows} rows of the batch are taken")
            self._members += 1
        try:
            yield
        finally:
            with self._changed:
                self._members -= 1
                self._changed.notify_all()

    def share(self, run: RunModel, key: object) -> RunModel:
        """Return what a session calls in the place of ``run``; those with the same ``key`` share one ``run``."""
        with self._changed:
            shared = self._runs.setdefault(key, run)

        def run_row(lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
            return self._call(_Call(shared, lightness, state, with_aux))

        return run_row

    def _call(self, call: "_Call") -> ModelOutput:
        with self._changed:
            self._waiting.append(call)
            self._changed.notify_all()
            self._changed.wait_for(lambda: call.is_done or len(self._waiting) >= self._members)
            if not call.is_done:  # the first that wakes works for all, while they wait for the lock
                calls, self._waiting = self._waiting, []
                _run_calls(calls, self.rows)
                self._changed.notify_all()
        if call.error:
            raise call.error
        assert call.output is not None
        return call.output


@dataclass(eq=False)
class _Call:
    """A call of a model by one session, and its answer."""

    run: RunModel
    lightness: Tensor
    state: State
    with_aux: bool
    output: ModelOutput | None = None
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        """Whether there is an answer."""
        return self.output is not None or self.error is not None

    @property
    def kind(self) -> object:
        """What calls must have in common to be rows of one batch."""
        tensors = self.state.named_tensors()
        others = tuple(getattr(self.state, one.name) for one in fields(self.state) if one.name not in tensors)
        shapes = tuple((name, x.shape, x.dtype) for name, x in tensors.items())
        return id(self.run), self.with_aux, self.lightness.shape, type(self.state), shapes, others


def _run_calls(calls: Sequence[_Call], rows: int) -> None:
    """Answer calls: those of one kind together."""
    groups: dict[object, list[_Call]] = {}
    for call in calls:
        groups.setdefault(call.kind, []).append(call)
    for group in groups.values():
        try:
            outputs = _run_group(group, rows)
        except BaseException as error:  # raised by each session that called
            for call in group:
                call.error = error
        else:
            for call, output in zip(group, outputs, strict=True):
                call.output = output


def _run_group(group: Sequence[_Call], rows: int) -> list[ModelOutput]:
    """Run calls of one kind as the rows of one batch."""
    calls = [*group, *[group[0]] * (rows - len(group))]
    states = [call.state.named_tensors() for call in calls]
    state = replace(group[0].state, **{name: torch.cat([one[name] for one in states]) for name in states[0]})
    output = group[0].run(torch.cat([call.lightness for call in calls]), state, with_aux=group[0].with_aux)
    after = output.state.named_tensors()
    return [
        ModelOutput(
            output.ab[row : row + 1],
            output.confidence[row : row + 1],
            replace(output.state, **{name: x[row : row + 1].clone() for name, x in after.items()}),
            {name: x[row : row + 1] for name, x in output.aux.items()},
        )
        for row in range(len(group))
    ]
