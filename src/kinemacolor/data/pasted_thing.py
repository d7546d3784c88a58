"""Things that are cut from photographs and pasted into a shot: what they look like, and where they go."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data.warping import Matrix, Window, invert_matrices, sample_bilinear, to_tensor, transform_points
from kinemacolor.utils.arrays import Size

HARMONICS = 5  # of the outline: 2 to this many bumps around
REACH = 1.6  # radii from its centre to the farthest point of a thing, about
LIMBED_BODY = 0.6  # radius of the body of a thing with limbs, in radii
SOFT_EDGE_PX = 0.7
MAX_DISTANT_SCALE = 2.0  # how much larger or smaller a thing is at a distant time
DISTANT_TURN = 0.6  # radians, sigma
MAX_CONTRAST_CHANGE = 2.0  # of a disguised thing
DISGUISE_CHROMA = (20.0, 50.0)  # Lab units


@dataclass(frozen=True)
class ThingPath:
    """Where a thing is over a shot: times are 0 at its first frame and 1 at its last; lengths are px of frames.

    ``swing``: to how far from its ``centre`` (x, y) it goes, how often, and the phase where it begins. ``turn``:
    radians at first, and how many more at last. ``growth``: log of how much larger it is at last. ``stretch``: factor
    on x and divisor of y; negative mirrors it.
    """

    centre: Matrix
    swing: tuple[Matrix, float, float]
    turn: tuple[float, float]
    growth: float
    stretch: float
    scale: float = 1.0

    @classmethod
    def draw_random(cls, size: Size, generator: np.random.Generator) -> "ThingPath":
        """Draw a path over frames of ``size``: by up to 0.8 of the frame, so that it may leave and come back."""
        extent = np.array(size[::-1])
        centre = extent * generator.uniform(0.15, 0.85, 2)
        swing = extent * generator.uniform(-0.8, 0.8, 2), generator.uniform(0.2, 1.0), generator.uniform(0, 6.3)
        turn = generator.uniform(0, 6.3), generator.normal(0, 0.5)
        return cls(centre, swing, turn, generator.normal(0, 0.2), float(np.exp(generator.normal(0, 0.25))))

    def draw_distant(self, size: Size, generator: np.random.Generator) -> "ThingPath":
        """Draw where it stands at a distant time: in view, turned, half of the time mirrored, larger or smaller."""
        return ThingPath(
            centre=np.array(size[::-1]) * generator.uniform(0.1, 0.9, 2),
            swing=(np.zeros(2), 0.0, 0.0),
            turn=(self.turn[0] + generator.normal(0, DISTANT_TURN), 0.0),
            growth=0.0,
            stretch=float(np.exp(generator.normal(0, 0.25))) * (1 if generator.random() < 0.5 else -1),
            scale=float(MAX_DISTANT_SCALE ** generator.uniform(-1, 1)),
        )

    def make_matrix(self, time: float) -> Matrix:
        """Make the matrix ``2 3`` from px from the thing's own centre to px of the frame at ``time``."""
        distance, frequency, phase = self.swing
        angle, scale = self.turn[0] + self.turn[1] * time, self.scale * np.exp(self.growth * time)
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = linear @ np.diag([self.stretch, 1 / self.stretch])
        place = self.centre + distance * np.sin(2 * np.pi * frequency * time + phase)
        return np.column_stack([linear, place])


