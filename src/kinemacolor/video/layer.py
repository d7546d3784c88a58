"""The colour alone, to be laid over the black-and-white film in an editing program (docs/editors.md)."""

import numpy as np

from kinemacolor.utils.arrays import Codes
from kinemacolor.video.info import VideoInfo


def layer_luma(info: VideoInfo) -> Codes:
    """The luma plane of every frame of a layer: Y' 0.5 everywhere, H W codes at the film's depth and range.

    Written with the Cb and Cr of the result it makes a film of middle gray in the result's colours. Blend modes
    named "Color" take the luminance from below and add what a layer's R', G', B' differ from its own luminance,
    which are Cb and Cr again (non-separable blend modes: ISO 32000-1, 11.3.5.3).
    """
    black, white = (0, 255) if info.colors.full_range else (16, 235)
    unit = 2 ** (info.depth - 8)
    middle = (black + white + 1) // 2 * unit
    return np.full((info.height, info.width), middle, np.uint8 if info.depth == 8 else np.uint16)
