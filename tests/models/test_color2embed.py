"""Color2Embed against the official network's recorded answers (tests/golden/README.md)."""

import pytest
import torch
import torch.nn.functional as F

from golden import recipe
from golden.fill import answers, fill
from kinemacolor.color import lab_to_rgb
from kinemacolor.models.color2embed import (
    Color2Embed,
    Color2EmbedOptions,
    ModulatedConv2d,
    official_encoder_names,
    official_unet_names,
)

GOLDEN = answers("color2embed")
REFERENCE = recipe.picture(1, 256, 256)
FRAME = recipe.picture(2, 256, 256)


@pytest.fixture(scope="module")
def published() -> Color2Embed:
    model = Color2Embed().eval()
    fill(model.encoder, official_encoder_names())
    fill(model.unet, official_unet_names())
    return model


@torch.inference_mode()
def test_the_recorded_answers(published: Color2Embed) -> None:
    torch.testing.assert_close(lab_to_rgb(REFERENCE)[..., ::8, ::8], GOLDEN["reference_rgb"], atol=1e-5, rtol=0)
    state = published.init_state(REFERENCE[:, None])
    torch.testing.assert_close(state.embedding, GOLDEN["embedding"], rtol=1e-3, atol=1e-5)
    chroma = published(FRAME[:, None, :1], state).ab[:, 0]
    torch.testing.assert_close(chroma[..., ::2, ::2], GOLDEN["ab"], atol=2e-2, rtol=0)


def small() -> Color2Embed:
    torch.manual_seed(1)
    return Color2Embed(Color2EmbedOptions(width=1 / 16)).eval()


@torch.inference_mode()
def test_several_references_give_the_mean_embedding() -> None:
    model, other = small(), FRAME.roll(40, 2)
    alone = [model.init_state(picture[:, None]).embedding for picture in (REFERENCE, other)]
    both = model.init_state(torch.stack([REFERENCE, other], 1)).embedding
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


@torch.inference_mode()
def test_references_weigh_as_much_as_is_painted_of_them() -> None:
    """And what is not painted is seen in the mean colour of what is."""
    model, pictures = small(), torch.stack([REFERENCE, FRAME.roll(40, 2)], 1)
    masks = torch.ones(2, *FRAME.shape[2:])
    masks[1, :, FRAME.shape[3] // 4 :] = 0
    filled = pictures.clone()
    part = slice(FRAME.shape[3] // 4, None)
    filled[:, 1, 1:, :, part] = pictures[:, 1, 1:, :, : part.start].mean((2, 3))[..., None, None]
    alone = [model.init_state(filled[:, index : index + 1]).embedding for index in (0, 1)]  # type: ignore[attr-defined]
    both = model.init_state(pictures, paint_mask=masks).embedding  # type: ignore[attr-defined]
    torch.testing.assert_close(both, (4 * alone[0] + alone[1]) / 5)


@torch.inference_mode()
def test_frames_do_not_depend_on_each_other() -> None:
    model = small()
    state = model.init_state(REFERENCE[:, None])
    luma = torch.stack([FRAME[:, :1], FRAME[:, :1].roll(9, 3)], 1)
    torch.testing.assert_close(model(luma, state).ab[:, 1:], model(luma[:, 1:], state).ab)


@torch.inference_mode()
def test_it_never_claims_to_know() -> None:
    model = small()
    step = model(FRAME[:, None, :1, :70, :90], model.init_state(REFERENCE[:, None]))
    assert (step.confidence == 0.5).all()


@torch.inference_mode()
def test_modulated_convolution_is_that_of_the_paper() -> None:
    """Eq. 4-7 written out, one kernel at a time."""
    conv, x, z = ModulatedConv2d(4, 3, 6), torch.randn(2, 4, 8, 9), torch.randn(2, 6, 1, 1)
    for row in range(2):
        linear = conv.modulation.weight[:, :, 0, 0] @ z[row, :, 0, 0] + conv.modulation.bias
        kernels = torch.zeros(4, 4, 3, 3)
        for out in range(4):
            kernel = torch.stack([conv.weight[0, out, i] * (4 * 9) ** -0.5 * linear[i] for i in range(4)])
            kernels[out] = kernel / (kernel.square().sum() + 1e-8).sqrt()
        torch.testing.assert_close(conv(x, z)[row : row + 1], F.conv2d(x[row : row + 1], kernels, padding=1))
