"""Predicts how well one picture can colour another from embeddings of their gray.

The score is the mean over cells of a frame of the largest cosine to the cells of the other picture. With `kinema`'s
descriptors its rank correlation with the relative colour error of a full colorization is -0.88 on pairs of frames of
the training films; two frames of one scene score 0.87 in the mean, frames of two scenes 0.47.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from kinemacolor.utils.arrays import Float32Array, Float64Array, UInt8Array

if TYPE_CHECKING:
    from torch import Tensor

ZERO_COVERAGE_SCORE, FULL_COVERAGE_SCORE = 0.5, 0.85  # scores at which a picture covers nothing, and all of a frame

# Score of a picture for a frame, and by how many dB its colours are nearer to the truth than none; linear in between.
GAIN_KNOTS = ((0.55, 0.0), (0.75, 8.0), (0.85, 11.3), (0.95, 16.5), (0.98, 18.6), (0.995, 21.0), (1.0, 24.0))


@dataclass(frozen=True)
class FrameEmbedding:
    """A picture as unit descriptors of its cells, ``N C``; ``pooled`` is their mean scaled to length 1, ``C``."""

    cells: "Tensor"
    pooled: "Tensor"


class FrameEncoder(Protocol):
    """Encodes pictures so that those of one scene have similar embeddings; see `KinemaFrameEncoder`."""

    def encode_frame(self, gray: UInt8Array) -> FrameEmbedding:
        """Compute the embedding of a gray picture ``H W`` uint8, full range."""
        ...


class EmbeddingBuffer(list[FrameEmbedding]):
    """A list of at most ``capacity`` embeddings whose cells lie in one block of memory.

    Many small allocations would fragment it.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._cells: Tensor | None = None
        self._capacity = capacity

    def add(self, embedding: FrameEmbedding) -> None:
        """Append a copy of an embedding."""
        if self._cells is None:
            self._cells = embedding.cells.new_empty(self._capacity, *embedding.cells.shape)
        self.append(FrameEmbedding(self._cells[len(self)].copy_(embedding.cells), embedding.pooled))


def compute_similarity(frame: FrameEmbedding, picture: FrameEmbedding) -> float:
    """Compute the score of a picture as a reference for a frame, -1..1; see the head of this module."""
    return float((frame.cells @ picture.cells.T).amax(1).mean())


def estimate_coverage(score: ArrayLike) -> Float64Array:
    """Estimate the share of a frame, 0..1, that a picture with this score can colour."""
    share = (np.asarray(score, np.float64) - ZERO_COVERAGE_SCORE) / (FULL_COVERAGE_SCORE - ZERO_COVERAGE_SCORE)
    return np.asarray(share.clip(0, 1), np.float64)


def estimate_gain_db(score: ArrayLike) -> Float64Array:
    """Estimate by how many dB a frame that is coloured by a picture with this score has a higher PSNR than in gray."""
    scores, gains = np.array(GAIN_KNOTS).T
    return np.asarray(np.interp(np.asarray(score, np.float64), scores, gains), np.float64)


def find_nearest(embeddings: list[FrameEmbedding], count: int) -> list[list[int]]:
    """Find for each embedding the numbers of the at most ``count`` nearest by ``pooled``, itself among them."""
    import torch

    pooled = torch.stack([embedding.pooled for embedding in embeddings])
    products: Float32Array = (pooled @ pooled.T).numpy()
    neighbors = min(count, len(embeddings))
    return [np.argpartition(-row, neighbors - 1)[:neighbors].tolist() for row in products]
