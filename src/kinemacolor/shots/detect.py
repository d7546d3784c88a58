"""The choice of a shot detector by its name."""

from collections.abc import Iterable

from kinemacolor.options import Detector
from kinemacolor.shots.luma_detector import detect_boundaries_luma
from kinemacolor.shots.shot import Boundary
from kinemacolor.utils.arrays import UInt8Array


def detect_boundaries(frames: Iterable[UInt8Array], detector: Detector = "luma") -> list[Boundary]:
    """Find the boundaries between the shots of a film, in order; reads its gray frames (``H W``, uint8) once.

    ``luma`` is our own detector, ``transnet`` is TransNetV2. Raises UsageError where that is not installed.
    """
    if detector == "luma":
        return detect_boundaries_luma(frames)
    from kinemacolor.shots.transnet_detector import detect_boundaries_transnet

    return detect_boundaries_transnet(frames)
