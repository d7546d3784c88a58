"""What colours a picture has, whatever it shows where: to compare frames with their references."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from kinemacolor.arrays import Floats

DIRECTIONS, LEVELS = 8, 64
PLAINEST = 0.1  # share of pixels that stand for what ought to be neutral
_ANGLES = np.arange(DIRECTIONS) * (np.pi / DIRECTIONS)
_AXES = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]).astype(np.float32)


@dataclass(frozen=True)
class Palette:
    """The distribution of ab: its quantiles along directions, ``DIRECTIONS LEVELS``, in Lab units.

    ``strength``: mean chroma. ``neutral``: mean (a, b) of the tenth of the pixels that has the least chroma: near
    zero where something in the picture is gray, away from zero where a cast lies over all of it.
    """

    quantiles: Floats
    strength: float
    neutral: tuple[float, float]

    @classmethod
    def of(cls, chroma: Floats) -> Self:
        """Of the ab of pixels, ``... 2``."""
        pixels = chroma.reshape(-1, 2)
        strength = np.linalg.norm(pixels, axis=1)
        few = max(1, round(PLAINEST * len(pixels)))
        plain = pixels[np.argpartition(strength, few - 1)[:few]].mean(0)
        ordered = np.sort(pixels @ _AXES, axis=0)
        places = ((np.arange(LEVELS) + 0.5) / LEVELS * len(ordered)).astype(int)
        return cls(ordered[places].T.copy(), float(strength.mean()), (float(plain[0]), float(plain[1])))

    def distance(self, other: "Palette") -> float:
        """How far the colours of one lie from those of the other, in Lab units; 0: the same shares of the same colours.

        The sliced Wasserstein distance of order 1 (Rabin et al. 2012) over fixed directions, times pi/2: moving all
        colours by d gives d. Histograms would need bins, and say nothing of how far colours that share none lie apart.
        """
        return float(np.abs(self.quantiles - other.quantiles).mean() * (np.pi / 2))

    def gained(self, gain: float) -> "Palette":
        """With a gain on the chroma."""
        a, b = self.neutral
        return Palette(self.quantiles * np.float32(gain), self.strength * gain, (a * gain, b * gain))
