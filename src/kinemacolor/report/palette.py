"""Compares the colour distribution of frames with that of their references, independent of where colours lie."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from kinemacolor.utils.arrays import Float32Array

AXIS_COUNT, QUANTILE_COUNT = 8, 64
# Half a turn of directions is enough: the quantiles along the opposite direction are the same, negated.
_ANGLES = np.arange(AXIS_COUNT) * (np.pi / AXIS_COUNT)
_AXES = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]).astype(np.float32)


@dataclass(frozen=True)
class Palette:
    """The distribution of ab in a picture, in Lab units.

    ``quantiles``: of ab projected on fixed directions, `AXIS_COUNT` × `QUANTILE_COUNT`. ``colorfulness``: mean length
    of ab.
    """

    quantiles: Float32Array
    colorfulness: float

    @classmethod
    def from_ab(cls, ab: Float32Array) -> Self:
        """Compute the palette of pixels with ab ``... 2``."""
        pixels = ab.reshape(-1, 2)
        ordered = np.sort(pixels @ _AXES, axis=0)
        places = ((np.arange(QUANTILE_COUNT) + 0.5) / QUANTILE_COUNT * len(ordered)).astype(int)
        return cls(ordered[places].T.copy(), float(np.linalg.norm(pixels, axis=1).mean()))

    @property
    def median_ab(self) -> tuple[float, float]:
        """Medians of a and b: most of a picture is nearly neutral, so a cast moves them, a coloured object hardly."""
        half = QUANTILE_COUNT // 2
        return float(self.quantiles[0, half]), float(self.quantiles[AXIS_COUNT // 2, half])

    def distance_to(self, other: "Palette") -> float:
        """Return how far the colours of two palettes lie apart, in Lab units; 0: the same shares of the same colours.

        This is the sliced Wasserstein distance of order 1 (Rabin et al. 2012) over fixed directions, times pi/2 because
        the mean of |cos| over directions is 2/pi: so moving all colours by d gives d. Histograms would need bins, and
        would not say how far apart colours lie that share no bin.
        """
        return float(np.abs(self.quantiles - other.quantiles).mean() * (np.pi / 2))

    def with_saturation(self, saturation: float) -> "Palette":
        """Return the palette that the picture has when its ab is multiplied by ``saturation``."""
        return Palette(self.quantiles * np.float32(saturation), self.colorfulness * saturation)
