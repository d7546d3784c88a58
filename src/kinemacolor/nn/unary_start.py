"""A colorization network that begins by handing on the colours of its guide.

Instance normalisation takes mean and scale from every map, and with them the colours that the guide has; a network
begun at random needs many thousands of steps to find a way around that. Here the first maps are a unary code of the
guide's a and b: one map for each level, 0 below it and 1 above, which after normalisation is still negative below and
positive above. The last block counts the levels, by differences of large numbers, which small changes at random spoil:
what codes and counts is best frozen until the rest has learned. That begins at random, and adds nothing at first.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from kinemacolor.nn.layers import UpBlock

FIRST_LEVEL, LAST_LEVEL, LEVEL_POWER = 1.0, 80.0, 1.5  # ab, Lab units, and how levels lie; colours beyond are cut
LEARNING_SHARE = 1 / 4  # of the maps, which begin at random: lightness and much else must come through
STEEPNESS = 10.0  # of the step at the mean of a normalised map
COUNT_SCALE = 32.0  # Lab units that a count of 1 stands for
LEAK = 0.2  # of the LeakyReLU behind the count
AB_RANGE = 128.0  # of the tanh at the end


@runtime_checkable
class CopyStart(Protocol):
    """A network that can begin by handing on the colours of its guide."""

    def start_as_copy(self) -> None:
        """Set the weights."""


@torch.no_grad()
def start_as_copy(encoder: Iterable[nn.Module], decoder: UpBlock, ab: nn.Conv2d, channels: tuple[int, int]) -> None:
    """Let a network begin as a copy of ``channels`` of its input, the a and b of its guide.

    ``encoder``: two or three convolutions, each followed by a ReLU, normalised at the end. ``decoder``: the block that
    gets its maps and is followed by a LeakyReLU and ``ab``. Wide networks code more levels.
    """
    *split, ramps, steps = (module for module in encoder if isinstance(module, nn.Conv2d))
    room = min(ramps.out_channels, steps.out_channels, decoder.up.out_channels // 2)
    count = max(1, int((1 - LEARNING_SHARE) * room / 4))
    span = LAST_LEVEL - FIRST_LEVEL
    levels = [FIRST_LEVEL + span * (level / count) ** LEVEL_POWER for level in range(count + 1)]
    codes = list(product(range(4), range(len(levels) - 1)))  # (a, -a, b, -b) × levels
    sources = [(channel, sign) for channel in channels for sign in (1.0, -1.0)]
    if split:  # signs first, so that the ramps take four maps only
        _clear(split[0], len(sources))
        for row, (channel, sign) in enumerate(sources):
            _set_tap(split[0], row, channel, sign / COUNT_SCALE)
        sources = [(row, COUNT_SCALE) for row in range(len(sources))]
    _clear(ramps, len(codes))
    _clear(steps, len(codes))
    widths = [high - low for low, high in pairwise(levels)]
    assert ramps.bias is not None
    for row, (color, level) in enumerate(codes):
        channel, scale = sources[color]
        _set_tap(ramps, row, channel, scale / widths[level])
        ramps.bias[row] = -levels[level] / widths[level]
        # Over 3×3 px: the border of zeros keeps a map from being the same everywhere, which normalises to 0.
        steps.weight[row, row] = 1 / 9
        if level + 1 < len(widths):
            steps.weight[row, row + 1] = -widths[level + 1] / widths[level] / 9
    _set_count(decoder, ab, codes, [levels[0] + widths[0] / 2, *widths[1:]])


def _set_count(decoder: UpBlock, ab: nn.Conv2d, codes: Sequence[tuple[int, int]], values: Sequence[float]) -> None:
    """Let the decoder sum the values of the levels that are reached, and ``ab`` join positive and negative parts."""
    count = decoder.convs[0]
    assert isinstance(count, nn.Conv2d)
    assert decoder.short.bias is not None
    for conv in (decoder.short, decoder.up):
        _clear(conv, conv.out_channels)
    _clear(count, 4)
    _open_path(decoder, count, range(2 * len(codes), decoder.up.out_channels))
    for row, (color, level) in enumerate(codes):  # a step from 0 to 1 is the difference of two ReLU
        _set_tap(decoder.short, 2 * row, row, STEEPNESS)
        _set_tap(decoder.short, 2 * row + 1, row, STEEPNESS)
        decoder.short.bias[2 * row + 1] = -1
        value = values[level] * (-1) ** color / COUNT_SCALE
        for sign in (0, 1):
            out = color // 2 * 2 + sign
            _set_tap(count, out, 2 * row, value * (-1) ** sign)
            _set_tap(count, out, 2 * row + 1, -value * (-1) ** sign)
    _clear(ab, 2)
    ab.weight.zero_()
    for out, sign in product(range(2), range(2)):
        ab.weight[out, 2 * out + sign] = (-1) ** sign * COUNT_SCALE / AB_RANGE / (1 + LEAK)


def _open_path(decoder: UpBlock, count: nn.Conv2d, rows: Sequence[int]) -> None:
    """Let what deeper maps will say in ``rows`` be added to the count: lifted over the ReLU, of both signs, in sum 0.

    So the way from the deeper maps to the colours is linear, and `UpBlock.up` alone needs to learn.
    """
    assert decoder.short.bias is not None
    decoder.short.bias[list(rows)] = 1
    for color in range(2):
        signs = torch.tensor([(-1.0) ** (place >> color) for place in range(len(rows))])
        for sign in (0, 1):
            taps = count.weight[2 * color + sign, list(rows)]
            taps[:, 1, 1] = (signs - signs.mean()) * (-1) ** sign / len(rows) ** 0.5
            count.weight[2 * color + sign, list(rows)] = taps


def _clear(conv: nn.Conv2d, rows: int) -> None:
    """Set the first output channels of a convolution to 0."""
    assert conv.bias is not None
    conv.weight[:rows] = 0
    conv.bias[:rows] = 0


def _set_tap(conv: nn.Conv2d, row: int, channel: int, weight: float) -> None:
    """Set the weight of the middle pixel of one input channel for one output channel."""
    conv.weight[row, channel, conv.kernel_size[0] // 2, conv.kernel_size[1] // 2] = weight
