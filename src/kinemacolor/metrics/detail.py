"""How much detail of the colours is right, by its size: the error of ab in bands of spatial frequency.

A band is the difference of two Gaussian blurs of ab (Burt and Adelson 1983, without decimation). A blur "of 9 px" has
the standard deviation of a box of 9 px, 9 / √12 px, so that the band "25-9 px" holds what is about 9 to 25 px large:
waves at least half of whose amplitude one blur keeps and the other takes, of periods of 14 to 38 px; "9-3 px" those of
5 to 14 px. The px are those of a picture whose short side is 216 px: others are resized to it first.

Energies, mean squares, can be averaged over the frames of a film, the detail of single frames cannot: in a frame that
has hardly any detail it may be any number.
"""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from kinemacolor.utils.arrays import Float32Array, Float64Array
from kinemacolor.video.geometry import compute_working_size, resize

DETAIL_BANDS = {"detail_25_9": (25, 9), "detail_9_3": (9, 3)}  # largest and smallest size in px, by name of the measure
REFERENCE_SIDE = 216  # px: the short side at which those sizes count
LEAST_ENERGY = 1e-4  # square Lab units: with less the truth has no detail, and rounding errors would be compared


def compute_band_energies(ab: Float32Array) -> Float64Array:
    """Compute the energy of ab ``H W 2``, or of a difference of two, in each of `DETAIL_BANDS`, in square Lab units.

    The energy is the mean over pixels of the squared length of what the band holds.
    """
    small = resize(ab, compute_working_size(ab.shape[0], ab.shape[1], REFERENCE_SIDE))
    bands = (_blur(small, finest) - _blur(small, coarsest) for coarsest, finest in DETAIL_BANDS.values())
    return np.array([np.square(band, dtype=np.float64).sum(-1).mean() for band in bands])


def compute_detail(
    error_energies: Sequence[Float64Array], truth_energies: Sequence[Float64Array]
) -> Mapping[str, float]:
    """Compute the share of the truth's detail that a film has, for each of `DETAIL_BANDS`, from those of its frames.

    It is 1 - (energy of the error) / (energy of the truth), both over all frames: 1 is all detail, right; 0 as good as
    gray, or as colours without such detail; below 0 worse than without, because it is in wrong places or colours. nan
    where the truth has no such detail.
    """
    error, truth = np.mean(error_energies, axis=0), np.mean(truth_energies, axis=0)
    return {
        name: 1 - float(error[band] / truth[band]) if truth[band] > LEAST_ENERGY else math.nan
        for band, name in enumerate(DETAIL_BANDS)
    }


def _blur(picture: Float32Array, width: float) -> Float32Array:
    """Blur ``H W C`` by a Gaussian with the standard deviation of a box of ``width`` px; the border is mirrored."""
    blurred = cv2.GaussianBlur(picture, (0, 0), width / math.sqrt(12), borderType=cv2.BORDER_REFLECT)
    return blurred.astype(np.float32, copy=False)
