"""CUDA graphs: the work of a frame, recorded once and replayed: a GPU computes it sooner than Python can ask for it.

A graph reads and writes always the same memory. So the state lies in buffers that each frame changes in place: from
references alone for the first frame, from the frame before for later ones, which are graphs of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import RLock
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from kinemacolor.models.base import Colorizer, ModelOutput, State

Record = Callable[[Callable[[], None]], Callable[[], None]]
_idle: WeakKeyDictionary[Colorizer, list["GraphRunner"]] = WeakKeyDictionary()
_idle_lock = RLock()  # of one thread twice: a session may end, and give back, while another is lent


def record_cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    """Record what a function has the current GPU do, and return what has it done again. It is called several times."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):  # libraries set themselves up in first calls, which cannot be recorded
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Other threads may use the GPU meanwhile: Cb and Cr codes are computed there.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    return graph.replay


def lend_runner(model: Colorizer, half: torch.dtype) -> "GraphRunner":
    """Return a runner of this model that nobody else uses: one that was given back, or a new one.

    Those recorded when the weights lay elsewhere, as before a move to another device, are dropped.
    """
    addresses = _list_addresses(model)
    with _idle_lock:
        for runner in list(_idle.get(model, [])):
            if runner.addresses != addresses:
                _idle[model].remove(runner)
            elif runner.half == half:
                _idle[model].remove(runner)
                return runner
    # of a copy, because the model is the key under which runners are kept
    return GraphRunner(model.with_methods({}), record_cuda_graph, half)


def give_back_runner(model: Colorizer, runner: "GraphRunner") -> None:
    """Let others use a runner that `lend_runner` gave for this model."""
    with _idle_lock:
        _idle.setdefault(model, []).append(runner)


def _list_addresses(model: Colorizer) -> tuple[int, ...]:
    """Where the weights lie: graphs read them there."""
    return tuple(x.data_ptr() for x in (*model.parameters(), *model.buffers()))


class GraphRunner:
    """Runs a model as it is called, by recorded graphs: for each size, first frame or later, with aux or not.

    A state that it gives is valid until the next call, and changed by it: whoever needs it longer copies it. Any other
    state may be given, as after `Session.restore_state`: it is copied. ``record`` is `record_cuda_graph`, or for tests
    a function without a GPU. ``half`` is the precision of autocast, where it is given.
    """

    def __init__(self, model: Colorizer, record: Record, half: torch.dtype | None) -> None:
        self.half, self.addresses = half, _list_addresses(model)
        self._model, self._record = model, record
        self._buffers: dict[tuple[str, torch.Size], Tensor] = {}
        self._replays: dict[object, tuple[Callable[[], None], Callable[[], ModelOutput]]] = {}

    def __call__(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        """Predict what follows ``state``, as `Colorizer.forward`."""
        # streams and graphs are those of the current GPU; of a tensor on a CPU this does nothing
        with torch.cuda.device_of(lightness):
            return self._run(lightness, state, with_aux)

    def _run(self, lightness: Tensor, state: State, with_aux: bool) -> ModelOutput:
        """Replay the graph of such a frame; the first time it is recorded."""
        inputs = {"lightness": lightness} | state.named_tensors()
        key = with_aux, tuple((name, x.shape) for name, x in inputs.items())
        if key not in self._replays:
            kept = {name: x.clone() for name, x in inputs.items()}  # recording changes buffers, which may be these
            self._replays[key] = self._record_frame(kept, state, with_aux)
            inputs = kept
        for name, x in inputs.items():
            buffer = self._buffers[name, x.shape]
            if x.data_ptr() != buffer.data_ptr():
                buffer.copy_(x)
        replay, read = self._replays[key]
        replay()
        return read()

    def _record_frame(
        self, inputs: Mapping[str, Tensor], state: State, with_aux: bool
    ) -> tuple[Callable[[], None], Callable[[], ModelOutput]]:
        """Record the work of a frame; gives what does it, and what reads the results."""
        read_from = {name: self._store(name, x) for name, x in inputs.items()}
        lightness = read_from.pop("lightness")
        before = replace(state, **read_from)
        results: dict[str, Tensor] = {}
        after: dict[str, Tensor] = {}

        def work() -> None:
            with torch.autocast(lightness.device.type, self.half, enabled=self.half is not None, cache_enabled=False):
                output = self._model(lightness, before, with_aux=with_aux)
            made = {"ab": output.ab, "confidence": output.confidence, **output.aux}
            results.update({name: self._store(f"result {name}", x) for name, x in made.items()})
            # after all is computed, because the next state lies where this one does
            after.update({name: self._store(name, x) for name, x in output.state.named_tensors().items()})

        work()  # so that all buffers are there
        replay = self._record(work)

        def read() -> ModelOutput:
            aux = {name: x.clone() for name, x in results.items()}
            return ModelOutput(aux.pop("ab"), aux.pop("confidence"), replace(before, **after), aux)

        return replay, read

    def _store(self, name: str, x: Tensor) -> Tensor:
        """Copy a tensor into its buffer, which is made where there is none of this name and shape."""
        buffer = self._buffers.get((name, x.shape))
        if buffer is None:
            buffer = self._buffers[name, x.shape] = torch.empty_like(x, memory_format=torch.contiguous_format)
        if buffer.data_ptr() != x.data_ptr():
            buffer.copy_(x)
        return buffer
