"""Reference pictures: read, and checked to have the colour that they are asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from kinemacolor.color import rgb_to_lab
from kinemacolor.errors import InputError
from kinemacolor.references.spec import Given
from kinemacolor.utils.arrays import Bytes
from kinemacolor.video.geometry import resize, working_size
from kinemacolor.video.images import LEAST_PAINTED, painted_share, read_reference
from kinemacolor.video.reader import probe

GRAY_CHROMA = 2.5  # Lab units; JPEG grays stay under 1.5


def load_references(paths: Sequence[Path]) -> list[Bytes]:
    """`load_reference` of each."""
    return [load_reference(path) for path in paths]


def load_reference(path: Path) -> Bytes:
    """A picture ``H W 3`` sRGB uint8, or ``H W 4`` where some of it is transparent: only painted pixels speak.

    What is painted may be gray: so a part of a frame is told to be without colour. Raises InputError for one that
    cannot be read, and for a whole picture that has no colour to give.
    """
    picture = read_reference(path, keep_alpha=True)
    if painted_share(picture) < LEAST_PAINTED:
        raise InputError(f"the reference {path} is transparent all over: paint some of it")
    if picture.shape[2] == 3 and not has_colour(picture):
        raise InputError(f"the reference {path} has no colour: give a colour picture")
    return picture


def check_given(given: Sequence[Given]) -> None:
    """See early that everything can be read. Raises InputError, and UsageError for a folder at a frame."""
    for one in given:
        if one.is_film:
            probe(one.path)
        else:
            load_references([reference.path for reference in one.pictures()])


def has_colour(picture: Bytes) -> bool:
    """Whether the pixels of sRGB ``H W 3``, 0..255, have more than the tints of a gray JPEG."""
    return strongest_chroma(resize(picture, working_size(picture.shape[0], picture.shape[1], 108))) >= GRAY_CHROMA


def strongest_chroma(pixels: Bytes) -> float:
    """Chroma in Lab units that one in a hundred of sRGB pixels ``... 3`` exceeds."""
    channels = np.ascontiguousarray(pixels.reshape(-1, 3).T)[..., None]
    lab = rgb_to_lab(torch.from_numpy(channels).float() / 255)
    return float(lab[1:].norm(dim=0).quantile(0.99))


def gray_of(picture: Bytes) -> Bytes:
    """The gray ``H W`` of sRGB ``H W 3`` or ``H W 4`` (BT.709)."""
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    gray: Bytes = np.rint(picture[..., :3].astype(np.float32) @ weights).astype(np.uint8)
    return gray
