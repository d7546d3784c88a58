"""A photograph becomes a moving shot with exactly known motion."""

from collections.abc import Sequence
from math import cos, exp, log, radians, sin
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.data.warping import (
    Matrix,
    Window,
    invert_matrices,
    sample_bilinear,
    to_tensor,
    transform_points,
)
from kinemacolor.nn.constants import get_constant
from kinemacolor.utils.arrays import Size

MIN_SCALE = 0.5  # px of the photograph for one px of its shot
MAX_BEND = 0.04  # share of the photograph's shorter side: small enough that a field of 4 x 4 knots never folds
INVERSION_STEPS = 4  # iterations of the fixed point that inverts a bend
FIELD_SIZE = (40, 64)  # rows and columns at which the smooth field is stored


class CameraRange(NamedTuple):
    """What cameras are drawn from: at most ``max_scale`` px of the photograph for one px; ``turn``: sigma, degrees."""

    max_scale: float
    max_zoom: float
    turn: float


PASSING_CAMERA = CameraRange(1.2, 1.6, 2.0)
DISTANT_CAMERA = CameraRange(1.5, 2.2, 8.0)  # does not see a quarter of what frames show (of a passing one: a third)


class PhotographShot:
    """A shot of ``length`` frames of ``size``, made from one photograph, with exactly known motion.

    A virtual camera pans, zooms, rotates and shakes over the photograph, ``3 H W`` of any dtype, while the photograph
    bends smoothly and slowly (after the augmented films of Deep Exemplar, section 4). Beyond its edges the photograph
    is mirrored. All randomness is drawn from ``generator`` when the shot is made; frames are computed where the
    photograph lies.
    """

    def __init__(
        self,
        photograph: Tensor,
        size: Size,
        length: int,
        generator: np.random.Generator,
        cameras: CameraRange = PASSING_CAMERA,
    ) -> None:
        self.size, self.length, self._photograph = size, length, photograph
        shape = (photograph.shape[1], photograph.shape[2])
        first = _draw_camera(shape, size, cameras, generator)
        share = exp(generator.uniform(log(0.1), 0))
        last = (1 - share) * first + share * _draw_camera(shape, size, cameras, generator)
        self._end_cameras, self._easing = (first, last), generator.random()
        self._shake = generator.uniform(0, 0.7, (2, 2)), generator.uniform(0, 6.3, (2, 2))
        self._knots = generator.uniform(-1, 1, (2, 4, 4))
        self._bend_range = generator.uniform(-1, 1, 2)

    @property
    def device(self) -> torch.device:
        """Where frames and flow are computed."""
        return self._photograph.device

    def draw_distant(self, generator: np.random.Generator) -> "PhotographShot":
        """Draw another camera, up to twice as near or far and turned: a shot of one frame."""
        return PhotographShot(self._photograph, self.size, 1, generator, DISTANT_CAMERA)

    def render_frames(self, numbers: Sequence[int], window: Window) -> Tensor:
        """Compute a window of the frames ``numbers`` (0..length-1): ``T 3 h w`` float32, the photograph's levels."""
        return sample_bilinear(self._photograph, self._map_to_photograph(numbers, window, self._make_field()))

    def compute_flow(self, numbers: Sequence[int], window: Window) -> tuple[Tensor, Tensor]:
        """Compute the flow of a window from each of the frames ``numbers``, but the first, back to the one before.

        Flow is ``T-1 2 h w`` px (x, y); visibility ``T-1 1 h w``: 1 where it ends inside the window, else 0.
        """
        field = self._make_field()
        place = self._map_to_photograph(numbers[1:], window, field)
        cameras = to_tensor(np.stack([self._camera_matrix(number) for number in numbers]), self.device)
        straight = transform_points(window.make_grid(self.device), cameras[1:])
        strength = self._bend_strengths(numbers[:-1])
        # Fixed point of `straight + bend * field(straight) = place`: the unbent point which the frame before shows.
        for _ in range(INVERSION_STEPS):
            straight = place - strength * self._sample_field(field, straight)
        inverse = invert_matrices(np.stack([self._camera_matrix(number) for number in numbers[:-1]]))
        there = transform_points(straight, to_tensor(inverse, self.device))
        flow = (there - window.make_grid(self.device)).permute(0, 3, 1, 2)
        return flow, window.contains(there)[:, None]

    def _map_to_photograph(self, numbers: Sequence[int], window: Window, field: Tensor) -> Tensor:
        """Place in the photograph of each pixel of a window of frames, ``T h w 2``."""
        cameras = to_tensor(np.stack([self._camera_matrix(number) for number in numbers]), self.device)
        straight = transform_points(window.make_grid(self.device), cameras)
        return straight + self._bend_strengths(numbers) * self._sample_field(field, straight)

    def _make_field(self) -> Tensor:
        """Slowly changing offsets in px, ``2 rows columns``: bicubic interpolation of 4 x 4 random knots."""
        shorter = min(self._photograph.shape[-2:])
        knots = to_tensor(self._knots, self.device)[None]
        return F.interpolate(knots, FIELD_SIZE, mode="bicubic")[0].clamp(-1, 1) * (MAX_BEND * shorter)

    def _sample_field(self, field: Tensor, places: Tensor) -> Tensor:
        """Offsets at places ``T h w 2`` of the photograph; beyond its edges those of the edge."""
        height, width = self._photograph.shape[-2:]
        scale = get_constant((field.shape[2] / width, field.shape[1] / height), places)
        return sample_bilinear(field, (places + 0.5) * scale - 0.5, "border").permute(0, 2, 3, 1)

    def _camera_matrix(self, number: int) -> Matrix:
        """The 2 x 3 matrix from frame px to px of the unbent photograph."""
        time = number / max(self.length - 1, 1)
        smooth = time * time * (3 - 2 * time)
        share = self._easing * smooth + (1 - self._easing) * time
        view: Matrix = (1 - share) * self._end_cameras[0] + share * self._end_cameras[1]
        size, phase = self._shake
        view[:, 2] += (size * np.sin(number * np.array([0.7, 1.9]) + phase)).sum(1)
        return view

    def _bend_strengths(self, numbers: Sequence[int]) -> Tensor:
        """Factor on the field in frames, -1..1, linear in time, ``T 1 1 1``."""
        times = np.array(numbers) / max(self.length - 1, 1)
        strengths = (1 - times) * self._bend_range[0] + times * self._bend_range[1]
        return to_tensor(strengths, self.device)[:, None, None, None]


def _draw_camera(shape: Size, size: Size, cameras: CameraRange, generator: np.random.Generator) -> Matrix:
    """Draw a camera matrix 2 x 3 whose frame lies inside the photograph, except for rotated corners."""
    coarsest = min(shape[0] / size[0], shape[1] / size[1], cameras.max_scale)
    scale = generator.uniform(max(coarsest / cameras.max_zoom, min(MIN_SCALE, coarsest)), coarsest)
    angle = radians(generator.normal(0, cameras.turn))
    rotation = scale * np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    middle, half = np.array(shape[::-1]) / 2, np.array(size[::-1]) / 2
    centre = middle + generator.uniform(-1, 1, 2) * np.maximum(middle - scale * half, 0)
    return np.column_stack([rotation, centre - rotation @ half])
