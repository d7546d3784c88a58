"""Partial pictures: which of their pixels are painted."""

from kinemacolor.utils.arrays import Bytes

OPAQUE = 128  # alpha from which a pixel counts as painted
LEAST_PAINTED = 0.0005  # share of a partial picture


def painted_share(picture: Bytes) -> float:
    """The share of the pixels of ``H W 3`` (all) or ``H W 4`` that are painted."""
    return float((picture[..., 3] >= OPAQUE).mean()) if picture.shape[2] == 4 else 1.0