class PastedThing:
    """A thing with a smooth outline, cut from a photograph ``3 H W``: it moves, turns, grows, leaves and comes back.

    All randomness is drawn from ``generator`` when it is made, for frames of ``size`` in a shot of ``length`` frames.
    ``has_limbs``: its outline has two to five curved limbs, with hollows between.
    """

    def __init__(
        self, photograph: Tensor, size: Size, length: int, generator: np.random.Generator, *, has_limbs: bool = False
    ) -> None:
        self._photograph, self._size, self._length = photograph, size, max(length - 1, 1)
        self._radius = float(min(size) * generator.uniform(0.12, 0.32))
        bumps = np.arange(2, HARMONICS + 1)
        self._bumps = generator.uniform(0, 0.5, len(bumps)) / bumps, generator.uniform(0, 2 * np.pi, len(bumps))
        self._path = ThingPath.draw_random(size, generator)
        shape = np.array([photograph.shape[2], photograph.shape[1]])
        self._texture_scale = float(min(1.2, 0.5 * shape.min() / (REACH * self._radius)) * generator.uniform(0.5, 1))
        margin = np.minimum(self._texture_scale * self._radius * REACH, shape / 2)
        self._texture_centre = margin + generator.random(2) * (shape - 2 * margin)
        # Of each limb: direction, curl (radians a radius), length and half width (radii).
        low, high = (0, -1, 0.9, 0.1), (2 * np.pi, 1, REACH, 0.3)
        self._limbs = (
            generator.uniform(low, high, (int(generator.integers(2, 6)), 4)) if has_limbs else np.zeros((0, 4))
        )

    def draw_distant(self, generator: np.random.Generator) -> "PastedThing":
        """The same thing where it stands at a distant time (`ThingPath.draw_distant`)."""
        other = copy(self)
        other._path = self._path.draw_distant(self._size, generator)
        return other

    def disguise(self, like: "PastedThing", generator: np.random.Generator) -> "PastedThing":
        """The same thing with the luma of another and other colours: gray values cannot tell which is which.

        Mean and spread of its L are those of ``like``, of its ab the mean is turned from that of ``like`` by 60 to 300
        degrees. (Detail stays its own.)
        """
        (patch, mean, spread), (_, like_mean, like_spread) = self._measure_patch(), like._measure_patch()
        contrast = (like_spread / spread.clamp_min(1e-3)).clamp(1 / MAX_CONTRAST_CHANGE, MAX_CONTRAST_CHANGE)
        lightness = ((patch[:1] - mean[0]) * contrast + like_mean[0]).clamp(0, 100)
        hue = torch.atan2(like_mean[2], like_mean[1]) + float(np.radians(generator.uniform(60, 300)))
        wanted = torch.stack([hue.cos(), hue.sin()]) * float(generator.uniform(*DISGUISE_CHROMA))
        tint = (wanted - mean[1:])[:, None, None] * (lightness * (100 - lightness) / 2500)  # little at black and white
        other = copy(self)
        other._photograph = 255 * lab_to_rgb(torch.cat([lightness, patch[1:] + tint]))
        window = self._find_patch()
        other._texture_centre = self._texture_centre - (window.left, window.top)
        return other

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
        depth = outline * self._radius * (LIMBED_BODY if len(self._limbs) else 1) - distance
        for direction, curl, length, width in self._limbs.tolist():
            # A limb is what lies near a spiral: aside of it by less than its width, which shrinks to a half at the tip.
            away = angle - direction - curl / self._radius * distance
            aside = torch.where(away.cos() > 0, distance * away.sin().abs(), distance)
            inside = self._radius * width - distance * (width / (2 * length)) - aside
            depth = torch.maximum(depth, torch.minimum(inside, self._radius * length - distance))
        return torch.sigmoid(depth / SOFT_EDGE_PX)

    def _find_patch(self) -> Window:
        """The part of the photograph that it shows."""
        reach = self._texture_scale * self._radius * (REACH + 0.1)
        low, high = (
            np.floor(self._texture_centre - reach).astype(int),
            np.ceil(self._texture_centre + reach).astype(int),
        )
        left, top = (max(int(one), 0) for one in low)
        height, width = self._photograph.shape[1:]
        return Window(top, left, (min(int(high[1]) + 1, height) - top, min(int(high[0]) + 1, width) - left))

    def _measure_patch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Lab of its patch, ``3 h w``; of what is inside its outline the mean Lab, ``3``, and the spread of L."""
        window = self._find_patch()
        lab = rgb_to_lab(self._photograph[:, *window.slices].float() / 255)
        own = window.make_grid(lab.device) - to_tensor(self._texture_centre, lab.device)
        weights = self.compute_opacity(own / self._texture_scale)
        weights = weights / weights.sum()
        mean = (lab * weights).sum((1, 2))
        return lab, mean, ((lab[0] - mean[0]).square() * weights).sum().sqrt()

    def _make_matrices(self, numbers: Sequence[int]) -> Matrix:
        """Matrices ``T 2 3`` from px from its own centre to px of the frames."""
        return np.stack([self._path.make_matrix(number / self._length) for number in numbers])
