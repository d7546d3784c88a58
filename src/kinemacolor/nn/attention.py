"""Attention that transfers values, such as ab, from keys to queries by the similarity of descriptors.

Descriptors are unit vectors, so the product of two is their cosine. Softmax(cosine / temperature)
weighs the keys (Deep Exemplar, Eq. 3-4); the largest cosine says how good the match is (Eq. 5).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from kinemacolor.nn.precision import no_autocast, promote_to_float32

CHUNK_ELEMENTS = 1 << 19  # products in memory at a time: 2 MiB stay in the cache of a core
CUDA_CHUNK_ELEMENTS = 1 << 28
BAND_CELLS = 16  # queries of a row that share a window of keys
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
            return AttentionOutput(
                *_SoftmaxAttention.apply(query, keys, values, temperature, size)  # type: ignore[no-untyped-call]
            )
        with torch.no_grad():
            best = torch.empty(query.shape[:2], dtype=torch.long, device=query.device)
            for rows in _iter_chunks(query, keys, size):
                best[rows] = find_largest(_multiply(query[rows], keys[rows[0]]))
        return AttentionOutput(gather_rows(values, best), (query * gather_rows(keys, best)).sum(-1), best)


class _SoftmaxAttention(torch.autograd.Function):
    """`match_keys` at one temperature; the matrix of products is never stored, its gradient is computed in chunks."""

    @staticmethod
    def forward(
        context: Any, query: Tensor, keys: Tensor, values: Tensor, temperature: float, chunk_elements: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        warped = query.new_empty(*query.shape[:2], values.shape[-1])
        similarity = query.new_empty(query.shape[:2])
        best = torch.empty(query.shape[:2], dtype=torch.long, device=query.device)
        columns = values.transpose(1, 2).contiguous()  # a product with few rows is twice as fast as with few columns
        for rows in _iter_chunks(query, keys, chunk_elements):
            products = _multiply(query[rows], keys[rows[0]])
            top, best[rows] = products.amax(-1), find_largest(products)
            weights = _softmax_weights(products, top, temperature)
            warped[rows] = (columns[rows[0]] @ weights.transpose(1, 2)).transpose(1, 2)
            similarity[rows] = top
        context.save_for_backward(query, keys, values, warped, similarity, best)
        context.settings = temperature, chunk_elements
        context.mark_non_differentiable(best)
        return warped, similarity, best

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_warped: Tensor, d_similarity: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        query, keys, values, warped, similarity, best = context.saved_tensors
        temperature, chunk_elements = context.settings
        wants_keys, wants_values = context.needs_input_grad[1:3]
        d_query, d_keys, d_values = (torch.zeros_like(x) for x in (query, keys, values))
        # Gradient of a product: weight × (d_warped · value − d_warped · warped) / temperature; the last term is a
        # column more in the matrix product.
        slopes = torch.cat([d_warped, -(d_warped * warped).sum(-1, keepdim=True)], -1) / temperature
        extended = torch.cat([values, torch.ones_like(values[..., :1])], -1)
        for rows in _iter_chunks(query, keys, chunk_elements):
            one = rows[0]
            weights = _softmax_weights(_multiply(query[rows], keys[one]), similarity[rows], temperature)
            if wants_values:
                d_values[one] += weights.transpose(1, 2) @ d_warped[rows]
            d_products = _multiply(slopes[rows], extended[one]).mul_(weights)
            d_query[rows] = d_products @ keys[one]
            if wants_keys:
                d_keys[one] += d_products.transpose(1, 2) @ query[rows]
        d_query += d_similarity[..., None] * gather_rows(keys, best)
        if wants_keys:
            d_keys.scatter_add_(1, best[..., None].expand_as(query), d_similarity[..., None] * query)
        return d_query, d_keys if wants_keys else None, d_values if wants_values else None, None, None


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
    taken in bands of `BAND_CELLS` of a row, with the window of keys around the band.
    """
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    width = query.shape[2]
    band = min(BAND_CELLS, width)
    bands = F.pad(query, (0, 0, 0, -width % band)).unflatten(2, (-1, band))  # type: ignore[no-untyped-call]
    reach = radius, radius + -width % band  # the last band may go beyond the picture
    pads = (0, 0, radius, reach[1], radius, radius)
    key_windows, value_windows = (_make_windows(F.pad(x, pads), band, radius) for x in (keys, values))
    allowed = _find_allowed(query.shape[1], width, band, radius, query.device)
    elements = bands.shape[0] * bands.shape[2] * band * key_windows.shape[3] * key_windows.shape[4]  # of a row
    step = max(1, (CUDA_CHUNK_ELEMENTS if query.is_cuda else CHUNK_ELEMENTS) // elements)
    found = []
    with no_autocast(query.device):
        for rows in (slice(first, first + step) for first in range(0, query.shape[1], step)):
            cosines = _multiply(bands[:, rows], key_windows[:, rows].flatten(3, 4))
            cosines = cosines.masked_fill(~allowed[rows], -torch.inf)
            top = cosines.amax(-1)
            weights = _softmax_weights(cosines, top, temperature)
            columns = value_windows[:, rows].flatten(3, 4).transpose(-1, -2)
            found.append(((columns @ weights.transpose(-1, -2)).transpose(-1, -2), top))
    warped, top = (torch.cat(column, 1).flatten(2, 3)[:, :, :width] for column in zip(*found, strict=True))
    return warped, top


def _make_windows(padded: Tensor, band: int, radius: int) -> Tensor:
    """Windows around bands of padded cells B h+2r w+2r C: B h bands 2r+1 band+2r C; they overlap, nothing is copied."""
    window = padded.unfold(1, 2 * radius + 1, 1).unfold(2, band + 2 * radius, band)
    return window.permute(0, 1, 2, 4, 5, 3)


def _find_allowed(height: int, width: int, band: int, radius: int, device: torch.device) -> Tensor:
    """Which cells of its band's window a query may look at: h bands band (2r+1)·(band+2r), true or false.

    Columns too far away and cells outside the picture are not; cells beyond the picture may look anywhere.
    """
    row = torch.arange(height, device=device)[:, None] + torch.arange(-radius, radius + 1, device=device)
    first = torch.arange(0, width, band, device=device)[:, None]
    column = first + torch.arange(-radius, band + radius, device=device)
    own = first + torch.arange(band, device=device)
    near = (own[:, :, None] - column[:, None]).abs() <= radius
    near &= ((column >= 0) & (column < width))[:, None] | (own >= width)[:, :, None]
    inside = (row >= 0) & (row < height)
    return (inside[:, None, None, :, None] & near[:, :, None]).flatten(-2)


def _softmax_weights(products: Tensor, top: Tensor, temperature: float) -> Tensor:
    """Softmax of products / temperature over the last axis; ``top`` is the largest product.

    A weight under e^-60 of the largest is raised to that: it adds nothing, but would become a
    denormal number, which a CPU multiplies six times slower.
    """
    return torch.maximum(products, top[..., None] - 60 * temperature).div_(temperature).softmax(-1)
