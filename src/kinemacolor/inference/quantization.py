"""What becomes of predictions before they are shown or stored: copies of a frame share one, and all are quantised."""

import cv2
import numpy as np

from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.utils.arrays import UIntArray

PREDICTION_DEPTH = 10  # bits: a level of ab is a quarter of a Lab unit
MAX_REPEAT_MEAN, MAX_REPEAT_TILE = 0.5, 2.0  # 8-bit levels that copies of a frame differ by: in the mean, and in a tile
REPEAT_TILE_SIDE = 4  # px
_LEVELS = 2**PREDICTION_DEPTH


def quantize_prediction(prediction: ColorPrediction) -> UIntArray:
    """Quantise a prediction to codes of `PREDICTION_DEPTH` bits, ``3 h w``: confidence, a, b; ``4 h w`` if it fills."""
    ab, confidence, filled = prediction
    planes = [confidence * (_LEVELS - 1), *((ab + 128) * (_LEVELS / 256)).transpose(2, 0, 1)]
    planes += [] if filled is None else [filled * (_LEVELS - 1)]
    return np.stack([np.rint(plane).clip(0, _LEVELS - 1).astype(np.uint16) for plane in planes])


def prediction_from_codes(codes: UIntArray) -> ColorPrediction:
    """Convert the codes of `quantize_prediction` to a prediction, which is quantised to the same codes again."""
    confidence, a, b, *filled = (plane.astype(np.float32) for plane in codes)
    ab = np.stack([a, b], -1) * np.float32(256 / _LEVELS) - 128
    return ColorPrediction(ab, *(part / np.float32(_LEVELS - 1) for part in (confidence, *filled)))


def is_repeated_frame(one: UIntArray, other: UIntArray, depth: int) -> bool:
    """Whether two frames of codes ``h w`` are copies of each other, except for coding errors.

    Such are frames repeated to make 24 of 16 a second, and fields shown again (pulldown).
    """
    difference = np.abs(one.astype(np.float32) - other) / 2 ** (depth - 8)
    return bool(
        difference.mean() <= MAX_REPEAT_MEAN
        and cv2.blur(difference, (REPEAT_TILE_SIDE, REPEAT_TILE_SIDE)).max() <= MAX_REPEAT_TILE
    )
