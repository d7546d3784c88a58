"""The parallel CNN-Transformer of the Long-term paper (Chen et al. 2023, 3.2 and Figure 3b).

A convolution branch models texture, a Transformer branch attends to all positions of all pictures of a
block at once; after each layer both branches are updated with the output of the other.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.nn.backbones import instance_norm
from kinemacolor.nn.layers import flatten_grid
from kinemacolor.nn.principal_start import set_pointwise

LIFT = 6.0  # deviations


class CNNTransformer(nn.Module):
    """Stack of ``layers`` parallel layers with ``channels`` in the maps and ``dim`` in the tokens.

    A block is a list of map groups, ``B·n channels h w`` each, that may differ in size, and the
    tokens ``B N dim`` of their positions, group after group. Gives both, in the same shapes; without
    ``tokens_out`` the last layer returns the tokens of its Transformer, not joined with the maps.
    """

    def __init__(
        self, channels: int, dim: int, inner: int, heads: int, layers: int, *, tokens_out: bool = True
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _ParallelLayer(channels, dim, inner, heads, tokens_out=tokens_out or number < layers - 1)
            for number in range(layers)
        )

    def forward(self, maps: list[Tensor], tokens: Tensor, position_encoding: Tensor) -> tuple[list[Tensor], Tensor]:
        for layer in self.layers:
            maps, tokens = layer(maps, tokens, position_encoding)
        return maps, tokens

    def start_as_identity(self) -> None:
        """Let the maps begin as what comes in, normalised; what tokens bring is learned."""
        for layer in self.layers:
            assert isinstance(layer, _ParallelLayer)
            layer.start_as_identity()


class _ParallelLayer(nn.Module):
    """One convolution branch and one Transformer layer side by side, then the exchange between them (Figure 3b)."""

    def __init__(self, channels: int, dim: int, inner: int, heads: int, *, tokens_out: bool) -> None:
        super().__init__()
        self.convs = nn.Sequential()
        for dilation in (2, 1, 2):
            conv = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, padding_mode="replicate")
            self.convs.append(conv).append(nn.ReLU())
        self.transformer = TransformerLayer(dim, inner, heads)
        self.to_tokens = nn.Linear(channels + dim, dim) if tokens_out else None
        self.to_maps = nn.Conv2d(channels + dim, channels, 1)

    def forward(self, maps: list[Tensor], tokens: Tensor, position_encoding: Tensor) -> tuple[list[Tensor], Tensor]:
        batch = tokens.shape[0]
        maps = [instance_norm(self.convs(group)) for group in maps]
        tokens = self.transformer(tokens, position_encoding)
        fused = [
            self.to_maps(torch.cat([group, tokens_to_maps(part, group)], 1))
            for group, part in zip(maps, split_tokens(tokens, maps), strict=True)
        ]
        if self.to_tokens is None:
            return fused, tokens
        map_tokens = torch.cat([flatten_grid(group, batch) for group in maps], 1)
        return fused, self.to_tokens(torch.cat([map_tokens, tokens], -1))

    def start_as_identity(self) -> None:
        """Let the convolutions hand on their input, lifted so far that the ReLU cuts little off, and its maps leave."""
        size = self.to_maps.out_channels
        for index in (0, 2, 4):
            set_pointwise(self.convs[index], torch.eye(size), bias=LIFT if index == 0 else 0.0)
        set_pointwise(self.to_maps, torch.eye(size, self.to_maps.in_channels))


class TransformerLayer(nn.Module):
    """Self-attention and two linear layers, pre-normalised (paper, 4); query and key get the position encoding."""

    def __init__(self, dim: int, inner: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.dense = nn.Sequential(nn.Linear(dim, inner), nn.ReLU(), nn.Linear(inner, dim))

    def forward(self, tokens: Tensor, position_encoding: Tensor) -> Tensor:
        normed = self.norm1(tokens)
        tokens = tokens + self.attention(normed + position_encoding, normed + position_encoding, normed)
        result: Tensor = tokens + self.dense(self.norm2(tokens))
        return result


class MultiHeadAttention(nn.Module):
    """Multi-head attention: softmax(query keyᵀ / √d) value, for ``B N dim``, ``B M dim``, ``B M dim``."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        def split_heads(x: Tensor) -> Tensor:
            return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

        attended = F.scaled_dot_product_attention(
            split_heads(self.query(query)), split_heads(self.key(key)), split_heads(self.value(value))
        )
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result


def split_tokens(tokens: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
    """Split the tokens ``B N C`` of a block into one part for each group of maps."""
    batch = tokens.shape[0]
    counts = [group.shape[0] // batch * group.shape[2] * group.shape[3] for group in maps]
    return list(torch.split(tokens, counts, 1))


def tokens_to_maps(tokens: Tensor, like: Tensor) -> Tensor:
    """Arrange tokens ``B N C`` on the grid of the maps ``like``, ``B·n · h w``; gives ``B·n C h w``."""
    return tokens.reshape(like.shape[0], *like.shape[2:], -1).permute(0, 3, 1, 2)


def sine_position_encoding(times: Tensor, height: int, width: int, dim: int) -> Tensor:
    """Three-dimensional sine encoding of a block's positions, ``n·height·width dim`` (VisTR, Wang et al. 2021).

    ``times`` n in 0..1 is the time of each picture in the block. Time, row and column take a third of the
    numbers each, at wavelengths from 2π to 10000 · 2π of a coordinate scaled to 0..2π.
    """
    size = dim // 3
    rows, columns = ((torch.arange(n, device=times.device) + 1) / n for n in (height, width))
    powers = 10000 ** (torch.arange(0, size, 2, device=times.device) / size)
    waves = [
        torch.stack([(angle / powers).sin(), (angle / powers).cos()], -1).flatten(1)
        for angle in (2 * math.pi * axis[:, None] for axis in (times, rows, columns))
    ]
    shape = len(times), height, width, size
    time, row, column = waves[0][:, None, None], waves[1][None, :, None], waves[2][None, None]
    return torch.cat([time.expand(shape), row.expand(shape), column.expand(shape)], -1).flatten(0, 2)
