"""Rows of one batch: several shots at once, each as if it were alone."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from kinemacolor.errors import WeightsError
from kinemacolor.inference.batches import SharedBatch
from kinemacolor.models.base import ModelOutput, State
from kinemacolor.models.kinema.model import Kinema


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Kinema().eval()


def make_shot(seed: int, frames: int):
    """Give L of ``frames`` small frames and the Lab of a reference."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(1, frames, 1, 64, 96, generator=generator) * 100,
        torch.rand(1, 1, 3, 64, 96, generator=generator) * 60,
    )


def paint(run, model, lightness, reference):
    """Give the ab of all frames of a shot, one after the other, as a session predicts them."""
    with torch.inference_mode():
        state, found = model.init_state(reference), []
        for frame in lightness.unbind(1):
            output = run(frame[:, None], state)
            state = output.state.contiguous()
            found.append(output.ab)
    return torch.cat(found, 1)


def paint_together(model, shots, rows):
    """Paint shots at once, each in its thread, as rows of one batch."""
    batch, ready = SharedBatch(rows), Barrier(len(shots))

    def paint_one(shot):
        with batch.join():
            ready.wait()
            return paint(batch.share(model, "kinema"), model, *shot)

    with ThreadPoolExecutor(len(shots)) as pool:
        return list(pool.map(paint_one, shots))


def test_rows_of_a_batch_are_what_each_shot_gives_alone(model):
    shots = [make_shot(seed, frames) for seed, frames in enumerate((3, 2, 5))]
    for shot, together in zip(shots, paint_together(model, shots, 3), strict=True):
        torch.testing.assert_close(together, paint(model, model, *shot), atol=1e-3, rtol=0)


def test_bits_do_not_depend_on_the_other_shots(model):
    shots = [make_shot(seed, frames) for seed, frames in enumerate((3, 2, 5))]
    for shot, together in zip(shots, paint_together(model, shots, 4), strict=True):
        (alone,) = paint_together(model, [shot], 4)
        assert torch.equal(alone, together)


def test_all_rows_are_computed_by_one_call(model):
    sizes = []

    def run(lightness, state, *, with_aux=False):
        sizes.append(len(lightness))
        return model(lightness, state)

    shots = [make_shot(seed, 3) for seed in range(2)]
    batch, ready = SharedBatch(2), Barrier(2)

    def paint_one(shot):
        with batch.join():
            ready.wait()
            return paint(batch.share(run, 0), model, *shot)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(paint_one, shots))
    assert sizes == [2, 2, 2]


def test_an_error_reaches_every_row(model):
    def run(lightness: torch.Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        raise WeightsError("damaged")

    batch, ready = SharedBatch(2), Barrier(2)

    def paint_one(shot):
        with batch.join():
            ready.wait()
            with pytest.raises(WeightsError, match="damaged"):
                paint(batch.share(run, 0), model, *shot)
            return True

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(paint_one, [make_shot(0, 1), make_shot(1, 1)]))


def test_a_batch_has_no_more_members_than_rows():
    batch = SharedBatch(1)
    with batch.join(), pytest.raises(ValueError, match="all 1 rows"), batch.join():
        pass
