"""Turns what a user paints on a frame, or gives in its place, into a picture that a plan takes as a reference."""

import base64

import cv2
import numpy as np

from kinemacolor.errors import InputError, UsageError
from kinemacolor.inference.session import complete_reference
from kinemacolor.references.load import load_reference
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import MIN_PAINTED_SHARE, OPAQUE_ALPHA, compute_painted_share, read_rgba_layer
from kinemacolor.web.project import Project

PNG_DATA_PREFIX = "data:image/png;base64"
LAYER_NOT_RECEIVED = "what was painted did not arrive: press the button again"


def decode_strokes(address: str, size: tuple[int, int]) -> UInt8Array:
    """Decode strokes ``H W 4``, sRGB and alpha 0..255, from a data URL of a PNG of ``size``, rows and columns.

    Raises UsageError for anything else, and where less than `MIN_PAINTED_SHARE` of the frame is painted.
    """
    head, _, coded = address.partition(",")
    if head != PNG_DATA_PREFIX:
        raise UsageError(LAYER_NOT_RECEIVED)
    try:
        layer = read_rgba_layer(base64.b64decode(coded, validate=True), size)
    except (ValueError, InputError) as error:
        raise UsageError(LAYER_NOT_RECEIVED) from error
    if compute_painted_share(layer) < MIN_PAINTED_SHARE:
        raise UsageError("too little is painted: paint a larger part of the frame")
    return layer


def paint_strokes_on_frame(
    project: Project, frame: int, layer: UInt8Array, frame_luma: UInt8Array, base_picture: UInt8Array | None = None
) -> UInt8Array:
    """Lay strokes ``H W 4`` over a picture of the frame; gives ``H W 3``, or ``H W 4`` for a partial reference.

    All are sRGB 0..255; ``frame_luma``: the gray frame ``H W``. The picture below is ``base_picture``, the frame
    ``H W 3`` in colours that are right elsewhere, else the plan's own reference at this frame, if there is one.
    Raises UsageError without a plan, and as `load_reference`.
    """
    below = find_known_picture(project, frame, frame_luma) if base_picture is None else base_picture
    if below.shape[2] == 3:
        return np.where(layer[..., 3:] >= OPAQUE_ALPHA, complete_reference(layer, frame_luma)[..., :3], below)
    combined = np.where(layer[..., 3:] >= OPAQUE_ALPHA, layer, below)
    return combined if (combined[..., 3] < OPAQUE_ALPHA).any() else complete_reference(combined, frame_luma)[..., :3]


def apply_frame_luma(picture: UInt8Array, frame_luma: UInt8Array) -> UInt8Array:
    """Combine the colours of a whole picture, sRGB ``h w 3``, with the luma of the frame, gray ``H W``: ``H W 3``."""
    fitted = resize(picture, (frame_luma.shape[0], frame_luma.shape[1]))
    return complete_reference(np.dstack([fitted, np.full(frame_luma.shape, 255, np.uint8)]), frame_luma)[..., :3]


def find_known_picture(project: Project, frame: int, frame_luma: UInt8Array) -> UInt8Array:
    """Return the plan's reference at this frame, at the size of ``frame_luma``; else a transparent ``H W 4``."""
    entry = next((one for one in project.require_plan().references.values() if one.frame == frame), None)
    if entry is None:
        return np.zeros((*frame_luma.shape, 4), np.uint8)
    picture = load_reference(entry.path)
    if picture.shape[2] == 3:
        return resize(picture, (frame_luma.shape[0], frame_luma.shape[1]))
    return np.asarray(
        cv2.resize(picture, frame_luma.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8
    )  # nearest: paint has hard edges
