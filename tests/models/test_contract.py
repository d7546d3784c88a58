"""The laws that every model keeps (docs/design.md, "The interface").

In float64: untrained networks magnify rounding, and laws are about more than rounding.
"""

import dataclasses
import warnings

import pytest
import torch
from _pytest.mark import ParameterSet

from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.weights.registry import MODELS, WeightsNotice, load_model

TINY = 1 / 16


def cases() -> list[ParameterSet]:
    """Every model at a sixteenth of its channels, if it has such an option, and at full size where asked for."""
    found = []
    for name, kind in sorted(MODELS.items()):
        scaled = any(field.name == "width" for field in dataclasses.fields(kind.options_type))
        found.append(pytest.param(name, {"width": TINY} if scaled else {}, id=f"{name}-tiny" if scaled else name))
        if scaled:
            found.append(pytest.param(name, {}, id=f"{name}-full", marks=pytest.mark.slow))
    return found


pytestmark = pytest.mark.parametrize(("name", "options"), cases())


@pytest.fixture
def model(name: str, options: dict[str, object]) -> Colorizer:
    if not options:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WeightsNotice)
            return load_model(name).double()
    return MODELS[name](MODELS[name].options_type(**options)).double().eval()


def film(batch: int = 2, frames: int = 4, height: int = 64, width: int = 80, seed: int = 0) -> torch.Tensor:
    """B T 1 h w, L 0..100: soft shapes that drift."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 1, 9, 9, generator=generator)
    still = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1) * 100
    return torch.stack([still.roll(index, -1) for index in range(frames)], 1).double()


def pictures(batch: int = 2, count: int = 1, height: int = 64, width: int = 80) -> torch.Tensor:
    """B R 3 H W Lab."""
    luma = film(batch, count, height, width, seed=1)
    chroma = (
        torch.randn(batch, count, 2, 6, 6).repeat_interleave(height // 6 + 1, 3).repeat_interleave(width // 6 + 1, 4)
    )
    return torch.cat([luma, 30 * chroma[..., :height, :width].double()], 2)


def run(model: Colorizer, luma: torch.Tensor, references: torch.Tensor, cuts: list[int]) -> ModelOutput:
    state, steps = model.init_state(references), []
    for part in luma.split(cuts, 1):
        step = model(part, state)
        steps.append(step)
        state = step.state
    return ModelOutput(torch.cat([s.ab for s in steps], 1), torch.cat([s.confidence for s in steps], 1), state)


def tensors(of: State) -> list[torch.Tensor]:
    values = (getattr(of, field.name) for field in dataclasses.fields(of))
    return [value for value in values if isinstance(value, torch.Tensor)]


@torch.inference_mode()
def test_cutting_at_multiples_of_the_block_changes_nothing(model: Colorizer) -> None:
    n = model.spec.block_size
    luma, references = film(frames=4 * n), pictures()
    whole, cut = run(model, luma, references, [4 * n]), run(model, luma, references, [n, 2 * n, n])
    torch.testing.assert_close(whole.ab, cut.ab, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(whole.confidence, cut.confidence, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_batch_rows_are_independent(model: Colorizer) -> None:
    luma, references = film(), pictures()
    both = run(model, luma, references, [4])
    for row in range(2):
        alone = run(model, luma[row : row + 1], references[row : row + 1], [4])
        torch.testing.assert_close(alone.ab[0], both.ab[row], atol=1e-3, rtol=1e-4)


@torch.inference_mode()
def test_further_results_are_given_to_who_asks_and_change_nothing(model: Colorizer) -> None:
    state = model.init_state(pictures())
    plain, full = (model(film(frames=2), state, with_aux=asked) for asked in (False, True))
    assert not plain.aux
    assert torch.equal(plain.ab, full.ab)
    assert torch.equal(plain.confidence, full.confidence)


@torch.inference_mode()
def test_states_are_never_mutated(model: Colorizer) -> None:
    state = model.init_state(pictures())
    state = model(film(frames=1), state).state

    before = [tensor.clone() for tensor in tensors(state)]
    first = model(film(frames=2), state)
    again = model(film(frames=2), state)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors(state), strict=True))
    assert torch.equal(first.ab, again.ab)
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.keys = None  # type: ignore[attr-defined, misc]


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 64), (65, 97), (113, 71), (64, 200)])
def test_any_size_comes_back(model: Colorizer, size: tuple[int, int]) -> None:
    step = model(film(1, 2, *size), model.init_state(pictures(1, 1, 70, 90)))
    assert step.ab.shape == (1, 2, 2, *size)
    assert step.confidence.shape == (1, 2, 1, *size)
    assert torch.isfinite(step.ab).all()
    assert 0 <= step.confidence.min() <= step.confidence.max() <= 1


@torch.inference_mode()
def test_the_order_of_references_does_not_matter(model: Colorizer) -> None:
    luma, references = film(), pictures(count=3)
    one, other = run(model, luma, references, [4]), run(model, luma, references.flip(1), [4])
    torch.testing.assert_close(one.ab, other.ab, atol=1e-3, rtol=1e-4)


@torch.inference_mode()
def test_chroma_is_in_lab_units(model: Colorizer) -> None:
    chroma = run(model, film(), pictures(), [4]).ab
    assert 1 < chroma.abs().max() <= 128


def test_states_move_and_detach(model: Colorizer) -> None:
    state = model(film(frames=1), model.init_state(pictures())).state

    cut, moved = state.detach(), state.to("meta")
    assert type(cut) is type(moved) is type(state)
    assert tensors(state)
    assert not any(tensor.requires_grad for tensor in tensors(cut))
    assert all(tensor.device.type == "meta" for tensor in tensors(moved))


def strokes(count: int = 1, height: int = 64, width: int = 80) -> torch.Tensor:
    """Masks R H W of two patches, one of them thin."""
    masks = torch.zeros(count, height, width)
    masks[:, 10:37, 13:50] = 1
    masks[:, 50:52, 5:70] = 1
    return masks


@torch.inference_mode()
def test_colours_under_what_is_not_painted_do_not_matter(model: Colorizer) -> None:
    references, masks = pictures(count=2), strokes(2)
    other = references.clone()
    other[:, :, 1:] = torch.where(masks[:, None] > 0, references[:, :, 1:], -70.0)
    one, two = (answer(model, model.init_state(x, paint_mask=masks)) for x in (references, other))
    assert torch.equal(one.ab, two.ab)
    assert torch.equal(one.confidence, two.confidence)
    whole = answer(model, model.init_state(references))
    assert not torch.equal(whole.ab, one.ab)


@torch.inference_mode()
def test_what_is_painted_matters(model: Colorizer) -> None:
    references, masks = pictures(), strokes()
    other = references.clone()
    other[:, :, 1:] = torch.where(masks[:, None] > 0, -references[:, :, 1:], references[:, :, 1:])
    one, two = (answer(model, model.init_state(x, paint_mask=masks)).ab for x in (references, other))
    assert not torch.equal(one, two)


@torch.inference_mode()
def test_a_wholly_painted_reference_is_one_without_a_mask(model: Colorizer) -> None:
    references = pictures(count=2)
    states = model.init_state(references), model.init_state(references, paint_mask=torch.ones(2, 64, 80))
    assert all(torch.equal(a, b) for a, b in zip(*(tensors(state) for state in states), strict=True))


@torch.inference_mode()
def test_a_reference_without_paint_is_as_if_it_were_not_there(model: Colorizer) -> None:
    references = pictures(count=2)
    masks = torch.stack([torch.ones(64, 80), torch.zeros(64, 80)])
    states = model.init_state(references[:, :1]), model.init_state(references, paint_mask=masks)
    assert all(torch.equal(a, b) for a, b in zip(*(tensors(state) for state in states), strict=True))


@torch.inference_mode()
def test_one_painted_colour_is_the_only_one_there_is(model: Colorizer) -> None:
    """Whatever is under the mask, also of another size than the frame; rows of the batch stay apart.

    The colour lies on no border between bins of ab, where rounding decides.
    """
    references, masks = pictures(count=2, height=70, width=91), strokes(2, 70, 91)
    references[:, :, 1:] = torch.where(masks[:, None] > 0, 23.0, references[:, :, 1:])
    both = answer(model, model.init_state(references, paint_mask=masks))
    alone = answer(model, model.init_state(references[1:], paint_mask=masks), rows=slice(1, 2))
    torch.testing.assert_close(alone.ab[0], both.ab[1], atol=1e-3, rtol=1e-4)
    for name in ("warped", "evidence", "semantic"):
        if name in both.aux:
            torch.testing.assert_close(both.aux[name], torch.full_like(both.aux[name], 23.0), atol=1e-3, rtol=0)


@torch.inference_mode()
def test_origins_lie_where_a_reference_is_painted(model: Colorizer) -> None:
    """The upper right of two references of three, of a size that fills no whole cells."""
    references, masks = pictures(count=3, height=65, width=90), torch.zeros(3, 65, 90)
    masks[1:, :24, 48:] = 1
    for luma in (film(frames=3), film(frames=3, height=97, width=66)):
        step = model(luma, model.init_state(references, paint_mask=masks), with_aux=True)
        if "origin" not in step.aux:
            pytest.skip(f"{model.spec.name} matches no places")
        number, row, column = step.aux["origin"].unbind(2)
        assert step.aux["origin"].shape[:3] == (2, 3, 3)
        assert set(number.unique().tolist()) <= {0, 1}  # of those with paint
        assert 0 <= row.min() <= row.max() <= 24 / 65
        assert 48 / 90 <= column.min() <= column.max() <= 1
        matched = step.aux.get("matched", torch.ones(2, 3, 1, 1, 1))
        assert matched.shape[:3] == (2, 3, 1)
        assert 0 <= matched.min() <= matched.max() <= 1


def answer(model: Colorizer, state: State, rows: slice = slice(None)) -> ModelOutput:
    step: ModelOutput = model(film(frames=max(2, model.spec.block_size))[rows], state, with_aux=True)
    return step


def test_masks_that_cannot_be_meant_are_value_errors(model: Colorizer) -> None:
    for masks, message in ((torch.ones(1, 64, 80), "wanted R H W"), (torch.zeros(2, 64, 80), "no pixel")):
        with pytest.raises(ValueError, match=message):
            model.init_state(pictures(count=2), paint_mask=masks)
