"""How well one picture can colour another, by embeddings of both without their colour.

The score is the mean over cells of a frame of the largest cosine to the cells of the other picture. With `kinema`'s
descriptors its rank correlation with the relative colour error of a full colorization is -0.88 on pairs of
`video-train`; two frames of one scene score 0.87 in the mean, two scenes 0.47.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kinemacolor.utils.arrays import Float32Array, UInt8Array

if TYPE_CHECKING:
    from torch import Tensor

ZERO_COVERAGE_SCORE, FULL_COVERAGE_SCORE = 0.5, 0.85  # scores at which a picture explains nothing, and everything


@dataclass(frozen=True)
class FrameEmbedding:
    """A picture as unit descriptors of its cells ``N C``; ``pooled`` is their mean at length 1, ``C``."""

    cells: "Tensor"
    pooled: "Tensor"


class FrameEncoder(Protocol):
    """What describes pictures so that those of one scene are alike; see `plan.frame_encoder`."""

    def encode_frame(self, gray: UInt8Array) -> FrameEmbedding:
        """The embedding of a gray picture ``H W`` uint8, full range."""
        ...


class EmbeddingBuffer(list[FrameEmbedding]):
    """At most ``capacity`` embeddings in one piece of memory, which many small allocations would fragment."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._cells: Tensor | None = None
        self._capacity = capacity

    def add(self, embedding: FrameEmbedding) -> None:
        """Append a copy."""
        if self._cells is None:
            self._cells = embedding.cells.new_empty(self._capacity, *embedding.cells.shape)
        self.append(FrameEmbedding(self._cells[len(self)].copy_(embedding.cells), embedding.pooled))


def compute_similarity(frame: FrameEmbedding, picture: FrameEmbedding) -> float:
    """The score of a picture for a frame, -1..1."""
    return float((frame.cells @ picture.cells.T).amax(1).mean())


def estimate_coverage(score: float) -> float:
    """The share of a frame, 0..1, that a picture of that score explains."""
    return float(np.clip((score - ZERO_COVERAGE_SCORE) / (FULL_COVERAGE_SCORE - ZERO_COVERAGE_SCORE), 0, 1))


def find_nearest(embeddings: list[FrameEmbedding], count: int) -> list[list[int]]:
    """For each embedding the numbers of at most ``count`` that are most alike as a whole, itself among them."""
    import torch

    pooled = torch.stack([embedding.pooled for embedding in embeddings])
    products: Float32Array = (pooled @ pooled.T).numpy()
    neighbors = min(count, len(embeddings))
    return [np.argpartition(-row, neighbors - 1)[:neighbors].tolist() for row in products]
