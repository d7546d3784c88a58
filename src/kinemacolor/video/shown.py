"""Frames as they are shown: upright, with square pixels, in gray of full range."""

import numpy as np

from kinemacolor.utils.arrays import Bytes, Codes
from kinemacolor.video.geometry import resize
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.pixels import display_luma


def shown_gray(luma: Codes, info: VideoInfo) -> Bytes:
    """A stored luma plane ``H W`` as a gray picture uint8."""
    gray = display_luma(luma, info.depth, full_range=info.colors.full_range)
    turns = round(info.display_rotation / 90) % 4
    upright = np.ascontiguousarray(np.rot90(gray, turns))
    aspect = float(info.sample_aspect or 1)
    across = aspect if turns % 2 == 0 else 1 / aspect
    return resize(upright, (upright.shape[0], max(1, round(upright.shape[1] * across))))
