import pytest
import torch
import torch.nn.functional as F

from kinemacolor.nn import attention
from kinemacolor.nn.attention import attend, match_keys, match_nearby_keys


def unit(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, dtype=torch.float64), dim=-1)


def naive(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, temperature: float) -> tuple:
    cosine = query @ keys.transpose(-1, -2)
    return (cosine / temperature).softmax(-1) @ values, cosine.amax(-1)


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_match_is_softmax_attention_whatever_the_tile(temperature: float) -> None:
    query, keys, values = unit(2, 37, 8), unit(2, 23, 8), torch.randn(2, 23, 3, dtype=torch.float64)
    wanted = naive(query, keys, values, temperature)
    for elements in (1, 5 * 23, 37 * 23, 10_000):
        warped, cosine, best = match_keys(query, keys, values, temperature=temperature, chunk_elements=elements)
        torch.testing.assert_close((warped, cosine), wanted)
        assert torch.equal(best, (query @ keys.transpose(1, 2)).argmax(-1))


@pytest.mark.parametrize("elements", [1, 7 * 23, 10_000])
def test_attention_to_values_alone_is_that_of_a_match(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "CHUNK_ELEMENTS", elements)
    query, keys, values = unit(2, 37, 8), unit(2, 23, 8), torch.randn(2, 23, 3, dtype=torch.float64)
    wanted, _ = naive(query, keys, values, 1.0)
    torch.testing.assert_close(attend(query, keys, values), wanted)
    with torch.inference_mode():
        torch.testing.assert_close(attend(query, keys, values), wanted)


@pytest.mark.parametrize("elements", [1, 7 * 11, 10_000])
def test_the_gradients_of_a_match_are_those_of_attention(elements: int) -> None:
    query, keys = (unit(2, count, 5).requires_grad_() for count in (9, 11))
    values = torch.randn(2, 11, 3, dtype=torch.float64, requires_grad=True)

    def match(*inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = match_keys(*inputs, temperature=0.3, chunk_elements=elements)
        return found.values, found.similarity

    assert torch.autograd.gradcheck(match, (query, keys, values))


def test_without_temperature_the_value_of_the_best_key_is_copied() -> None:
    query, keys, values = unit(2, 9, 5), unit(2, 11, 5), torch.randn(2, 11, 3, dtype=torch.float64)
    found = match_keys(query, keys, values, temperature=None, chunk_elements=40)
    products = query @ keys.transpose(1, 2)
    assert torch.equal(found.best_index, products.argmax(-1))
    torch.testing.assert_close(found.similarity, products.amax(-1))
    assert torch.equal(found.values, values.gather(1, found.best_index[..., None].expand(-1, -1, 3)))


def test_match_of_a_key_with_itself_copies_its_value() -> None:
    keys, values = unit(1, 50, 32), torch.randn(1, 50, 2, dtype=torch.float64)
    warped, cosine, best = match_keys(keys, keys, values, temperature=0.005)
    torch.testing.assert_close(warped, values, atol=1e-3, rtol=0)
    torch.testing.assert_close(cosine, torch.ones(1, 50, dtype=torch.float64))
    assert torch.equal(best[0], torch.arange(50))


def test_match_stays_finite_at_a_temperature_that_overflows() -> None:
    query, keys = unit(1, 9, 4).float(), unit(1, 9, 4).float()
    warped, cosine, _ = match_keys(query, keys, torch.ones(1, 9, 1), temperature=1e-4)
    assert torch.allclose(warped, torch.ones_like(warped), atol=1e-5)
    assert torch.isfinite(cosine).all()


@pytest.mark.parametrize(("height", "width", "radius"), [(7, 9, 2), (5, 5, 1), (4, 6, 9)])
def test_match_nearby_is_attention_within_the_window(height: int, width: int, radius: int) -> None:
    query, keys = unit(2, height, width, 6), unit(2, height, width, 6)
    values = torch.randn(2, height, width, 3, dtype=torch.float64)
    warped, cosine = match_nearby_keys(query, keys, values, temperature=0.2, radius=radius)
    for row in range(height):
        for column in range(width):
            rows = slice(max(0, row - radius), row + radius + 1)
            columns = slice(max(0, column - radius), column + radius + 1)
            near = keys[:, rows, columns].flatten(1, 2), values[:, rows, columns].flatten(1, 2)
            wanted, best = naive(query[:, row, column, None], *near, 0.2)
            torch.testing.assert_close(warped[:, row, column], wanted[:, 0])
            torch.testing.assert_close(cosine[:, row, column], best[:, 0])


def test_both_can_be_trained_through() -> None:
    query, keys = unit(1, 4, 5, 6).requires_grad_(), unit(1, 4, 5, 6)
    values = torch.randn(1, 4, 5, 2, dtype=torch.float64)
    match_nearby_keys(query, keys, values, temperature=0.1, radius=1)[0].sum().backward()
    assert query.grad is not None
    assert query.grad.abs().sum() > 0
    flat = query.detach().flatten(1, 2).requires_grad_()
    match_keys(flat, keys.flatten(1, 2), values.flatten(1, 2), temperature=0.1).values.sum().backward()
    assert flat.grad is not None
    assert flat.grad.abs().sum() > 0
