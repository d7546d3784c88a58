"""Strokes on a frame of the small films, as a page sends them."""

import base64
import io

import numpy as np
from PIL import Image

from kinemacolor.web.corrections import PNG_DATA_PREFIX
from support.films import SIZE

RED, BLUE = (200, 40, 40), (40, 40, 200)
FIRST, SECOND = np.s_[10:30, 10:40], np.s_[20:60, 30:70]  # they overlap


def strokes(where: tuple[slice, slice], color: tuple[int, int, int]) -> np.ndarray:
    layer = np.zeros((*SIZE, 4), np.uint8)
    layer[where] = (*color, 255)
    return layer


def data_url(layer: np.ndarray, form: str = "PNG") -> str:
    stream = io.BytesIO()
    Image.fromarray(layer).save(stream, form)
    return f"{PNG_DATA_PREFIX},{base64.b64encode(stream.getvalue()).decode()}"
