"""All of CUDA graphs but the recording itself, on the CPU: what would be recorded is called again."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from kinemacolor import Session
from kinemacolor.inference import session as session_module
from kinemacolor.inference.engines.cuda_graphs import GraphRunner, give_back_runner, lend_runner
from kinemacolor.models.base import Colorizer
from kinemacolor.options import RenderOptions
from support.films import scene

SMALL = RenderOptions(short_side=64)


class Recorder:
    """Stands in for the recording of graphs: counts them, and replays a graph by calling what was recorded."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        work()  # as libraries are warmed up
        self.count += 1
        return work


@torch.inference_mode()
def test_two_graphs_give_what_the_model_gives(kinema: Colorizer) -> None:
    """One for the first frame, one for later ones; others are recorded for another size, and with aux."""
    lab = 100 * torch.rand(1, 5, 3, 64, 80)
    record = Recorder()
    runner = GraphRunner(kinema, record, None)
    state = own = kinema.init_state(lab[:, :1])
    for time in range(4):
        frame = lab[:, time : time + 1, :1]
        wanted, found = kinema(frame, state), runner(frame, own)
        assert torch.equal(wanted.ab, found.ab)
        assert torch.equal(wanted.confidence, found.confidence)
        state, own = wanted.state, found.state
        for name, tensor in state.named_tensors().items():
            assert torch.equal(tensor, own.named_tensors()[name]), name
    assert record.count == 2
    asked = runner(lab[:, 4:, :1], own, with_aux=True)
    plain = kinema(lab[:, 4:, :1], state, with_aux=True)
    assert torch.equal(asked.aux["origin"], plain.aux["origin"])
    assert record.count == 3


@torch.inference_mode()
def test_the_state_stays_where_it_is(kinema: Colorizer) -> None:
    """Later frames move no state: their graph reads what it wrote. References are those of whoever calls."""
    lab = 100 * torch.rand(1, 4, 3, 64, 80)
    runner = GraphRunner(kinema, Recorder(), None)
    state = kinema.init_state(lab[:, :1])
    first = runner(lab[:, :1, :1], state).state.contiguous()
    second = runner(lab[:, 1:2, :1], first).state
    for name, tensor in first.named_tensors().items():
        assert tensor.data_ptr() == second.named_tensors()[name].data_ptr()
    assert all(x.numel() == 0 for name, x in state.named_tensors().items() if name.startswith("past_"))
    other = kinema.init_state(lab[:, 3:])
    assert torch.equal(runner(lab[:, :1, :1], other).ab, kinema(lab[:, :1, :1], other).ab)


def test_sessions_share_what_was_recorded_and_nothing_else(kinema: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that goes on from a snapshot gives the same bytes; runners come back where a session ends."""
    record = Recorder()
    runners: list[GraphRunner] = []

    def lend(model: Colorizer, half: torch.dtype) -> GraphRunner:
        assert half is torch.float16
        return runners.pop() if runners else GraphRunner(model, record, None)

    monkeypatch.setattr(session_module, "choose_engine", lambda *_: "cuda-graphs")
    monkeypatch.setattr(session_module, "lend_runner", lend)
    monkeypatch.setattr(session_module, "give_back_runner", lambda _, runner: runners.append(runner))

    def open_session() -> Session:
        return Session(kinema, [scene(0)], height=72, width=96, options=SMALL)

    one = open_session()
    whole = []
    for time in range(4):
        if time == 2:
            snapshot = one.snapshot_state()
        whole.append(one.colorize(scene(time))[0].tobytes())
    other = open_session()
    other.colorize(scene(9))
    other.restore_state(snapshot)
    assert [other.colorize(scene(time))[0].tobytes() for time in (2, 3)] == whole[2:]
    assert record.count == 4
    del one, other
    third = open_session()
    assert third.colorize(scene(0))[0].tobytes() == whole[0]
    assert record.count == 4


def test_a_runner_is_lent_to_one_at_a_time_and_again_while_the_weights_stay_where_they_are(kinema: Colorizer) -> None:
    model = deepcopy(kinema)
    one, other = (lend_runner(model, torch.float16) for _ in range(2))
    assert one is not other
    give_back_runner(model, one)
    assert lend_runner(model, torch.bfloat16) is not one
    assert lend_runner(model, torch.float16) is one
    give_back_runner(model, one)
    model.double()  # as a move to another device, which a CPU alone cannot show
    assert lend_runner(model, torch.float16) is not one


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_graphs_on_a_gpu(kinema: Colorizer) -> None:
    """In half precision within 1 Lab unit in the mean."""
    films = []
    for engine in ("torch", "cuda-graphs"):
        session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL, engine=engine, device="cuda")
        films.append([torch.from_numpy(session.colorize(scene(time))[0]).float() for time in range(4)])
    assert (torch.stack(films[0]) - torch.stack(films[1])).abs().mean() < 2
    kinema.to("cpu")
