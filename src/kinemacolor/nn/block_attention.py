"""Attention from blocks of queries to the most similar blocks of keys: coarse to fine, a quarter of the time.

Cells of a picture are put in an order in which four consecutive ones are a block of 2 × 2. A block of queries looks at
the means of all blocks of keys, and then at the cells of the best only: the rest of a sharp softmax is nothing.
"""

import torch
from torch import Tensor

from kinemacolor.nn.attention import AttentionOutput, find_largest
from kinemacolor.nn.precision import no_autocast, promote_to_float32

BLOCK = 4  # cells
CHUNK_BLOCKS = 128  # blocks of queries at a time: their keys stay in the cache of a core
CUDA_CHUNK_BLOCKS = 1 << 15


def block_order(height: int, width: int, device: torch.device) -> Tensor:
    """Return the numbers of the cells of a grid, row by row, in the order of blocks. Both sides must be even."""
    cells = torch.arange(height * width, device=device).reshape(height // 2, 2, width // 2, 2)
    return cells.permute(0, 2, 1, 3).flatten()


def match_key_blocks(
    query: Tensor, keys: Tensor, values: Tensor, *, temperature: float, blocks: int
) -> AttentionOutput:
    """Do what `match_keys` does, B N C to B M C, where each block of queries sees its ``blocks`` best blocks of keys.

    Queries and keys are in the order of `block_order`. The choice has no gradient; the attention has.
    """
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    (batch, count, width), blocks = query.shape, min(blocks, keys.shape[1] // BLOCK)
    key_table, value_table = (x.reshape(-1, BLOCK * x.shape[-1]) for x in (keys, values))  # a block of any picture
    per_picture = keys.shape[1] // BLOCK
    step = CUDA_CHUNK_BLOCKS if query.is_cuda else CHUNK_BLOCKS
    with no_autocast(query.device):
        chosen = torch.cat([_choose_blocks(query[n], keys[n], blocks) + n * per_picture for n in range(batch)])
        parts = torch.split(query.reshape(-1, BLOCK, width), step)
        found = [
            _attend(part, numbers, key_table, value_table, temperature)
            for part, numbers in zip(parts, torch.split(chosen, step), strict=True)
        ]
    warped, similarity, best = (torch.cat(column) for column in zip(*found, strict=True))
    return AttentionOutput(
        warped.reshape(batch, count, -1), similarity.reshape(batch, count), best.reshape(batch, count) % keys.shape[1]
    )


@torch.no_grad()
def _choose_blocks(query: Tensor, keys: Tensor, blocks: int) -> Tensor:
    """Numbers of the best blocks of keys for each block of queries, by the best of its cells: ``N/4 blocks``."""
    means = keys.reshape(-1, BLOCK, keys.shape[-1]).mean(1)
    scores = (query @ means.T).reshape(-1, BLOCK, len(means)).amax(1)
    return scores.topk(blocks, sorted=False).indices


def _attend(
    query: Tensor, numbers: Tensor, key_table: Tensor, value_table: Tensor, temperature: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Attention of blocks of queries ``G 4 C`` to the blocks ``G K`` of the tables: values, similarity, best index."""
    shape = len(query), BLOCK * numbers.shape[1], -1
    keys, values = (table.index_select(0, numbers.flatten()).reshape(shape) for table in (key_table, value_table))
    products = query @ keys.transpose(1, 2)
    best = find_largest(products)
    similarity = products.gather(-1, best[..., None])[..., 0]
    index = numbers.gather(1, best // BLOCK) * BLOCK + best % BLOCK
    return (products / temperature).softmax(-1) @ values, similarity, index
