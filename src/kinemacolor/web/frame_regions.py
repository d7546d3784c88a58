"""Divides a frame into small regions along its edges, so that a part of a picture can be chosen. Loads no torch."""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.web.frame_reading import find_gray_file, read_gray_frame
from kinemacolor.web.picture_cache import write_if_missing
from kinemacolor.web.project import Project

WANTED_REGIONS = 900
ROUNDS = 4  # in which centres move to the middle of their regions
COMPACTNESS = 14.0  # gray levels that count as much as the distance between two centres
SMOOTHING = 1.5  # px at a short side of 540: standard deviation, against grain

_Labels = NDArray[np.int32]


def save_regions(project: Project, frame: int) -> Path:
    """Save the regions of a frame as a PNG of preview size; gives the file. Raises as `save_gray_frame`."""
    path = find_gray_file(project, frame)
    file = path.with_name(f"{path.stem.removesuffix('-gray')}-regions.png")
    return write_if_missing(file, lambda: label_regions(read_gray_frame(project, frame)))


def label_regions(gray: UInt8Array) -> UInt8Array:
    """Label the regions of a gray picture ``H W``: ``H W 3``, where a label is R + 256 G + 65536 B, from 0.

    They are superpixels of gray and place, by the method of SLIC (Achanta et al. 2012): a grid of centres, each pixel
    goes to the most alike of the nine around it. About `WANTED_REGIONS`; fewer in a tiny picture.
    """
    rows, columns = gray.shape
    pitch = max(4.0, math.sqrt(rows * columns / WANTED_REGIONS))
    grid = max(1, round(rows / pitch)), max(1, round(columns / pitch))
    smooth = cv2.GaussianBlur(gray, (0, 0), max(0.7, SMOOTHING * min(rows, columns) / 540)).astype(np.float32)
    row_of, column_of = np.mgrid[0:rows, 0:columns].astype(np.float32)
    scale = COMPACTNESS / pitch
    features = np.stack([smooth, row_of * scale, column_of * scale])
    cells = (row_of * grid[0] / rows).astype(np.int32), (column_of * grid[1] / columns).astype(np.int32)
    labels = (cells[0] * grid[1] + cells[1]).astype(np.int32)
    coarse = np.s_[:, ::2, ::2]  # centres are found with a quarter of the pixels
    small, small_cells = np.ascontiguousarray(features[coarse]), tuple(cell[::2, ::2] for cell in cells)
    small_labels = labels[::2, ::2]
    for _ in range(ROUNDS):
        centres = _find_centres(small, small_labels, grid)
        small_labels = _assign(small, small_cells, centres, grid)
    labels = _assign(features, cells, _find_centres(small, small_labels, grid), grid)
    return np.dstack([labels & 255, labels >> 8 & 255, labels >> 16 & 255]).astype(np.uint8)


def _find_centres(features: Float32Array, labels: _Labels, grid: tuple[int, int]) -> Float32Array:
    """Return the mean of the features ``3 h w`` of each region, ``3 n``; far away where a region is empty."""
    flat, count = labels.ravel(), grid[0] * grid[1]
    sizes = np.bincount(flat, minlength=count)
    means = np.stack([np.bincount(flat, one.ravel(), count) for one in features]) / np.maximum(sizes, 1)
    means[:, sizes == 0] = 1e6
    return means.astype(np.float32)


def _assign(
    features: Float32Array, cells: tuple[_Labels, ...], centres: Float32Array, grid: tuple[int, int]
) -> _Labels:
    """Give each pixel the label of the most alike centre of the nine cells around it, ``h w``."""
    best = np.full(features.shape[1:], np.inf, np.float32)
    labels = np.zeros(features.shape[1:], np.int32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            number = (cells[0] + down).clip(0, grid[0] - 1) * grid[1] + (cells[1] + right).clip(0, grid[1] - 1)
            distance = sum(np.square(one - centre[number]) for one, centre in zip(features, centres, strict=True))
            closer = distance < best
            np.copyto(best, distance, where=closer)
            np.copyto(labels, number, where=closer)
    return labels
