import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab

from kinemacolor.color import YCbCr, compress_to_gamut, lab_to_rgb, lightness_from_luma, rgb_to_lab


def every_rgb(steps: int = 18) -> torch.Tensor:
    """3 1 N: a grid over the sRGB cube, black and white included."""
    axis = torch.linspace(0, 1, steps, dtype=torch.float64)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, 1, -1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-4)])
def test_lab_agrees_with_scikit_image(dtype: torch.dtype, tolerance: float) -> None:
    rgb = every_rgb()
    ours = rgb_to_lab(rgb.to(dtype)).double().permute(1, 2, 0).numpy()
    assert np.abs(ours - rgb2lab(rgb.permute(1, 2, 0).numpy())).max() < tolerance


def test_rgb_agrees_with_scikit_image_inside_and_outside_the_gamut() -> None:
    generator = np.random.default_rng(0)
    lab = generator.uniform([1, -60, -60], [99, 60, 60], (40, 50, 3))
    theirs = lab2rgb(lab)
    ours = lab_to_rgb(torch.from_numpy(lab).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    inside = ((theirs > 1e-3) & (theirs < 1 - 1e-3)).all(-1)
    assert inside.sum() > 200
    assert np.abs(ours - theirs)[inside].max() < 1e-4


def test_there_and_back_is_the_same_colour_for_any_batch_shape() -> None:
    rgb = torch.rand(2, 4, 3, 5, 7)
    assert torch.allclose(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=1e-5)


def test_half_precision_is_computed_in_float32() -> None:
    rgb = torch.rand(1, 3, 8, 8).half()
    lab = rgb_to_lab(rgb)
    assert lab.dtype == torch.float16
    assert torch.allclose(lab.float(), rgb_to_lab(rgb.float()), atol=0.1)


def test_conversion_has_finite_gradients_everywhere() -> None:
    rgb = every_rgb(6).float().requires_grad_()
    lab_to_rgb(rgb_to_lab(rgb) * 1.5, clip=False).sum().backward()
    assert torch.isfinite(rgb.grad).all()


def test_luma_of_gray_is_the_l_of_its_colour() -> None:
    gray = torch.linspace(0, 1, 256)
    whole = rgb_to_lab(gray.expand(3, 1, 256))
    assert torch.allclose(lightness_from_luma(gray), whole[0, 0], atol=2e-3)


def test_gamut_mapping_keeps_luma_where_clipping_moves_it() -> None:
    generator = torch.Generator().manual_seed(1)
    lab = torch.rand(3, 64, 64, generator=generator) * torch.tensor([100, 200, 200])[:, None, None]
    lab = lab - torch.tensor([0, 100, 100])[:, None, None]
    mapped, clipped = rgb_to_lab(lab_to_rgb(compress_to_gamut(lab))), rgb_to_lab(lab_to_rgb(lab))
    assert (mapped[0] - lab[0]).abs().max() < 0.3
    assert (clipped[0] - lab[0]).abs().max() > 10


def test_gamut_mapping_keeps_hue_and_leaves_shown_colours_alone() -> None:
    shown = rgb_to_lab(torch.rand(3, 16, 16))
    assert torch.allclose(compress_to_gamut(shown), shown, atol=2e-3)
    wild = torch.tensor([50.0, 120.0, -90.0])[:, None, None]
    mapped = compress_to_gamut(wild)
    assert torch.allclose(mapped[1] / mapped[2], wild[1] / wild[2], atol=1e-5)
    rgb = lab_to_rgb(mapped, clip=False)
    assert rgb.min() > -2e-3
    assert rgb.max() < 1 + 2e-3


CODINGS = [
    YCbCr(red, blue, depth, full_range)
    for red, blue in [(0.2126, 0.0722), (0.299, 0.114), (0.2627, 0.0593)]
    for depth in (8, 10, 16)
    for full_range in (False, True)
]


@pytest.mark.parametrize("coding", CODINGS)
def test_gray_has_neutral_chroma_codes(coding: YCbCr) -> None:
    gray = torch.linspace(0, 1, 50)[None, None]
    codes = coding.to_cbcr_codes(gray, torch.zeros(2, 1, 50))
    assert (codes - 2 ** (coding.depth - 1)).abs().max() <= 2 ** max(0, coding.depth - 12)


@pytest.mark.parametrize("coding", CODINGS)
@given(level=st.floats(0, 1), a=st.floats(-110, 110), b=st.floats(-110, 110))
def test_any_colour_becomes_codes_that_can_be_shown(coding: YCbCr, level: float, a: float, b: float) -> None:
    gray, chroma = torch.tensor([[[level]]]), torch.tensor([[[a]], [[b]]])
    codes = coding.to_cbcr_codes(gray, chroma)
    top, unit = 2.0**coding.depth - 1, 2.0 ** (coding.depth - 8)
    luma = gray * top if coding.full_range else 16 * unit + gray * 219 * unit
    cb, cr = ((codes - 2 ** (coding.depth - 1)) / (top if coding.full_range else 224 * unit)).flatten()
    y = float(coding.to_luma(luma))
    red, blue = y + 2 * (1 - coding.red_weight) * cr, y + 2 * (1 - coding.blue_weight) * cb
    green = (y - coding.red_weight * red - coding.blue_weight * blue) / (1 - coding.red_weight - coding.blue_weight)
    step = 2 / 2**coding.depth * 2  # rounding of a code
    for value in (red, green, blue):
        assert -step <= value <= 1 + step


@pytest.mark.parametrize("coding", CODINGS)
def test_shown_colours_survive_the_way_through_codes(coding: YCbCr) -> None:
    """Y' of the source with Cb, Cr of the colour gives its hue back; L moves a little, as documented."""
    lab = compress_to_gamut(rgb_to_lab(0.25 + torch.rand(3, 20, 20) * 0.5))
    gray = lab_to_rgb(torch.cat([lab[:1], torch.zeros_like(lab[1:])]))[:1]
    top, unit = 2.0**coding.depth - 1, 2.0 ** (coding.depth - 8)
    luma = (gray * top if coding.full_range else 16 * unit + gray * 219 * unit).round()
    back = rgb_to_lab(coding.to_rgb(luma, coding.to_cbcr_codes(coding.to_luma(luma), lab[1:])))
    assert (back[1:] - lab[1:]).abs().mean() < 2
    assert (back[0] - lab[0]).abs().mean() < 2
