"""Augmentation: a photograph becomes a moving shot, or a bent and noisy reference.

All randomness comes from the ``generator`` argument. Pictures are ``H W 3`` sRGB uint8, places are (x, y) in px.
"""

from math import cos, exp, log, radians, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.utils.arrays import Float32Array, Size, UInt8Array
from kinemacolor.video.geometry import Pixels, resize

Matrix = NDArray[np.float64]
MIN_SCALE, MAX_SCALE, MAX_ZOOM = 0.5, 1.2, 1.6  # px of the photograph for one px of its shot; the largest zoom
MAX_BEND = 0.04  # share of the photograph's shorter side: small enough that a field of 4 x 4 knots never folds
INVERSION_STEPS = 4  # iterations of the fixed point that inverts a bend


class PhotographShot:
    """A shot of ``length`` frames of ``size``, made from one photograph, with exactly known motion.

    A virtual camera pans, zooms, rotates and shakes over the photograph while the photograph bends smoothly and
    slowly (after the augmented films of Deep Exemplar, section 4). Beyond its edges the photograph is mirrored.
    """

    def __init__(self, photograph: UInt8Array, size: Size, length: int, generator: np.random.Generator) -> None:
        self.length = length
        self._photograph, self._grid = photograph, make_pixel_grid(size)
        first = _draw_camera(photograph.shape, size, generator)
        share = exp(generator.uniform(log(0.1), 0))
        last = (1 - share) * first + share * _draw_camera(photograph.shape, size, generator)
        self._end_cameras, self._easing = (first, last), generator.random()
        self._shake = generator.uniform(0, 0.7, (2, 2)), generator.uniform(0, 6.3, (2, 2))
        self._bend_field = make_smooth_field(photograph.shape, generator) * np.float32(
            MAX_BEND * min(photograph.shape[:2])
        )
        self._bend_range = generator.uniform(-1, 1, 2)

    def get_frame(self, number: int) -> UInt8Array:
        """Return frame ``number`` (0..length-1), ``h w 3`` sRGB."""
        return _sample_bilinear(self._photograph, self._apply_bend(self._map_to_photograph(number), number))

    def get_backward_flow(self, first: int, second: int) -> tuple[Float32Array, Float32Array]:
        """Return the flow from frame ``second`` back to frame ``first``, and where it is valid.

        Flow is ``h w 2`` px (x, y); visibility is ``h w``, 1 where the flow ends inside the frame, else 0.
        """
        straight = self._map_to_photograph(second)
        place, bend = self._apply_bend(straight, second), self._bend_strength(first)
        # Fixed point of `straight + bend * field(straight) = place`: the unbent point that frame `first` shows there.
        for _ in range(INVERSION_STEPS):
            straight = place - bend * self._sample_bend_field(straight)
        there = _transform_points(straight, cv2.invertAffineTransform(self._camera_matrix(first)))
        return there - self._grid, compute_inside_mask(there)

    def _map_to_photograph(self, number: int) -> Float32Array:
        """Place of each frame px in the unbent photograph, ``h w 2``."""
        return _transform_points(self._grid, self._camera_matrix(number))

    def _apply_bend(self, straight: Float32Array, number: int) -> Float32Array:
        """Places of the unbent photograph moved by the bend of frame ``number``."""
        return straight + self._bend_strength(number) * self._sample_bend_field(straight)

    def _sample_bend_field(self, place: Float32Array) -> Float32Array:
        return _sample_bilinear(self._bend_field, place, cv2.BORDER_REPLICATE)

    def _camera_matrix(self, number: int) -> Matrix:
        """The 2 x 3 matrix from frame px to px of the unbent photograph."""
        time = number / max(self.length - 1, 1)
        smooth = time * time * (3 - 2 * time)
        share = self._easing * smooth + (1 - self._easing) * time
        view: Matrix = (1 - share) * self._end_cameras[0] + share * self._end_cameras[1]
        size, phase = self._shake
        view[:, 2] += (size * np.sin(number * np.array([0.7, 1.9]) + phase)).sum(1)
        return view

    def _bend_strength(self, number: int) -> np.float32:
        """Factor on the bend field in frame ``number``, -1..1, linear in time."""
        time = number / max(self.length - 1, 1)
        return np.float32((1 - time) * self._bend_range[0] + time * self._bend_range[1])


