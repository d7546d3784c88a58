import pytest
import torch
import torch.nn.functional as F

from kinemacolor.nn.attention import match_keys
from kinemacolor.nn.block_attention import (
    BLOCK,
    BlockAttention,
    attend_to_blocks,
    block_order,
    from_blocks,
    group_blocks,
    number_rows,
    to_blocks,
)


def picture_keys(seed: int, height: int, width: int, channels: int = 8) -> torch.Tensor:
    """Unit descriptors of a picture, smooth as real ones are, in the order of blocks: 2 N C."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(2, channels, height // 3 + 1, width // 3 + 1, generator=generator, dtype=torch.float64)
    cells = F.interpolate(coarse, (height, width), mode="bicubic").flatten(2).transpose(1, 2)
    return F.normalize(cells, dim=-1)[:, block_order(height, width, torch.device("cpu"))]


def attend(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *, temperature: float, blocks: int, best: int = 2
) -> BlockAttention:
    means = keys.unflatten(1, (-1, BLOCK)).mean(2)  # type: ignore[no-untyped-call]
    return attend_to_blocks(query, keys, values, means, temperature=temperature, blocks=blocks, best=best)


def test_four_cells_in_a_row_are_a_block() -> None:
    order = block_order(4, 6, torch.device("cpu"))
    assert order[:8].tolist() == [0, 1, 6, 7, 2, 3, 8, 9]
    assert sorted(order.tolist()) == list(range(24))


def test_maps_go_to_blocks_and_back() -> None:
    maps = torch.randn(2, 4, 6, 3, 2)
    cells = to_blocks(maps)
    torch.testing.assert_close(cells, maps.flatten(1, 2)[:, block_order(4, 6, maps.device)])
    torch.testing.assert_close(from_blocks(cells, 4, 6), maps)


def test_the_best_keys_are_named_with_their_products() -> None:
    """Of each block of queries the products with the keys that one of them is most similar to."""
    query, keys = picture_keys(1, 6, 8), picture_keys(2, 10, 12)
    found = attend(query, keys, keys, temperature=0.05, blocks=30, best=3)
    every = (query @ keys.transpose(1, 2)).unflatten(1, (-1, BLOCK))  # type: ignore[no-untyped-call]
    assert torch.equal(found.best.sort().values, every.amax(2).topk(3).indices.sort().values)
    torch.testing.assert_close(found.products, every.gather(3, found.best[:, :, None].expand(-1, -1, BLOCK, -1)))


def test_blocks_are_taken_of_each_picture() -> None:
    cells, blocks = torch.randn(2, 24, 3), torch.tensor([[[5, 0]], [[1, 1]]])
    rows = number_rows(blocks, 6)
    assert rows.tolist() == [[5, 0], [7, 7]]
    torch.testing.assert_close(group_blocks(cells)[rows[0, 0]], cells[0, 20:].flatten())
    torch.testing.assert_close(group_blocks(cells)[rows[1, 0]], cells[1, 4:8].flatten())


def test_all_blocks_are_all_cells() -> None:
    query, keys = picture_keys(1, 6, 8), picture_keys(2, 10, 12)
    values = torch.randn(2, 120, 3, dtype=torch.float64)
    found = attend(query, keys, values, temperature=0.05, blocks=99)
    wanted = match_keys(query, keys, values, temperature=0.05)
    torch.testing.assert_close(tuple(found[:3]), tuple(wanted))


def test_a_few_blocks_are_nearly_all_that_counts() -> None:
    query, keys = picture_keys(1, 12, 16), picture_keys(2, 36, 48)
    values = torch.randn(2, 36 * 48, 3, dtype=torch.float64)
    found = attend(query, keys, values, temperature=0.02, blocks=48)
    wanted = match_keys(query, keys, values, temperature=0.02)
    assert (found.best_index == wanted.best_index).float().mean() > 0.9
    assert (found.similarity - wanted.similarity).abs().max() < 0.1
    assert (found.values - wanted.values).abs().mean() < 0.1 * values.std()


def test_its_gradients_are_those_of_attention() -> None:
    query, keys = (picture_keys(seed, 4, 4, 5).requires_grad_() for seed in (1, 2))
    values = torch.randn(2, 16, 2, dtype=torch.float64, requires_grad=True)

    def match(*inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = attend(*inputs, temperature=0.3, blocks=4)
        return found.values, found.similarity

    assert torch.autograd.gradcheck(match, (query, keys, values))


@pytest.mark.parametrize("blocks", [1, 3])
def test_rows_of_a_batch_are_independent(blocks: int) -> None:
    query, keys, values = picture_keys(1, 4, 6), picture_keys(2, 8, 8), torch.randn(2, 64, 2, dtype=torch.float64)
    both = attend(query, keys, values, temperature=0.1, blocks=blocks)
    alone = attend(query[1:], keys[1:], values[1:], temperature=0.1, blocks=blocks)
    torch.testing.assert_close(both.values[1:], alone.values)
    assert torch.equal(both.best_index[1:], alone.best_index)
