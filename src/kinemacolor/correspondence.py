"""Attention that carries chroma from where it is known to where it is wanted.

Descriptors are unit vectors, so a product of two is their cosine. Softmax(cosine / temperature)
weighs the keys (Deep Exemplar, Eq. 3-4); the largest cosine says how good the match is (Eq. 5).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def match(query: Tensor, keys: Tensor, values: Tensor, *, temperature: float, rows: int = 324) -> tuple[Tensor, Tensor]:
    """Every query looks at every key.

    ``query`` B N C, ``keys`` B M C, ``values`` B M V. Gives the weighted values B N V and the
    largest cosine B N. At most ``rows`` rows of the N M matrix stand in memory at a time.
    """
    warped, similarity = [], []
    for part in torch.split(query, rows, 1):
        logits = (part / temperature) @ keys.transpose(1, 2)
        weights, cosine = _attention(logits, temperature)
        warped.append(weights @ values)
        similarity.append(cosine)
    return torch.cat(warped, 1), torch.cat(similarity, 1)


def match_nearby(
    query: Tensor, keys: Tensor, values: Tensor, *, temperature: float, radius: int
) -> tuple[Tensor, Tensor]:
    """Every query looks at the keys at most ``radius`` cells away, in rows and in columns.

    ``query`` and ``keys`` B h w C, ``values`` B h w V. Gives values B h w V and the largest cosine
    B h w. A row of queries meets the 2 radius + 1 rows of keys around it as one matrix product:
    the windows overlap in memory and are never copied.
    """
    batch, height, width, _ = query.shape
    window = 2 * radius + 1

    def windows(x: Tensor) -> Tensor:
        padded = F.pad(x, (0, 0, 0, 0, radius, radius)).contiguous()
        size = x.shape[-1]
        strides = (padded.stride(0), width * size, size, 1)
        return padded.as_strided((batch, height, window * width, size), strides)

    logits = (query / temperature) @ windows(keys).transpose(2, 3)
    column = torch.arange(width, device=query.device)
    near = (column[:, None] - column).abs() <= radius
    row = torch.arange(height, device=query.device)[:, None] + torch.arange(-radius, radius + 1, device=query.device)
    inside = (row >= 0) & (row < height)
    allowed = near[None, :, None, :] & inside[:, None, :, None]
    logits = logits.masked_fill(~allowed.reshape(height, width, window * width), -torch.inf)
    weights, cosine = _attention(logits, temperature)
    return weights @ windows(values), cosine


def _attention(logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Softmax over the last axis, and the largest cosine.

    A weight under e^-80 of the largest is raised to that: it adds nothing, and a CPU multiplies
    the denormal numbers it would otherwise become six times slower.
    """
    top = logits.amax(-1, keepdim=True)
    return torch.maximum(logits, top - 80).softmax(-1), top[..., 0] * temperature
