"""The detectors of shots, by name."""

from collections.abc import Iterable

from kinemacolor.options import Detector
from kinemacolor.shots.luma_detector import find_boundaries
from kinemacolor.shots.shot import Boundary
from kinemacolor.utils.arrays import Bytes


def detect(frames: Iterable[Bytes], detector: Detector = "luma") -> list[Boundary]:
    """The boundaries of a film of gray frames ``H W`` uint8, in order; reads it once.

    ``luma`` is our own, ``transnet`` TransNetV2. Raises UsageError where that is not installed.
    """
    if detector == "luma":
        return find_boundaries(frames)
    from kinemacolor.shots.transnet_detector import find_boundaries_transnet

    return find_boundaries_transnet(frames)
