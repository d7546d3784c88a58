"""A shot with things in it: cut from other photographs, they move over a photograph, leave and come back.

Flow and occlusion are exact. What enters, is covered and appears again is what clips of single photographs lack.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data.pasted_thing import PastedThing
from kinemacolor.data.photograph_shot import PhotographShot
from kinemacolor.data.warping import Window, to_tensor

MAX_LIGHT_CHANGE = 0.3  # of the levels, from the first to the last frame
MISSING_SHARE = 0.3  # of distant times, at which one thing is missing
MAX_TONE_SHIFT, MAX_TONE_SLOPE = 0.6, 0.4  # of a distant time, in logits of L: in the middle, to either side
MAX_CONTRAST_CHANGE = 1.3


class LayeredShot:
    """A shot over which things pass, under a light that changes by up to `MAX_LIGHT_CHANGE`; the last thing is on top.

    It has the methods of `PhotographShot`. ``newcomers`` are things that are there at a distant time only.
    """

    def __init__(
        self,
        ground: PhotographShot,
        things: Sequence[PastedThing],
        light: tuple[float, float],
        newcomers: Sequence[PastedThing] = (),
    ) -> None:
        self.size, self.length, self.device = ground.size, ground.length, ground.device
        self._ground, self._things, self._light, self._newcomers = ground, things, light, newcomers

    def draw_distant(self, generator: np.random.Generator) -> "LayeredShot":
        """Draw the scene at a distant time, a shot of one frame: another camera, things elsewhere, missing or new."""
        ground = self._ground.draw_distant(generator)
        things = [thing.draw_distant(generator) for thing in self._things]
        if things and generator.random() < MISSING_SHARE:
            things.pop(int(generator.integers(len(things))))
        things += [thing.draw_distant(generator) for thing in self._newcomers]
        generator.shuffle(things)
        return LayeredShot(ground, things, (0.0, 0.0))

    def render_frames(self, numbers: Sequence[int], window: Window) -> Tensor:
        """Compute a window of the frames ``numbers``, ``T 3 h w`` float32 0..255."""
        levels = self._ground.render_frames(numbers, window)
        for thing in self._things:
            own, opacity = thing.render_layer(numbers, window)
            levels = torch.lerp(levels, own, opacity)
        if not any(self._light):
            return levels
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


def relight(picture: Tensor, generator: np.random.Generator) -> Tensor:
    """Show a picture ``3 h w``, sRGB 0..255, in another light: a random tone curve of L that drifts across the picture.

    Tones keep their order within a place, and ab stays, as far as sRGB can show it at the new L.
    """
    lab = rgb_to_lab(picture / 255)
    contrast = MAX_CONTRAST_CHANGE ** generator.uniform(-1, 1)
    shift, *slope = (float(x) for x in generator.uniform(-1, 1, 3) * (MAX_TONE_SHIFT, MAX_TONE_SLOPE, MAX_TONE_SLOPE))
    rows, columns = (torch.linspace(-1, 1, count, device=lab.device) for count in lab.shape[1:])
    shifts = shift + slope[0] * rows[:, None] + slope[1] * columns
    lightness = 100 * torch.sigmoid(contrast * torch.logit(lab[:1] / 100, eps=1e-3) + shifts)
    return 255 * lab_to_rgb(torch.cat([lightness, lab[1:]]))
