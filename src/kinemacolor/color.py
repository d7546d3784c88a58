"""Conversion between sRGB, CIE Lab (D65, 2°) and the Y'CbCr of films, and the gamut of a display.

sRGB is gamma-encoded, 0..1. Lab has L 0..100 and a, b in Lab units (about -110..110).
The colour axis is the third from the end: tensors are ``... 3 H W``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.precision import promote_to_float32

Matrix = tuple[tuple[float, ...], ...]


def _to_tuples(matrix: Tensor) -> Matrix:
    return tuple(tuple(row) for row in matrix.tolist())


# IEC 61966-2-1 primaries and the D65 white of ASTM E308, rounded as scikit-image rounds them.
_XYZ_FROM_RGB = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
_RGB_FROM_XYZ = torch.linalg.inv(_XYZ_FROM_RGB)
_WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)
_WHITES_FROM_RGB = _to_tuples(_XYZ_FROM_RGB / _WHITE[:, None])  # X, Y, Z as shares of those of the white
RGB_FROM_WHITES = _to_tuples(_RGB_FROM_XYZ * _WHITE)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB 0..1 ``... 3 H W`` to Lab, in any float dtype (half precision is computed in float32)."""
    exact = promote_to_float32(rgb)
    # CIE 15: a cube root, and below (6/29)³ = 0.008856 the line that meets it; constants as scikit-image rounds them.
    xyz = _apply_color_matrix(_WHITES_FROM_RGB, _linear_from_srgb(exact))
    f = torch.where(xyz > 0.008856, xyz.clamp_min(1e-12).pow(1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(-3)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -3).to(rgb.dtype)


def lab_to_rgb(lab: Tensor, *, clip: bool = True) -> Tensor:
    """Convert Lab ``... 3 H W`` to sRGB.

    The result is clipped to 0..1 (and Z to no less than 0, as scikit-image does). With ``clip=False`` it goes
    beyond: the transfer curve is then mirrored below zero, so that different colours outside the gamut stay
    different.
    """
    exact = promote_to_float32(lab)
    lightness, a, b = exact.unbind(-3)
    y = (lightness + 16) / 116
    z = y - b / 200
    f = torch.stack([y + a / 500, y, z.clamp_min(0) if clip else z], -3)
    xyz = torch.where(f > 0.2068966, f.pow(3), (f - 16 / 116) / 7.787)
    linear = _apply_color_matrix(RGB_FROM_WHITES, xyz)
    rgb = _srgb_from_linear(linear)
    return (rgb.clamp(0, 1) if clip else rgb).to(lab.dtype)


def lightness_from_luma(luma: Tensor) -> Tensor:
    """Compute L 0..100 of neutral colours whose three sRGB values all equal ``luma`` 0..1, any shape."""
    exact = promote_to_float32(luma)
    y = _linear_from_srgb(exact)
    f = torch.where(y > 0.008856, y.clamp_min(1e-12).pow(1 / 3), 7.787 * y + 16 / 116)
    return (116 * f - 16).to(luma.dtype)


def compress_to_gamut(lab: Tensor, *, steps: int = 14) -> Tensor:
    """Scale ab down, where needed, until sRGB can show the colour; L and hue stay.

    ``lab`` is ``... 3 H W``. The largest factor in 0..1 is found by bisection between gray, which
    every display shows, and the colour itself; ``steps`` halvings leave an error under 2^-steps
    of the length of ab. L is unchanged, whereas clipping RGB would move it by up to 20.
    """
    exact = promote_to_float32(lab)
    lightness, ab = exact[..., :1, :, :], exact[..., 1:, :, :]

    def is_in_gamut(scale: Tensor) -> Tensor:
        rgb = lab_to_rgb(torch.cat([lightness, ab * scale], -3), clip=False)
        return ((rgb >= -1e-6) & (rgb <= 1 + 1e-6)).all(-3, keepdim=True)

    inside, outside = torch.zeros_like(lightness), torch.ones_like(lightness)
    inside = torch.where(is_in_gamut(outside), outside, inside)
    for _ in range(steps):
        middle = (inside + outside) / 2
        fits = is_in_gamut(middle)
        inside, outside = torch.where(fits, middle, inside), torch.where(fits, outside, middle)
    return torch.cat([lightness, ab * inside], -3).to(lab.dtype)


@dataclass(frozen=True)
class YCbCr:
    """Y'CbCr as a film stores it (ITU-T H.273): weights of red and blue in Y', bit depth, range.

    Limited range has Y' in 16..235 and Cb, Cr in 16..240, times 2^(depth - 8).
    """

    red_weight: float
    blue_weight: float
    depth: int
    full_range: bool

    def to_luma(self, luma_codes: Tensor) -> Tensor:
        """Convert luma codes (any shape, any integer or float dtype) to Y' 0..1, float32."""
        if self.full_range:
            return luma_codes.float() / float(2**self.depth - 1)
        return ((luma_codes.float() / self._depth_scale - 16) / 219).clamp(0, 1)

    def to_luma_codes(self, luma: Tensor) -> Tensor:
        """Convert Y' 0..1 to luma codes, whole numbers in float32: the inverse of `to_luma`."""
        if self.full_range:
            return (luma * float(2**self.depth - 1)).round()
        return ((luma * 219 + 16) * self._depth_scale).round()

    def to_cbcr_codes(self, luma: Tensor, ab: Tensor) -> Tensor:
        """Compute the Cb and Cr codes (``... 2 H W`` float32, whole numbers) that show ``ab`` at the film's own luma.

        ``luma`` is Y' 0..1, ``... 1 H W``; ``ab`` is ``... 2 H W`` in Lab units. The colour is the L of
        ``luma`` with that ab. Where a display cannot show its Cb and Cr together with the film's
        Y', both are scaled down until it can: Y' never changes.
        """
        to_red, to_blue = self._color_differences(luma, ab)
        scale = self._max_gamut_scale(luma, to_red, to_blue)
        cb, cr = to_blue * scale / (2 * (1 - self.blue_weight)), to_red * scale / (2 * (1 - self.red_weight))
        codes = torch.stack([cb, cr], -3) * self.cbcr_code_span + 2 ** (self.depth - 1)
        whole: Tensor = codes.round().clamp(0, 2**self.depth - 1)
        return whole

    def gamut_scale(self, luma: Tensor, ab: Tensor) -> Tensor:
        """Compute the factor 0..1, ``... H W``, by which `to_cbcr_codes` scales Cb and Cr; 1 changes nothing."""
        return self._max_gamut_scale(luma, *self._color_differences(luma, ab))

    def _color_differences(self, luma: Tensor, ab: Tensor) -> tuple[Tensor, Tensor]:
        """R' - Y' and B' - Y', ``... H W`` each, of the colour with the L of ``luma`` and ``ab``."""
        r, g, b = lab_to_rgb(torch.cat([lightness_from_luma(luma), ab], -3), clip=False).unbind(-3)
        y = self.red_weight * r + (1 - self.red_weight - self.blue_weight) * g + self.blue_weight * b
        return r - y, b - y

    def _max_gamut_scale(self, luma: Tensor, to_red: Tensor, to_blue: Tensor) -> Tensor:
        """Largest factor 0..1 with which Y' plus each scaled difference (R', G', B' less Y') stays in 0..1."""
        # Y' is the weighted mean of R', G', B', so the weighted differences sum to 0: that gives G' - Y'.
        to_green = -(self.red_weight * to_red + self.blue_weight * to_blue) / (1 - self.red_weight - self.blue_weight)
        scale, y = torch.ones_like(to_red), luma.squeeze(-3)
        for difference in (to_red, to_green, to_blue):
            limit = torch.where(difference > 0, 1 - y, y)
            scale = torch.minimum(scale, limit / difference.abs().clamp_min(1e-9))
        return scale

    def to_rgb(self, luma_codes: Tensor, cbcr_codes: Tensor) -> Tensor:
        """Convert luma codes ``... 1 H W`` and Cb, Cr codes ``... 2 H W`` to sRGB ``... 3 H W``, clipped to 0..1."""
        y = self.to_luma(luma_codes).squeeze(-3)
        cb, cr = ((cbcr_codes.float() - 2 ** (self.depth - 1)) / self.cbcr_code_span).unbind(-3)
        r, b = y + 2 * (1 - self.red_weight) * cr, y + 2 * (1 - self.blue_weight) * cb
        g = (y - self.red_weight * r - self.blue_weight * b) / (1 - self.red_weight - self.blue_weight)
        return torch.stack([r, g, b], -3).clamp(0, 1)

    @property
    def _depth_scale(self) -> float:
        """How many codes of this depth make one code of 8 bits."""
        return 2.0 ** (self.depth - 8)

    @property
    def cbcr_code_span(self) -> float:
        """Codes between the least and the largest value of Cb and Cr, which are -0.5 and 0.5."""
        return 2.0**self.depth - 1 if self.full_range else 224 * self._depth_scale


def _apply_color_matrix(matrix: Matrix, x: Tensor) -> Tensor:
    """Apply ``matrix`` 3 3 to the colour axis of ``... 3 H W``."""
    return torch.einsum("ij,...jhw->...ihw", get_constant(matrix, x), x)


def _linear_from_srgb(x: Tensor) -> Tensor:
    """Linear light of gamma-encoded values (IEC 61966-2-1)."""
    return torch.where(x > 0.04045, ((x.clamp_min(0) + 0.055) / 1.055).pow(2.4), x / 12.92)


def _srgb_from_linear(x: Tensor) -> Tensor:
    """Gamma-encoded values of linear light (IEC 61966-2-1), mirrored below zero."""
    magnitude = x.abs()
    curve = torch.where(
        magnitude > 0.0031308, 1.055 * magnitude.clamp_min(1e-12).pow(1 / 2.4) - 0.055, 12.92 * magnitude
    )
    return torch.copysign(curve, x)
