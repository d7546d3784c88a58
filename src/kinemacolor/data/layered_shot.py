"""A shot with things in it: cut from other photographs, they move over a photograph, leave and come back.

Flow and occlusion are exact. What enters, is covered and appears again is what clips of single photographs lack.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kinemacolor.data.photograph_shot import PhotographShot
from kinemacolor.data.warping import Matrix, Window, invert_matrices, sample_bilinear, to_tensor, transform_points
from kinemacolor.utils.arrays import Size

HARMONICS = 5  # of the outline: 2 to this many bumps around
SOFT_EDGE_PX = 0.7
MAX_LIGHT_CHANGE = 0.3  # of the levels, from the first to the last frame


class PastedThing:
    """A thing with a smooth outline, cut from a photograph ``3 H W``: it moves, turns, grows, leaves and comes back.

    All randomness is drawn from ``generator`` when it is made, for frames of ``size`` in a shot of ``length`` frames.
    """

    def __init__(self, photograph: Tensor, size: Size, length: int, generator: np.random.Generator) -> None:
        self._photograph, self._length = photograph, max(length - 1, 1)
        self._radius = float(min(size) * generator.uniform(0.12, 0.32))
        bumps = np.arange(2, HARMONICS + 1)
        self._bumps = generator.uniform(0, 0.5, len(bumps)) / bumps, generator.uniform(0, 2 * np.pi, len(bumps))
        extent = np.array(size[::-1])
        self._centre = extent * generator.uniform(0.15, 0.85, 2)
        # It swings about its centre: by up to 0.8 of the frame, so that it may leave and come back.
        self._swing = extent * generator.uniform(-0.8, 0.8, 2), generator.uniform(0.2, 1.0), generator.uniform(0, 6.3)
        self._turn = generator.uniform(0, 6.3), generator.normal(0, 0.5)
        self._growth, self._stretch = generator.normal(0, 0.2), float(np.exp(generator.normal(0, 0.25)))
        shape = np.array([photograph.shape[2], photograph.shape[1]])
        self._texture_scale = float(min(1.2, 0.5 * shape.min() / (1.6 * self._radius)) * generator.uniform(0.5, 1))
        margin = np.minimum(self._texture_scale * self._radius * 1.6, shape / 2)
        self._texture_centre = margin + generator.random(2) * (shape - 2 * margin)

    def render_layer(self, numbers: Sequence[int], window: Window) -> tuple[Tensor, Tensor]:
        """Compute its levels ``T 3 h w`` and its opacity 0..1 ``T 1 h w`` in a window of frames."""
        own = self.map_to_thing(numbers, window.make_grid(self._photograph.device))
        centre = to_tensor(self._texture_centre, own.device)
        levels = sample_bilinear(self._photograph, own * self._texture_scale + centre)
        return levels, self.compute_opacity(own)[:, None]

    def map_to_thing(self, numbers: Sequence[int], places: Tensor) -> Tensor:
        """Map places of frames, ``h w 2`` or ``T h w 2``, to px from the thing's own centre: ``T h w 2``."""
        return transform_points(places, to_tensor(invert_matrices(self._make_matrices(numbers)), places.device))

    def map_to_frames(self, numbers: Sequence[int], own: Tensor) -> Tensor:
        """The inverse of `map_to_thing`."""
        return transform_points(own, to_tensor(self._make_matrices(numbers), own.device))

    def compute_opacity(self, own: Tensor) -> Tensor:
        """Opacity 0..1, ``... h w``, at px from its own centre, ``... h w 2``."""
        x, y = own[..., 0], own[..., 1]
        angle, distance = torch.atan2(y, x), torch.hypot(x, y)
        outline = torch.ones_like(angle)
        for count, (size, phase) in enumerate(zip(*self._bumps, strict=True), 2):
            outline = outline + float(size) * torch.cos(count * angle + float(phase))
        return torch.sigmoid((outline * self._radius - distance) / SOFT_EDGE_PX)

    def _make_matrices(self, numbers: Sequence[int]) -> Matrix:
        """Matrices ``T 2 3`` from px from its own centre to px of the frames."""
        swing, frequency, phase = self._swing
        rows = []
        for number in numbers:
            time = number / self._length
            angle, scale = self._turn[0] + self._turn[1] * time, np.exp(self._growth * time)
            linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            linear = linear @ np.diag([self._stretch, 1 / self._stretch])
            place = self._centre + swing * np.sin(2 * np.pi * frequency * time + phase)
            rows.append(np.column_stack([linear, place]))
        return np.stack(rows)


class LayeredShot:
    """A shot over which things pass, under a light that changes by up to `MAX_LIGHT_CHANGE`; the last thing is on top.

    It has the methods of `PhotographShot`.
    """

    def __init__(self, ground: PhotographShot, things: Sequence[PastedThing], light: tuple[float, float]) -> None:
        self.size, self.length, self.device = ground.size, ground.length, ground.device
        self._ground, self._things, self._light = ground, things, light

    def render_frames(self, numbers: Sequence[int], window: Window) -> Tensor:
        """Compute a window of the frames ``numbers``, ``T 3 h w`` float32 0..255."""
        levels = self._ground.render_frames(numbers, window)
        for thing in self._things:
            own, opacity = thing.render_layer(numbers, window)
            levels = torch.lerp(levels, own, opacity)
        times = np.array(numbers) / max(self.length - 1, 1)
        gains = 1 + (1 - times) * self._light[0] + times * self._light[1]
        return (levels * to_tensor(gains, self.device)[:, None, None, None]).clamp(0, 255)

    def compute_flow(self, numbers: Sequence[int], window: Window) -> tuple[Tensor, Tensor]:
        """Compute flow and visibility as `PhotographShot.compute_flow` does; visibility is 0 of what was covered."""
        flow, visibility = self._ground.compute_flow(numbers, window)
        grid = window.make_grid(self.device)
        before, after = numbers[:-1], numbers[1:]
        for thing in self._things:
            own = thing.map_to_thing(after, grid)
            here = thing.compute_opacity(own)[:, None]
            there = thing.map_to_frames(before, own)
            is_thing = here > 0.5
            flow = torch.where(is_thing, (there - grid).permute(0, 3, 1, 2), flow)
            visibility = torch.where(is_thing, window.contains(there)[:, None], visibility)
            # What is below it now must not have been under it, and its soft edge belongs to neither.
            covered = thing.compute_opacity(thing.map_to_thing(before, grid + flow.permute(0, 2, 3, 1)))[:, None]
            is_edge = (here > 0.02) & (here < 0.98)
            is_hidden = ~is_thing & (covered > 0.02)
            visibility = visibility * (~(is_edge | is_hidden)).float()
        return flow, visibility


def draw_light(generator: np.random.Generator) -> tuple[float, float]:
    """Draw by how much the first and the last frame of a shot are brighter than its photograph, as a share."""
    first, last = generator.uniform(-MAX_LIGHT_CHANGE, MAX_LIGHT_CHANGE, 2) / 2
    return float(first), float(last)
