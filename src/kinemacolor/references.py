"""Reference pictures: read, and checked to have the colour that they are asked for."""

from collections.abc import Sequence
from pathlib import Path

import torch

from kinemacolor.arrays import Bytes
from kinemacolor.color import rgb_to_lab
from kinemacolor.errors import InputError
from kinemacolor.resample import resize, working_size
from kinemacolor.video.pictures import read_reference

GRAY_CHROMA = 2.5  # Lab units; JPEG grays stay under 1.5


def load_references(paths: Sequence[Path]) -> list[Bytes]:
    """Pictures ``H W 3`` sRGB uint8.

    Raises InputError for one that cannot be read or has no colour to give.
    """
    pictures = []
    for path in paths:
        picture = read_reference(path)
        if strongest_chroma(picture) < GRAY_CHROMA:
            raise InputError(f"the reference {path} has no colour: give a colour picture")
        pictures.append(picture)
    return pictures


def strongest_chroma(picture: Bytes) -> float:
    """Chroma in Lab units that one pixel in a hundred exceeds, seen at 108 px."""
    small = resize(picture, working_size(picture.shape[0], picture.shape[1], 108))
    lab = rgb_to_lab(torch.from_numpy(small).permute(2, 0, 1).float() / 255)
    return float(lab[1:].norm(dim=0).quantile(0.99))
