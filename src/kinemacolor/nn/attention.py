"""Attention that transfers values, such as ab, from keys to queries by the similarity of descriptors.

Descriptors are unit vectors, so the product of two is their cosine. Softmax(cosine / temperature)
weighs the keys (Deep Exemplar, Eq. 3-4); the largest cosine says how good the match is (Eq. 5).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.nn.precision import no_autocast, promote_to_float32


class AttentionOutput(NamedTuple):
    """Weighted values B N V for each temperature; the largest product B N of a query and the index B N of its key."""

    warped: list[Tensor]
    similarity: Tensor
    best_index: Tensor


def match_keys(
    query: Tensor, keys: Tensor, values: Tensor, *, temperatures: Sequence[float], chunk_rows: int = 324
) -> AttentionOutput:
    """Attend from every query to every key, once for each temperature.

    ``query`` B N C, ``keys`` B M C, ``values`` B M V. At most ``chunk_rows`` rows of the N × M matrix are
    in memory at a time. Computed in float32 or wider.
    """
    parts = []
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    with no_autocast(query.device):  # cosines of good and of bad matches may differ in the fourth digit only
        for part in torch.split(query, chunk_rows, 1):
            cosines = part @ keys.transpose(1, 2)
            top, best = cosines.max(-1)
            parts.append([_softmax_weights(cosines, top, t) @ values for t in temperatures] + [top, best])
    *warped, similarity, best = (torch.cat(column, 1) for column in zip(*parts, strict=True))
    return AttentionOutput(warped, similarity, best)


def warp_values(
    query: Tensor, keys: Tensor, values: Tensor, *, temperature: float | None, chunk_rows: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Warp values to the queries with `match_keys` at one temperature (Deep Exemplar, Eq. 4-5).

    Gives values B N V, similarity B N and the index B N of the best key for every query. With temperature None
    the value of the best key is copied, which is the limit for small temperatures.
    """
    found = match_keys(
        query, keys, values, temperatures=[] if temperature is None else [temperature], chunk_rows=chunk_rows
    )
    if temperature is None:
        return gather_rows(values, found.best_index), found.similarity, found.best_index
    return found.warped[0], found.similarity, found.best_index


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

    ``query`` and ``keys`` B h w C, ``values`` B h w V. Gives values B h w V and the largest cosine
    B h w. A row of queries and the 2 radius + 1 rows of keys around it make one matrix product:
    the windows overlap in memory and are never copied.
    """
    query, keys, values = promote_to_float32(query), promote_to_float32(keys), promote_to_float32(values)
    with no_autocast(query.device):
        return _match_nearby_keys(query, keys, values, temperature, radius)


def _match_nearby_keys(
    query: Tensor, keys: Tensor, values: Tensor, temperature: float, radius: int
) -> tuple[Tensor, Tensor]:
    batch, height, width, _ = query.shape
    window = 2 * radius + 1

    def neighbor_windows(x: Tensor) -> Tensor:
        # B h (2 radius + 1)·w C: for row i all cells of the rows i - radius .. i + radius, zeros outside.
        padded = F.pad(x, (0, 0, 0, 0, radius, radius)).contiguous()
        size = x.shape[-1]
        strides = (padded.stride(0), width * size, size, 1)
        return padded.as_strided((batch, height, window * width, size), strides)

    cosines = query @ neighbor_windows(keys).transpose(2, 3)
    column = torch.arange(width, device=query.device)
    # A window holds whole rows: columns too far away, and rows outside the grid, are masked.
    near = (column[:, None] - column).abs() <= radius
    row = torch.arange(height, device=query.device)[:, None] + torch.arange(-radius, radius + 1, device=query.device)
    inside = (row >= 0) & (row < height)
    allowed = near[None, :, None, :] & inside[:, None, :, None]
    cosines = cosines.masked_fill(~allowed.reshape(height, width, window * width), -torch.inf)
    top = cosines.amax(-1)
    return _softmax_weights(cosines, top, temperature) @ neighbor_windows(values), top


def _softmax_weights(products: Tensor, top: Tensor, temperature: float) -> Tensor:
    """Softmax of products / temperature over the last axis; ``top`` is the largest product.

    A weight under e^-60 of the largest is raised to that: it adds nothing, but would become a
    denormal number, which a CPU multiplies six times slower.
    """
    return torch.maximum(products, top[..., None] - 60 * temperature).div_(temperature).softmax(-1)
