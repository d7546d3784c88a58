"""Parts of kinema can be left out, to see what each is worth; the rest works as before."""

import pytest
import torch
from torch import Tensor

from kinemacolor.models.base import Colorizer
from kinemacolor.models.kinema.matching import ModelPart
from kinemacolor.weights.registry import load_model


@pytest.fixture(scope="module")
def frames() -> Tensor:
    """Two frames ``1 2 3 h w`` of Lab, of which the second is the first moved and noisy."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 3, 12, 16, generator=generator)
    lab = torch.nn.functional.interpolate(coarse, (96, 128), mode="bicubic")
    lab = lab * torch.tensor([20.0, 25.0, 25.0])[:, None, None] + torch.tensor([50.0, 0.0, 0.0])[:, None, None]
    moved = lab.roll((3, 5), (2, 3)) + torch.randn(lab.shape, generator=generator)
    return torch.stack([lab, moved], 1)


def colorize(model: Colorizer, frames: Tensor) -> Tensor:
    with torch.inference_mode():
        return model(frames[:, :, :1], model.init_state(frames[:, :1])).ab


@pytest.mark.parametrize("part", ["history", "fine", "prior", "context"])
def test_a_part_that_is_left_out_is_missed(part: ModelPart, frames: Tensor) -> None:
    whole, less = load_model("kinema"), load_model("kinema", without=(part,))
    of_whole, of_less = colorize(whole, frames), colorize(less, frames)
    assert (of_whole - of_less).abs().mean() > 0.01
    truth = frames[:, :, 1:]
    assert (of_less - truth).abs().mean() < 0.7 * truth.abs().mean()  # it still finds the colours


def test_without_history_a_frame_does_not_depend_on_the_one_before(frames: Tensor) -> None:
    model = load_model("kinema", without=("history",))
    state = model.init_state(frames[:, :1])
    with torch.inference_mode():
        after_other = model(frames[:, 1:, :1], model(frames[:, :1, :1], state).state).ab
        alone = model(frames[:, 1:, :1], state).ab
    torch.testing.assert_close(after_other, alone)


def test_without_a_prior_all_classes_are_as_likely_as_anywhere(frames: Tensor) -> None:
    model = load_model("kinema", without=("prior",))
    with torch.inference_mode():
        *_, logits, plausibility, typical, entropy = model.encode(frames[:, 0, :1])
    assert (logits == 0).all()
    assert plausibility.abs().max() < 1e-5
    assert typical.std((2, 3)).max() < 1e-3
    assert entropy.std() < 1e-5
