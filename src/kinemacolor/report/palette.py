"""What colours a picture has, whatever it shows where: to compare frames with their references."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from kinemacolor.utils.arrays import Float32Array

AXIS_COUNT, QUANTILE_COUNT = 8, 64
_ANGLES = np.arange(AXIS_COUNT) * (np.pi / AXIS_COUNT)
_AXES = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]).astype(np.float32)


@dataclass(frozen=True)
class Palette:
    """The distribution of ab: its quantiles along directions, ``DIRECTIONS LEVELS``, in Lab units.

    ``strength``: mean chroma.
    """

    quantiles: Float32Array
    colorfulness: float

    @classmethod
    def from_ab(cls, ab: Float32Array) -> Self:
        """Of the ab of pixels, ``... 2``."""
        pixels = ab.reshape(-1, 2)
        ordered = np.sort(pixels @ _AXES, axis=0)
        places = ((np.arange(QUANTILE_COUNT) + 0.5) / QUANTILE_COUNT * len(ordered)).astype(int)
        return cls(ordered[places].T.copy(), float(np.linalg.norm(pixels, axis=1).mean()))

    @property
    def median_ab(self) -> tuple[float, float]:
        """The medians of a and b. Most of a picture is nearly neutral: a cast moves them, a thing hardly."""
        half = QUANTILE_COUNT // 2
        return float(self.quantiles[0, half]), float(self.quantiles[AXIS_COUNT // 2, half])

    def distance_to(self, other: "Palette") -> float:
        """How far the colours of one lie from those of the other, in Lab units; 0: the same shares of the same colours.

        The sliced Wasserstein distance of order 1 (Rabin et al. 2012) over fixed directions, times pi/2: moving all
        colours by d gives d. Histograms would need bins, and say nothing of how far colours that share none lie apart.
        """
        return float(np.abs(self.quantiles - other.quantiles).mean() * (np.pi / 2))

    def with_saturation(self, saturation: float) -> "Palette":
        """With a gain on the chroma."""
        return Palette(self.quantiles * np.float32(saturation), self.colorfulness * saturation)
