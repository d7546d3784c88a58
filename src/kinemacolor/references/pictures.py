"""Reference pictures: read, and checked to have the colour that they are asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from kinemacolor.arrays import Bytes
from kinemacolor.color import rgb_to_lab
from kinemacolor.errors import InputError
from kinemacolor.resample import resize, working_size
from kinemacolor.video.pictures import read_reference

GRAY_CHROMA = 2.5  # Lab units; JPEG grays stay under 1.5
OPAQUE = 128  # alpha from which a pixel counts as painted
LEAST_PAINTED = 0.0005  # share of a partial picture


def load_references(paths: Sequence[Path]) -> list[Bytes]:
    """`load_reference` of each."""
    return [load_reference(path) for path in paths]


def load_reference(path: Path) -> Bytes:
    """A picture ``H W 3`` sRGB uint8, or ``H W 4`` where some of it is transparent: only painted pixels speak.

    Raises InputError for one that cannot be read or has no colour to give.
    """
    picture = read_reference(path, keep_alpha=True)
    small = resize(picture, working_size(picture.shape[0], picture.shape[1], 108))
    pixels = small[small[..., -1] >= OPAQUE] if picture.shape[2] == 4 else small.reshape(-1, 3)
    if len(pixels) < LEAST_PAINTED * small.shape[0] * small.shape[1]:
        raise InputError(f"the reference {path} is transparent all over: paint some of it")
    if strongest_chroma(pixels[:, :3]) < GRAY_CHROMA:
        raise InputError(f"the reference {path} has no colour: give a colour picture")
    return picture


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