def make_smooth_field(shape: tuple[int, ...], generator: np.random.Generator) -> Float32Array:
    """Make slowly changing random offsets ``H W 2`` in -1..1: bicubic interpolation of 4 x 4 random knots."""
    knots = generator.uniform(-1, 1, (4, 4, 2)).astype(np.float32)
    field = cv2.resize(knots, shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return field.clip(-1, 1).astype(np.float32, copy=False)


def make_self_reference(picture: UInt8Array, generator: np.random.Generator) -> UInt8Array:
    """Make a reference from the picture itself: noise (sigma 5), thin-plate spline, mirrored half of the time.

    After Color2Embed, sections 3.2 and 4.1.
    """
    noisy = picture + 5 * generator.standard_normal(picture.shape, np.float32)
    levels: UInt8Array = (
        _sample_bilinear(noisy, _draw_spline_map(picture.shape[:2], generator)).clip(0, 255).round().astype(np.uint8)
    )
    return mirror_picture(levels) if generator.random() < 0.5 else levels


def mirror_picture(picture: UInt8Array) -> UInt8Array:
    """Mirror a picture ``H W 3`` horizontally."""
    return np.ascontiguousarray(picture[:, ::-1])


def make_lightness_noise(shape: tuple[int, ...], generator: np.random.Generator) -> Float32Array:
    """Make Gaussian noise in units of L*, independent in every px and frame; sigma is drawn once, from 0..2."""
    return generator.standard_normal(shape, np.float32) * np.float32(generator.uniform(0, 2))


def make_pixel_grid(size: Size) -> Float32Array:
    """Make the coordinates (x, y) of every px, ``h w 2``."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    return np.stack([columns, rows], -1)


def compute_inside_mask(place: Float32Array) -> Float32Array:
    """Compute ``h w``: 1 where places ``h w 2`` lie inside a picture of ``h w``, else 0."""
    height, width = place.shape[:2]
    x, y = place[..., 0], place[..., 1]
    within: Float32Array = ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).astype(np.float32)
    return within


def thin_plate_spline(knots: Matrix, moved: Matrix, places: Matrix) -> Matrix:
    """Map ``places`` ``N 2`` by the thin-plate spline that takes ``knots`` ``K 2`` to ``moved`` with the least bending.

    Bookstein 1989 (Duchon 1977). Own code because kornia 0.9 centres the kernels on the moved knots and folds under
    rotation.
    """

    def evaluate_basis(points: Matrix) -> Matrix:
        # columns: kernels U(r) = r^2 log(r^2), then the affine part 1, x, y
        squared = np.square(points[:, None] - knots).sum(-1)
        return np.column_stack([squared * np.log(np.maximum(squared, 1e-12)), np.ones(len(points)), points])

    knot_basis = evaluate_basis(knots)
    system = np.vstack([knot_basis, np.pad(knot_basis[:, len(knots) :].T, ((0, 0), (0, 3)))])
    weights = np.linalg.solve(system, np.pad(moved, ((0, 3), (0, 0))))
    bent: Matrix = evaluate_basis(places) @ weights
    return bent


def _draw_spline_map(size: Size, generator: np.random.Generator) -> Float32Array:
    """Source place of each px, ``h w 2``: a spline of 4 x 4 knots, rotated up to 20 degrees, moved up to 8 %."""
    angle = radians(generator.uniform(-20, 20))
    rotation = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    aspect = np.array([size[1] / size[0], 1])
    knots = _cell_centres((4, 4)) * aspect
    moved = knots @ rotation.T + generator.uniform(-0.16, 0.16, knots.shape) * aspect
    coarse = -(-size[0] // 8), -(-size[1] // 8)  # the map is smooth: every eighth px is enough
    bent = thin_plate_spline(knots, moved, _cell_centres(coarse) * aspect).reshape(*coarse, 2)
    place = (bent / aspect + 1) * (np.array(size[::-1]) / 2) - 0.5
    return resize(place.astype(np.float32), size)


def _cell_centres(size: Size) -> Matrix:
    """Centres (x, y) of a grid of cells, ``h·w 2``, in -1..1 across the picture."""
    rows, columns = (np.arange(count) * 2 / count + 1 / count - 1 for count in size)
    return np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)


def _draw_camera(shape: tuple[int, ...], size: Size, generator: np.random.Generator) -> Matrix:
    """Draw a camera matrix 2 x 3 whose frame lies inside the photograph, except for rotated corners."""
    coarsest = min(shape[0] / size[0], shape[1] / size[1], MAX_SCALE)
    scale = generator.uniform(max(coarsest / MAX_ZOOM, min(MIN_SCALE, coarsest)), coarsest)
    angle = radians(generator.normal(0, 2))
    rotation = scale * np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    middle, half = np.array(shape[1::-1]) / 2, np.array(size[::-1]) / 2
    centre = middle + generator.uniform(-1, 1, 2) * np.maximum(middle - scale * half, 0)
    return np.column_stack([rotation, centre - rotation @ half])


def _transform_points(place: Float32Array, camera: Any) -> Float32Array:
    """Apply a 2 x 3 matrix to places ``h w 2``."""
    return cv2.transform(place, camera).astype(np.float32, copy=False)


def _sample_bilinear(picture: Pixels, place: Float32Array, border: int = cv2.BORDER_REFLECT_101) -> Pixels:
    """Sample a picture ``H W C`` at places ``h w 2``, bilinear."""
    x, y = np.ascontiguousarray(place[..., 0]), np.ascontiguousarray(place[..., 1])
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=border)  # type: ignore[return-value]
