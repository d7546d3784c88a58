"""Attention that transfers values, such as ab, from keys to queries by the similarity of descriptors.

Descriptors are unit vectors, so the product of two is their cosine. Softmax(cosine / temperature)
weighs the keys (Deep Exemplar, Eq. 3-4); the largest cosine says how good the match is (Eq. 5).
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from kinemacolor.nn.pointwise import multiply_rows
from kinemacolor.nn.precision import no_autocast, promote_to_float32

CHUNK_ELEMENTS = 1 << 19  # products in memory at a time: 2 MiB stay in the cache of a core
CUDA_CHUNK_ELEMENTS = 1 << 28
TILE = 4, 8  # rows and columns of queries that share a window of keys
MIN_CHUNK_QUERIES = 64  # of one picture in a chunk, before pictures are put together


class AttentionOutput(NamedTuple):
    """Values B N V for every query; its largest product with a key B N, and the index B N of that key."""

    values: Tensor
    similarity: Tensor
    best_index: Tensor


def match_keys(
    query: Tensor, keys: Tensor, values: Tensor, *, temperature: float | None, chunk_elements: int | None = None
) -> AttentionOutput:
    """Attend from every query B N C to every key B M C: softmax(product / temperature) over the keys weighs ``values``.

    With temperature None the value, B M V, of the best key is copied, which is the limit for small temperatures (Deep
    Exemplar, Eq. 4-5). Computed in float32 or wider. Of the N × M products only ``chunk_elements`` are in memory at a
    time (by default what suits the device), also while gradients are computed: these compute them once more.
    """
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    size = chunk_elements or (CUDA_CHUNK_ELEMENTS if query.is_cuda else CHUNK_ELEMENTS)
    with no_autocast(query.device):  # cosines of good and of bad matches may differ in the fourth digit only
        if temperature is not None:
            scaled = query / temperature
            warped, top, best = _SoftmaxAttention.apply(scaled, keys, values, size)  # type: ignore[no-untyped-call, unused-ignore]
            return AttentionOutput(warped, temperature * top, best)
        with torch.no_grad():
            best = torch.empty(query.shape[:2], dtype=torch.long, device=query.device)
            for rows in _iter_chunks(query, keys, size):
                best[rows] = find_largest(_multiply(query[rows], keys[rows[0]]))
        return AttentionOutput(gather_rows(values, best), (query * gather_rows(keys, best)).sum(-1), best)


def attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Compute the values B N V of `match_keys` at temperature 1, and nothing else.

    It can be traced for another engine, where no gradients are computed. Products of a query should differ by less
    than 80: weights that are smaller become denormal numbers, see `_softmax_weights`.
    """
    if torch.is_grad_enabled():
        return match_keys(query, keys, values, temperature=1.0).values
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    step = max(1, (CUDA_CHUNK_ELEMENTS if query.is_cuda else CHUNK_ELEMENTS) // keys.shape[1])
    found = []
    with no_autocast(query.device):
        for picture, own_keys, columns in zip(query, keys, values.transpose(1, 2).contiguous(), strict=True):
            weights = (multiply_rows(part, own_keys).softmax(-1) for part in torch.split(picture, step))
            found.append(torch.cat([(columns @ one.T).T for one in weights]))
    return torch.stack(found)


class _SoftmaxAttention(torch.autograd.Function):
    """`match_keys` at temperature 1; the matrix of products is never stored, its gradient is computed in chunks."""

    @staticmethod
    def forward(
        context: Any, query: Tensor, keys: Tensor, values: Tensor, chunk_elements: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        warped = query.new_empty(*query.shape[:2], values.shape[-1])
        similarity = query.new_empty(query.shape[:2])
        best = torch.empty(query.shape[:2], dtype=torch.long, device=query.device)
        columns = values.transpose(1, 2).contiguous()  # a product with few rows is twice as fast as with few columns
        for rows in _iter_chunks(query, keys, chunk_elements):
            products = _multiply(query[rows], keys[rows[0]])
            top, best[rows] = products.amax(-1), find_largest(products)
            weights = _softmax_weights(products, top[..., None])
            warped[rows] = (columns[rows[0]] @ weights.transpose(1, 2)).transpose(1, 2)
            similarity[rows] = top
        context.save_for_backward(query, keys, values, warped, similarity, best)
        context.chunk_elements = chunk_elements
        context.mark_non_differentiable(best)
        return warped, similarity, best

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_warped: Tensor, d_similarity: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        query, keys, values, warped, similarity, best = context.saved_tensors
        wants_keys, wants_values = context.needs_input_grad[1:3]
        d_query, d_keys, d_values = (torch.zeros_like(x) for x in (query, keys, values))
        # Gradient of a product: weight × (d_warped · value − d_warped · warped); the last term is a column more in the
        # matrix product.
        slopes = torch.cat([d_warped, -(d_warped * warped).sum(-1, keepdim=True)], -1)
        extended = torch.cat([values, torch.ones_like(values[..., :1])], -1)
        for rows in _iter_chunks(query, keys, context.chunk_elements):
            one = rows[0]
            weights = _softmax_weights(_multiply(query[rows], keys[one]), similarity[rows][..., None])
            if wants_values:
                d_values[one] += weights.transpose(1, 2) @ d_warped[rows]
            d_products = _multiply(slopes[rows], extended[one]).mul_(weights)
            d_query[rows] = d_products @ keys[one]
            if wants_keys:
                d_keys[one] += d_products.transpose(1, 2) @ query[rows]
        d_query += d_similarity[..., None] * gather_rows(keys, best)
        if wants_keys:
            d_keys.scatter_add_(1, best[..., None].expand_as(query), d_similarity[..., None] * query)
        return d_query, d_keys if wants_keys else None, d_values if wants_values else None, None


def _iter_chunks(query: Tensor, keys: Tensor, chunk_elements: int) -> Iterator[tuple[slice, slice]]:
    """Slices of queries whose products with all keys have at most ``chunk_elements`` elements (at least one query)."""
    (batch, count, _), per_query = query.shape, max(1, keys.shape[1])
    together = max(1, chunk_elements // (per_query * min(count, MIN_CHUNK_QUERIES)))  # pictures in a chunk
    step = max(1, chunk_elements // (per_query * min(together, batch)))
    for first in range(0, batch, together):
        for row in range(0, count, step):
            yield slice(first, first + together), slice(row, row + step)


def _multiply(query: Tensor, keys: Tensor) -> Tensor:
    """Products ... n M of queries ... n C and keys ... M C."""
    return query @ keys.transpose(-1, -2)


def find_largest(products: Tensor) -> Tensor:
    """Find the index of the largest product of each row; by NumPy on a CPU, which is ten times as fast there."""
    if products.device.type == "cpu":
        return torch.from_numpy(np.asarray(products.detach().numpy().argmax(-1)))
    return products.argmax(-1)


@torch.no_grad()
def find_best(scores: Tensor, count: int) -> Tensor:
    """Find the indices of the ``count`` largest of each row ``... M``, in no order: ``... count``.

    By NumPy on a CPU, which is four times as fast there.
    """
    if scores.device.type == "cpu":
        first = scores.shape[-1] - count
        return torch.from_numpy(np.argpartition(scores.numpy(), first, -1)[..., first:])
    return scores.topk(count, sorted=False).indices


def gather_rows(values: Tensor, indices: Tensor) -> Tensor:
    """Select rows of values B M V by ``indices`` B N; gives B N V."""
    return values.gather(1, indices[..., None].expand(-1, -1, values.shape[-1]))


def center_and_normalize(x: Tensor) -> Tensor:
    """Subtract from descriptors B N C their mean over N and scale them to length 1 (Deep Exemplar, Eq. 3)."""
    exact = promote_to_float32(x)
    return F.normalize(exact - exact.mean(1, keepdim=True), dim=-1)


def match_nearby_keys(
    query: Tensor, keys: Tensor, values: Tensor, *, temperature: float, radius: int
) -> tuple[Tensor, Tensor]:
    """Attend from every query to the keys at most ``radius`` cells away, in rows and in columns.

    ``query`` and ``keys`` B h w C, ``values`` B h w V. Gives values B h w V and the largest cosine B h w. Queries are
    taken in tiles of `TILE` rows and columns, with the window of keys around the tile.
    """
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    height, width = query.shape[1:3]
    below, beyond = -height % TILE[0], -width % TILE[1]  # the last tiles may go beyond the picture
    tiles = F.pad(query / temperature, (0, 0, 0, beyond, 0, below))
    tiles = tiles.unflatten(1, (-1, TILE[0])).unflatten(3, (-1, TILE[1]))
    tiles = tiles.transpose(2, 3).flatten(3, 4)  # B h' w' 32 C
    pads = (0, 0, radius, radius + beyond, radius, radius + below)
    key_windows, value_windows = (_make_windows(F.pad(x, pads), radius) for x in (keys, values))
    barred = _find_barred(height, width, radius, query.device)
    elements = tiles.shape[0] * tiles.shape[2] * barred.shape[2] * barred.shape[3]  # of a row of tiles
    step = max(1, (CUDA_CHUNK_ELEMENTS if query.is_cuda else CHUNK_ELEMENTS) // elements)
    found = []
    with no_autocast(query.device):
        for rows in (slice(first, first + step) for first in range(0, tiles.shape[1], step)):
            products = _multiply(tiles[:, rows], key_windows[:, rows].flatten(3, 4))
            products = products.masked_fill_(barred[rows], -torch.inf)
            top = products.amax(-1, keepdim=True)
            columns = value_windows[:, rows].flatten(3, 4).transpose(-1, -2)
            warped = (columns @ _softmax_weights(products, top).transpose(-1, -2)).transpose(-1, -2)
            found.append(torch.cat([warped, temperature * top], -1))
    cells = torch.cat(found, 1).unflatten(3, TILE).transpose(2, 3)
    warped, top = cells.flatten(3, 4).flatten(1, 2)[:, :height, :width].split_with_sizes([values.shape[-1], 1], -1)
    return warped, top[..., 0]


def _make_windows(padded: Tensor, radius: int) -> Tensor:
    """Windows around tiles of padded cells: B h' w' rows columns C; they overlap, nothing is copied."""
    rows, columns = TILE
    return padded.unfold(1, rows + 2 * radius, rows).unfold(2, columns + 2 * radius, columns).permute(0, 1, 2, 4, 5, 3)


@cache  # never freed: CUDA graphs read it where it lies
def _find_barred(height: int, width: int, radius: int, device: torch.device) -> Tensor:
    """Which cells of its tile's window a query may not look at: h' w' tile window, true or false.

    Those too far away and those outside the picture; cells beyond the picture may look anywhere.
    """
    with torch.inference_mode(False):
        near_rows, near_columns = (
            _find_near(size, step, radius, device) for size, step in zip((height, width), TILE, strict=True)
        )
        allowed = near_rows[:, None, :, None, :, None] & near_columns[:, None, :, None]
        return ~allowed.flatten(4).flatten(2, 3)


def _find_near(size: int, step: int, radius: int, device: torch.device) -> Tensor:
    """Along one axis of ``size`` cells, for each tile: which cells of its window are near which cell of its own."""
    first = torch.arange(0, size, step, device=device)[:, None]
    own, other = first + torch.arange(step, device=device), first + torch.arange(-radius, step + radius, device=device)
    near = (own[:, :, None] - other[:, None]).abs() <= radius
    return near & ((other >= 0) & (other < size))[:, None] | (own >= size)[:, :, None]


def _softmax_weights(products: Tensor, top: Tensor) -> Tensor:
    """Softmax of products over the last axis; ``top``, ``... 1``, is the largest product.

    A weight under e^-60 of the largest is raised to that: it adds nothing, but would become a
    denormal number, which a CPU multiplies six times slower.
    """
    return torch.maximum(products, top - 60).softmax(-1)
