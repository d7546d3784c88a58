"""Attention from blocks of queries to the most similar blocks of keys: coarse to fine, a quarter of the time.

Cells of a picture are put in an order in which four consecutive ones are a block of 2 × 2. A block of queries looks at
the means of all blocks of keys, and then at the cells of the best only: the rest of a sharp softmax is nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from kinemacolor.nn.attention import find_best, find_largest
from kinemacolor.nn.pointwise import multiply_rows
from kinemacolor.nn.precision import no_autocast, promote_to_float32

BLOCK = 4  # cells
CHUNK_BLOCKS = 64  # blocks of queries at a time: their keys stay in the cache of a core
CUDA_CHUNK_BLOCKS = 1 << 15


class BlockAttention(NamedTuple):
    """What N queries, in the order of blocks, find in M keys in the same order, for B pictures.

    Values B N V under the weights of a softmax, the largest product B N, and the index B N of its key. Also the
    indices of the best keys for each block of queries, ``B N/4 K`` in no order, and the products of its queries with
    them, ``B N/4 4 K``.
    """

    values: Tensor
    similarity: Tensor
    best_index: Tensor
    best: Tensor
    products: Tensor


def block_order(height: int, width: int, device: torch.device) -> Tensor:
    """Return the numbers of the cells of a grid, row by row, in the order of blocks. Both sides must be even."""
    cells = torch.arange(height * width, device=device).reshape(height // 2, 2, width // 2, 2)
    return cells.permute(0, 2, 1, 3).flatten()


def to_blocks(x: Tensor) -> Tensor:
    """Flatten maps ``B h w ...`` to cells in the order of `block_order`, ``B h·w ...``."""
    shape = len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, *x.shape[3:]
    return x.reshape(shape).transpose(2, 3).flatten(1, 4)


def from_blocks(x: Tensor, height: int, width: int) -> Tensor:
    """Bring cells ``B h·w ...`` in the order of `block_order` back to maps ``B h w ...``."""
    shape = len(x), height // 2, width // 2, 2, 2, *x.shape[2:]
    return x.reshape(shape).transpose(2, 3).flatten(3, 4).flatten(1, 2)


def attend_to_blocks(
    query: Tensor, keys: Tensor, values: Tensor, block_keys: Tensor, *, temperature: float, blocks: int, best: int
) -> BlockAttention:
    """Do what `match_keys` does, B N C to B M C, where each block of queries sees its ``blocks`` best blocks of keys.

    Queries, keys and values are in the order of `block_order`. ``block_keys`` ``B M/4 C`` stand for the blocks where
    these are chosen, such as the means of their keys. The choice has no gradient; the attention has. ``best`` is the
    number of keys that are named in the result.
    """
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    (batch, count, width), blocks = query.shape, min(blocks, block_keys.shape[1])
    key_table, value_table = group_blocks(keys), group_blocks(values)
    with no_autocast(query.device):
        chosen = torch.stack([_choose_blocks(one, means, blocks) for one, means in zip(query, block_keys, strict=True)])
        found = [
            _attend(part, numbers, key_table, value_table, temperature, min(best, BLOCK * blocks))
            for part, numbers in split_blocks(query.reshape(-1, BLOCK, width), number_rows(chosen, block_keys.shape[1]))
        ]
    warped, similarity, index, named, products = (torch.cat(column) for column in zip(*found, strict=True))
    return BlockAttention(
        warped.reshape(batch, count, -1),
        similarity.reshape(batch, count),
        index.reshape(batch, count) % keys.shape[1],
        named.reshape(batch, count // BLOCK, -1) % keys.shape[1],
        products.reshape(batch, count // BLOCK, BLOCK, -1),
    )


def group_blocks(cells: Tensor) -> Tensor:
    """A table of the blocks of all pictures, ``B·M/4 4·V``, of cells ``B M V`` in the order of blocks."""
    return cells.reshape(-1, BLOCK * cells.shape[-1])


def number_rows(indices: Tensor, count: int) -> Tensor:
    """Rows ``B·G K`` in a table of all pictures, each with ``count`` rows, for indices ``B G K`` in each."""
    first = torch.arange(len(indices), device=indices.device) * count
    return (indices + first[:, None, None]).flatten(0, 1)


def split_blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Split tensors of one length, of blocks of queries, to parts of which a device takes one at a time."""
    step = CUDA_CHUNK_BLOCKS if tensors[0].is_cuda else CHUNK_BLOCKS
    return zip(*(torch.split(x, step) for x in tensors), strict=True)


@torch.no_grad()
def _choose_blocks(query: Tensor, block_keys: Tensor, blocks: int) -> Tensor:
    """Numbers of the best blocks of keys for each block of queries ``N C``, by the mean of it: ``N/4 blocks``."""
    scores = multiply_rows(query.reshape(-1, BLOCK, query.shape[-1]).mean(1), block_keys)
    return find_best(scores, blocks)


def _attend(
    query: Tensor, numbers: Tensor, key_table: Tensor, value_table: Tensor, temperature: float, named: int
) -> tuple[Tensor, ...]:
    """Attention of blocks of queries ``G 4 C`` to the blocks ``G K`` of the tables; what `BlockAttention` has."""
    shape = len(query), BLOCK * numbers.shape[1], -1
    keys, values = (table.index_select(0, numbers.flatten()).reshape(shape) for table in (key_table, value_table))
    products = query @ keys.transpose(1, 2)
    cells = (numbers[..., None] * BLOCK + torch.arange(BLOCK, device=numbers.device)).flatten(1)
    largest = find_largest(products)
    similarity = products.gather(-1, largest[..., None])[..., 0]
    warped = (products / temperature).softmax(-1) @ values
    best = find_best(products.detach().amax(1), named)
    kept = products.gather(2, best[:, None].expand(-1, BLOCK, -1))
    return warped, similarity, cells.gather(1, largest), cells.gather(1, best), kept
