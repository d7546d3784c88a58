"""A picture as a reference for itself: bent by a thin-plate spline, noisy, mirrored.

All randomness comes from the ``generator`` argument. Pictures are ``H W 3`` sRGB uint8, places are (x, y) in px.
"""

from math import cos, radians, sin

import cv2
import numpy as np

from kinemacolor.data.warping import Matrix
from kinemacolor.utils.arrays import Float32Array, Size, UInt8Array
from kinemacolor.video.geometry import resize


def make_self_reference(picture: UInt8Array, generator: np.random.Generator) -> UInt8Array:
    """Make a reference from the picture itself: noise (sigma 5), thin-plate spline, mirrored half of the time.

    After Color2Embed, sections 3.2 and 4.1.
    """
    noisy = picture + 5 * generator.standard_normal(picture.shape, np.float32)
    place = draw_self_bend((picture.shape[0], picture.shape[1]), generator)
    bent = cv2.remap(noisy, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    levels: UInt8Array = bent.clip(0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(levels[:, ::-1]) if generator.random() < 0.5 else levels


def draw_self_bend(size: Size, generator: np.random.Generator) -> Float32Array:
    """Draw where each px comes from, ``h w 2``: a spline of 4 x 4 knots, rotated up to 20 degrees, moved up to 8 %."""
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
