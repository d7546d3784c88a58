"""Tries weights before they are kept: a model colours one picture with that picture as its reference."""

from collections.abc import Mapping
from importlib.resources import files

import cv2
import numpy as np
from torch import Tensor

from kinemacolor.inference.session import Session
from kinemacolor.options import RenderOptions
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.weights.registry import MODELS, recorded_options

TRIAL_PICTURE = "assets/sample-reference.jpg"
TRIAL_SHORT_SIDE = 112  # px


def try_weights(name: str, parts: Mapping[str, Mapping[str, Tensor]]) -> str | None:
    """Colour a picture with itself; returns what a user must know of weights that do no better than no colour at all.

    ``parts`` are the tensors of all parts of the model. Raises WeightsError for weights that give NaN or infinity.
    """
    model = MODELS[name](recorded_options(name))
    for part, path in MODELS[name].parts.items():
        model.get_submodule(path).load_state_dict(parts[part])
    picture = _read_trial_picture()
    options = RenderOptions(short_side=TRIAL_SHORT_SIDE)
    session = Session(
        model, [picture], height=picture.shape[0], width=picture.shape[1], options=options, device="cpu", engine="torch"
    )
    colorized, _ = session.colorize(picture)
    true_ab, found_ab = _to_ab(picture), _to_ab(colorized)
    error, error_of_gray = (float(np.abs(true_ab - ab).mean()) for ab in (found_ab, np.zeros_like(found_ab)))
    if error < error_of_gray:
        return None
    return (
        f"{name} does not even give a picture its own colours with these weights (error {error:.1f} in ab, "
        f"{error_of_gray:.1f} without any colour): they are hardly trained, damaged, or of another network"
    )


def _read_trial_picture() -> UInt8Array:
    """Read the reference that ships with the package, small: sRGB ``H W 3``."""
    content = np.frombuffer(files("kinemacolor").joinpath(TRIAL_PICTURE).read_bytes(), np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert picture is not None
    rows = 2 * TRIAL_SHORT_SIDE
    small = cv2.resize(picture, (round(picture.shape[1] * rows / picture.shape[0]), rows), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1]).astype(np.uint8, copy=False)


def _to_ab(picture: UInt8Array) -> Float32Array:
    """Return a and b, in Lab units, of sRGB ``H W 3`` uint8."""
    ab: Float32Array = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.float32)
    return ab
