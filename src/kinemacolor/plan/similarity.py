"""How well one picture can colour another, by what `kinema` sees in both without their colour.

The score is the mean over cells of a frame of the largest cosine to the cells of the other picture. On pairs
of `video-train` its rank correlation with the relative colour error of a full colouring is -0.88; two frames of
one scene score 0.87 in the mean, two scenes 0.47.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.color import lightness_from_luma
from kinemacolor.models.kinema.model import Kinema
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.geometry import compute_working_size, resize

SHORT_SIDE = 112  # px at which pictures are looked at
CELL_GRID = (14, 24)  # rows and columns of cells, whatever the shape
ZERO_COVERAGE_SCORE, FULL_COVERAGE_SCORE = 0.5, 0.85  # scores at which a picture explains nothing, and everything


@dataclass(frozen=True)
class FrameEmbedding:
    """A picture as unit descriptors of its cells ``N C``; ``whole`` is their mean at length 1, ``C``."""

    cells: Tensor
    pooled: Tensor


class FrameEncoder:
    """Looks at gray pictures with `kinema`'s descriptors."""

    def __init__(self, network: Kinema) -> None:
        self._network = network.cpu().eval()

    @torch.inference_mode()
    def encode_frame(self, gray: UInt8Array) -> FrameEmbedding:
        """At a gray picture ``H W`` uint8, full range."""
        small = resize(gray, compute_working_size(gray.shape[0], gray.shape[1], SHORT_SIDE))
        lightness = lightness_from_luma(torch.from_numpy(small).float()[None, None] / 255)
        keys = self._network.extract_features(lightness)[1].permute(0, 3, 1, 2)
        cells = F.normalize(F.adaptive_avg_pool2d(keys, CELL_GRID), dim=1)[0].flatten(1).T.contiguous()
        return FrameEmbedding(cells, F.normalize(cells.mean(0), dim=0))


class EmbeddingBuffer(list[FrameEmbedding]):
    """At most ``count`` looks, in one piece of memory: many small ones between passing ones would tear it apart."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._cells, self._capacity = torch.empty(0), capacity

    def add(self, embedding: FrameEmbedding) -> None:
        """The next one."""
        if not self:
            self._cells = torch.empty(self._capacity, *embedding.cells.shape)
        self.append(FrameEmbedding(self._cells[len(self)].copy_(embedding.cells), embedding.pooled))


def compute_similarity(frame: FrameEmbedding, picture: FrameEmbedding) -> float:
    """The score of a picture for a frame, -1..1."""
    return float((frame.cells @ picture.cells.T).amax(1).mean())


def estimate_coverage(score: float) -> float:
    """The share of a frame that a picture of that score explains: 0..1."""
    return float(np.clip((score - ZERO_COVERAGE_SCORE) / (FULL_COVERAGE_SCORE - ZERO_COVERAGE_SCORE), 0, 1))


def find_nearest(embeddings: list[FrameEmbedding], count: int) -> list[list[int]]:
    """For each look the numbers of at most ``count`` that are most alike as a whole, itself among them."""
    pooled = torch.stack([embedding.pooled for embedding in embeddings])
    products: Float32Array = (pooled @ pooled.T).numpy()
    neighbors = min(count, len(embeddings))
    return [np.argpartition(-row, neighbors - 1)[:neighbors].tolist() for row in products]
