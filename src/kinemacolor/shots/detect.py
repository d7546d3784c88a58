"""The detectors of shots, by name."""

from collections.abc import Iterable

from kinemacolor.options import Detector
from kinemacolor.shots.luma_detector import detect_boundaries_luma
from kinemacolor.shots.shot import Boundary
from kinemacolor.utils.arrays import UInt8Array


def detect_boundaries(frames: Iterable[UInt8Array], detector: Detector = "luma") -> list[Boundary]:
    """The boundaries of a film of gray frames ``H W`` uint8, in order; reads it once.

    ``luma`` is our own, ``transnet`` TransNetV2. Raises UsageError where that is not installed.
    """
    if detector == "luma":
        return detect_boundaries_luma(frames)
    from kinemacolor.shots.transnet_detector import detect_boundaries_transnet

    return detect_boundaries_transnet(frames)
