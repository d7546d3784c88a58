"""Reference pictures: read, and checked to have the colour that they are asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kinemacolor.errors import InputError
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.geometry import compute_working_size, resize
from kinemacolor.video.images import MIN_PAINTED_SHARE, compute_painted_share, read_color_picture
from kinemacolor.video.reader import probe_film

MIN_AB_MAGNITUDE = 2.5  # Lab units; JPEG grays stay under 1.5


def load_references(paths: Sequence[Path]) -> list[UInt8Array]:
    """`load_reference` of each."""
    return [load_reference(path) for path in paths]


def load_reference(path: Path) -> UInt8Array:
    """A picture ``H W 3`` sRGB uint8, or ``H W 4`` where some of it is transparent: only painted pixels speak.

    What is painted may be gray: so a part of a frame is told to be without colour. Raises InputError for one that
    cannot be read, and for a whole picture that has no colour to give.
    """
    picture = read_color_picture(path, keep_alpha=True)
    if compute_painted_share(picture) < MIN_PAINTED_SHARE:
        raise InputError(f"the reference {path} is transparent all over: paint some of it")
    if picture.shape[2] == 3 and not has_color(picture):
        raise InputError(f"the reference {path} has no colour: give a colour picture")
    return picture


def check_reference_specs(specs: Sequence[ReferenceSpec]) -> None:
    """See early that everything can be read. Raises InputError, and UsageError for a folder at a frame."""
    for spec in specs:
        if spec.is_film:
            probe_film(spec.path)
        else:
            load_references([reference.path for reference in spec.list_references()])


def has_color(picture: UInt8Array) -> bool:
    """Whether the pixels of sRGB ``H W 3``, 0..255, have more than the tints of a gray JPEG."""
    return (
        measure_ab_magnitude(resize(picture, compute_working_size(picture.shape[0], picture.shape[1], 108)))
        >= MIN_AB_MAGNITUDE
    )


def measure_ab_magnitude(pixels: UInt8Array) -> float:
    """Chroma in Lab units that one in a hundred of sRGB pixels ``... 3`` exceeds."""
    import torch

    from kinemacolor.color import rgb_to_lab

    channels = np.ascontiguousarray(pixels.reshape(-1, 3).T)[..., None]
    lab = rgb_to_lab(torch.from_numpy(channels).float() / 255)
    return float(lab[1:].norm(dim=0).quantile(0.99))


def rgb_to_gray(picture: UInt8Array) -> UInt8Array:
    """The gray ``H W`` of sRGB ``H W 3`` or ``H W 4`` (BT.709)."""
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    gray: UInt8Array = np.rint(picture[..., :3].astype(np.float32) @ weights).astype(np.uint8)
    return gray
